"""The world that a page's commands run in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty folder and two servers that answer at `ADDRESSES`."""
    folder = tmp_path / "home"
    folder.mkdir()
    world = World(folder, monkeypatch)
    yield world
    world.sftp.end()
