"""Which archives stay: the last ones, and one of each day, week and month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tomo.backup.manifest import Manifest
from tomo.frozen import frozen


@frozen
class Keep:
    """How many stay. `last` of all, and the newest of so many days, weeks and months that have one."""

    last: int = 7
    daily: int = 0
    weekly: int = 0
    monthly: int = 0


@frozen
class Judged:
    """An archive, and by which rules it stays; by none it goes."""

    manifest: Manifest
    kept_by: tuple[str, ...]

    @property
    def goes(self) -> bool:
        """Whether no rule keeps it."""
        return not self.kept_by


def judged(found: Sequence[Manifest], keep: Keep) -> list[Judged]:
    """Every archive of one app with what becomes of it, the newest first. The newest always stays."""
    newest_first = sorted(found, key=lambda each: (each.time, each.name), reverse=True)
    reasons: dict[str, list[str]] = {each.name: [] for each in newest_first}
    for each in newest_first[: max(keep.last, 1)]:
        reasons[each.name].append("last")
    for word, count, period in _PERIODS:
        seen: set[tuple[int, ...]] = set()
        for each in newest_first:
            of = period(each.when)
            if of not in seen and len(seen) < count(keep):
                seen.add(of)
                reasons[each.name].append(word)
    return [Judged(each, tuple(reasons[each.name])) for each in newest_first]


def _day(when: datetime) -> tuple[int, ...]:
    return when.year, when.month, when.day


def _week(when: datetime) -> tuple[int, ...]:
    year, week, _ = when.isocalendar()
    return year, week


def _month(when: datetime) -> tuple[int, ...]:
    return when.year, when.month


_PERIODS: tuple[tuple[str, Callable[[Keep], int], Callable[[datetime], tuple[int, ...]]], ...] = (
    ("daily", lambda keep: keep.daily, _day),
    ("weekly", lambda keep: keep.weekly, _week),
    ("monthly", lambda keep: keep.monthly, _month),
)
