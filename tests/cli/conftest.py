from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds import World, empty_fleet, make_world


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
