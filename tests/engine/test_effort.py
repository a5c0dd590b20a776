"""Twice the resources are twice the work: counted in calls, so that no clock decides."""

import sys
from collections.abc import Callable

import pytest

from tomo.model.goal import Alias
from tomo.testing.lifecycle import Lifecycle, Program

MOST_FOR_TWICE_AS_MANY = 2.4


def chain(count: int, *, first: int = 0, value: int = 0, prefix: str = "n", alias: str = "") -> Callable:
    """Resources in a chain, each on the one before it."""

    def program(p: Program) -> None:
        before = p.res(
            f"{prefix}0", {"d": first, "v": value}, aliases=(Alias(name=f"{alias}0"),) if alias else ()
        )
        for number in range(1, count):
            aliases = (Alias(name=f"{alias}{number}"),) if alias else ()
            before = p.res(
                f"{prefix}{number}", {"v": value, "f": before.out("v")}, aliases=aliases, needs=[before]
            )

    return program


def calls(work: Callable[[], object]) -> int:
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


PLANS = {
    "nothing changes": chain,
    "all change": lambda count: chain(count, value=1),
    "the first is replaced": lambda count: chain(count, first=1),
    "all are renamed": lambda count: chain(count, prefix="m", alias="n"),
    "all go": lambda _count: lambda p: p.export(),
}


@pytest.mark.parametrize("what", PLANS)
def test_a_plan_of_twice_as_many_is_twice_the_work(what: str) -> None:
    def effort(count: int) -> int:
        lifecycle = Lifecycle()
        lifecycle.up(chain(count), look=False)
        return calls(lambda: lifecycle.plan(PLANS[what](count), look=False))

    assert effort(80) < MOST_FOR_TWICE_AS_MANY * effort(40)


def test_making_everything_anew_is_twice_the_work_for_twice_as_many() -> None:
    def effort(count: int) -> int:
        lifecycle = Lifecycle()
        lifecycle.up(chain(count), look=False)
        lifecycle.world.things.clear()
        return calls(lambda: lifecycle.plan(chain(count)))

    assert effort(80) < MOST_FOR_TWICE_AS_MANY * effort(40)
