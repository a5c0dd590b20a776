"""Protected resources."""

from tomo.model.events import Result
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_protected_resource_is_not_deleted(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, protect=True) and None)

    outcome = lifecycle.up(lambda p: p.export())

    assert outcome.result is Result.FAILED
    assert "protected" in str(outcome.failures[0].error)
    assert lifecycle.names() == ["a"]


def test_a_protected_resource_is_not_replaced_and_the_plan_says_so(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}, protect=True) and None)

    outcome = lifecycle.plan(lambda p: p.res("a", {"r": 2}, protect=True) and None)

    assert "protected" in str(outcome.failures[0].error)


def test_destroy_keeps_the_protected_and_what_they_need(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": a.out("out")}, protect=True)
        p.res("c", {"v": 1})

    lifecycle.up(program)

    outcome = lifecycle.destroy()

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["a", "b"]


def test_a_protected_resource_stops_no_other_deletion(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        p.res("b", {"v": 1}, protect=True)
        p.res("c", {"v": 1})

    lifecycle.up(program)

    outcome = lifecycle.up(lambda p: p.export(), stop_on_error=True)

    assert outcome.result is Result.FAILED
    assert [failure.error.message for failure in outcome.failures] == [
        "`b` is protected and can't be deleted"
    ]
    assert lifecycle.names() == ["b"]


def test_children_inherit_protect_and_provider_from_their_component(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        ref = p.provider("prov", {"host": "h"})
        group = p.component("group", protect=True, providers={"fake": ref})
        p.res("kid", {"v": 1}, under=group)

    lifecycle.up(program)

    kid = lifecycle.entry("kid")
    assert kid.protect
    assert kid.provider_urn.name == "prov"
    assert kid.urn.qualified_type == "my:mod:Comp$fake:index:Res"
