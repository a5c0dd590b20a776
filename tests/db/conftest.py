"""One empty database a test, of both kinds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.databases import put_database
from tests.interchange.backends import postgresql
from tomo.db.address import DatabaseAddress, database_address
from tomo.db.database import Database
from tomo.db.migrate import upgrade
from tomo.settings import Settings

Opener = Callable[[DatabaseAddress], Database]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server of the test run's own."""
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseAddress]:
    """A database without tables."""
    if request.param == "sqlite":
        file = tmp_path / "tomo.db"
        yield DatabaseAddress(str(file), file)
        return
    url: str = request.getfixturevalue("server")
    name = f"tomo_{os.urandom(6).hex()}"
    _run(url, f"CREATE DATABASE {name}")
    yield database_address(Settings(database_url=url.replace("/postgres?", f"/{name}?")))
    _run(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def address(empty: DatabaseAddress) -> DatabaseAddress:
    """A database with its tables."""
    if empty.file is not None:
        put_database(empty.file.parent)
    else:
        database = Database(empty)
        upgrade(database)
        database.close()
    return empty


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens databases, and closes them at the test's end."""
    with ExitStack() as stack:

        def open_(address: DatabaseAddress) -> Database:
            database = Database(address)
            stack.callback(database.close)
            return database

        yield open_


@pytest.fixture
def database(address: DatabaseAddress, opened: Opener) -> Database:
    """The same, opened."""
    return opened(address)


def _run(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
