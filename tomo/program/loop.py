"""The event loop of a program: the SDK's calls run at once on its thread and may be answered later.

The SDK hands every call to the engine to `loop.run_in_executor(None, call)`, where `call` wraps one
monitor method in its own way: it may return the answer, a part of it, or the answer in a tuple. A thread
per call in flight would cost a switch each and could run out. So here the call runs on the loop's thread;
a monitor method whose answer isn't there yet raises `NotYet`, and when the answer comes `call` is simply
made again, and this time its monitor method returns. No thread waits, and nothing depends on the wrapping.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVarTuple

_Args = TypeVarTuple("_Args")
_SIGNALS: Final = 64
"""So many are taken note of at once."""


class NotYet(BaseException):
    """The answer to a call isn't there yet; a BaseException, so that no `except Exception` takes it."""

    def __init__(self, answer: Future[Any]) -> None:
        super().__init__()
        self.answer = answer


class ProgramLoop(asyncio.SelectorEventLoop):
    """Runs the SDK's own calls inline; those of the program (`asyncio.to_thread`) go to threads."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._calling = False

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Args], Any], *args: *_Args
    ) -> asyncio.Future[Any]:
        """Runs a call of the SDK now, anything else in a thread."""
        if executor is not None or not str(getattr(func, "__module__", "")).startswith("pulumi.runtime"):
            return super().run_in_executor(executor, func, *args)
        answer: asyncio.Future[Any] = self.create_future()
        self._attempt(answer, partial(func, *args))
        return answer

    @contextmanager
    def woken_by_signals(self) -> Iterator[None]:
        """Has a signal wake the loop also where it comes just before the loop goes to sleep.

        Python looks for signals between its own steps only: that one would wait for whatever comes next.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ours, kernels = socket.socketpair()
        with ours, kernels:
            for end in (ours, kernels):
                end.settimeout(0.0)
            self.add_reader(ours, ours.recv, _SIGNALS)
            before = signal.set_wakeup_fd(kernels.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(before)
                self.remove_reader(ours)

    def in_call(self) -> bool:
        """Whether this thread runs a call of the SDK just now, so that it must not block."""
        return self._calling and threading.get_ident() == self._thread

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Marks what runs inside as the engine's doing, not the program's."""
        before, self._calling = self._calling, True
        try:
            yield
        finally:
            self._calling = before

    def _attempt(self, answer: asyncio.Future[Any], call: Callable[[], Any]) -> None:
        if answer.done():
            return
        try:
            with self.calling():
                answer.set_result(call())
        except NotYet as waiting:
            waiting.answer.add_done_callback(lambda _: self._attempt_soon(answer, call))
        except Exception as error:  # noqa: BLE001  # goes to whoever awaits the answer
            answer.set_exception(error)

    def _attempt_soon(self, answer: asyncio.Future[Any], call: Callable[[], Any]) -> None:
        # A step may end after a failed program has closed its loop: then nobody waits for it.
        with contextlib.suppress(RuntimeError):
            self.call_soon_threadsafe(self._attempt, answer, call)
