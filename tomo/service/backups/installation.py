"""What a fleet is made of beside its volumes: its files, its state, the database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tomo.backup.archive import PlainFile
from tomo.db.address import database_address
from tomo.errors import UsageError
from tomo.model.storage import Storage
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace

FLEET_FOLDER: Final = "fleet/"
STATE_FOLDER: Final = "state/"
DATABASE_FILE: Final = "database/rows.jsonl"
APPROVERS_FILE: Final = "keys/approvers"
_POLICY: Final = "tomo-policy.yaml"
_STORE: Final = ".pulumi"


@contextmanager
def installation_files(
    doors: Doors, workspace: Workspace
) -> Iterator[tuple[list[PlainFile], tuple[str, ...]]]:
    """The files with their names in an archive, and in words what they are."""
    with tempfile.TemporaryDirectory(prefix="tomo-backup-") as folder:
        contents = ["fleet file", "config", "state"]
        files = [*fleet_files(workspace), *state_files(workspace)]
        rows = Path(folder) / "rows.jsonl"
        if write_rows(doors, rows):
            files.append(PlainFile(DATABASE_FILE, path=rows))
            contents.append("database")
        approvers = doors.settings.approvers
        if approvers is not None and approvers.is_file():
            files.append(PlainFile(APPROVERS_FILE, path=approvers))
            contents.append("approvers' public keys")
        yield files, tuple(contents)


def fleet_files(workspace: Workspace) -> Iterator[PlainFile]:
    """The fleet file, the stack's config, policies beside them, and the fleet's own catalogs."""
    loaded = fleet_of(workspace)
    folder = loaded.file.parent
    for file in (loaded.file, workspace.stack_file, folder / _POLICY):
        if file.is_file():
            yield PlainFile(f"{FLEET_FOLDER}{file.name}", path=file)
    for name in loaded.fleet.catalogs:
        catalog = (folder / name).resolve()
        if not catalog.is_relative_to(folder.resolve()):
            raise UsageError(
                f"the catalog `{name}` is outside of the fleet's folder, so it can't be taken along",
                hint="move it below the folder of the fleet file",
            )
        for file in sorted(each for each in catalog.rglob("*") if each.is_file() and not each.is_symlink()):
            yield PlainFile(f"{FLEET_FOLDER}{file.relative_to(folder.resolve()).as_posix()}", path=file)


def state_files(workspace: Workspace) -> Iterator[PlainFile]:
    """The stack's checkpoint with its journal, its history, and which plans were used; no locks."""
    storage, of_stack = workspace.backend.storage, f"{workspace.project}/{workspace.stack}"
    checkpoints = f"{_STORE}/stacks/{workspace.project}"
    paths = [
        f"{checkpoints}/{entry.name}"
        for entry in storage.list(checkpoints)
        if entry.is_file and entry.name.startswith(f"{workspace.stack}.")
    ]
    for folder in (f"{_STORE}/history/{of_stack}", f"{_STORE}/tomo/{of_stack}"):
        paths += _below(storage, folder)
    for path in (f"{_STORE}/meta.yaml", *paths):
        found = storage.read_many([path]).get(path)
        if found is not None:
            yield PlainFile(f"{STATE_FOLDER}{path}", found.raw)


def _below(storage: Storage, folder: str) -> Iterator[str]:
    for entry in storage.list(folder):
        path = f"{folder}/{entry.name}"
        if entry.is_file:
            yield path
        else:
            yield from _below(storage, path)


def write_rows(doors: Doors, target: Path) -> bool:
    """Writes every row of the database to a file; False where there is no database."""
    from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
    from tomo.db.transfer import rows  # noqa: PLC0415  # as above

    if doors.trail is not None:
        doors.trail.settle()
    database = Database(database_address(doors.settings))
    try:
        if database.status().is_new:
            return False
        with target.open("wb") as file:
            target.chmod(0o600)
            file.writelines(rows(database))
        return True
    finally:
        database.close()
