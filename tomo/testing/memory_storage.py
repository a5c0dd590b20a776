"""A store in memory, whose every write a test can let fail or be the last one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from tomo.errors import StateFileExists, StateFileMissing
from tomo.model.storage import PRIVATE, Content, Entry, checked

Before = Callable[[str, str, bytes], bytes | None]
"""Is told what is about to be done to which file with which bytes; may raise, or give other bytes."""


def _as_it_is(_verb: str, _path: str, _content: bytes) -> None:
    """Lets everything happen."""


@dataclass(slots=True)
class MemoryStorage:
    """Files in a dictionary. `before` is called ahead of every change, `after` behind it."""

    files: dict[str, Content] = field(default_factory=dict)
    before: Before = _as_it_is
    after: Before = _as_it_is
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _ticks: int = 0

    def location(self, path: str = "") -> str:
        """A made-up address."""
        return f"memory:/{path}" if path else "memory:"

    def read(self, path: str) -> bytes:
        """A file's content; raises StateFileMissing where there is none."""
        with self._lock:
            if checked(path) not in self.files:
                raise StateFileMissing(f"there is no `{self.location(path)}`")
            return self.files[path].raw

    def read_many(self, paths: Sequence[str]) -> Mapping[str, Content]:
        """Those of the files that are there."""
        with self._lock:
            return {path: self.files[path] for path in paths if path in self.files}

    def modified(self, paths: Sequence[str]) -> Mapping[str, int]:
        """When those of the files that are there were last written."""
        return {path: content.modified for path, content in self.read_many(paths).items()}

    def list(self, folder: str) -> list[Entry]:
        """What a folder holds, by name."""
        start = f"{checked(folder)}/"
        found: dict[str, Entry] = {}
        with self._lock:
            for path, content in self.files.items():
                if path.startswith(start):
                    name, slash, _ = path.removeprefix(start).partition("/")
                    found[name] = Entry(name, content.modified, not slash)
        return [found[name] for name in sorted(found)]

    def write(self, path: str, content: bytes, *, keep: str | None = None, mode: int = PRIVATE) -> None:  # noqa: ARG002
        """Replaces a file whole."""
        with self._lock, _Change(self, "write", path, content) as change:
            if keep is not None and path in self.files:
                self._put(keep, self.files[path].raw)
            self._put(path, change.content)

    def create(self, path: str, content: bytes) -> None:
        """Makes a file that must not be there yet."""
        with self._lock:
            if path in self.files:
                raise StateFileExists(f"`{self.location(path)}` is there already")
            with _Change(self, "create", path, content) as change:
                self._put(path, change.content)

    def append(self, path: str) -> MemoryAppender:
        """A file to be appended to."""
        with self._lock:
            if path not in self.files:
                self._put(path, b"")
        return MemoryAppender(self, path)

    def copy(self, source: str, *targets: str) -> None:
        """Puts a file's content under other names too."""
        raw = self.read(source)
        for target in targets:
            self.write(target, raw)

    def rename(self, source: str, target: str) -> None:
        """Moves a file."""
        with self._lock, _Change(self, "rename", source, self.read(source)) as change:
            self._put(target, change.content)
            del self.files[source]

    def remove(self, *paths: str) -> None:
        """Removes files; what is gone already is fine."""
        for path in paths:
            with self._lock, _Change(self, "remove", path, b""):
                self.files.pop(path, None)

    def now(self) -> int:
        """This machine's time."""
        return time.time_ns()

    def close(self) -> None:
        """There is no connection to end."""

    def grow(self, path: str, content: bytes) -> None:
        """Adds bytes to a file; a `before` that gives fewer has them torn."""
        with self._lock, _Change(self, "append", path, content) as change:
            before = self.files[path].raw if path in self.files else b""
            self._put(path, before + change.content)

    def _put(self, path: str, raw: bytes) -> None:
        self._ticks += 1
        self.files[checked(path)] = Content(raw, self._ticks)


class MemoryAppender:
    """A file in memory that grows at its end."""

    def __init__(self, storage: MemoryStorage, path: str) -> None:
        self._storage, self._path = storage, path

    def append(self, content: bytes) -> None:
        """Adds bytes."""
        self._storage.grow(self._path, content)

    def ready(self) -> None:
        """There is always room in memory."""

    def close(self) -> None:
        """Nothing to close."""


class _Change:
    """One change with what a test does before and behind it."""

    def __init__(self, storage: MemoryStorage, verb: str, path: str, content: bytes) -> None:
        self._storage, self._verb, self._path, self.content = storage, verb, path, content

    def __enter__(self) -> Self:
        other = self._storage.before(self._verb, self._path, self.content)
        self.content = self.content if other is None else other
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._storage.after(self._verb, self._path, self.content)
