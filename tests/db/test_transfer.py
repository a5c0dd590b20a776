"""All rows out of one database and into another, whichever kind either is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.databases import put_database
from tests.db.conftest import Opener
from tomo.db.address import DatabaseAddress
from tomo.db.database import Database
from tomo.db.tables import KEYS, PROPOSAL_TEXTS, PROPOSAL_TRANSITIONS, PROPOSALS, USERS
from tomo.db.transfer import is_empty, load, rows
from tomo.errors import DatabaseError

USER = {
    "id": "u1",
    "name": "mia",
    "role": "admin",
    "account": None,
    "password": "",
    "disabled": True,
    "created": 7,
}


@pytest.fixture
def other(tmp_path: Path, opened: Opener) -> Database:
    """A SQLite database with somebody in it, a proposal, bytes, and a key of its own."""
    folder = tmp_path / "other"
    file = put_database(folder)
    made = opened(DatabaseAddress(str(file), file))
    texts = {column.name: "" for column in PROPOSALS.columns if column.name != "number"}
    numbers = {"created": 1, "expires": 2, "begun": 0}
    with made.writing() as connection:
        connection.execute(insert(USERS), [USER])
        connection.execute(insert(KEYS), [{"name": "session", "value": "hidden", "created": 1}])
        connection.execute(insert(PROPOSALS), [{**texts, **numbers, "id": "p-00000000", "number": 41}])
        connection.execute(
            insert(PROPOSAL_TEXTS), [{"proposal_id": "p-00000000", "name": "plan", "content": b"\x00\xff"}]
        )
    return made


def test_rows_are_the_same_in_another_database_of_either_kind(other: Database, database: Database) -> None:
    load(database, rows(other), "x")

    assert list(rows(database)) == list(rows(other))
    with database.writing() as connection:
        step = {"proposal_id": "p-00000000", "state": "proposed", "time": 1, "actor": "mia", "note": ""}
        connection.execute(insert(PROPOSAL_TRANSITIONS), [step])
        texts = {column.name: "" for column in PROPOSALS.columns if column.name != "number"}
        numbers = {"created": 1, "expires": 2, "begun": 0}
        connection.execute(insert(PROPOSALS), [{**texts, **numbers, "id": "p-00000001"}])
        found = connection.execute(select(PROPOSALS.c.number).order_by(PROPOSALS.c.number)).scalars().all()
        assert connection.execute(select(KEYS)).all() == []
    assert list(found) == [41, 42]


def test_a_database_with_rows_takes_no_others_and_stays_as_it_was(
    other: Database, database: Database
) -> None:
    assert is_empty(database)
    load(database, rows(other), "x")
    before = list(rows(database))

    with pytest.raises(DatabaseError):
        load(database, rows(other), "x")

    assert not is_empty(database)
    assert list(rows(database)) == before


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"{}"],
        [b'{"form": "tomo.database/v1", "schema": "9999"}'],
        ["head", b'{"table": "nonsense", "row": {}}'],
        ["head", b'{"table": "users", "row": []}'],
        ["head", b"nonsense"],
        ["head", b'{"table": "users", "row": {"name": "x"}}'],
    ],
)
def test_rows_that_can_not_be_read_leave_the_database_empty(
    lines: list[str | bytes], other: Database, database: Database
) -> None:
    head = next(rows(other))
    given = [head if line == "head" else line for line in lines]

    with pytest.raises(DatabaseError):
        load(database, given, "x")  # type: ignore[arg-type]

    assert is_empty(database)
