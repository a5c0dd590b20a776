"""What goes along with its owner."""

from collections.abc import Callable

from tomo.model.step import Op
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


def test_what_is_deleted_with_another_gets_no_delete_of_its_own(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": 1}, deleted_with=a.urn)

    lifecycle.up(program)

    lifecycle.up(lambda p: p.export())

    assert [c.name for c in lifecycle.world.calls if c.verb == "delete"] == ["a"]
    assert lifecycle.names() == []


def test_the_provider_is_asked_about_what_would_go_along_with_its_owner_anyway(lifecycle: Lifecycle) -> None:
    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            owner = p.res("owner", {"d": value})
            p.res("part", {"r": owner.out("rid")}, deleted_with=owner.urn)

        return run

    lifecycle.up(program(1))
    lifecycle.world.calls.clear()

    lifecycle.up(program(2))

    assert lifecycle.world.verbs("part").count("diff") == 1
    assert {step.keys for step in lifecycle.outcome.plan.steps if step.urn.name == "part"} == {("r",)}


def test_an_original_goes_with_the_original_of_its_owner(lifecycle: Lifecycle) -> None:
    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            owner = p.res("owner", {"r": value})
            p.res("inside", {"r": value, "within": owner.out("rid")}, deleted_with=owner.urn)

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert deletes(lifecycle) == ["owner"]
    assert Op.DELETE_REPLACED in lifecycle.ops("inside")
    assert list(lifecycle.world.things) == ["owner-3", "inside-4"]


def test_what_is_no_longer_declared_goes_with_the_original_that_it_lives_in(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_owner)

    lifecycle.up(lambda p: p.res("owner", {"v": 1, "r": 1}) and None)

    assert deletes(lifecycle) == ["owner"]
    assert lifecycle.names() == ["owner"]
    assert list(lifecycle.world.things) == ["owner-3"]


def test_what_was_made_in_a_new_owner_does_not_go_with_a_left_over_original(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("owner", {"r": 1}) and None)
    lifecycle.world.faults["delete", "owner"] = "fail"

    def replaced(p: Program) -> None:
        owner = p.res("owner", {"r": 2})
        p.res("inside", {"within": owner.out("rid")}, deleted_with=owner.urn)

    lifecycle.up(replaced)
    lifecycle.world.faults.clear()
    lifecycle.up(lambda p: p.res("owner", {"r": 2}) and None)

    assert deletes(lifecycle)[-2:] == ["inside", "owner"] or deletes(lifecycle)[-2:] == ["owner", "inside"]
    assert list(lifecycle.world.things) == ["owner-2"]
