"""All rows of the database as lines of JSON, whichever kind of database it is: out of one, into another."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, LargeBinary, Table, delete, func, insert, select, text

from tomo.db.database import Database
from tomo.db.tables import ATTEMPTS, AUDIT_HEAD, KEYS, METADATA, NEWEST, SESSIONS
from tomo.errors import DatabaseError

_FORM: Final = "tomo.database/v1"
_LEFT_OUT: Final = frozenset({ATTEMPTS.name, KEYS.name, SESSIONS.name})
"""What belongs to one installation alone: who is logged in, and the key that says so."""
_AT_ONCE: Final = 500


def rows(database: Database) -> Iterator[bytes]:
    """Every row, as the database is at one moment: a line of JSON each, after one that names the form."""
    yield _line({"form": _FORM, "schema": NEWEST})
    with database.reading() as connection:
        for table in _tables():
            for row in connection.execution_options(yield_per=_AT_ONCE).execute(select(table)):
                values = {name: _written(value) for name, value in row._mapping.items()}  # noqa: SLF001
                yield _line({"table": table.name, "row": values})


def is_empty(database: Database) -> bool:
    """Whether there is no row yet that `load` would meet; makes no table."""
    if database.status().is_new:
        return True
    with database.reading() as connection:
        return _holds_nothing(connection)


def _holds_nothing(connection: Connection) -> bool:
    """Whether no table but the audit record's own mark has a row."""
    tables = [table for table in _tables() if table.name != AUDIT_HEAD.name]
    return not any(connection.execute(select(func.count()).select_from(table)).scalar() for table in tables)


def load(database: Database, lines: Iterable[bytes], where: str) -> int:
    """Puts rows into a database that has none, all or none of them; gives how many. Raises DatabaseError."""
    known = {table.name: table for table in _tables()}
    count = 0
    try:
        with database.writing() as connection:
            if not _holds_nothing(connection):
                raise DatabaseError(
                    "the database holds rows already", hint="name an empty one with TOMO_DATABASE_URL"
                )
            connection.execute(delete(AUDIT_HEAD))
            waiting: list[dict[str, object]] = []
            table: Table | None = None
            for line in _rows_of(lines, where):
                wanted = known[str(line["table"])]
                if table is not None and (wanted is not table or len(waiting) >= _AT_ONCE):
                    connection.execute(insert(table), waiting)
                    waiting = []
                table = wanted
                waiting.append(_read(wanted, line["row"]))
                count += 1
            if table is not None and waiting:
                connection.execute(insert(table), waiting)
            _go_on_counting(connection, known.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(
            f"`{where}` holds a row that this version can't read",
            hint="import it with the version that made it",
        ) from error
    return count


def _rows_of(lines: Iterable[bytes], where: str) -> Iterator[dict[str, object]]:
    rest = iter(lines)
    head = json.loads(next(rest, b"{}"))
    if head.get("form") != _FORM or head.get("schema") != NEWEST:
        raise DatabaseError(
            f"the database in `{where}` has the form `{head.get('schema')}`, and this version has `{NEWEST}`",
            hint="export it anew with this version of Tomo, or import it with the one that made it",
        )
    for line in rest:
        if line.strip():
            yield json.loads(line)


def _tables() -> list[Table]:
    return [table for table in METADATA.sorted_tables if table.name not in _LEFT_OUT]


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _written(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    return value


def _read(table: Table, row: object) -> dict[str, object]:
    if not isinstance(row, dict) or row.keys() != {column.name for column in table.columns}:
        raise TypeError
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    return {
        name: base64.b64decode(value["base64"]) if name in binary else value for name, value in row.items()
    }


def _go_on_counting(connection: Connection, tables: Iterable[Table]) -> None:
    """PostgreSQL counts rows by itself, and has to know where."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is not None:
            name = {"table": table.name, "column": column.name}
            highest = connection.execute(select(func.max(column))).scalar()
            if highest:
                statement = text("SELECT setval(pg_get_serial_sequence(:table, :column), :value)")
                connection.execute(statement, {**name, "value": highest})
