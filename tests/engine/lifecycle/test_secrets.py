"""Secrets through every path."""

from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.testing.lifecycle import Lifecycle


def test_a_failure_carries_no_secret_in_any_part(lifecycle: Lifecycle) -> None:
    lifecycle.redact = lambda text: text.replace("fails as asked", "[secret]")
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "fails as asked" not in repr(outcome.failures[0].error) + str(outcome.failures[0].error)


def test_a_secret_input_makes_the_same_named_output_secret(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.res("a", {"v": Secret("hush"), "w": {"deep": Secret("hush2"), "plain": 1}}) and None
    )

    outputs = lifecycle.entry("a").outputs
    assert outputs["v"] == Secret("hush")
    assert outputs["w"]["deep"] == Secret("hush2")
    assert outputs["w"]["plain"] == 1


def test_the_diff_of_a_secret_shows_no_value(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": Secret("old-hush")}) and None)

    outcome = lifecycle.plan(lambda p: p.res("a", {"v": Secret("new-hush")}) and None)

    assert "hush" not in repr(outcome.plan.changes[0].diffs)
    assert outcome.plan.changes[0].op is Op.UPDATE


def test_becoming_secret_alone_is_no_change(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": "x"}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": Secret("x")}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert isinstance(lifecycle.entry("a").inputs["v"], Secret)


def test_an_input_that_the_program_no_longer_hides_is_recorded_openly(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": Secret("s")}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": "s"}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == "s"
    assert not isinstance(lifecycle.entry("a").inputs["v"], Secret)
