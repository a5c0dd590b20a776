"""Runs steps on threads, with a limit in all and one for each lane (a host)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class Lanes:
    """A thread pool in which a lane never occupies more threads than its own limit."""

    def __init__(self, parallel: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max(1, parallel), thread_name_prefix="tomo-step")
        self._lock = Lock()
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def submit(self, lane: str, limit: int, work: Callable[[], T]) -> Future[T]:
        """Runs `work` when the lane has room; `limit` 0 means only the limit in all counts."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  # the future carries it to whoever waits
                self._leave(lane, limit)
                done.set_exception(error)
            else:
                self._leave(lane, limit)
                done.set_result(result)

        if self._enter(lane, limit, run):
            self._pool.submit(run)
        return done

    def close(self) -> None:
        """Waits for what runs and ends the threads."""
        self._pool.shutdown(wait=True)

    def _enter(self, lane: str, limit: int, run: Callable[[], None]) -> bool:
        if limit <= 0:
            return True
        with self._lock:
            if self._running.get(lane, 0) >= limit:
                self._waiting.setdefault(lane, deque()).append(run)
                return False
            self._running[lane] = self._running.get(lane, 0) + 1
            return True

    def _leave(self, lane: str, limit: int) -> None:
        if limit <= 0:
            return
        with self._lock:
            waiting = self._waiting.get(lane)
            if waiting:
                self._pool.submit(waiting.popleft())
            else:
                self._running[lane] -= 1
