"""What a program prints: it becomes messages of the run, as surfaces own the terminal."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

Say = Callable[[str], None]


class PrintedLines(io.TextIOBase):
    """Stands for stdout or stderr while a program runs: its own lines go to `say`.

    Whatever else writes there meanwhile (another thread, or the engine that the program has just called)
    reaches the stream that stood there before.
    """

    def __init__(self, before: TextIO, say: Say, *, in_engine: Callable[[], bool]) -> None:
        super().__init__()
        self._before = before
        self._say = say
        self._in_engine = in_engine
        self._thread = threading.get_ident()
        self._open_line = ""

    def write(self, text: str) -> int:
        """Takes what the program prints, line by line."""
        if self._is_not_the_programs():
            return self._before.write(text)
        *lines, self._open_line = (self._open_line + text).split("\n")
        for line in lines:
            self._say(line)
        return len(text)

    def flush(self) -> None:
        """Flushes the stream behind; an unfinished line stays until it ends."""
        self._before.flush()

    def fileno(self) -> int:
        """The file behind, for processes that the program starts; what they write is not seen here."""
        return self._before.fileno()

    @property
    def buffer(self) -> BinaryIO:
        """The bytes of the stream behind."""
        return self._before.buffer

    def isatty(self) -> bool:
        """A program is not told of a terminal that is not its own."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def end(self) -> None:
        """Says an unfinished line; from now on everything goes to the stream behind."""
        if self._open_line:
            self._say(self._open_line)
        self._open_line = ""
        self._thread = -1

    def _is_not_the_programs(self) -> bool:
        return threading.get_ident() != self._thread or self._in_engine()


@contextmanager
def printed_lines_said(say: Say, in_engine: Callable[[], bool]) -> Iterator[None]:
    """While it is open, what the program prints on stdout and stderr goes to `say`."""
    out = PrintedLines(sys.stdout, say, in_engine=in_engine)
    err = PrintedLines(sys.stderr, say, in_engine=in_engine)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            yield
        finally:
            out.end()
            err.end()
