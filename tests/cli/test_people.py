"""The commands over people: what is typed, piped, shown once and refused."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from tests.cli.conftest import Tomo
from tests.databases import put_database
from tests.worlds import World
from tomo.model.people import Role
from tomo.model.values import Secret
from tomo.service.people import AddUserRequest, Identities
from tomo.service.recording import Actor, Trail
from tomo.service.who import person_here
from tomo.service.wiring import Doors
from tomo_cli.console import say
from tomo_cli.doors import doors as real_doors

PASSWORD = "violet-harbour-quince"


def doors_of(world: World, account: str) -> Doors:
    settings = replace(world.settings, account=account)
    return replace(
        world.doors,
        settings=settings,
        trail=Trail(settings, Actor(f"{account}@desk", "", "cli"), say, partial(person_here, settings)),
    )


@pytest.fixture
def anna(world: World) -> Iterator[Doors]:
    """An admin's doors, with a user, Bob."""
    put_database(world.settings.data_folder)
    doors = doors_of(world, "anna")
    people = Identities(doors, time.time, rounds=4)
    people.add(AddUserRequest("anna", Role.ADMIN, "anna", Secret(PASSWORD), people.first_code()))
    people.add(AddUserRequest("bob", Role.READONLY, "bob", Secret(PASSWORD)))
    return doors


def test_the_first_admin_needs_a_terminal(tomo: Tomo, world: World) -> None:
    ran = tomo(doors_of(world, "anna"), "user", "add", "anna", "--role", "admin", stdin=PASSWORD.encode())

    assert ran.code == 64
    assert "at a terminal" in ran.err


def test_a_person_is_added_changed_and_removed(tomo: Tomo, anna: Doors) -> None:
    added = tomo(anna, "user", "add", "carl", "--json", stdin=PASSWORD.encode())
    tomo(anna, "user", "role", "carl", "readonly")
    tomo(anna, "user", "disable", "carl")
    listed = tomo(anna, "user", "list")
    tomo(anna, "user", "enable", "carl")
    tomo(anna, "user", "remove", "carl", "--yes")

    assert added.json["role"] == "user"
    assert [line.split() for line in listed.out.splitlines()][-1] == ["carl", "readonly", "disabled"]
    assert len(tomo(anna, "user", "list", "--json").json) == 2


def test_a_password_is_never_an_argument(tomo: Tomo, anna: Doors) -> None:
    for words in (("user", "add", "carl"), ("user", "password", "bob"), ("session", "start", "bob")):
        ran = tomo(anna, *words, PASSWORD)

        assert ran.code == 64
        assert PASSWORD not in ran.err


def test_a_weak_password_is_refused_with_its_reason(tomo: Tomo, anna: Doors) -> None:
    ran = tomo(anna, "user", "password", "bob", stdin=b"passwordpassword123\n")

    assert ran.code == 64
    assert "common words" in ran.err
    assert "passwordpassword123" not in ran.err


def test_a_session_is_begun_listed_and_ended(tomo: Tomo, anna: Doors) -> None:
    begun = tomo(anna, "session", "start", "bob", stdin=PASSWORD.encode())
    (session,) = tomo(anna, "session", "list", "--json").json
    ended = tomo(anna, "session", "end", session["id"][:8])

    assert begun.out.count(".") == 2
    assert session["user"] == "bob"
    assert ended.code == 0
    assert "Nobody is logged in" in tomo(anna, "session", "list").err


def test_a_wrong_login_ends_with_the_exit_code_of_logins(tomo: Tomo, anna: Doors) -> None:
    ran = tomo(anna, "session", "start", "bob", stdin=b"not this one")

    assert ran.code == 5
    assert "no such name and password" in ran.err


def test_a_token_before_there_is_anybody_says_how_to_begin(tomo: Tomo, world: World) -> None:
    ran = tomo(doors_of(world, "anna"), "token", "create", "ci")

    assert ran.code == 64
    assert "tomo user add NAME --role admin" in ran.err


def test_a_token_is_shown_once(tomo: Tomo, anna: Doors) -> None:
    made = tomo(anna, "token", "create", "ci", "--user", "bob", "--scope", "read")
    listed = tomo(anna, "token", "list")
    revoked = tomo(anna, "token", "revoke", made.out[:10])

    assert made.out.startswith("tomo_")
    assert made.out.strip() not in listed.out
    assert made.out[:10] in listed.out
    assert revoked.code == 0


@pytest.mark.parametrize(
    "words",
    [("user", "role", "bob", "boss"), ("token", "create", "x", "--scope", "all"), ("token", "revoke", "x")],
)
def test_what_does_not_exist_is_named(tomo: Tomo, anna: Doors, words: tuple[str, ...]) -> None:
    ran = tomo(anna, *words)

    assert ran.code in {1, 64}
    assert "hint:" in ran.err


def test_who_may_only_read_changes_nothing(tomo: Tomo, anna: Doors, world: World) -> None:
    bob, place = doors_of(world, "bob"), ("-C", str(world.folder))

    refused = [
        tomo(bob, "apply", "--yes", *place),
        tomo(bob, "secret", "set", "MAIL", *place, stdin=b"x"),
        tomo(bob, "user", "role", "bob", "admin"),
        tomo(bob, "audit", "list"),
    ]

    assert [ran.code for ran in refused] == [4, 4, 4, 4]
    assert not world.state.exists()
    assert tomo(bob, "plan", "--no-refresh", *place).code == 0


def test_the_doors_of_a_process_record_and_ask_for_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    trail = real_doors().trail

    assert trail is not None
    assert trail._who is not None
