"""Plain Compose files: one, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from tomo.catalog.importers.carried import environment_scope, variables_of
from tomo.catalog.importers.found import Candidate, FoundApp
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.words import line, slug
from tomo.errors import SpecError

NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
SUFFIXES: Final = (".yml", ".yaml")
_ENV: Final = ".env"


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The Compose files of a folder and of the folders in it; only `file` where one is named."""
    if file:
        yield _candidate(folder, file, _name_of(folder, file))
        return
    own = main_file(folder)
    if own:
        yield _candidate(folder, own, _name_of(folder, own))
    for name in folder.folders():
        inner = folder.sub(name)
        if found := main_file(inner):
            yield _candidate(inner, found, name)
    for name in folder.files():
        if name.endswith(SUFFIXES) and name not in NAMES:
            yield _candidate(folder, name, _name_of(folder, name))


def main_file(folder: Folder) -> str:
    """The Compose file of a folder; `""` where it has none."""
    return next((name for name in NAMES if folder.has(name)), "")


def read(folder: Folder, file: str, name: str) -> FoundApp:
    """A Compose file as an app called by its own name, or else after its place."""
    top = At.top(folder.yaml(file))
    ledger = Ledger()
    called = line(top.get("name").value) or line(name)
    return FoundApp(
        format="compose",
        id=slug(called) or "app",
        compose=top,
        about={"title": called, "provenance": {"source": "compose"}},
        scope=environment_scope(_variables(folder), ledger),
        folder=folder,
        ledger=ledger,
    )


def _candidate(folder: Folder, file: str, name: str) -> Candidate:
    return Candidate(name, folder.shown(file), lambda: read(folder, file, name))


def _name_of(folder: Folder, file: str) -> str:
    return folder.path.resolve().name if file in NAMES else PurePath(file).stem


def _variables(folder: Folder) -> dict[str, str]:
    if not folder.has(_ENV):
        return {}
    try:
        return variables_of(folder.read(_ENV).decode("utf-8"))
    except (SpecError, UnicodeDecodeError):
        return {}


def about(**fields: Any) -> dict[str, Any]:
    """Fields of a definition without the empty ones."""
    return {key: value for key, value in fields.items() if value not in (None, "", [], {})}
