"""A file tree in memory: what a fake host and a fake container have for a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from posixpath import dirname, join, normpath
from typing import Final

from tomo.frozen import frozen

_STANDARD: Final = (
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/srv",
    "/tmp",  # noqa: S108  # a folder of the fake tree, never of this machine
    "/usr",
    "/var",
    "/var/lib",
)


@frozen
class Node:
    """A file or folder."""

    content: bytes = b""
    mode: int = 0o644
    owner: str = ""
    is_directory: bool = False
    inode: int = 0

    @property
    def sha256(self) -> str:
        """Hex digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


class FileTree:
    """Absolute POSIX paths to nodes. Callers hold their own lock."""

    def __init__(self) -> None:
        self._inodes = 1
        self._nodes: dict[str, Node] = {"/": Node(mode=0o755, is_directory=True, inode=1)}
        for path in _STANDARD:
            self.make_directory(path)

    def copy(self) -> FileTree:
        """A tree of its own with the same nodes."""
        other = FileTree.__new__(FileTree)
        other._inodes, other._nodes = self._inodes, dict(self._nodes)  # noqa: SLF001
        return other

    def get(self, path: str) -> Node | None:
        """What is at a path."""
        return self._nodes.get(_clean(path))

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is no file."""
        node = self.get(path)
        return None if node is None or node.is_directory else node.content

    def write(self, path: str, content: bytes, mode: int = 0o644, owner: str = "") -> None:
        """Writes a file whole, making its parents; one that exists keeps its inode."""
        clean = _clean(path)
        old = self._nodes.get(clean)
        if old is not None and old.is_directory:
            raise IsADirectoryError(clean)
        self.make_directory(dirname(clean))
        inode = old.inode if old else self._next_inode()
        self._nodes[clean] = Node(content, mode, owner or (old.owner if old else ""), inode=inode)

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Makes a folder and its parents; one that exists stays as it is."""
        clean = _clean(path)
        node = self._nodes.get(clean)
        if node is not None:
            if not node.is_directory:
                raise NotADirectoryError(clean)
            return
        self.make_directory(dirname(clean))
        self._nodes[clean] = Node(mode=mode, is_directory=True, inode=self._next_inode())

    def change(self, path: str, *, mode: int | None = None, owner: str | None = None) -> None:
        """Sets mode or owner of what is there."""
        clean = _clean(path)
        node = self._nodes[clean]
        new_mode = node.mode if mode is None else mode
        self._nodes[clean] = replace(node, mode=new_mode, owner=node.owner if owner is None else owner)

    def remove(self, path: str, *, below: str = "") -> bool:
        """Removes a file, or a folder with all in it; tells whether there was one.

        The folders that are empty then go too, as long as they lie below `below`.
        """
        clean = _clean(path)
        gone = [name for name in self._nodes if name == clean or name.startswith(clean.rstrip("/") + "/")]
        for name in gone:
            if name != "/":
                del self._nodes[name]
        folder = dirname(clean)
        while below and folder.startswith(f"{below}/") and not self.children(folder):
            self._nodes.pop(folder, None)
            folder = dirname(folder)
        return bool(gone)

    def children(self, path: str) -> list[str]:
        """Names directly in a folder, sorted."""
        prefix = _clean(path).rstrip("/") + "/"
        rest = (name[len(prefix) :] for name in self._nodes if name.startswith(prefix))
        return sorted(name for name in rest if name and "/" not in name)

    def below(self, path: str) -> Iterator[tuple[str, Node]]:
        """Every node at and below a path, parents first."""
        clean = _clean(path)
        prefix = clean.rstrip("/") + "/"
        for name in sorted(self._nodes):
            if name == clean or name.startswith(prefix):
                yield name, self._nodes[name]

    def _next_inode(self) -> int:
        self._inodes += 1
        return self._inodes


def _clean(path: str) -> str:
    """The path absolute and without `..`; a leading `//` counts as one slash."""
    return normpath(join("/", path)).replace("//", "/", 1)
