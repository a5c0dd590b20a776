"""Amounts of memory and disk, as app and fleet files write them. Needs no models."""

from __future__ import annotations

import re
from typing import Final

SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s?([KMGT]?)i?B?", re.IGNORECASE)


def size_in_bytes(size: str) -> int:
    """The bytes of a size such as `512M`; units are powers of 1024, as Docker counts them.

    Raises ValueError for anything else.
    """
    match = SIZE.fullmatch(size)
    if match is None:
        raise ValueError(size)
    power = " KMGT".index(match.group(2).upper() or " ")
    return int(float(match.group(1)) * 1024**power)
