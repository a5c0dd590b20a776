"""What the script `volume-swap` does on a real host, done to a volume in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tomo.model.connection import HostSpec
from tomo.testing.files import FileTree
from tomo.testing.shell import Outcome

if TYPE_CHECKING:
    from tomo.testing.fake_docker import FakeDocker

_MARKS: Final = (".tomo-restore-", ".tomo-before-", ".tomo-moved-")


def volume_swap(docker: FakeDocker, argv: Sequence[str], spec: HostSpec) -> Outcome:
    """Runs `sh -c SCRIPT sh ACT FOLDER ID`."""
    act, folder, id_ = argv[-3:]
    root = spec.become or (spec.user or "root") == "root"
    tree = docker.volume_files(folder.split("/")[-2])
    new, old = f"/.tomo-restore-{id_}", f"/.tomo-before-{id_}"
    match act:
        case "ready":
            left = [name for name in tree.children("/") if name.startswith(".tomo-before-")]
            if left and root:
                return Outcome(4, f"{folder}/{left[0]}\n")
            return Outcome() if root else Outcome(3, "root\n")
        case "swap":
            tree.make_directory(old)
            _move(tree, "/", old)
            _move(tree, new, "/")
            tree.remove(new)
        case "undo":
            if tree.get(old) is not None:
                for name in _own(tree, "/"):
                    tree.remove(f"/{name}")
                _move(tree, old, "/")
            tree.remove(old)
            tree.remove(new)
        case _:
            tree.remove(old)
            tree.remove(new)
    return Outcome()


def _own(tree: FileTree, folder: str) -> list[str]:
    return [name for name in tree.children(folder) if not name.startswith(_MARKS)]


def _move(tree: FileTree, source: str, target: str) -> None:
    for name in _own(tree, source):
        top = f"{source.rstrip('/')}/{name}"
        for path, node in list(tree.below(top)):
            goal = f"{target.rstrip('/')}/{path[len(source.rstrip('/')) :].lstrip('/')}"
            if node.is_directory:
                tree.make_directory(goal, node.mode)
            else:
                tree.write(goal, node.content, node.mode, node.owner)
        tree.remove(top)
