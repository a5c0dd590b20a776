"""What Ctrl-C and SIGTERM do while a command runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def handled_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Has Ctrl-C and SIGTERM, which CI systems end a job with, handled so; in the main thread only."""
    if current_thread() is not main_thread():
        yield
        return
    before = [(number, signal.signal(number, handle)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
