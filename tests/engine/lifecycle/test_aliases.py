"""Aliases, and resources that moved."""

import pytest

from tomo.model.goal import Alias, Goal
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.testing.fake_provider import TYPE
from tomo.testing.lifecycle import Lifecycle, Program


@pytest.mark.parametrize("other_first", [True, False])
def test_a_name_that_another_resource_claims_as_its_earlier_one_is_refused(
    lifecycle: Lifecycle, other_first: bool
) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    def claiming(p: Program) -> None:
        if other_first:
            p.res("b", {"v": 1}, aliases=(Alias(name="a"),))
        p.res("a", {"v": 1})
        p.res("b", {"v": 1}, aliases=(Alias(name="a"),))

    outcome = lifecycle.up(claiming)

    assert "claims" in str(outcome.program_error)
    assert len(lifecycle.world.things) == 1


def test_a_renamed_resource_can_be_replaced_in_the_same_run(lifecycle: Lifecycle) -> None:
    def program(name: str, value: int, **options: object):
        def run(p: Program) -> None:
            a = p.res(name, {"r": value}, **options)
            p.res("b", {"v": a.out("rid")})

        return run

    lifecycle.up(program("old", 1))

    lifecycle.up(program("new", 2, aliases=(Alias(name="old"),)))

    assert lifecycle.ops("new") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert [urn.name for urn in lifecycle.entry("b").dependencies] == ["new"]
    assert len(lifecycle.world.things) == 2


def test_a_renamed_resource_can_be_deleted_first_with_what_depends_on_it(lifecycle: Lifecycle) -> None:
    def program(names: str, value: int, **options: object):
        def run(p: Program) -> None:
            a = p.res(names[0], {"d": value}, **options)
            p.res(names[1], {"rfrom": a.out("rid")}, aliases=(Alias(name="b"),) if options else ())

        return run

    lifecycle.up(program("ab", 1))

    lifecycle.up(program("xy", 2, aliases=(Alias(name="a"),)))

    assert lifecycle.names() == ["x", "y"]
    assert len(lifecycle.world.things) == 2


def test_a_renamed_provider_keeps_what_it_serves(lifecycle: Lifecycle) -> None:
    def program(name: str, *aliases: Alias):
        def run(p: Program) -> None:
            goal = Goal(
                "pulumi:providers:fake",
                name,
                custom=True,
                inputs={"host": "h"},
                parent=p.stack.urn,
                aliases=aliases,
            )
            made = p.registrar.register(goal).result(9)
            p.res("a", {"v": 1}, provider=f"{made.urn}::{made.id}")

        return run

    lifecycle.up(program("old"))

    planned = lifecycle.plan(program("new", Alias(name="old")))
    lifecycle.up(program("new", Alias(name="old")))

    assert lifecycle.ops("a", planned) == lifecycle.ops("a") == [Op.SAME]
    assert "::new::" in lifecycle.entry("a").provider


def test_unregistered_resources_follow_a_rename_until_they_are_deleted(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        box = p.component("old")
        a = p.res("a", {"v": 1}, under=box)
        p.res("b", {"v": a.out("v")}, under=box, needs=[a])

    lifecycle.up(first)
    lifecycle.world.faults["delete", "b"] = "fail"

    def second(p: Program) -> None:
        box = p.component("new", aliases=(Alias(name="old"),))
        p.res("a", {"v": 1}, under=box)

    lifecycle.up(second)

    assert lifecycle.entry("b").parent == lifecycle.entry("new").urn


@pytest.mark.parametrize(
    "alias",
    [
        Alias(urn=Urn.make("dev", "proj", None, TYPE, "old")),
        Alias(name="old", no_parent=True),
        Alias(name="old", parent=Urn.stack_urn("dev", "proj")),
        Alias(name="old", project="proj", stack="dev", type=TYPE),
    ],
)
def test_every_way_to_write_an_alias_finds_the_old_one(lifecycle: Lifecycle, alias: Alias) -> None:
    lifecycle.up(lambda p: p.res("old", {"v": 1}) and None)

    lifecycle.up(lambda p: p.res("new", {"v": 1}, aliases=(alias,)) and None)

    assert lifecycle.ops("new") == [Op.SAME]


def test_a_child_of_a_renamed_component_may_be_renamed_as_well(lifecycle: Lifecycle) -> None:
    def program(box: str, child: str, *aliases: Alias):
        def run(p: Program) -> None:
            above = p.component(box, aliases=(Alias(name="old"),) if aliases else ())
            p.res(child, {"v": 1}, under=above, aliases=aliases)

        return run

    lifecycle.up(program("old", "c"))

    lifecycle.up(program("new", "d", Alias(name="c")))

    assert lifecycle.ops("d") == [Op.SAME]


def test_a_removed_parent_level_is_found_by_the_parents_alias(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        p.res("a", {"v": 1}, under=p.component("box"))

    lifecycle.up(first)
    box = lifecycle.entry("box").urn

    lifecycle.up(lambda p: p.res("a", {"v": 1}, aliases=(Alias(parent=box),)) and None)

    assert lifecycle.ops("a") == [Op.SAME]


def test_an_alias_renames_without_touching_the_resource(lifecycle: Lifecycle) -> None:
    def old(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": a.out("out")})

    def new(p: Program) -> None:
        a = p.res("a2", {"v": 1, "auto": "kept"}, aliases=(Alias(name="a"),), ignore_changes=("auto",))
        p.res("b", {"v": a.out("out")})

    lifecycle.up(old)
    lifecycle.world.calls.clear()

    lifecycle.up(new)

    assert [c.verb for c in lifecycle.world.calls if c.verb != "diff"] == []
    assert lifecycle.names() == ["a2", "b"]
    assert lifecycle.entry("b").dependencies == (lifecycle.entry("a2").urn,)


def test_children_follow_a_renamed_component(lifecycle: Lifecycle) -> None:
    def program(name: str, *aliases: Alias):
        def run(p: Program) -> None:
            group = p.component(name, aliases=aliases)
            p.res(f"{name}-kid", {"v": 1}, under=group)

        return run

    lifecycle.up(program("old"))

    lifecycle.up(program("new", Alias(name="old")))

    assert lifecycle.ops("new-kid") == [Op.SAME]
    assert lifecycle.names() == ["new-kid"]


def test_what_is_left_below_a_moved_resource_has_the_urn_that_it_has_there(lifecycle: Lifecycle) -> None:
    def flat(p: Program) -> None:
        p.component("group")
        p.component("child", under=p.res("a", {"v": 1}))

    def moved(p: Program) -> None:
        p.res("a", {"v": 1}, under=p.component("group"), aliases=(Alias(no_parent=True),))
        p.res("bad", {"v": 1})

    lifecycle.up(flat)
    lifecycle.world.faults["create", "bad"] = "fail"

    lifecycle.up(moved)

    child = next(entry for entry in lifecycle.snapshot.resources if entry.urn.name == "child")
    assert child.parent == lifecycle.entry("a").urn
    assert child.urn.qualified_type == "my:mod:Comp$fake:index:Res$my:mod:Comp"
