"""Transactions, several processes, and what is said when a database can't be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.db.conftest import Opener
from tomo.db.address import DatabaseAddress, database_address
from tomo.db.database import Database
from tomo.db.migrate import downgrade
from tomo.errors import DatabaseError, DatabaseSchemaError, UsageError
from tomo.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
_ADD = """
import sys
from tomo.db.address import database_address
from tomo.db.database import Database
from tomo.db.migrate import downgrade
from tomo.settings import Settings
from sqlalchemy import text
database = Database(database_address(Settings.from_environment()))
for _ in range({times}):
    with database.writing() as connection:
        number = connection.execute(text("SELECT number FROM audit_head{lock}")).scalar_one()
        connection.execute(text("UPDATE audit_head SET number = :n"), {{"n": number + 1}})
"""


def _adders(address: DatabaseAddress, count: int, times: int) -> list[str]:
    """What several processes say that count up the head, all at once."""
    url = address.url or f"sqlite:///{address.file}"
    lock = "" if address.file else " FOR UPDATE"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _ADD.format(times=times, lock=lock)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TOMO_DATABASE_URL": url},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    return [process.communicate()[1] for process in running]


def _number(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT number FROM audit_head")).scalar_one())


@pytest.mark.slow  # starts several processes
def test_several_processes_make_a_new_database_and_lose_no_write(
    empty: DatabaseAddress, opened: Opener
) -> None:
    said = _adders(empty, count=4, times=5)

    assert said == [""] * 4
    assert _number(opened(empty)) == 20


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.writing() as connection:
            connection.execute(text("UPDATE audit_head SET number = 7"))
            raise LookupError

    with pytest.raises(LookupError):
        write_and_fail()

    assert _number(database) == 0


def test_a_statement_that_the_database_refuses_is_our_error_without_its_values(database: Database) -> None:
    def write() -> None:
        with database.writing() as connection:
            connection.execute(text("INSERT INTO audit_head VALUES (2, 1, :digest)"), {"digest": "hunter22"})

    with pytest.raises(DatabaseError) as caught:
        write()

    assert database.address.shown in caught.value.message
    assert "hunter22" not in str(caught.value)


def test_a_file_is_private_and_durable(tmp_path: Path, opened: Opener) -> None:
    file = tmp_path / "data" / "tomo.db"
    database = opened(DatabaseAddress(str(file), file))

    with database.writing() as connection:
        names = ("journal_mode", "synchronous")
        modes = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]
        files = [path.stat().st_mode & 0o777 for path in file.parent.glob("tomo.db*")]

    assert modes == ["wal", 2]
    assert files
    assert set(files) == {0o600}


def test_reading_what_is_not_there_yet_makes_it(empty: DatabaseAddress, opened: Opener) -> None:
    database = opened(empty)
    before = database.status()

    found = _number(database)

    assert before.is_new
    assert found == 0
    assert database.status().is_current


def test_a_newer_form_is_refused_and_left_alone(database: Database, opened: Opener) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseSchemaError) as caught:
        _number(opened(database.address))

    assert "`9999`" in caught.value.message


def test_an_older_form_is_brought_forward_where_it_is_ones_own_and_else_named(
    database: Database, opened: Opener
) -> None:
    downgrade(database, "0001")
    again = opened(database.address)

    if database.address.file is None:
        with pytest.raises(DatabaseSchemaError) as caught:
            _number(again)
        assert "tomo db upgrade" in caught.value.hint
    else:
        assert _number(again) == 0
        assert again.status().is_current
        assert database.address.file.with_name("tomo.db.before-0001").exists()


@pytest.mark.postgresql
def test_a_server_that_does_not_answer_is_named_without_its_password(opened: Opener) -> None:
    settings = Settings(database_url="postgresql://tomo:hunter22@127.0.0.1:1/x")

    with pytest.raises(DatabaseError) as caught:
        opened(database_address(settings)).status()

    assert "`postgresql://tomo@127.0.0.1:1/x`" in caught.value.message
    assert "hunter22" not in f"{caught.value}{caught.value.hint}"


def test_a_file_that_is_no_database_is_named(tmp_path: Path, opened: Opener) -> None:
    file = tmp_path / "tomo.db"
    file.write_text("not at all a database, but long enough to be looked at as one" * 20)

    with pytest.raises(DatabaseError) as caught:
        opened(DatabaseAddress(str(file), file)).status()

    assert f"`{file}`" in caught.value.message
    assert "backup" in caught.value.hint


def test_without_a_setting_the_database_is_in_the_persons_own_folder(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"

    plain = database_address(Settings(home=home))
    named = database_address(Settings(home=home, variables={"XDG_DATA_HOME": str(data)}))

    assert plain.file is not None
    assert plain.file.is_relative_to(home)
    assert named.file == data / "tomo" / "tomo.db"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a/b",
        "nothing",
        "postgresql://",
        "postgresql://host",
        "sqlite:///relative.db",
        "postgresql://h:x/y",
    ],
)
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        database_address(Settings(database_url=url))

    assert "TOMO_DATABASE_URL" in caught.value.message
