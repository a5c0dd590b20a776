"""An apply after one that was killed tells of it once."""

from __future__ import annotations

from tests.cli.conftest import Tomo
from tests.service.test_interrupted import killed_after
from tests.worlds import World

NOTE = "its journal is folded into the state"


def test_the_interrupted_run_is_told_once_on_the_screen(world: World, tomo: Tomo) -> None:
    killed_after(world, 3)

    ran = tomo(world, "apply", "--yes")

    assert ran.code == 0
    assert " ".join((ran.out + ran.err).split()).count(NOTE) == 1


def test_the_interrupted_run_is_told_once_in_the_events(world: World, tomo: Tomo) -> None:
    killed_after(world, 3)

    ran = tomo(world, "apply", "--yes", "--json")

    assert ran.code == 0
    assert (ran.out + ran.err).count(NOTE) == 1
