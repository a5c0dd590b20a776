"""A value whose change replaces."""

from tomo.model.step import Op
from tomo.model.values import UNKNOWN, Secret
from tomo.testing.lifecycle import Lifecycle


def test_a_changed_trigger_replaces_and_a_first_one_does_not(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)
    first = lifecycle.ops("a")

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=2) and None)

    assert first == [Op.SAME]
    assert Op.REPLACE in lifecycle.ops("a")


def test_a_trigger_that_goes_replaces_nothing(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").replacement_trigger is None


def test_a_trigger_that_becomes_secret_is_the_same(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger="x") and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=Secret("x")) and None)

    assert lifecycle.ops("a") == [Op.SAME]


def test_a_plan_replaces_for_a_trigger_that_is_not_known_yet(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)

    planned = lifecycle.plan(lambda p: p.res("a", {"v": 1}, replacement_trigger=UNKNOWN) and None)

    assert Op.REPLACE in lifecycle.ops("a", planned)


def test_the_plan_says_that_the_trigger_is_the_reason(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)

    planned = lifecycle.plan(lambda p: p.res("a", {"v": 1}, replacement_trigger=2) and None)

    [step] = planned.plan.changes
    assert step.keys == ("replacementTrigger",)


def test_a_provider_that_deletes_first_does_so_for_a_trigger_too(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1, delete_before_replace=True) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=2, delete_before_replace=True) and None)

    assert lifecycle.world.verbs("a")[-2:] == ["delete", "create"]


def test_where_a_replacement_is_certain_the_provider_has_no_say_in_how(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"d": 1}, replacement_trigger=1) and None)

    outcome = lifecycle.plan(lambda p: p.res("a", {"d": 2}, replacement_trigger=2) and None)

    steps = [step for step in outcome.plan.steps if step.urn.name == "a"]
    assert [step.op for step in steps] == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert steps[1].keys == ("replacementTrigger",)
    assert [diff.path for diff in steps[1].diffs] == ["d"]
    assert "diff" not in lifecycle.world.verbs("a")


def test_where_a_replacement_is_certain_a_swap_stays_a_swap(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=2) and None)

    assert "swap" in lifecycle.world.verbs("a")
