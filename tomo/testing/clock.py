"""Time as the doubles see it: the machine's, or one that a test moves by hand."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Final, Protocol

_NANOSECONDS: Final = 1_000_000_000


class Clock(Protocol):
    """What tells the time and waits."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns when that time has passed."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Returns when that time has passed."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved; sleeping moves it. Safe for several threads."""

    def __init__(self, start: datetime | None = None) -> None:
        begin = start or datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self._lock = threading.Lock()
        self._now_ns = int(begin.timestamp()) * _NANOSECONDS

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        with self._lock:
            return self._now_ns

    def time(self) -> float:
        """Seconds since 1970."""
        return self.time_ns() / _NANOSECONDS

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.time()

    def now(self) -> datetime:
        """The moment in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def sleep(self, seconds: float) -> None:
        """Moves the clock and returns at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward."""
        with self._lock:
            self._now_ns += int(seconds * _NANOSECONDS)


def rfc3339(moment_ns: int) -> str:
    """A moment as Go prints it: nanoseconds without trailing zeros, `Z` at the end."""
    seconds, rest = divmod(moment_ns, _NANOSECONDS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"
