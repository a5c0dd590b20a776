"""A refresh that runs the program: it reads by the providers that this registers, and makes nothing."""

from __future__ import annotations

from collections.abc import Callable

from tomo.errors import ProgramFailed
from tomo.model.events import Result
from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def served(host: str = "left", *, new: bool = False, old: bool = True) -> Callable[[Program], None]:
    def run(p: Program) -> None:
        cloud = p.provider("cloud", {"host": host})
        a = p.res("a", {"v": 1}, provider=cloud)
        if old:
            p.res("b", {"v": a.out("v")})
        if new:
            later = p.res("later", {"v": a.out("v")}, provider=cloud)
            p.res("last", {"v": later.out("v")})
        p.export(out=a.value("v"))

    return run


def test_what_the_recorded_provider_does_not_reach_is_read_by_the_present_one(lifecycle: Lifecycle) -> None:
    lifecycle.up(served("left"))
    lifecycle.world.silent.add("left")
    lifecycle.world.things["a-1"]["v"] = 7

    without = lifecycle.refresh()
    outcome = lifecycle.refresh(served("right"))

    assert [host.resources for host in without.plan.unlooked] == [1]
    assert outcome.plan.unlooked == ()
    assert lifecycle.entry("a").inputs["v"] == 7
    assert lifecycle.ops("a") == [Op.REFRESH]
    assert lifecycle.entry("cloud").inputs["host"] == "right"


def test_nothing_is_made_changed_or_deleted(lifecycle: Lifecycle) -> None:
    lifecycle.up(served())
    lifecycle.world.calls.clear()

    outcome = lifecycle.refresh(served(new=True, old=False))

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.world.calls == []
    assert set(lifecycle.names()) >= {"a", "b"}
    assert {"later", "last"}.isdisjoint(lifecycle.names())


def test_what_is_gone_leaves_the_state_and_nothing_mentions_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(served())
    del lifecycle.world.things["a-1"]

    lifecycle.refresh(served())

    assert "a" not in lifecycle.names()
    assert lifecycle.entry("b").dependencies == ()
    assert lifecycle.ops("a") == [Op.DELETE]


def test_a_plan_of_it_changes_nothing(lifecycle: Lifecycle) -> None:
    lifecycle.up(served("left"))
    lifecycle.world.things["a-1"]["v"] = 7
    before = lifecycle.snapshot

    planned = lifecycle.plan_refresh(served("right"))

    assert lifecycle.snapshot == before
    assert [step.op for step in planned.plan.steps if step.urn.name == "a"] == [Op.REFRESH]


def test_a_program_that_fails_ends_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(served())

    def broken(p: Program) -> None:
        served()(p)
        raise ProgramFailed("not today")

    outcome = lifecycle.refresh(broken)

    assert outcome.result is Result.FAILED
    assert set(lifecycle.names()) == {"a", "b"}


def test_one_target_is_read_and_the_rest_stays_unread(lifecycle: Lifecycle) -> None:
    lifecycle.up(served())
    lifecycle.world.things["a-1"]["v"] = 7
    lifecycle.world.things["b-2"]["v"] = 8

    lifecycle.refresh(served(), selection=Selection(("**::b",)))

    assert lifecycle.entry("b").inputs["v"] == 8
    assert lifecycle.entry("a").inputs["v"] == 1
