"""Waits for something outside to become true, and not for ever."""

import time
from collections.abc import Callable

from lab.shell import LabError

PAUSE = 0.05


def until(ready: Callable[[], bool], what: str, *, within: float) -> None:
    """Returns as soon as `ready` holds; a `LabError` naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not happen within {within:.0f} s")
        time.sleep(PAUSE)
