from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import World, empty_fleet, make_world
from tomo.service.wiring import Doors
from tomo_cli.doors import through
from tomo_cli.main import run


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tomo = Callable[..., Ran]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fleet with one server and one app."""
    return make_world(tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> World:
    """A fleet with one server and no apps."""
    return make_world(tmp_path, empty_fleet())


@pytest.fixture
def nothing(tmp_path: Path) -> World:
    """An empty folder."""
    return make_world(tmp_path, None)


@pytest.fixture
def tomo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tomo:
    """Runs a command in this process, without a terminal: `tomo(world, "plan", "--json")`."""

    def command(where: World | Doors | None, *arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        doors = where.doors if isinstance(where, World) else where
        place = ["-C", str(where.folder)] if isinstance(where, World) else []
        capsys.readouterr()
        with through(doors):
            code = run([*arguments, *place])
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return command
