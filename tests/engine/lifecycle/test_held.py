"""A run held to the steps of an earlier plan: nothing else acts, and nothing acts otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tomo.engine.deployment import Outcome
from tomo.engine.held import Held
from tomo.errors import PlanRefused
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.step import Op, Step
from tomo.model.values import Secret, Value
from tomo.testing.lifecycle import Lifecycle, Program


def held(plan: Outcome, given: Mapping[str, Value] | None = None) -> Held:
    return Held(plan.plan.steps, plan.plan.outputs.new, given or {})


def refusals(outcome: Outcome) -> dict[str, str]:
    """What was refused, by resource name."""
    assert all(isinstance(failure.error, PlanRefused) for failure in outcome.failures)
    return {failure.urn.rpartition("::")[2]: failure.error.message for failure in outcome.failures}


def one(inputs: Mapping[str, Value], **options: object) -> Callable[[Program], None]:
    def program(p: Program) -> None:
        p.res("a", inputs, **options)

    return program


def test_the_planned_program_runs_as_planned(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1, "key": Secret("x")})
        p.res("b", {"from": a.out("out"), "list": [a.out("id"), 2]}, needs=[a])
        p.export(out=a.out("out"), fixed=3)

    plan = lifecycle.plan(program)

    outcome = lifecycle.up(program, gate=held(plan))

    assert refusals(outcome) == {}
    assert lifecycle.names() == ["a", "b"]


def test_every_kind_of_replacement_runs_as_planned(lifecycle: Lifecycle) -> None:
    def program(n: int) -> Callable[[Program], None]:
        def declare(p: Program) -> None:
            a = p.res("a", {"r": n})
            b = p.res("b", {"d": n})
            p.res("c", {"dx": b.out("out")})
            p.res("e", {"rx": a.out("out")}, under=p.component("group"))

        return declare

    lifecycle.up(program(1))
    plan = lifecycle.plan(program(2))

    outcome = lifecycle.up(program(2), gate=held(plan))

    assert refusals(outcome) == {}
    assert [(s.op, s.urn) for s in outcome.plan.changes if s.op is Op.REPLACE]


def test_a_destroy_runs_as_planned(lifecycle: Lifecycle) -> None:
    lifecycle.up(one({"v": 1}))
    plan = lifecycle.plan(lambda _: None)

    outcome = lifecycle.up(lambda _: None, gate=held(plan))

    assert refusals(outcome) == {}
    assert lifecycle.names() == []


def test_a_step_that_is_not_in_the_plan_does_not_act_nor_what_needs_it(lifecycle: Lifecycle) -> None:
    plan = lifecycle.plan(lambda p: p.res("a") and None)

    def more(p: Program) -> None:
        p.res("a")
        p.res("c", needs=[p.res("b")])

    outcome = lifecycle.up(more, gate=held(plan))

    assert refusals(outcome) == {"b": "`b` would need `create`: the plan has no such step"}
    assert lifecycle.names() == ["a"]


def test_a_deletion_that_is_not_in_the_plan_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.up(one({"v": 1}))
    plan = lifecycle.plan(one({"v": 1}))

    outcome = lifecycle.up(lambda _: None, gate=held(plan))

    assert "would need `delete`: the plan has `same` for it" in refusals(outcome)["a"]
    assert lifecycle.world.things


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (one({"v": 3}), "`v` is not what the plan says"),
        (one({"v": 2, "w": 1}), "`w` is not in the plan"),
        (one({}), "`v` is in the plan and is not given now"),
        (one({"v": Secret(2)}), "`v` is not what the plan says"),
        (one({"v": 2}, protect=True), "the option `protect` is another one"),
        (one({"v": 2}, ignore_changes=("x",)), "the option `ignore_changes` is another one"),
    ],
)
def test_a_step_that_differs_is_refused_by_name(
    lifecycle: Lifecycle, program: Callable[[Program], None], said: str
) -> None:
    lifecycle.up(one({"v": 1}))
    plan = lifecycle.plan(one({"v": 2}))

    outcome = lifecycle.up(program, gate=held(plan))

    assert said in refusals(outcome)["a"]
    assert lifecycle.world.verbs("a").count("update") == 0


def test_what_changed_before_the_run_is_refused_for_what_was_seen(lifecycle: Lifecycle) -> None:
    lifecycle.up(one({"v": 1, "w": 1}))
    plan = lifecycle.plan(one({"v": 2, "w": 1}))
    next(iter(lifecycle.world.things.values()))["w"] = 5

    outcome = lifecycle.up(one({"v": 2, "w": 1}), gate=held(plan))

    assert "`w` is not as the plan saw it" in refusals(outcome)["a"]
    assert "update" not in lifecycle.world.verbs("a")


def test_what_was_the_same_and_has_drifted_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.up(one({"v": 1}))
    plan = lifecycle.plan(one({"v": 1}))
    next(iter(lifecycle.world.things.values()))["v"] = 5

    outcome = lifecycle.up(one({"v": 1}), gate=held(plan))

    assert "would need `update`: the plan has `same` for it" in refusals(outcome)["a"]


@pytest.mark.parametrize("how", ["changed", "gone", "noted"])
def test_what_changes_between_the_look_and_its_step_is_refused(lifecycle: Lifecycle, how: str) -> None:
    lifecycle.up(one({"v": 1, "w": 1}))
    plan = lifecycle.plan(one({"v": 2, "w": 1}))

    def program(p: Program) -> None:
        things = lifecycle.world.things
        if how == "changed":
            next(iter(things.values()))["w"] = 5
        elif how == "gone":
            things.clear()
        else:
            lifecycle.world.drift["a"] = (PropertyDiff("id", DiffKind.UPDATE, 1, 2, why="it was stopped"),)
        p.res("a", {"v": 2, "w": 1})

    outcome = lifecycle.up(program, gate=held(plan))

    said = {"changed": "`w` was changed", "gone": "it is gone", "noted": "it was stopped"}[how]
    assert refusals(outcome) == {"a": f"`a` is not as the plan saw it: {said}"}
    assert "update" not in lifecycle.world.verbs("a")


def test_a_deletion_of_what_changed_since_the_look_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.up(one({"v": 1}))
    plan = lifecycle.plan(lambda _: None)

    def program(_: Program) -> None:
        next(iter(lifecycle.world.things.values()))["v"] = 5

    outcome = lifecycle.up(program, gate=held(plan))

    assert "`v` was changed" in refusals(outcome)["a"]
    assert lifecycle.world.things


def test_an_unknown_may_come_only_from_where_the_plan_has_it_from(lifecycle: Lifecycle) -> None:
    def program(source: str) -> Callable[[Program], None]:
        def declare(p: Program) -> None:
            made = {name: p.res(name) for name in ("a", "b")}
            p.res("c", {"v": made[source].out("out")})

        return declare

    plan = lifecycle.plan(program("a"))
    outcome = lifecycle.up(program("b"), gate=held(plan))

    assert "`v` comes from `urn:pulumi:dev::proj::fake:index:Res::b`" in refusals(outcome)["c"]
    assert lifecycle.names() == ["a", "b"]


def test_an_unknown_says_which_outputs_it_can_be(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("b", {"v": p.res("a").out("out")})

    plan = lifecycle.plan(program)

    step = next(step for step in plan.plan.steps if step.urn.name == "b")
    urn = "urn:pulumi:dev::proj::fake:index:Res::a"
    assert step.entry.inputs["v"].origins == (f"{urn}.id", f"{urn}.out", f"{urn}.rid")  # type: ignore[attr-defined]


def test_what_turns_out_to_change_nothing_is_left_alone(lifecycle: Lifecycle) -> None:
    def program(n: int) -> Callable[[Program], None]:
        def declare(p: Program) -> None:
            a = p.res("a", {"w": n})
            p.res("b", {"v": a.out("out")})

        return declare

    lifecycle.up(program(1))
    plan = lifecycle.plan(program(2))
    assert lifecycle.ops("b", plan) == [Op.UPDATE]

    outcome = lifecycle.up(program(2), gate=held(plan))

    assert refusals(outcome) == {}
    assert lifecycle.ops("b") == [Op.SAME]


def test_an_output_that_the_plan_did_not_show_is_not_recorded(lifecycle: Lifecycle) -> None:
    def program(value: int) -> Callable[[Program], None]:
        return lambda p: p.export(size=value)

    lifecycle.up(program(1))
    plan = lifecycle.plan(program(2))

    outcome = lifecycle.up(program(3), gate=held(plan))

    assert refusals(outcome) == {"proj-dev": "the output `size` is not what the plan showed"}
    assert outcome.snapshot.resources[0].outputs == {"size": 1}


def test_each_step_of_a_plan_is_taken_once(lifecycle: Lifecycle) -> None:
    gate = held(lifecycle.plan(one({"v": 1})))
    step = Step(Op.CREATE, lifecycle.up(one({"v": 1})).plan.steps[-1].urn, new=lifecycle.entry("a"))

    first, second = (gate.refusal(step, lambda _: None) for _ in range(2))

    assert first is None
    assert isinstance(second, PlanRefused)
