"""Bytes on their way: from those who push to those who pull, in bounded memory."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import BinaryIO, Final, Protocol

CHUNK: Final = 1 << 16


class Writer(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Takes all of them."""
        ...


class Reader(Protocol):
    """What gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many; `b""` at the end."""
        ...


class Pulled(io.RawIOBase):
    """A row of chunks as a file to read; what goes wrong in it is kept in `error` and raised."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks = iter(chunks)
        self._left = memoryview(b"")
        self.error: BaseException | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, as many as the next chunk has."""
        if size < 0:
            return self.readall() or b""
        while not self._left:
            try:
                part = next(self._chunks, None)
            except BaseException as error:
                self.error = error
                raise
            if part is None:
                return b""
            self._left = memoryview(part)
        taken, self._left = self._left[:size], self._left[size:]
        return bytes(taken)

    def readall(self) -> bytes:
        """Everything that is left; for what is known to be small."""
        parts = []
        while part := self.read(CHUNK):
            parts.append(part)
        return b"".join(parts)


class Heard:
    """Gives what another reader gives; what goes wrong in it is kept in `error` and raised."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """As the other one."""
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise


class Counted:
    """Passes bytes on, and knows how many and what they add up to."""

    def __init__(self, target: Writer) -> None:
        self._target, self._digest = target, sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Passes them on."""
        self._target.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here."""

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._digest.hexdigest()


class CountedReader:
    """Gives what another reader gives, and knows what it added up to."""

    def __init__(self, source: Reader) -> None:
        self._source, self._digest = source, sha256()

    def read(self, size: int = -1) -> bytes:
        """As the other one."""
        data = self._source.read(size)
        self._digest.update(data)
        return data

    def drain(self) -> None:
        """Reads to the end."""
        while self.read(CHUNK):
            pass

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._digest.hexdigest()


@contextmanager
def pulled_from(push: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """A file to read what `push` writes in a thread of its own; what that raises is raised at the end.

    Who leaves early ends the pushing, too: its next write fails.
    """
    reading, writing = os.pipe()
    failure: list[BaseException] = []

    def run() -> None:
        with os.fdopen(writing, "wb", buffering=CHUNK) as target:
            try:
                push(target)
                target.flush()
            except BaseException as error:  # noqa: BLE001  # it is raised where somebody can hear it
                failure.append(error)
                with suppress(OSError):
                    target.close()

    thread = threading.Thread(target=run, name="tomo-backup", daemon=True)
    source = os.fdopen(reading, "rb", buffering=CHUNK)
    thread.start()
    try:
        yield source
        while source.read(CHUNK):
            pass
    except BaseException as error:
        source.close()
        thread.join()
        if failure and not isinstance(failure[0], BrokenPipeError):
            # What broke at the source says more than the torn end that was read of it.
            raise failure[0] from error
        raise
    source.close()
    thread.join()
    if failure:
        raise failure[0]
