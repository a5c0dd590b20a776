"""The commands over the audit record and its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Tomo
from tests.databases import put_database
from tests.worlds import World
from tomo.service.recording import Actor, Trail
from tomo.service.wiring import Doors
from tomo_cli.console import say


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    """Doors that record, with a database that is there already."""
    put_database(world.settings.data_folder)
    return replace(world.doors, trail=Trail(world.settings, Actor("anna@desk", "owner", "cli"), say))


@pytest.fixture
def recorded(tomo: Tomo, doors: Doors, world: World) -> None:
    """A record of two acts, four entries."""
    for name in ("ONE", "TWO"):
        assert tomo(doors, "secret", "set", name, "-C", str(world.folder), stdin=b"hunter22").code == 0


def database(world: World) -> Path:
    return world.settings.data_folder / "tomo.db"


@pytest.mark.usefixtures("recorded")
def test_the_list_shows_what_became_of_each_act(tomo: Tomo, doors: Doors) -> None:
    ran = tomo(doors, "audit", "list")
    everything = tomo(doors, "audit", "list", "--all", "--json")

    assert [line.split()[0] for line in ran.out.splitlines()] == ["NO", "2", "4"]
    assert "anna@desk" in ran.out
    assert [entry["outcome"] for entry in everything.json] == ["begun", "done"] * 2


@pytest.mark.usefixtures("recorded")
def test_a_whole_record_is_verified_with_its_head(tomo: Tomo, doors: Doors) -> None:
    ran = tomo(doors, "audit", "verify")
    again = tomo(doors, "audit", "verify", "--json", "--head", ran.out.split()[-1])

    assert ran.code == 0
    assert again.json == {
        "whole": True,
        "entries": 4,
        "removedByRetention": 0,
        "head": ran.out.split()[-1],
        "findings": [],
    }


@pytest.mark.usefixtures("recorded")
def test_a_changed_entry_is_told_by_its_number(tomo: Tomo, doors: Doors, world: World) -> None:
    with closing(sqlite3.connect(database(world))) as there:
        there.executescript("UPDATE audit_entries SET actor = 'nobody' WHERE number = 3")

    ran = tomo(doors, "audit", "verify")

    assert ran.code == 1
    assert "entry 3 was changed" in ran.err


@pytest.mark.usefixtures("recorded")
def test_the_export_has_one_object_a_line_and_no_secret(tomo: Tomo, doors: Doors) -> None:
    ran = tomo(doors, "audit", "export", "--from", "2")

    assert [json.loads(line)["number"] for line in ran.out.splitlines()] == [2, 3, 4]
    assert "hunter22" not in ran.out


@pytest.mark.usefixtures("recorded")
def test_retention_asks_and_says_what_it_keeps(tomo: Tomo, doors: Doors) -> None:
    ran = tomo(doors, "audit", "retain", "--days", "30", "--dry-run")

    assert ran.code == 0
    assert "Every entry is one that this policy keeps" in ran.err


def test_an_empty_record_says_so(tomo: Tomo, doors: Doors) -> None:
    assert "Nothing is recorded yet" in tomo(doors, "audit", "list").err


def test_the_database_is_taken_back_and_brought_forward(tomo: Tomo, doors: Doors) -> None:
    before = tomo(doors, "db", "status", "--json").json
    down = tomo(doors, "db", "downgrade", "base", "--yes")
    between = tomo(doors, "db", "status", "--json").json
    up = tomo(doors, "db", "upgrade")

    assert before["current"] == before["newest"]
    assert (down.code, up.code) == (0, 0)
    assert between["current"] == ""
    assert "already" in tomo(doors, "db", "upgrade").err


def test_a_way_back_that_is_none_is_refused(tomo: Tomo, doors: Doors) -> None:
    ran = tomo(doors, "db", "downgrade", "9999", "--yes")

    assert ran.code == 64
    assert "there is no form `9999`" in ran.err


def test_without_a_terminal_only_yes_goes_back(tomo: Tomo, doors: Doors) -> None:
    assert tomo(doors, "db", "downgrade", "base").code == 64
