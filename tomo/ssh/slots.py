"""How many sessions one connection may hold: learned from the server's refusals (MaxSessions)."""

from __future__ import annotations

import threading
import time

_AT_FIRST = 8
"""Below sshd's default MaxSessions of 10, since it counts a session for a moment after its end."""
_STREAM_PATIENCE = 20.0
_ALONE_REFUSALS = 12
_REFUSALS_AFTER_A_SESSION = 120
"""A server that let a session in before has not freed it yet: a busy one takes seconds."""


class Slots:
    """Counts sessions; streams, which stay open for long, leave one for commands."""

    def __init__(self, limit: int = _AT_FIRST) -> None:
        self._limit = limit
        self._taken = 0
        self._open = 0
        self._most_open = 0
        self._alone_refused = 0
        self._streams = 0
        self._changed = threading.Condition()

    def take(self, *, stream: bool, deadline: float | None) -> bool:
        """Waits for a slot; False when the deadline passed or only streams hold all of them."""
        patience = time.monotonic() + _STREAM_PATIENCE
        with self._changed:
            while not self._has_room(stream=stream):
                only_streams = self._streams >= self._taken
                until = min(deadline or patience, patience) if only_streams else deadline
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(min(left, 1.0) if left is not None else 1.0)
            self._taken += 1
            self._streams += stream
        return True

    def opened(self) -> None:
        """The slot's channel was opened."""
        with self._changed:
            self._open += 1
            self._most_open = max(self._most_open, self._open)
            self._alone_refused = 0

    def release(self, *, stream: bool) -> None:
        """The slot's channel was closed."""
        with self._changed:
            self._open -= 1
            self._give_back(stream=stream)

    def give_back(self, *, stream: bool) -> None:
        """The slot's channel could not be opened."""
        with self._changed:
            self._give_back(stream=stream)

    def shrink(self, *, stream: bool) -> bool:
        """Takes a lasting refusal as the server's limit: what was open at once before is let in again.

        False where not even a single session is let in.
        """
        with self._changed:
            self._give_back(stream=stream)
            self._limit = max(1, min(self._limit, self._most_open))
            self._alone_refused += not self._taken
            patience = _REFUSALS_AFTER_A_SESSION if self._most_open else _ALONE_REFUSALS
            return self._alone_refused < patience

    def _has_room(self, *, stream: bool) -> bool:
        if stream and self._streams >= max(1, self._limit - 1):
            return False
        return self._taken < self._limit

    def _give_back(self, *, stream: bool) -> None:
        self._taken -= 1
        self._streams -= stream
        self._changed.notify_all()
