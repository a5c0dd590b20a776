"""Plays scenarios in processes of their own: a program's run belongs to its whole process."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Self

from conformance.compare import Difference, Where
from conformance.play import Played, Theatre
from conformance.scenario import Scenario
from conformance.setting import theatre
from conformance.shrink import shrunk


@dataclass(frozen=True)
class Result:
    """What came of a scenario, as text where it goes to people."""

    scenario: Scenario
    operations: int
    differences: tuple[str, ...] = ()
    kinds: frozenset[tuple[str, str]] = frozenset()
    allowed: tuple[str, ...] = ()
    said: str = ""

    @property
    def agrees(self) -> bool:
        """Whether both engines did the same, but for what is allowed."""
        return not self.differences


class Company:
    """Some processes, each with a place of its own to play in."""

    def __init__(self, jobs: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tomo-conformance-")
        # Not a fork: what a process did before it could be in the way of gRPC.
        self._pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (self._folder.name,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def play(self, scenario: Scenario) -> Future[Result]:
        """Plays a scenario as soon as a process is free."""
        return self._pool.submit(_play, scenario)

    def shrink(self, result: Result) -> Scenario:
        """The smallest scenario found that differs in the same way."""
        return self._pool.submit(_shrink, result).result()


_places: list[Theatre] = []
"""This process's place, made once; a pool's initializer has no other way to hand it on."""


def _begin(folder: str) -> None:
    place = theatre(Path(tempfile.mkdtemp(dir=folder)))
    if place is not None:
        _places.append(place)


def _play(scenario: Scenario) -> Result:
    return _result(_places[0].play(scenario))


def _result(played: Played) -> Result:
    kinds = frozenset(map(_kind, played.unexplained))
    texts = tuple(str(each) for each in played.unexplained)
    return Result(played.scenario, played.operations, texts, kinds, played.allowed, played.said)


def _kind(difference: Difference) -> tuple[str, str]:
    """What a smaller scenario has to differ in, too: also in who of the two went well."""
    ended = difference.where is Where.EXIT
    return difference.where.value, str(difference.mine) if ended else difference.path.split(" / ")[0]


def _shrink(result: Result) -> Scenario:
    def differs(candidate: Scenario) -> bool:
        return _play(candidate).kinds >= result.kinds

    until = result.scenario.operations[: result.operations]
    return shrunk(replace(result.scenario, operations=until), differs)
