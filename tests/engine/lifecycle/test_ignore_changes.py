"""Inputs whose changes are ignored."""

from tomo.model.goal import Goal
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle


def test_ignored_changes_keep_the_old_value(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": {"x": 1, "y": 1}}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2, "w": {"x": 2, "y": 1}}, ignore_changes=("v", "w.x")) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == 1


def test_what_is_ignored_is_the_programs_at_first(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, ignore_changes=("v",)) and None)

    assert lifecycle.entry("a").inputs["v"] == 1


def test_an_ignored_input_that_the_program_takes_out_stays(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"w": 1}, ignore_changes=("v",)) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == 1


def test_an_ignored_input_that_was_never_there_is_not_added(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"w": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"w": 1, "v": 1}, ignore_changes=("v",)) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert "v" not in lifecycle.entry("a").inputs


def test_every_element_can_be_ignored(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"list": [{"k": 1, "x": 1}, {"k": 2, "x": 2}]}) and None)

    lifecycle.up(
        lambda p: (
            p.res("a", {"list": [{"k": 8, "x": 1}, {"k": 9, "x": 2}]}, ignore_changes=("list[*].k",)) and None
        )
    )

    assert lifecycle.ops("a") == [Op.SAME]


def test_a_replacement_for_another_reason_takes_what_is_ignored_as_declared(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "r": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2, "r": 2}, ignore_changes=("v",)) and None)

    assert Op.REPLACE in lifecycle.ops("a")
    assert lifecycle.entry("a").inputs["v"] == 2


def test_an_ignored_input_of_a_component_changes_nothing_and_is_recorded(lifecycle: Lifecycle) -> None:
    def program(value: int, *ignored: str):
        goal = Goal("my:mod:Comp", "box", custom=False, inputs={"v": value}, ignore_changes=ignored)
        return lambda p: p.registrar.register(goal) and None

    lifecycle.up(program(1))

    lifecycle.up(program(2, "v"))

    assert lifecycle.ops("box") == [Op.SAME]
    assert lifecycle.entry("box").inputs == {"v": 2}
