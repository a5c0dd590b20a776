"""Drift as people think of it: what happened to a host, not how the next plan undoes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.step import Op, Step


def drifted(steps: Sequence[Step]) -> Iterator[Step]:
    """What differs from what was declared, each difference once; a fact that moved on is no drift."""
    for step in steps:
        diffs = _recorded_to_real(step.diffs)
        if diffs or step.op is not Op.REFRESH:
            yield replace(step, diffs=diffs)


def _recorded_to_real(diffs: Sequence[PropertyDiff]) -> tuple[PropertyDiff, ...]:
    """Providers say how drift is repaired; here it is told the other way round, as it happened."""
    moved = {diff.path: diff for diff in diffs if not diff.why}
    for diff in diffs:
        if diff.why:
            kind = _UNDONE.get(diff.kind, diff.kind)
            told = moved.get(diff.path) or replace(diff, kind=kind, old=diff.new, new=diff.old)
            moved[diff.path] = replace(told, why=diff.why)
    return tuple(moved.values())


_UNDONE: Final = {
    DiffKind.ADD: DiffKind.DELETE,
    DiffKind.ADD_REPLACE: DiffKind.DELETE_REPLACE,
    DiffKind.DELETE: DiffKind.ADD,
    DiffKind.DELETE_REPLACE: DiffKind.ADD_REPLACE,
}
