"""A log whose lines a test can read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tomo.logs.lines import JsonLog, json_log
from tomo.model.log import LogLevel


@dataclass
class Lines:
    """What a log wrote."""

    texts: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def log(self, level: LogLevel = LogLevel.DEBUG) -> JsonLog:
        return json_log(self.texts.append, level, self.lost.append)

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all if line["event"] == event]


@pytest.fixture
def lines() -> Lines:
    return Lines()
