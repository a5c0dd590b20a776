"""A file that any process may add lines to; when it is full it becomes FILE.1, that one FILE.2, and so on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from tomo.errors import UsageError

PRIVATE: Final = 0o600
MOST_BYTES: Final = 10 << 20
KEPT: Final = 5


@dataclass(slots=True)
class LogFile:
    """A log file of at most `most` bytes, and `kept` older ones; all of them for their owner alone."""

    path: Path
    most: int = MOST_BYTES
    kept: int = KEPT
    _handle: int = field(default=-1, init=False)
    _alone: Lock = field(default_factory=Lock, init=False)

    def open(self) -> None:
        """Makes the file; raises UsageError where it can't be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._reopen()
        except OSError as error:
            raise UsageError(
                f"the log `{self.path}` can't be written: {error.strerror}",
                hint="name another file in `TOMO_LOG_FILE`, or unset it",
            ) from error

    def write(self, line: str) -> None:
        """Adds a line; raises OSError where the disk refuses it."""
        content = line.encode("utf-8", "replace") + b"\n"
        with self._alone:
            if not self._is_current():
                self._reopen()
            if self._is_full(len(content)):
                self._rotate(len(content))
            # One call: lines of several processes stand whole beside one another.
            os.write(self._handle, content)

    def close(self) -> None:
        """Ends the work on the file."""
        with self._alone:
            if self._handle >= 0:
                os.close(self._handle)
            self._handle = -1

    def _reopen(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._handle = os.open(self.path, flags, PRIVATE)

    def _is_current(self) -> bool:
        """Whether the open file still has its name; another process may have rotated it."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._handle)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def _is_full(self, more: int) -> bool:
        size = os.fstat(self._handle).st_size
        return size > 0 and size + more > self.most

    def _rotate(self, more: int) -> None:
        with self._among_processes():
            if self._is_current() and self._is_full(more):
                for number in range(self.kept, 0, -1):
                    older = self._numbered(number)
                    newer = self._numbered(number - 1) if number > 1 else self.path
                    if newer.exists():
                        newer.replace(older)
                if not self.kept:
                    self.path.unlink(missing_ok=True)
            self._reopen()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    @contextmanager
    def _among_processes(self) -> Iterator[None]:
        """Holds back other processes that find the file full; the lock is a file that never moves."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), flags, PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
