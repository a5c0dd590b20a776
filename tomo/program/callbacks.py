"""Functions of a program that the engine calls, called where they live (engine-spec 0.7).

The SDK starts a gRPC server for them, since an engine is elsewhere as a rule. Here it is in this process:
the SDK's registry is taken without its server, and a call is a task on the program's own loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi.runtime._callbacks import _CallbackServicer

from tomo.errors import NotSupported, ProgramFailed

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from pulumi.runtime.proto import callback_pb2

_T = TypeVar("_T")

Function = Callable[[bytes], Awaitable[Any]]
"""A callback of the SDK: takes a serialized request, gives the response."""


class Callbacks(_CallbackServicer):
    """The SDK's registry of a program's callbacks, without a server; made before the program begins."""

    # The base class's own __init__ opens a port.
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._callbacks: dict[str, Function] = {}
        self._transforms: dict[Any, str] = {}
        self._state_migrations: dict[Any, str] = {}
        self._target = ""
        self._loop = loop
        self._lock = threading.Lock()
        self._open: set[Future[Any]] = set()
        self._ended = False

    def registered_with(self, monitor: object) -> None:
        """Says to whom the SDK is to tell of a program's callbacks."""
        self._monitor: Any = monitor

    def function(self, callback: callback_pb2.Callback) -> Function:
        """The function that the SDK told of."""
        found = self._callbacks.get(callback.token)
        if found is None:
            raise NotSupported(
                "this version of the pulumi SDK keeps a program's callbacks elsewhere",
                hint="use the pulumi SDK version that `tomo doctor` names",
            )
        return found

    def start(self, work: Callable[[], Coroutine[Any, Any, _T]], context: contextvars.Context) -> Future[_T]:
        """Runs a coroutine on the program's loop, from whichever thread; the program's end ends it too."""
        answer: Future[_T] = Future()
        answer.set_running_or_notify_cancel()
        with self._lock:
            if self._ended:
                answer.set_exception(_too_late())
                return answer
            self._open.add(answer)
        try:
            self._loop.call_soon_threadsafe(self._begin, work, context.copy(), answer)
        except RuntimeError:
            self._settle(answer, error=_too_late())
        return answer

    def close(self) -> None:
        """Answers everything that is still open: the program is over, and its loop with it."""
        with self._lock:
            self._ended = True
            left = list(self._open)
        for answer in left:
            self._settle(answer, error=_too_late())

    def _begin(
        self, work: Callable[[], Coroutine[Any, Any, _T]], context: contextvars.Context, answer: Future[_T]
    ) -> None:
        task = self._loop.create_task(work(), context=context)
        task.add_done_callback(lambda done: self._take(done, answer))

    def _take(self, done: asyncio.Task[_T], answer: Future[_T]) -> None:
        if done.cancelled():
            self._settle(answer, error=_too_late())
        elif (error := done.exception()) is not None:
            self._settle(answer, error=error)
        else:
            self._settle(answer, result=done.result())

    def _settle(self, answer: Future[_T], result: Any = None, error: BaseException | None = None) -> None:
        with self._lock:
            if answer not in self._open:
                return
            self._open.remove(answer)
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)


async def call(function: Function, request: Message) -> Any:
    """The response of a callback."""
    return await function(request.SerializeToString())


def _too_late() -> ProgramFailed:
    return ProgramFailed("the program ended before its callback was done")
