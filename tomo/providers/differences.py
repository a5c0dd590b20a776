"""What differs between two maps of inputs, one entry for each property."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.values import Properties, same_value


def changed_keys(olds: Properties, news: Properties, ignored: Sequence[str] = ()) -> list[str]:
    """The inputs that differ, sorted; bookkeeping and ignored ones left out."""
    return [
        key
        for key in sorted(olds.keys() | news.keys())
        if key not in ignored and not key.startswith("__") and not same_value(olds.get(key), news.get(key))
    ]


def differences(
    olds: Properties, news: Properties, ignored: Sequence[str], replacing: Collection[str] = ()
) -> tuple[PropertyDiff, ...]:
    """The differences, of the kind that replaces where the property is one of `replacing`."""
    found = (_difference(key, olds, news) for key in changed_keys(olds, news, ignored))
    return tuple(_replacing(diff) if diff.path in replacing else diff for diff in found)


def _difference(key: str, olds: Properties, news: Properties) -> PropertyDiff:
    old, new = olds.get(key), news.get(key)
    kind = DiffKind.ADD if old is None else DiffKind.DELETE if new is None else DiffKind.UPDATE
    return PropertyDiff(key, kind, old, new)


def _replacing(diff: PropertyDiff) -> PropertyDiff:
    return PropertyDiff(diff.path, diff.kind.replacing(), diff.old, diff.new)
