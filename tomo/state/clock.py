"""Times as Pulumi writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Nanoseconds since 1970, as `time.time_ns` gives them."""

_NANOSECONDS: Final = 1_000_000_000


def rfc3339(nanoseconds: int) -> str:
    """`2026-11-20T23:36:11.596046767Z`; trailing zeros of the fraction are left out."""
    seconds, fraction = divmod(nanoseconds, _NANOSECONDS)
    text = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def parse_rfc3339(text: str) -> float | None:
    """Seconds since 1970; None for a text that is no such time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def age(seconds: float) -> str:
    """A span in words: `3 min`, `2 days`."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "less than a second"
