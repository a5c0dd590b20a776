"""Durations as Go writes them: `5m`, `1h30m`, `90s`, `1.5h`, `250ms`."""

from __future__ import annotations

import re
from typing import Final

from tomo.errors import ProgramFailed

_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> float | None:
    """The duration in seconds; None for the empty text, which stands for 'not given'."""
    if not text:
        return None
    if text == "0":
        return 0.0
    if _WHOLE.fullmatch(text) is None:
        raise ProgramFailed(f"`{text}` is not a duration", hint="write it like 90s, 5m or 1h30m")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))
