"""The files of one store, wherever they lie: below a folder of this machine or of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tomo.errors import StateError
from tomo.frozen import frozen

PRIVATE: Final = 0o600


@frozen
class Entry:
    """One name in a folder. `modified` is in nanoseconds since 1970 by the storage's own clock."""

    name: str
    modified: int
    is_file: bool = True


@frozen
class Content:
    """A file as it was read; `modified` as in `Entry`."""

    raw: bytes
    modified: int


class Appender(Protocol):
    """One file that grows at its end; its methods may be called from any thread."""

    def append(self, content: bytes) -> None:
        """Returns once the bytes are safely on disk; raises StateError where none of them count.

        After an error the file is cut back to its length before where that is possible: whoever reads
        it must expect a torn end all the same.
        """
        ...

    def ready(self) -> None:
        """Returns where there is room for more; raises StateError where the disk is known to be full."""
        ...

    def close(self) -> None:
        """Ends the work on the file."""
        ...


class Storage(Protocol):
    """The files of one store. Paths are relative to its root, with `/` between names.

    Methods may be called from any thread. They raise StateError for what the disk refuses, and
    HostError's family where the storage is on a server that can't be reached. What a method wrote is
    safe against a crash and a power cut when it returns.
    """

    def location(self, path: str = "") -> str:
        """Where a person finds a file, or the store itself: a path of this machine or an address."""
        ...

    def read(self, path: str) -> bytes:
        """A file's content; raises StateFileMissing where there is none."""
        ...

    def read_many(self, paths: Sequence[str]) -> Mapping[str, Content]:
        """Those of the files that are there; costs no more round trips than one."""
        ...

    def modified(self, paths: Sequence[str]) -> Mapping[str, int]:
        """When those of the files that are there were last written, as in `Entry`."""
        ...

    def list(self, folder: str) -> list[Entry]:
        """What a folder holds, by name; nothing where there is no such folder."""
        ...

    def write(self, path: str, content: bytes, *, keep: str | None = None, mode: int = PRIVATE) -> None:
        """Replaces a file whole: every reader sees the old or the new content, also after a crash.

        `keep` names the file that receives the content before. A file that exists keeps its mode.
        """
        ...

    def create(self, path: str, content: bytes) -> None:
        """Makes a file that must not be there yet; of many at once one wins, others get StateFileExists."""
        ...

    def append(self, path: str) -> Appender:
        """A file to be appended to; made where there is none."""
        ...

    def copy(self, source: str, *targets: str) -> None:
        """Puts a file's present content under other names too; each appears whole."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Moves a file in one instant, over one that may be there."""
        ...

    def remove(self, *paths: str) -> None:
        """Removes files; what is gone already is fine."""
        ...

    def now(self) -> int:
        """The time by the clock that `modified` is told by, in nanoseconds since 1970."""
        ...

    def close(self) -> None:
        """Ends connections; the storage is not used afterwards."""
        ...


def checked(path: str) -> str:
    """The path itself; raises StateError for one that could lead out of the store."""
    if "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise StateError(f"`{path!r}` is no path inside a store")
    return path


def exists(storage: Storage, path: str) -> bool:
    """Whether a file is there."""
    return bool(storage.modified([path]))


def newest(storage: Storage, paths: Sequence[str]) -> str | None:
    """The one written last of those that are there; the earlier in the list where several were at once."""
    found = storage.modified(paths)
    there = [path for path in paths if path in found]
    return max(there, key=found.__getitem__, default=None)
