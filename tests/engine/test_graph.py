from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo.engine.cascade import condemned_with
from tomo.engine.graph import DependencyGraph, delete_layers, without
from tomo.engine.inherit import Parent, earlier_urns
from tomo.engine.recorder import Recorder
from tomo.errors import ResourceFailed
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.goal import Alias, Goal
from tomo.model.resource import ResourceState, needs, with_urns
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn

TYPE = "fake:index:Res"


def urn(name: str) -> Urn:
    return Urn.make("dev", "proj", None, TYPE, name)


def entry(name: str, *dependencies: str, **fields: object) -> ResourceState:
    return ResourceState(
        urn(name), TYPE, custom=True, id=name, dependencies=tuple(map(urn, dependencies)), **fields
    )


def names(entries: list[ResourceState]) -> list[str]:
    return [each.urn.name for each in entries]


def test_everything_an_entry_mentions_but_its_parent_is_a_need() -> None:
    full = entry(
        "x",
        "a",
        provider=f"{urn('p')}::1",
        property_dependencies={"k": (urn("b"),)},
        deleted_with=urn("c"),
        replace_with=(urn("d"),),
        parent=urn("q"),
    )

    assert [need.name for need in needs(full)] == ["p", "a", "b", "c", "d"]


def test_dependents_come_in_the_order_of_the_state_each_once() -> None:
    graph = DependencyGraph([entry("a"), entry("b", "a"), entry("c", "a", "b"), entry("d")])

    assert names(graph.dependents(urn("a"))) == ["b", "c"]
    assert graph.dependents(urn("d")) == []


def test_what_is_needed_by_many_goes_after_them_all() -> None:
    layers = delete_layers([entry("a"), entry("b", "a"), entry("c", "b"), entry("d", "a")])

    assert list(map(names, layers)) == [["c"], ["b", "d"], ["a"]]


def test_a_dependency_on_a_component_means_one_on_its_children() -> None:
    box = replace(entry("box"), custom=False, id="")
    child = entry("child", parent=box.urn)

    layers = delete_layers([box, child, entry("x", "box")])

    assert list(map(names, layers)) == [["x"], ["child"], ["box"]]


@settings(derandomize=True, deadline=None, database=None)
@given(st.data())
def test_no_layer_holds_what_a_later_one_needs(data: st.DataObject) -> None:
    entries = []
    for place in range(data.draw(st.integers(1, 12))):
        before = sorted({each.urn.name for each in entries})
        needed = data.draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        name = data.draw(st.sampled_from((f"n{place}", *before)))
        entries.append(entry(name, *(n for n in needed if n != name), delete=name in before))

    layers = delete_layers(entries)

    level = {id(each): place for place, layer in enumerate(layers) for each in layer}
    for place, each in enumerate(entries):
        for other in entries[:place]:
            if other.urn in set(needs(each)):
                assert level[id(each)] < level[id(other)]


def test_survivors_of_a_gone_parent_move_up_to_the_next_that_is_left() -> None:
    child = entry("x", "a", "b", parent=urn("mother"), deleted_with=urn("a"), replace_with=(urn("a"),))
    missing = {urn("mother"): urn("grandmother"), urn("grandmother"): urn("root"), urn("a"): None}

    left = without(child, missing.keys(), missing)

    assert (left.parent, left.dependencies) == (urn("root"), (urn("b"),))
    assert (left.deleted_with, left.replace_with) == (None, ())
    assert without(left, missing.keys(), missing) is left


def test_a_rename_reaches_every_mention() -> None:
    full = entry(
        "x",
        "a",
        provider=f"{urn('a')}::1",
        property_dependencies={"k": (urn("a"),)},
        deleted_with=urn("a"),
        replace_with=(urn("a"),),
        parent=urn("a"),
    )

    now = with_urns(full, lambda each: urn("b") if each == urn("a") else each)

    assert {*needs(now), now.parent} == {urn("b")}
    assert with_urns(now, lambda each: urn("b") if each == urn("a") else each) is now


# --- the record --------------------------------------------------------------------------------------


def test_an_entry_is_found_by_any_form_it_ever_had() -> None:
    old = entry("a")
    recorder = Recorder(Snapshot((old, entry("b", "a"))), None)
    seen = replace(old, outputs={"v": 1})

    recorder.change_old(old, seen)
    recorder.rename(urn("a"), urn("z"))
    recorder.change_old(old, replace(seen, outputs={"v": 2}))
    left = recorder.left()
    recorder.remove(seen)
    recorder.remove(old)
    recorder.change_old(old, seen)

    assert [(each.urn.name, each.outputs) for each in left] == [("z", {"v": 2}), ("b", {})]
    assert [urn_.name for urn_ in left[1].dependencies] == ["z"]
    assert names(recorder.left()) == ["b"]


def test_renames_change_what_is_gone_no_more() -> None:
    old = entry("a")
    recorder = Recorder(Snapshot((old,)), None)

    recorder.remove(old)
    recorder.rename(urn("a"), urn("z"))

    assert recorder.left() == []


def test_outputs_of_what_the_run_does_not_hold_are_nothing() -> None:
    assert Recorder(Snapshot(), None).set_outputs(urn("a"), {}) is None


def test_survivors_forget_only_what_no_other_entry_stands_for() -> None:
    gone, other = entry("a", delete=True), entry("a")
    user = entry("b", "a")
    recorder = Recorder(Snapshot((other, user, gone)), None)

    recorder.remove(gone, survivors=[user])
    kept = recorder.left()[-1].dependencies
    recorder.remove(other, survivors=[user, gone])

    assert kept == (urn("a"),)
    assert recorder.left()[-1].dependencies == ()


# --- who goes along ----------------------------------------------------------------------------------


def replacing(_entry: ResourceState, _inputs: object) -> DiffResult:
    return DiffResult(changed=True, properties=(PropertyDiff("k", DiffKind.UPDATE_REPLACE),))


def unchanged(_entry: ResourceState, _inputs: object) -> DiffResult:
    return DiffResult(changed=False)


def along(user: ResourceState, diff=replacing, handled=()) -> list[tuple[str, tuple[str, ...]]]:
    root = entry("a")
    graph = DependencyGraph([root, user])
    return [(c.entry.urn.name, c.keys) for c in condemned_with(root, graph, handled, diff)]


FED = entry("b", "a", inputs={"k": 1}, property_dependencies={"k": (urn("a"),)})


@pytest.mark.parametrize(
    ("user", "keys"),
    [
        (FED, ("k",)),
        (entry("b", provider=f"{urn('a')}::1"), ("provider",)),
        (entry("b", deleted_with=urn("a")), ("deletedWith",)),
        (entry("b", replace_with=(urn("a"),)), ("replaceWith",)),
    ],
)
def test_a_dependent_goes_along_for_a_reason(user: ResourceState, keys: tuple[str, ...]) -> None:
    assert along(user) == [("b", keys)]


@pytest.mark.parametrize(
    "user",
    [
        entry("b", "a"),
        entry("b", "a", property_dependencies={"k": (urn("a"),)}),
        replace(FED, external=True),
        replace(FED, delete=True),
        replace(FED, custom=False),
        replace(FED, type="pulumi:providers:fake"),
    ],
)
def test_other_dependents_stay(user: ResourceState) -> None:
    assert along(user) == []


def test_a_dependent_whose_provider_sees_no_change_stays() -> None:
    assert along(FED, unchanged) == []


def test_a_dependent_that_was_dealt_with_stays() -> None:
    assert along(FED, handled={urn("b")}) == []


def test_a_protected_dependent_forbids_the_replacement() -> None:
    with pytest.raises(ResourceFailed, match="`b`, which would go along, is protected"):
        along(replace(FED, protect=True))


# --- earlier names -----------------------------------------------------------------------------------


def old_names(goal: Goal, parent: Parent | None) -> list[str]:
    own = Urn.make("dev", "proj", parent.urn if parent else None, goal.type, goal.name)
    return [str(each).removeprefix("urn:pulumi:") for each in earlier_urns(goal, own, parent)]


def test_earlier_names_of_a_child_follow_its_parents_unless_they_say_otherwise() -> None:
    box, old_box = (Urn.make("dev", "proj", None, "my:Box", name) for name in ("new", "old"))
    parent = Parent(box, old_urn=old_box)
    aliases = (Alias(name="was"), Alias(no_parent=True), Alias(parent=Urn.stack_urn("dev", "proj")))
    goal = Goal(TYPE, "new-db", custom=True, inputs={}, parent=box, aliases=aliases)

    assert old_names(goal, parent) == [
        "dev::proj::my:Box$fake:index:Res::new-db",
        "dev::proj::my:Box$fake:index:Res::was",
        "dev::proj::fake:index:Res::new-db",
        "dev::proj::fake:index:Res::new-db",
        "dev::proj::my:Box$fake:index:Res::old-db",
        "dev::proj::my:Box$fake:index:Res::was",
    ]


def test_a_resource_without_parent_has_only_its_aliases() -> None:
    goal = Goal(TYPE, "x", custom=True, inputs={}, aliases=(Alias(stack="prod", project="p", type="a:b:C"),))

    assert old_names(goal, None) == ["dev::proj::fake:index:Res::x", "prod::p::a:b:C::x"]
