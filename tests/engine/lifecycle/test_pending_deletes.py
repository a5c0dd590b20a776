"""Originals that wait for their deletion, and what waits for its replacement."""

from collections.abc import Callable

import pytest

from tomo.model.events import Result
from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def nothing(p: Program) -> None:
    p.export()


def deletes(lifecycle: Lifecycle) -> list[str]:
    return [call.name for call in lifecycle.world.calls if call.verb == "delete"]


def test_what_waited_for_its_replacement_only_leaves_the_state(lifecycle: Lifecycle) -> None:
    def program(value: int):
        return lambda p: p.res("a", {"d": value}, protect=value == 1) and None

    lifecycle.up(program(1))
    lifecycle.world.faults["create", "a"] = "fail"
    lifecycle.up(program(2))
    lifecycle.world.calls.clear()

    lifecycle.up(nothing)

    assert lifecycle.ops("a") == [Op.REMOVE_PENDING_REPLACE]
    assert deletes(lifecycle) == []


def test_a_plan_says_what_becomes_of_a_condemned_resource_that_is_declared_no_more(
    lifecycle: Lifecycle,
) -> None:
    def both(p: Program) -> None:
        a = p.res("a", {"d": 1})
        p.res("b", {"rfrom": a.out("rid")})

    lifecycle.up(both)

    planned = lifecycle.plan(lambda p: p.res("a", {"d": 2}) and None)
    lifecycle.up(lambda p: p.res("a", {"d": 2}) and None)

    assert lifecycle.ops("b", planned) == [Op.DELETE_REPLACED, Op.REMOVE_PENDING_REPLACE]
    assert lifecycle.ops("b") == lifecycle.ops("b", planned)


def test_a_destroy_of_a_part_tells_of_originals_that_it_leaves(lifecycle: Lifecycle) -> None:
    def both(value: int) -> Callable[[Program], None]:
        def program(p: Program) -> None:
            p.res("a", {"r": value})
            p.res("b", {"v": 1})

        return program

    lifecycle.up(both(1))
    lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(both(2))

    lifecycle.destroy(selection=Selection(("**::b",)))

    assert lifecycle.ops("a") == [Op.SAME, Op.SAME]
    assert [entry.delete for entry in lifecycle.snapshot.resources if entry.urn.name == "a"] == [False, True]


def test_several_generations_of_originals_go_in_one_run(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)
    lifecycle.up(lambda p: p.res("a", {"r": 3}) and None)
    before = [entry.delete for entry in lifecycle.snapshot.resources if entry.urn.name == "a"]
    lifecycle.world.faults.clear()

    lifecycle.up(lambda p: p.res("a", {"r": 3}) and None)

    assert before == [False, True, True]
    assert lifecycle.ops("a") == [Op.SAME, Op.DELETE_REPLACED, Op.DELETE_REPLACED]
    assert list(lifecycle.world.things) == ["a-3"]


def test_an_old_original_that_needed_much_does_not_hasten_its_successor(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        last = p.res("x1", {"v": 1})
        for name in ("x2", "x3"):
            last = p.res(name, {"v": last.out("out")})
        p.res("a", {"r": last.out("rid")})

    def second(p: Program) -> None:
        a = p.res("a", {"r": 2})
        p.res("b", {"v": a.out("out")})

    lifecycle.up(first)
    lifecycle.world.faults.update({("delete", "a"): "fail"})
    lifecycle.up(second)
    lifecycle.world.faults.clear()
    lifecycle.world.calls.clear()

    outcome = lifecycle.destroy()

    assert outcome.result is Result.SUCCEEDED
    assert deletes(lifecycle).index("b") < len(deletes(lifecycle)) - 1 - deletes(lifecycle)[::-1].index("a")


def test_a_replaced_original_stays_while_what_needs_it_cannot_go(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"r": value})
            p.res("b", {"rfrom": a.out("rid")})

        return run

    lifecycle.up(program(1))
    lifecycle.world.faults["delete", "b"] = "fail"

    lifecycle.up(program(2))

    assert [e.urn.name for e in lifecycle.snapshot.resources if e.delete] == ["a", "b"]
    assert "delete" not in lifecycle.world.verbs("a")


@pytest.mark.parametrize("old_delete_fails", [True, False])
def test_a_replaced_original_that_could_not_go_is_deleted_next_time(
    lifecycle: Lifecycle, old_delete_fails: bool
) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    if old_delete_fails:
        lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)
    left = [e.delete for e in lifecycle.snapshot.resources if e.urn.name == "a"]
    lifecycle.world.faults.clear()

    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    assert left == ([False, True] if old_delete_fails else [False])
    assert len(lifecycle.world.things) == 1
