"""Room on a disk that is kept for what must be written once the disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

ROOM: Final = 256 * 1024
"""Bytes: the results of acts that are under way at once."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


class Reserve:
    """A file without a name that takes up room until it's given back; a crash gives it back too.

    Where the system or the file system knows no such files there is no reserve.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None
        self._known = hasattr(os, "O_TMPFILE") and hasattr(os, "posix_fallocate")

    def take(self) -> None:
        """Takes the room where it isn't taken yet; raises OSError where the disk is full."""
        if self._handle is not None or not self._known:
            return
        try:
            handle = os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._give_up(error)
            return
        try:
            os.posix_fallocate(handle, 0, ROOM)
        except OSError as error:
            os.close(handle)
            self._give_up(error)
            return
        self._handle = handle

    def _give_up(self, error: OSError) -> None:
        if error.errno in _FULL:
            raise error
        self._known = False

    def give(self) -> bool:
        """Gives the room back; whether there was any."""
        if self._handle is None:
            return False
        os.close(self._handle)
        self._handle = None
        return True
