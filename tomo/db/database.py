"""Connections and transactions: several processes at once, and what is committed is on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.pool import NullPool

from tomo.db.address import DatabaseAddress
from tomo.db.seam import translated
from tomo.db.tables import NEWEST
from tomo.errors import DatabaseSchemaError, NotSupported
from tomo.frozen import frozen

BUSY_SECONDS: Final = 15.0
_CONNECT_SECONDS: Final = 10
_WRITES: Final = "tomo_writes"
_MIGRATION_LOCK: Final = 0x746F6D6F  # "tomo"
_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


@frozen
class SchemaStatus:
    """The form of the tables that are there, and the one that this version of Tomo works with."""

    address: str
    kind: str
    current: str
    newest: str

    @property
    def is_new(self) -> bool:
        """Whether nothing is there yet."""
        return not self.current

    @property
    def is_current(self) -> bool:
        """Whether this version can work with it as it is."""
        return self.current == self.newest


class Database:
    """One database. Nothing is opened or made before it is needed; several threads may use it."""

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        self._engine: Engine | None = None
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment; makes the tables where there are none."""
        self._make_ready()
        with translated(self.address), self._opened().connect() as opened:
            server = opened.dialect.name == "postgresql"
            # SQLite's transactions see one moment by themselves.
            connection = opened.execution_options(isolation_level="REPEATABLE READ") if server else opened
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that nobody else writes beside (SQLite); committed and on disk at its end.

        On an error nothing of it remains. Raises DatabaseError.
        """
        self._make_ready()
        with self._begun_to_write() as connection:
            yield connection

    def status(self) -> SchemaStatus:
        """Which form the tables have; makes nothing."""
        file = self.address.file
        kind = "SQLite" if file is not None else "PostgreSQL"
        if file is not None and not file.exists():
            return SchemaStatus(self.address.shown, kind, "", NEWEST)
        with translated(self.address), self._opened().begin() as connection:
            return SchemaStatus(self.address.shown, kind, _current(connection), NEWEST)

    def migrate(self, move: Callable[[Connection], None]) -> None:
        """Runs a change of the tables alone, whole or not at all."""
        self._make_file()
        with self._begun_to_write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            move(connection)
        self._ready = False

    def close(self) -> None:
        """Ends every connection."""
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    # --- parts ----------------------------------------------------------------------------------------

    @contextmanager
    def _begun_to_write(self) -> Iterator[Connection]:
        with translated(self.address), self._opened().connect() as connection:
            writing = connection.execution_options(**{_WRITES: True})
            with writing.begin():
                yield writing

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = _sqlite(self.address) if self.address.file is not None else _server(self.address)
        return self._engine

    def _make_ready(self) -> None:
        if self._ready:
            return
        status = self.status()
        if not status.is_current:
            self._settle(status)
        self._ready = True

    def _settle(self, status: SchemaStatus) -> None:
        """A new database is made, and an older file of one's own brought forward; else people decide."""
        if status.current > status.newest:
            raise DatabaseSchemaError(
                f"the database `{status.address}` has the form `{status.current}`, of a newer Tomo "
                f"than this one (`{status.newest}`)",
                hint="use that version, or go back with it: `tomo db downgrade`",
            )
        if not status.is_new and self.address.file is None:
            raise DatabaseSchemaError(
                f"the database `{status.address}` has the form `{status.current}`, of an older Tomo",
                hint="bring it forward, once for everybody who uses it: `tomo db upgrade`",
            )
        from tomo.db.migrate import upgrade  # noqa: PLC0415  # Alembic takes 0.3 s, and is needed once

        upgrade(self)

    def _make_file(self) -> None:
        """The file is made private before anything is in it; SQLite gives its others the same mode."""
        file = self.address.file
        if file is None:
            return
        with translated(self.address), contextlib.suppress(FileExistsError):
            file.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE))


def _current(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def _sqlite(address: DatabaseAddress) -> Engine:
    url = URL.create("sqlite", database=str(address.file))
    engine = create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
    )

    def connected(connection: Any, _record: object) -> None:
        # The driver must not begin transactions itself: `_begun` says which kind each one is.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        # A transaction that reads and then writes would fail where another has written in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _server(address: DatabaseAddress) -> Engine:
    try:
        import psycopg  # noqa: F401, PLC0415  # is there only where the extra was installed
    except ImportError as error:
        raise NotSupported(
            "a PostgreSQL database needs the driver `psycopg`, which is not installed",
            hint="install Tomo with its extra: `pip install '.[postgresql]'`",
        ) from error
    with translated(address):
        url = make_url(address.url).set(drivername="postgresql+psycopg")
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": "tomo"},
        )
