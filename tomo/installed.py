"""What libraries ask of installed packages as they are imported, answered without `importlib.metadata`.

paramiko asks for its own version, and pydantic whether there are plugins for it. Python's own answers load
the parsers of mail and of zip files and read every package's metadata, a thirtieth of a small plan. All the
rest of that module is itself, and so is every answer that is not plain to see.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tomo.lazy import LateModule, postpone

_MODULE: Final = "importlib.metadata"
_PLUGINS: Final = {"group": "pydantic"}
_FOLDER: Final = ".dist-info"
_ARCHIVES: Final = (".egg", ".zip", ".whl")


def postpone_metadata() -> None:
    """Has `importlib.metadata` be loaded when something else of it is used than these two functions."""
    postpone(_MODULE, version=_version, entry_points=_entry_points)


def _version(name: str) -> str:
    """The version in the name of the package's folder, where there is one such folder."""
    begin = f"{name}-"
    names = [entry for _, entry in _entries() if entry.startswith(begin) and entry.endswith(_FOLDER)]
    versions = [entry[len(begin) : -len(_FOLDER)] for entry in names]
    if len(versions) == 1 and versions[0][:1].isdigit():
        return versions[0]
    return str(_real().version(name))


def _entry_points(**asked: Any) -> Any:
    """Nothing, where pydantic looks for plugins and no package names one."""
    return () if asked == _PLUGINS and not _have_plugins() else _real().entry_points(**asked)


def _have_plugins() -> bool:
    """Whether a package may have some: what is packed nobody has looked into."""
    for place, entry in _entries():
        if entry.endswith(_ARCHIVES):
            return True
        if entry.endswith((_FOLDER, ".egg-info")):
            with suppress(OSError):
                if b"[pydantic]" in Path(place, entry, "entry_points.txt").read_bytes():
                    return True
    return any(Path(place).is_file() for place in sys.path)


def _entries() -> Iterator[tuple[str, str]]:
    for place in sys.path:
        with suppress(OSError), os.scandir(place or ".") as entries:
            yield from ((place, entry.name) for entry in entries)


def _real() -> Any:
    module = import_module(_MODULE)
    if isinstance(module, LateModule):
        _ = module.PackageNotFoundError  # has it make way
    return import_module(_MODULE)
