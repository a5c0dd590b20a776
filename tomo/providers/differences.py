"""What differs between two maps of inputs, in Pulumi's property paths."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.values import Properties, Value, same_value

_PLAIN: Final = re.compile(r'[^.\[\]"*]+')


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
    """The differences, maps entry by entry; of the kind that replaces below the properties of `replacing`."""
    return tuple(
        _replacing(diff) if key in replacing else diff
        for key in changed_keys(olds, news, ignored)
        for diff in _below(key, olds.get(key), news.get(key))
    )


def _below(path: str, old: Value, new: Value) -> Iterator[PropertyDiff]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in changed_keys(old, new):
            yield from _below(_joined(path, key), old.get(key), new.get(key))
    else:
        kind = DiffKind.ADD if old is None else DiffKind.DELETE if new is None else DiffKind.UPDATE
        yield PropertyDiff(path, kind, old, new)


def _joined(path: str, key: str) -> str:
    if _PLAIN.fullmatch(key):
        return f"{path}.{key}"
    escaped = key.replace('"', '\\"')
    return f'{path}["{escaped}"]'


def _replacing(diff: PropertyDiff) -> PropertyDiff:
    return PropertyDiff(diff.path, diff.kind.replacing(), diff.old, diff.new)
