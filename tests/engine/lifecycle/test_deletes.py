from dataclasses import replace

from tomo.engine.gate import Shown
from tomo.model.events import Result
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.model.urn import Urn, provider_ref
from tomo.testing.lifecycle import Lifecycle, Program


def nothing(p: Program) -> None:
    p.export()


def deletes(lifecycle: Lifecycle) -> list[str]:
    return [call.name for call in lifecycle.world.calls if call.verb == "delete"]


def with_owner(p: Program) -> None:
    owner = p.res("owner", {"v": 1})
    p.res("inside", {"v": 1, "within": owner.out("rid")}, deleted_with=owner.urn)


def test_what_goes_with_its_owner_stays_recorded_while_the_owner_cannot_go(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_owner)
    lifecycle.world.faults["delete", "owner"] = "fail"

    lifecycle.up(nothing)
    kept = lifecycle.names()
    lifecycle.world.faults.clear()
    lifecycle.up(nothing)

    assert kept == ["owner", "inside"]
    assert lifecycle.names() == []
    assert "inside" not in deletes(lifecycle)
    assert lifecycle.world.things == {}


def test_what_goes_with_something_that_goes_with_another_goes_too(lifecycle: Lifecycle) -> None:
    def nested(p: Program) -> None:
        a = p.res("a", {"v": 1})
        b = p.res("b", {"within": a.out("rid")}, deleted_with=a.urn)
        p.res("c", {"within": b.out("rid")}, deleted_with=b.urn)

    lifecycle.up(nested)

    planned = lifecycle.plan(nothing)
    lifecycle.up(nothing)

    assert deletes(lifecycle) == ["a"]
    assert [lifecycle.ops(name, planned) for name in "abc"] == [[Op.DELETE]] * 3
    assert planned.plan.counts == lifecycle.outcome.plan.counts


def test_what_was_to_go_with_a_protected_owner_is_deleted_by_itself(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1}, protect=True)
        p.res("inside", {"v": 1}, deleted_with=owner.urn)

    lifecycle.up(program)

    lifecycle.destroy()

    assert lifecycle.names() == ["owner"]
    assert list(lifecycle.world.things) == ["owner-1"]


def test_what_was_to_go_with_a_retained_owner_is_deleted_by_itself(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1}, retain_on_delete=True)
        p.res("inside", {"v": 1}, deleted_with=owner.urn, retain_on_delete=False)

    lifecycle.up(program)

    lifecycle.destroy()

    assert list(lifecycle.world.things) == ["owner-1"]


def test_a_protected_resource_keeps_the_owner_that_it_would_go_with(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1})
        p.res("inside", {"within": owner.out("rid")}, deleted_with=owner.urn, protect=True)

    lifecycle.up(program)

    lifecycle.destroy()

    assert len(lifecycle.world.things) == 2


def test_what_waits_for_its_owner_forgets_what_goes_before(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1})
        box = p.component("box")
        other = p.res("other", {"v": 1})
        p.res("inside", {"v": other.out("out")}, deleted_with=owner.urn, under=box, needs=[owner])

    lifecycle.up(program)
    lifecycle.world.faults["delete", "owner"] = "fail"

    lifecycle.up(nothing)

    assert lifecycle.names() == ["owner", "inside"]
    assert lifecycle.entry("inside").parent == lifecycle.entry("box").urn
    assert [urn.name for urn in lifecycle.entry("inside").dependencies] == ["owner"]


def test_what_waits_for_its_owner_moves_up_as_far_as_there_is_anything(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        box = p.component("box")
        inner = p.component("inner", under=box)
        owner = p.res("owner", {"v": 1})
        p.res("inside", {"v": 1, "within": owner.out("rid")}, deleted_with=owner.urn, under=inner)

    lifecycle.up(program)

    lifecycle.destroy(parallel=1)

    assert lifecycle.snapshot.resources == ()
    assert lifecycle.world.things == {}


def test_a_provider_on_a_machine_goes_after_the_machine_takes_along_what_it_serves(
    lifecycle: Lifecycle,
) -> None:
    def program(p: Program) -> None:
        machine = p.res("machine", {"v": 1})
        ref = p.provider("on", {"host": machine.out("rid")})
        p.res("inside", {"within": machine.out("rid")}, provider=ref, deleted_with=machine.urn)

    lifecycle.up(program)

    lifecycle.up(nothing)

    assert deletes(lifecycle) == ["machine"]
    assert [entry.urn.name for entry in lifecycle.snapshot.resources] == ["proj-dev"]


def test_a_failed_delete_behind_a_provider_keeps_the_machine_the_provider_needs(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        machine = p.res("machine", {"v": 1})
        ref = p.provider("on", {"host": machine.out("rid")})
        p.res("inside", {"within": machine.out("rid")}, provider=ref, deleted_with=machine.urn)
        p.res("stuck", {"v": 1}, provider=ref)

    lifecycle.up(program)
    lifecycle.world.faults["delete", "stuck"] = "fail"

    lifecycle.up(nothing)

    assert set(lifecycle.names()) == {"machine", "inside", "stuck"}


def test_the_provider_of_what_stays_with_its_owner_stays_too(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1})
        p.res("inside", {"v": 1}, provider=p.provider("own", {"host": "h"}), deleted_with=owner.urn)

    lifecycle.up(program)
    lifecycle.world.faults["delete", "owner"] = "fail"

    lifecycle.up(nothing)

    assert [e.urn.name for e in lifecycle.snapshot.resources] == [
        "proj-dev",
        "default",
        "owner",
        "own",
        "inside",
    ]


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


def test_what_waited_for_its_replacement_only_leaves_the_state(lifecycle: Lifecycle) -> None:
    def program(value: int):
        return lambda p: p.res("a", {"d": value}, protect=value == 1) and None

    lifecycle.up(program(1))
    lifecycle.world.faults["create", "a"] = "fail"
    lifecycle.up(program(2))
    lifecycle.world.calls.clear()

    lifecycle.up(nothing)

    assert lifecycle.ops("a") == [Op.REMOVE_PENDING_REPLACE]
    assert deletes(lifecycle) == []


def test_a_plan_says_what_becomes_of_a_condemned_resource_that_is_declared_no_more(
    lifecycle: Lifecycle,
) -> None:
    def both(p: Program) -> None:
        a = p.res("a", {"d": 1})
        p.res("b", {"rfrom": a.out("rid")})

    lifecycle.up(both)

    planned = lifecycle.plan(lambda p: p.res("a", {"d": 2}) and None)
    lifecycle.up(lambda p: p.res("a", {"d": 2}) and None)

    assert lifecycle.ops("b", planned) == [Op.DELETE_REPLACED, Op.REMOVE_PENDING_REPLACE]
    assert lifecycle.ops("b") == lifecycle.ops("b", planned)


def test_several_generations_of_originals_go_in_one_run(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)
    lifecycle.up(lambda p: p.res("a", {"r": 3}) and None)
    before = [entry.delete for entry in lifecycle.snapshot.resources if entry.urn.name == "a"]
    lifecycle.world.faults.clear()

    lifecycle.up(lambda p: p.res("a", {"r": 3}) and None)

    assert before == [False, True, True]
    assert lifecycle.ops("a") == [Op.SAME, Op.DELETE_REPLACED, Op.DELETE_REPLACED]
    assert list(lifecycle.world.things) == ["a-3"]


def test_an_old_original_that_needed_much_does_not_hasten_its_successor(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        last = p.res("x1", {"v": 1})
        for name in ("x2", "x3"):
            last = p.res(name, {"v": last.out("out")})
        p.res("a", {"r": last.out("rid")})

    def second(p: Program) -> None:
        a = p.res("a", {"r": 2})
        p.res("b", {"v": a.out("out")})

    lifecycle.up(first)
    lifecycle.world.faults.update({("delete", "a"): "fail"})
    lifecycle.up(second)
    lifecycle.world.faults.clear()
    lifecycle.world.calls.clear()

    outcome = lifecycle.destroy()

    assert outcome.result is Result.SUCCEEDED
    assert deletes(lifecycle).index("b") < len(deletes(lifecycle)) - 1 - deletes(lifecycle)[::-1].index("a")


def test_children_of_a_component_that_a_stuck_resource_needs_are_kept(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        box = p.component("box")
        p.res("child", {"v": 1}, under=box)
        p.res("stuck", {"v": 1}, needs=[box])

    lifecycle.up(program)
    lifecycle.world.faults["delete", "stuck"] = "fail"

    lifecycle.up(nothing)

    assert lifecycle.names() == ["child", "stuck"]


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


def test_swapping_is_not_for_what_is_to_be_retained(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(lambda p: p.res("a", {"d": 1}, retain_on_delete=True) and None)

    lifecycle.up(lambda p: p.res("a", {"d": 2}, retain_on_delete=True) and None)

    assert set(lifecycle.world.things) == {"a-1", "a-2"}
