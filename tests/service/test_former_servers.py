"""Servers that a fleet no longer declares while something of theirs still runs."""

from __future__ import annotations

from tests.worlds import NAS, World, host_key
from tomo.model.connection import HostSpec
from tomo.model.events import Result
from tomo.service.hosts import book_of


def without_everything(world: World) -> None:
    world.file.write_text("fleet: home\nservers: {}\napps: {}\n")


def test_a_server_and_its_apps_go_in_one_run(world: World) -> None:
    world.apply()
    without_everything(world)

    result = world.apply()

    assert result.result is Result.SUCCEEDED
    assert world.nas.docker.container_names == []


def test_it_is_reached_by_the_key_that_was_pinned_for_it(world: World) -> None:
    world.apply()
    without_everything(world)

    book = book_of((), world.doors.open(world.place).snapshot())

    found = book.completed(HostSpec(NAS, "root", 22))
    assert (found.host_keys, found.name) == ((host_key(),), "nas")


def test_what_the_fleet_declares_wins(world: World) -> None:
    world.apply()
    declared = HostSpec(NAS, "root", host_keys=(host_key(4),), name="renamed")

    book = book_of((declared,), world.doors.open(world.place).snapshot())

    assert book.completed(HostSpec(NAS, "root", 22)).host_keys == (host_key(4),)
