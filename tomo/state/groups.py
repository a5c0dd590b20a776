"""Reads the entries of a large checkpoint some at a time.

The JSON parser needs twice a file's size besides what it gives, so a state of tens of megabytes would take
more memory to read than all that is done with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from tomo.frozen import frozen
from tomo.state.properties import Json

_LARGE: Final = 4 << 20
_GROUP: Final = 2 << 20
_FIRST: Final = b'"resources":[{"urn":"'
# A quote within a JSON text is escaped, so this can't stand in one: it is always between two objects.
_BETWEEN: Final = b'},{"urn":"'


@frozen
class Groups:
    """A checkpoint taken apart: `frame` is the document with its last entry alone, `groups` hold the others.

    Where a value of an entry is itself a list of objects with a `urn`, a group may end in the midst of
    it. Then it is no JSON, since each begins where the one before has ended: the file is to be read whole.
    """

    frame: bytes
    groups: tuple[memoryview, ...]

    def entries(self) -> Iterator[Json]:
        """All entries but the last; raises orjson.JSONDecodeError for a group that is no JSON."""
        for group in self.groups:
            yield from orjson.loads(b"".join((b"[", group, b"]")))


def groups_of(raw: bytes, least: int = _LARGE, size: int = _GROUP) -> Groups | None:
    """A compact checkpoint of at least so many bytes taken apart; None for others."""
    first, between = raw.find(_FIRST), raw.rfind(_BETWEEN)
    if len(raw) < least or first < 0 or between < first:
        return None
    begin, last = first + len(b'"resources":['), between + len(b"},")
    whole, groups = memoryview(raw), []
    place = begin
    while place < last:
        end = raw.find(_BETWEEN, min(place + size, last - len(_BETWEEN)), last + len(_BETWEEN))
        end = last if end < 0 else end + len(b"},")
        groups.append(whole[place : end - 1])
        place = end
    return Groups(raw[:begin] + raw[last:], tuple(groups))
