"""What changes in a snapshot while a run goes on, and the snapshot that a row of changes leads to.

Every entry has a place, a number that stays its own: old entries are counted from 0, those of the run from
`OF_THE_RUN`. A snapshot holds the run's entries first, then what is left of the old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeAlias, assert_never

from tomo.errors import StateCorrupt
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import PendingOperation, Snapshot

OF_THE_RUN: Final = 1 << 32
"""The first place of a run's own entries; all below are old ones, or found outside and taken in as such."""


@frozen
class Put:
    """A new entry, or a changed one at the place it has."""

    place: int
    entry: ResourceState


@frozen
class Carried:
    """An old entry becomes one of the run's; `before` is how it was."""

    old: int
    place: int
    before: ResourceState
    entry: ResourceState


@frozen
class Kept:
    """An old entry becomes one of the run's as it is."""

    old: int
    place: int


@frozen
class Removed:
    """An entry is no more."""

    place: int


@frozen
class Begun:
    """An operation is about to begin; the number is its own in this run."""

    number: int
    operation: PendingOperation


@frozen
class Ended:
    """An operation of this run is over."""

    number: int


@frozen
class Settled:
    """Of the operations that earlier runs left open, only these positions remain."""

    left: tuple[int, ...]


Change: TypeAlias = Put | Carried | Kept | Removed | Begun | Ended | Settled


class Folding:
    """A snapshot that takes changes one after the other."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self.old = dict(enumerate(base.resources))
        self.new: dict[int, ResourceState] = {}
        self._left = base.pending_operations
        self._begun: dict[int, PendingOperation] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Takes changes; raises StateCorrupt for one that does not fit this snapshot."""
        for change in changes:
            try:
                self._take(change)
            except (KeyError, IndexError) as error:
                raise StateCorrupt(f"a recorded change does not fit the state: {_told(change)}") from error

    def _take(self, change: Change) -> None:
        match change:
            case Put():
                self._at(change.place)[change.place] = change.entry
            case Carried():
                del self.old[change.old]
                self.new[change.place] = change.entry
            case Kept():
                self.new[change.place] = self.old.pop(change.old)
            case Removed():
                del self._at(change.place)[change.place]
            case Begun():
                self._begun[change.number] = change.operation
            case Ended():
                del self._begun[change.number]
            case Settled():
                self._left = tuple(self._base.pending_operations[position] for position in change.left)
            case _:
                assert_never(change)

    def _at(self, place: int) -> dict[int, ResourceState]:
        return self.old if place < OF_THE_RUN else self.new

    def snapshot(self) -> Snapshot:
        """The snapshot now."""
        pending = (*self._left, *self._begun.values())
        return replace(
            self._base, resources=(*self.new.values(), *self.old.values()), pending_operations=pending
        )


def _told(change: Change) -> str:
    return (
        f"{type(change).__name__.lower()} {getattr(change, 'place', getattr(change, 'number', ''))}".strip()
    )
