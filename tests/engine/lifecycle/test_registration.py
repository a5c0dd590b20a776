"""What becomes of a registration before anything is decided."""

from dataclasses import replace

import pytest

from tomo.errors import NotSupported
from tomo.model.goal import Goal
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import UNKNOWN, Secret
from tomo.testing.fake_provider import TYPE
from tomo.testing.lifecycle import Lifecycle, Program


@pytest.mark.parametrize("option", ["dependencies", "deleted_with", "replace_with", "parent"])
def test_a_resource_that_needs_one_nobody_declared_is_refused_by_name(
    lifecycle: Lifecycle, option: str
) -> None:
    nobody = Urn.make("dev", "proj", None, TYPE, "nobody")
    value = nobody if option in {"deleted_with", "parent"} else (nobody,)

    def program(p: Program) -> None:
        goal = Goal(TYPE, "a", custom=True, inputs={}, parent=p.stack.urn)
        p.registrar.register(replace(goal, **{option: value})).result(9)
        p.res("b", {"v": 1})

    outcome = lifecycle.up(program)

    assert "nobody" in str(outcome.failures[0].error)
    assert lifecycle.names() == ["b"]


def test_dependencies_without_a_word_on_inputs_mean_all_inputs(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            goal = Goal(
                TYPE,
                "b",
                custom=True,
                inputs={"rfrom": a.value("rid")},
                parent=p.stack.urn,
                dependencies=(a.urn,),
            )
            p.registrar.register(goal).result(9)

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert lifecycle.ops("b") == [Op.DELETE_REPLACED, Op.CREATE_REPLACEMENT, Op.REPLACE]


def test_a_component_that_becomes_a_resource_is_refused_by_name(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.registrar.register(Goal(TYPE, "a", custom=False, inputs={}, parent=p.stack.urn)) and None
    )

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "was a component" in str(outcome.failures[0].error)
    assert isinstance(outcome.failures[0].error, NotSupported)


def test_the_stacks_outputs_reach_its_entry_and_a_components_its_own(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        box = p.component("box")
        p.registrar.register_outputs(box.urn, {"a": 1, "later": UNKNOWN})
        p.registrar.register_outputs(Urn.make("dev", "proj", None, "my:mod:Comp", "nobody"), {"a": 1})
        p.export(b=2)

    lifecycle.up(program)

    assert lifecycle.entry("box").outputs == {"a": 1}
    assert next(e.outputs for e in lifecycle.snapshot.resources if e.type == STACK_TYPE) == {"b": 2}


def test_custom_timeouts_and_flags_are_recorded(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.res("a", {"v": 1}, ignore_changes=("x",), additional_secret_outputs=("out",)) and None
    )

    entry: ResourceState = lifecycle.entry("a")
    assert entry.ignore_changes == ("x",)
    assert isinstance(entry.outputs["out"], Secret)


def test_a_changed_component_loses_the_outputs_that_it_does_not_register_again(lifecycle: Lifecycle) -> None:
    def program(given: int, *, registers: bool):
        def run(p: Program) -> None:
            goal = Goal("my:mod:Comp", "group", custom=False, inputs={"given": given}, parent=p.stack.urn)
            urn = p.registrar.register(goal).result().urn
            if registers:
                p.registrar.register_outputs(urn, {"made": given})

        return run

    lifecycle.up(program(1, registers=True))
    lifecycle.up(program(1, registers=False))
    kept = lifecycle.entry("group").outputs

    lifecycle.up(program(2, registers=False))

    assert kept == {"made": 1}
    assert lifecycle.entry("group").outputs == {}
