from collections.abc import Callable
from dataclasses import replace

from tomo.engine.gate import Shown
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn, provider_ref
from tomo.testing.lifecycle import Lifecycle, Program


def nothing(p: Program) -> None:
    p.export()


def test_a_delete_that_was_not_shown_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    outcome = lifecycle.up(nothing, gate=Shown({}))

    assert [failure.error.code for failure in outcome.failures] == ["plan-refused"]
    assert lifecycle.names() == ["a"]


def test_a_delete_that_was_shown_is_done(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    shown = {step.urn: frozenset({step.op}) for step in lifecycle.plan(nothing).plan.steps}

    lifecycle.up(nothing, gate=Shown(shown))

    assert lifecycle.names() == []


def test_a_state_that_names_a_provider_it_does_not_hold_fails_that_delete_only(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lost = replace(lifecycle.entry("a"), provider=f"{lifecycle.entry('a').provider}0")
    others = [entry for entry in lifecycle.snapshot.resources if entry.urn.name != "a"]
    lifecycle.snapshot = Snapshot((*others, replace(lost, pending_replacement=False)))

    outcome = lifecycle.plan(nothing, look=False)

    assert "names a provider it doesn't hold" in str(outcome.failures[0].error)


def test_a_provider_that_cannot_be_loaded_any_more_fails_its_deletes_by_name(lifecycle: Lifecycle) -> None:
    stack = Urn.stack_urn("dev", "proj")
    provider = Urn.make("dev", "proj", None, "pulumi:providers:gone", "default")
    thing = Urn.make("dev", "proj", stack, "gone:index:Thing", "a")
    lifecycle.snapshot = Snapshot(
        (
            ResourceState(stack, "pulumi:pulumi:Stack", custom=False),
            ResourceState(provider, "pulumi:providers:gone", custom=True, id="1"),
            ResourceState(
                thing,
                "gone:index:Thing",
                custom=True,
                id="2",
                provider=provider_ref(provider, "1"),
                parent=stack,
            ),
        )
    )

    outcome = lifecycle.destroy()

    assert "no provider `gone`" in str(outcome.failures[0].error)
    assert len(lifecycle.snapshot.resources) == 3


def test_what_lies_in_something_that_stays_goes_if_nothing_needs_it(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        below = p.res("below", {"v": 1})
        p.res("child", {"v": 1}, under=below)
        p.res("kept", {"v": below.out("rid")}, protect=True)

    lifecycle.up(program)

    lifecycle.destroy()

    assert lifecycle.names() == ["below", "kept"]


def test_an_original_goes_although_its_successor_is_needed(lifecycle: Lifecycle) -> None:
    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            below = p.res("below", {"r": value})
            p.res("kept", {"v": below.out("rid")}, protect=True)

        return run

    lifecycle.up(program(1))
    lifecycle.world.faults["delete", "below"] = "fail"
    lifecycle.up(program(2))
    lifecycle.world.faults.clear()

    lifecycle.destroy()

    assert lifecycle.names() == ["below", "kept"]
    assert not any(entry.delete for entry in lifecycle.snapshot.resources)
