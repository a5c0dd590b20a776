"""A store in a folder of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from tomo.errors import StateFileExists, StateFileMissing
from tomo.model.storage import PRIVATE, Content, Entry, checked
from tomo.state.files import copy, sync_directory, translated, write_atomically
from tomo.state.reserve import Reserve

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_GROWING: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class LocalStorage:
    """The files below a folder, which is made when something is first written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def location(self, path: str = "") -> str:
        """The file's path on this machine."""
        return str(self._at(path) if path else self.root)

    def read(self, path: str) -> bytes:
        """A file's content; raises StateFileMissing where there is none."""
        place = self._at(path)
        with translated(place, "read"):
            try:
                return place.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise StateFileMissing(f"there is no `{place}`") from error

    def read_many(self, paths: Sequence[str]) -> Mapping[str, Content]:
        """Those of the files that are there."""
        times = self.modified(paths)
        found: dict[str, Content] = {}
        for path in times:
            with suppress(StateFileMissing):
                found[path] = Content(self.read(path), times[path])
        return found

    def modified(self, paths: Sequence[str]) -> Mapping[str, int]:
        """When those of the files that are there were last written."""
        found: dict[str, int] = {}
        for path in paths:
            place = self._at(path)
            with translated(place, "look at"), suppress(FileNotFoundError, NotADirectoryError):
                found[path] = place.stat().st_mtime_ns
        return found

    def list(self, folder: str) -> list[Entry]:
        """What a folder holds, by name."""
        place = self._at(folder)
        found: list[Entry] = []
        with translated(place, "list"), suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(place):
                # Others may remove files meanwhile: what is gone does not count.
                with suppress(FileNotFoundError):
                    found.append(Entry(entry.name, entry.stat().st_mtime_ns, entry.is_file()))
        return sorted(found, key=lambda entry: entry.name)

    def write(self, path: str, content: bytes, *, keep: str | None = None, mode: int = PRIVATE) -> None:
        """Replaces a file whole; `keep` names the file that receives the content before."""
        place = self._at(path)
        with translated(place, "write"):
            write_atomically(place, content, mode=mode, keep=None if keep is None else self._at(keep))

    def create(self, path: str, content: bytes) -> None:
        """Makes a file that must not be there yet."""
        place = self._at(path)
        with translated(place, "make"):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                handle = os.open(place, _NEW, PRIVATE)
            except FileExistsError as error:
                raise StateFileExists(f"`{place}` is there already") from error
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                place.unlink(missing_ok=True)
                raise
            sync_directory(place.parent)

    def append(self, path: str) -> LocalAppender:
        """A file to be appended to; made where there is none."""
        return LocalAppender(self._at(path))

    def copy(self, source: str, *targets: str) -> None:
        """Puts a file's present content under other names too."""
        place = self._at(source)
        for target in targets:
            with translated(place, f"copy to `{self._at(target)}`"):
                copy(place, self._at(target))

    def rename(self, source: str, target: str) -> None:
        """Moves a file in one instant."""
        old, new = self._at(source), self._at(target)
        with translated(old, f"rename to `{new}`"):
            try:
                old.replace(new)
            except FileNotFoundError as error:
                raise StateFileMissing(f"there is no `{old}`") from error
            sync_directory(new.parent)

    def remove(self, *paths: str) -> None:
        """Removes files; what is gone already is fine."""
        for path in paths:
            place = self._at(path)
            with translated(place, "remove"):
                place.unlink(missing_ok=True)

    def now(self) -> int:
        """This machine's time."""
        return time.time_ns()

    def close(self) -> None:
        """There is no connection to end."""

    def _at(self, path: str) -> Path:
        return self.root / checked(path)


class LocalAppender:
    """A file of this machine that grows at its end."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._lock = Lock()
        with translated(place, "append to"):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(place, _GROWING, PRIVATE)
            self._end = os.lseek(self._handle, 0, os.SEEK_END)
            if not self._end:
                sync_directory(place.parent)
            self._reserve = Reserve(place.parent)
            try:
                self._reserve.take()
            except OSError:
                os.close(self._handle)
                raise

    def append(self, content: bytes) -> None:
        """Returns once the bytes are safely on disk; cuts the file back where they can't be."""
        with self._lock, translated(self._place, "append to"):
            try:
                self._put(content)
            except OSError:
                # What was done must be told even where the disk is full; `ready` lets nothing begin then.
                if not self._reserve.give():
                    raise
                self._put(content)
            self._end += len(content)

    def ready(self) -> None:
        """Returns where the disk has room for the result of an act; raises StateError where it hasn't."""
        with self._lock, translated(self._place, "append to"):
            self._reserve.take()

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._reserve.give()
            os.close(self._handle)

    def _put(self, content: bytes) -> None:
        try:
            self._write(content)
            os.fdatasync(self._handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise

    def _write(self, content: bytes) -> None:
        done = 0
        while done < len(content):
            done += os.pwrite(self._handle, content[done:], self._end + done)
