"""Stages open one after the other, and none after a failure."""

from __future__ import annotations

from tomo.engine.stages import Stages
from tomo.model.rollout import Stage
from tomo.model.urn import Urn


def urn(name: str) -> Urn:
    return Urn(f"urn:pulumi:s::p::t:t:T::{name}")


def stages(*names: str) -> Stages:
    """A stage of one host for each word, with a resource for each letter."""
    made = Stages([Stage((name,), frozenset(map(urn, name))) for name in names])
    made.begin()
    return made


def waits(of: Stages, name: str) -> bool:
    return of.gate(urn(name)) is not None


def test_a_stage_opens_once_everything_of_the_one_before_is_settled() -> None:
    made = stages("ab", "c")

    made.ended(urn("a"), failed=False)
    half = waits(made, "c")
    made.ended(urn("b"), failed=False)

    assert half
    assert not waits(made, "c")
    assert not made.is_left_out(urn("c"))
    assert made.not_begun == ()


def test_after_a_failure_the_rest_of_its_stage_goes_on_and_no_other_begins() -> None:
    made = stages("ab", "c", "d")

    made.ended(urn("a"), failed=True)
    half = waits(made, "c"), made.is_left_out(urn("b"))
    made.ended(urn("b"), failed=True)

    assert half == (True, False)
    assert made.is_left_out(urn("c"))
    assert made.not_begun == ("c", "d")


def test_what_is_in_no_stage_waits_for_nothing() -> None:
    made = stages("a", "b")

    made.ended(urn("x"), failed=True)

    assert not waits(made, "x")
    assert not made.is_left_out(urn("x"))
    assert waits(made, "b")


def test_thousands_of_stages_that_are_settled_at_once_take_no_deep_stack() -> None:
    many = [Stage((str(number),), frozenset({urn(str(number))})) for number in range(5000)]
    made = Stages(many)
    for each in many[1:]:
        [own] = each.urns
        gate = made.gate(own)
        assert gate is not None
        gate.add_done_callback(lambda _, own=own: made.ended(own, failed=False))  # type: ignore[misc]

    made.begin()
    made.ended(urn("0"), failed=False)

    assert not waits(made, "4999")


def test_a_failure_of_the_last_stage_leaves_nobody_out() -> None:
    made = stages("a", "b")
    made.ended(urn("a"), failed=False)

    made.ended(urn("b"), failed=True)

    assert made.not_begun == ()
