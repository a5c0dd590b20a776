"""Calls of providers' functions."""

from tomo.model.goal import InvokeGoal
from tomo.model.values import UNKNOWN, Secret
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_function_gets_plain_arguments_and_one_with_unknown_ones_is_not_called(
    lifecycle: Lifecycle,
) -> None:
    answers = []

    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        asked = ({"v": Secret("s")}, {"v": UNKNOWN})
        answers.extend(p.registrar.invoke(InvokeGoal("fake:index:get", args)).result(9) for args in asked)

    lifecycle.up(program)

    assert [dict(answer.outputs) for answer in answers] == [{"token": "fake:index:get", "v": "s"}, {}]


def test_a_foreign_error_of_a_function_reaches_the_program_as_one_of_tomos_without_secrets(
    lifecycle: Lifecycle,
    broken,
) -> None:
    lifecycle.redact = lambda text: text.replace("hunter2", "[secret]")
    broken("invoke")

    outcome = lifecycle.up(lambda p: p.registrar.invoke(InvokeGoal("fake:index:get", {})).result(9) and None)

    assert str(outcome.program_error) == "the provider raised ZeroDivisionError: [secret]"
