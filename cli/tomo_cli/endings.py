"""What has to be ended with a command, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

_OPEN: ContextVar[ExitStack | None] = ContextVar("tomo_open", default=None)


@contextmanager
def one_command() -> Iterator[None]:
    """Ends at its own end what was named by `at_end` inside."""
    with ExitStack() as stack:
        token = _OPEN.set(stack)
        try:
            yield
        finally:
            _OPEN.reset(token)


def at_end(end: Callable[[], None]) -> None:
    """Has something ended with the running command."""
    stack = _OPEN.get()
    if stack is not None:
        stack.callback(end)


def on_end(told: Callable[[BaseException | None], None]) -> None:
    """Has the end of the running command told, with what it failed by."""
    stack = _OPEN.get()
    if stack is not None:

        def end(_type: object, error: BaseException | None, _traceback: object) -> None:
            told(error)

        stack.push(end)
