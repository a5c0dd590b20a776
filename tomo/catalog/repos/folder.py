"""The app files of a folder that is no git repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tomo.catalog.repos.content import APPS, MOST_BYTES, SUFFIX, Content, Entry, wanted
from tomo.errors import RepositoryError
from tomo.spec.shown import shown


def read_folder(folder: Path) -> Content:
    """The app files in `apps/`, or of the folder itself; no link is followed. Raises RepositoryError."""
    try:
        inner = folder / APPS
        place = inner if stat.S_ISDIR(_mode(inner)) else folder
        files = wanted(_entries(place))
        return Content({entry.name.removesuffix(SUFFIX): _read(place / entry.name) for entry in files})
    except OSError as error:
        raise RepositoryError(f"`{shown(str(folder))}` can't be read: {error.strerror}") from error


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _entries(folder: Path) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for each in found:
            state = each.stat(follow_symlinks=False)
            name = each.name.encode("utf-8", "replace").decode()
            yield Entry(name, state.st_size, stat.S_ISREG(state.st_mode))


def _read(path: Path) -> bytes:
    """The file that was listed, not what was put in its place since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RepositoryError(f"`{shown(path.name)}` is no ordinary file", hint="put a plain file there")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise RepositoryError(f"`{shown(path.name)}` grew while it was read", hint="run the command again")
    return content
