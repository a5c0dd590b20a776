"""Runs steps on threads, with a limit in all and one for each lane (a host)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition
from typing import TypeVar

from tomo.errors import Cancelled

T = TypeVar("T")


class Lanes:
    """A thread pool in which a lane never occupies more threads than its own limit."""

    def __init__(self, parallel: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max(1, parallel), thread_name_prefix="tomo-step")
        self._changed = Condition()
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._open = 0
        self._closed = False

    def submit(self, lane: str, limit: int, work: Callable[[], T]) -> Future[T]:
        """Runs `work` when the lane has room; `limit` 0 means only the limit in all counts."""
        done: Future[T] = Future()
        # Whoever waits may give up, but can't take back what is begun.
        done.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  # the future carries it to whoever waits
                self._leave(lane, limit)
                done.set_exception(error)
            else:
                self._leave(lane, limit)
                done.set_result(result)
            self._end()

        if self._enter(lane, limit, run):
            self._pool.submit(run)
        return done

    def drain(self) -> None:
        """Waits until nothing runs or waits any more, what answers give rise to included."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)

    def close(self) -> None:
        """Waits for everything begun and ends the threads; what comes later is refused."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)
            self._closed = True
        self._pool.shutdown(wait=True)

    def _enter(self, lane: str, limit: int, run: Callable[[], None]) -> bool:
        with self._changed:
            if self._closed:
                raise Cancelled("the run is over; nothing new is begun")
            self._open += 1
            if limit <= 0:
                return True
            if self._running.get(lane, 0) >= limit:
                self._waiting.setdefault(lane, deque()).append(run)
                return False
            self._running[lane] = self._running.get(lane, 0) + 1
            return True

    def _leave(self, lane: str, limit: int) -> None:
        if limit <= 0:
            return
        with self._changed:
            waiting = self._waiting.get(lane)
            if waiting:
                self._pool.submit(waiting.popleft())
            else:
                self._running[lane] -= 1

    def _end(self) -> None:
        # Last of all: what the answer's callbacks submitted counts already, so a drain waits for it too.
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
