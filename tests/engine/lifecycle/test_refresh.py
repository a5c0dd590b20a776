"""A refresh, with and without the program."""

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.goal import ReadGoal
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.testing.fake_provider import TYPE
from tomo.testing.lifecycle import Lifecycle, Program


def one(p: Program) -> None:
    a = p.res("a", {"v": 1})
    p.res("b", {"v": a.out("rid")})


def test_refresh_takes_reality_into_the_state_and_changes_nothing_outside(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    lifecycle.world.things["a-1"]["v"] = 7
    del lifecycle.world.things["b-2"]
    lifecycle.world.calls.clear()

    outcome = lifecycle.refresh()

    assert lifecycle.world.calls == []
    assert lifecycle.entry("a").inputs["v"] == 7
    assert lifecycle.names() == ["a"]
    assert {(s.urn.name, s.op) for s in outcome.plan.steps} == {("a", Op.REFRESH), ("b", Op.DELETE)}


def test_a_refresh_records_a_truth_where_a_number_was(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"w": 1}) and None)
    lifecycle.world.things["a-1"]["w"] = True

    lifecycle.refresh()

    assert lifecycle.entry("a").inputs["w"] is True


def test_survivors_forget_what_is_gone(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    del lifecycle.world.things["a-1"]

    lifecycle.refresh()

    assert lifecycle.entry("b").dependencies == ()
    assert lifecycle.entry("b").property_dependencies["v"] == ()


def test_drift_shows_no_secret_in_a_refresh_nor_in_what_was_seen(lifecycle: Lifecycle) -> None:
    lifecycle.redact = lambda text: text.replace("hunter2", "[secret]")
    lifecycle.up(lambda p: p.res("a", {"password": Secret("hunter2")}) and None)
    lifecycle.world.drift["a"] = (
        PropertyDiff("password", DiffKind.UPDATE, "hunter2", "hunter3", drift=True, why="was hunter2"),
    )

    observed = lifecycle.plan(lambda p: p.res("a", {"password": Secret("hunter2")}) and None).observation
    outcome = lifecycle.refresh()

    assert "hunter" not in repr(outcome.plan.steps[-1].diffs)
    assert "hunter" not in repr(observed.drift)


def test_a_refresh_tells_nothing_of_an_original_that_waits_for_its_deletion(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    outcome = lifecycle.refresh()

    assert outcome.plan.steps == ()
    assert [entry.delete for entry in lifecycle.snapshot.resources if entry.urn.name == "a"] == [False, True]


def test_a_refresh_looks_at_foreign_resources_too(lifecycle: Lifecycle) -> None:
    def reading(p: Program) -> None:
        p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=p.stack.urn)).result(9)

    lifecycle.world.things["x-9"] = {"v": 5}
    lifecycle.up(reading)
    lifecycle.world.things["x-9"]["v"] = 6

    lifecycle.refresh()

    assert lifecycle.entry("seen").outputs["v"] == 6


def test_nothing_takes_the_place_of_a_parent_that_is_gone(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("child", under=p.res("gone"))

    lifecycle.up(program)
    lifecycle.world.things.pop("gone-1")

    lifecycle.refresh()

    assert lifecycle.entry("child").parent is None


def test_what_is_replaced_with_something_gone_is_replaced_with_nothing_until_the_program_says_so(
    lifecycle: Lifecycle,
) -> None:
    def program(p: Program) -> None:
        a, b = p.res("a", {"v": 1}), p.res("b", {"v": 1})
        p.res("c", {"v": 1}, replace_with=(a.urn, b.urn))

    lifecycle.up(program)
    del lifecycle.world.things["a-1"]

    lifecycle.refresh()
    left = lifecycle.entry("c").replace_with
    lifecycle.up(program)

    assert left == ()
    assert [urn.name for urn in lifecycle.entry("c").replace_with] == ["a", "b"]
