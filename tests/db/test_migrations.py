"""The tables from one form to another, in both directions, on both kinds of database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from tests.db.conftest import Opener
from tomo.db.address import DatabaseAddress
from tomo.db.database import Database
from tomo.db.migrate import BASE, downgrade, revisions, upgrade
from tomo.db.tables import METADATA, NEWEST
from tomo.errors import UsageError


def _tables(database: Database) -> set[str]:
    with database._begun_to_write() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_the_newest_form_is_the_last_migration() -> None:
    assert revisions()[-1] == NEWEST


def test_every_form_is_reached_on_the_way_up_and_on_the_way_down(
    empty: DatabaseAddress, opened: Opener
) -> None:
    database, up, down = opened(empty), [], []

    for form in revisions():
        upgrade(database, form)
        up.append((database.status().current, _tables(database)))
    for form in [*reversed(revisions()[:-1]), BASE]:
        down.append((database.status().current, _tables(database)))
        downgrade(database, form)

    assert up == list(reversed(down))
    assert (database.status().current, _tables(database)) == ("", set())


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    assert differences == []


def test_a_file_is_copied_before_it_is_changed(tmp_path: Path, opened: Opener) -> None:
    file = tmp_path / "tomo.db"
    database = opened(DatabaseAddress(str(file), file))
    with database.writing() as connection:
        connection.execute(text("UPDATE audit_head SET number = 7"))

    copy = downgrade(database, BASE)

    assert copy is not None
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as there:
        assert there.execute("SELECT number FROM audit_head").fetchall() == [(7,)]


def test_a_form_that_does_not_exist_is_refused(database: Database) -> None:
    with pytest.raises(UsageError):
        downgrade(database, "0815")
