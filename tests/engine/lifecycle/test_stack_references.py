"""Outputs of other stacks."""

from collections.abc import Mapping

from tomo.model.events import Result
from tomo.model.goal import ReadGoal
from tomo.model.source import Registered
from tomo.model.step import Op
from tomo.model.values import Secret, Value
from tomo.providers.builtin import STACK_REFERENCE, BuiltinProvider
from tomo.testing.lifecycle import Lifecycle, Program

NAME = "organization/proj/net"


def referring(lifecycle: Lifecycle, outputs: Mapping[str, Value] | None):
    """A program that refers to a stack with these outputs; `answers` has what it was told."""
    answers: list[Registered] = []

    def run(p: Program) -> None:
        goal = ReadGoal(STACK_REFERENCE, NAME, NAME, {"name": NAME}, parent=p.stack.urn)
        answers.append(p.registrar.read(goal).result(30))
        told = answers[-1].outputs.get("outputs")
        if isinstance(told, Mapping):
            p.res("a", {"v": told.get("subnet")})

    lifecycle.others["pulumi"] = BuiltinProvider(lambda _name: outputs)
    return run, answers


def test_outputs_of_another_stack_reach_the_program_and_the_state(lifecycle: Lifecycle) -> None:
    program, _ = referring(lifecycle, {"subnet": "10.0.0.0/24"})

    lifecycle.up(program)

    assert lifecycle.entry("a").inputs["v"] == "10.0.0.0/24"
    entry = lifecycle.entry(NAME)
    assert (entry.external, entry.id) == (True, NAME)
    assert lifecycle.ops(NAME) == [Op.READ]


def test_a_changed_output_of_another_stack_changes_what_uses_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(referring(lifecycle, {"subnet": "one"})[0])

    lifecycle.up(referring(lifecycle, {"subnet": "two"})[0])

    assert lifecycle.ops("a") == [Op.UPDATE]


def test_a_secret_output_of_another_stack_stays_secret(lifecycle: Lifecycle) -> None:
    program, answers = referring(lifecycle, {"subnet": Secret("hidden")})

    lifecycle.up(program)

    assert answers[0].outputs["secretOutputNames"] == ["subnet"]
    assert isinstance(lifecycle.entry("a").inputs["v"], Secret)


def test_a_stack_that_does_not_exist_is_named_and_nothing_is_deleted(lifecycle: Lifecycle) -> None:
    lifecycle.up(referring(lifecycle, {"subnet": "one"})[0])

    outcome = lifecycle.up(referring(lifecycle, None)[0])

    assert outcome.result is Result.FAILED
    assert f"`{NAME}` does not exist" in outcome.failures[0].error.message
    assert "a" in lifecycle.names()


def test_destroy_forgets_a_reference_and_asks_nobody(lifecycle: Lifecycle) -> None:
    lifecycle.up(referring(lifecycle, {"subnet": "one"})[0])

    lifecycle.destroy()

    assert lifecycle.ops(NAME) == [Op.DISCARD]
    assert lifecycle.snapshot.resources == ()
