"""Intentions on disk, and what a crash leaves of them."""

import pytest

from tomo.errors import StateError
from tomo.model.events import Result
from tomo.testing.lifecycle import Lifecycle, Program


def one(p: Program) -> None:
    p.res("a", {"v": 1})


def test_a_full_disk_before_an_act_prevents_the_act(lifecycle: Lifecycle) -> None:
    lifecycle.saved.full = lambda snapshot: bool(snapshot.pending_operations)

    outcome = lifecycle.up(one)

    assert [failure.error.message for failure in outcome.failures] == ["the disk is full"]
    assert lifecycle.world.things == {}
    assert lifecycle.snapshot.pending_operations == ()


def test_a_full_disk_after_an_act_loses_nothing_where_there_is_room_again_at_the_end(
    lifecycle: Lifecycle,
) -> None:
    full = [False, True]
    lifecycle.saved.full = lambda _: bool(full) and full.pop(0)

    outcome = lifecycle.up(one)

    assert outcome.result is Result.FAILED
    assert lifecycle.entry("a").id in lifecycle.world.things


def test_a_disk_that_stays_full_ends_the_run_with_that_error(lifecycle: Lifecycle) -> None:
    lifecycle.saved.full = lambda snapshot: any(e.urn.name == "a" for e in snapshot.resources)

    with pytest.raises(StateError, match="full"):
        lifecycle.up(one)


def test_what_an_act_failed_of_is_told_though_the_disk_is_full_as_well(lifecycle: Lifecycle) -> None:
    full = [False, True]
    lifecycle.saved.full = lambda _: bool(full) and full.pop(0)
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(one)

    assert [failure.error.message for failure in outcome.failures] == ["create of `a` fails as asked"]


def test_an_interrupted_act_leaves_its_intention_on_disk(lifecycle: Lifecycle, broken) -> None:
    broken("create", error=KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        lifecycle.up(one)

    [left] = lifecycle.saves[-1].pending_operations
    assert (left.type.value, left.resource.urn.name) == ("creating", "a")


def test_a_look_settles_what_an_earlier_run_left_open_but_on_a_silent_host(
    lifecycle: Lifecycle, broken
) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1}, provider=p.provider("web1", {"host": "web1"}))

    lifecycle.up(program)
    broken("delete", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        lifecycle.up(lambda p: p.export())
    lifecycle.snapshot = lifecycle.saves[-1]
    lifecycle.others.clear()

    lifecycle.world.silent.add("web1")
    lifecycle.refresh()
    silent = [op.type.value for op in lifecycle.snapshot.pending_operations]
    lifecycle.world.silent.clear()
    lifecycle.refresh()

    assert silent == ["deleting"]
    assert lifecycle.snapshot.pending_operations == ()


def test_the_intention_is_on_disk_before_each_act(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    pending = [op.type.value for snapshot in lifecycle.saves for op in snapshot.pending_operations]

    assert pending == ["creating"]
    assert lifecycle.snapshot.pending_operations == ()
