"""Moves the tables from one form to another; the only importer of Alembic."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tomo.db.database import Database
from tomo.db.tables import METADATA, NEWEST
from tomo.errors import DatabaseError, UsageError

BASE: Final = "base"


def revisions() -> tuple[str, ...]:
    """Every form of the tables, oldest first."""
    found = [script.revision for script in _scripts().walk_revisions()]
    return tuple(reversed(found))


def upgrade(database: Database, target: str = NEWEST) -> Path | None:
    """Brings the tables forward; gives the copy of the file as it was, None where nothing was in it."""
    _require_known(target)
    copy = _copy(database)
    database.migrate(lambda connection: _move(connection, target, forward=True))
    return copy


def downgrade(database: Database, target: str) -> Path | None:
    """Takes the tables back; what the older form has no place for is gone, but for the file's copy."""
    if target != BASE:
        _require_known(target)
    copy = _copy(database)
    database.migrate(lambda connection: _move(connection, target, forward=False))
    return copy


def _move(connection: Connection, target: str, *, forward: bool) -> None:
    scripts = _scripts()

    def steps(current: Any, _context: Any) -> list[Any]:
        if forward:
            return scripts._upgrade_revs(target, current)  # noqa: SLF001  # as alembic.command does
        return scripts._downgrade_revs(target, current)  # noqa: SLF001

    with EnvironmentContext(scripts_config(), scripts, fn=steps, destination_rev=target) as environment:
        environment.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
        environment.run_migrations()


def _copy(database: Database) -> Path | None:
    """A whole copy of a SQLite file beside it, made by SQLite itself, so that others may write meanwhile."""
    status, file = database.status(), database.address.file
    if file is None or status.is_new:
        return None
    copy = file.with_name(f"{file.name}.before-{status.current}")
    try:
        copy.touch(mode=0o600)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            f"`{file}` can't be copied to `{copy}`: {error}", hint=f"free some space: `df -h {file.parent}`"
        ) from error
    return copy


def _require_known(target: str) -> None:
    known = revisions()
    if target not in known:
        raise UsageError(
            f"there is no form `{target}` of the database", hint=f"forms are {', '.join(known)} and {BASE}"
        )


def scripts_config() -> Config:
    """Alembic's settings; there is no file of them."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.set_main_option("path_separator", "os")
    return made


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(scripts_config())
