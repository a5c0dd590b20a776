"""Writes files whole or not at all, and says in our words why one can't be written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tomo.errors import StateError

PRIVATE: Final = 0o600
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turns the operating system's errors into StateError; `doing` completes "can't …"."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"can't {doing} `{path}`: {error.strerror or error}", hint=_hint_for(error, path)
        ) from error


def _hint_for(error: OSError, path: Path) -> str:
    if error.errno in _NO_SPACE:
        return f"free some space (`df -h {path.parent}`) and run the command again"
    if error.errno in _REFUSED:
        return f"check who owns it: `ls -ld {path.parent}`"
    return ""


def write_atomically(path: Path, content: bytes, *, mode: int = PRIVATE, keep: Path | None = None) -> None:
    """Replaces a file's content so that every reader sees the old or the new one, also after a crash.

    A file that exists keeps its mode, otherwise it gets `mode`. `keep` receives the content before.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    try:
        _write_new(temporary, content, _mode_of(path, mode))
        if keep is not None and path.exists():
            copy(path, keep, link=True)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def copy(source: Path, target: Path, *, link: bool = False) -> None:
    """Puts a file's present content under another name too, in one instant.

    `link` makes a second name instead of a copy: right where the source is about to be replaced, wrong
    where it stays, because an editor that writes in place would change both.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
    try:
        if not (link and _linked(source, temporary)):
            shutil.copy2(source, temporary)
        temporary.replace(target)
    finally:
        # Renaming one link of a file onto another does nothing and leaves it where it was.
        temporary.unlink(missing_ok=True)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False  # a file system without hard links
    return True


def sync_directory(directory: Path) -> None:
    """Makes renames in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _mode_of(path: Path, otherwise: int) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return otherwise
