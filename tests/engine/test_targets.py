import pytest

from tomo.engine.targets import Patterns, Targets
from tomo.model.resource import ResourceState
from tomo.model.selection import Selection
from tomo.model.urn import Urn, provider_ref

STACK = Urn("urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev")
PROVIDER = Urn("urn:pulumi:dev::proj::pulumi:providers:fake::cloud")


def urn(name: str, type_: str = "fake:index:Res") -> Urn:
    return Urn(f"urn:pulumi:dev::proj::{type_}::{name}")


def entry(name: str, *needs: str, parent: Urn = STACK, custom: bool = True) -> ResourceState:
    return ResourceState(
        urn(name),
        "fake:index:Res",
        custom,
        parent=parent,
        provider=provider_ref(PROVIDER, "id") if custom else "",
        dependencies=tuple(map(urn, needs)),
    )


RECORDED = (
    ResourceState(STACK, STACK.type, custom=False),
    ResourceState(PROVIDER, PROVIDER.type, custom=True, id="id"),
    entry("a"),
    entry("group", custom=False),
    entry("inside", parent=urn("group")),
    entry("b", "a"),
    entry("c", "b"),
    entry("d", "group"),
)


def gone(selection: Selection) -> set[str]:
    going, _ = Targets(selection, RECORDED).may_go(RECORDED)
    return {each.urn.name for each in going}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        (urn("a"), True),
        ("urn:pulumi:*::proj::fake:index:Res::a", True),
        ("**::a", True),
        ("**", True),
        ("*::a", False),
        ("urn:pulumi:dev::proj::*::a", False),
        ("urn:pulumi:dev::proj::fake:*:Res::a", True),
        ("**::A", False),
        ("**::.", False),
    ],
)
def test_a_star_stops_at_a_colon_and_two_do_not(text: str, *, matches: bool) -> None:
    assert (urn("a") in Patterns([text])) is matches


def test_nothing_named_means_everything() -> None:
    targets = Targets(Selection(), RECORDED)

    assert targets.includes(urn("a"), [])
    assert targets.in_view(entry("a"))
    assert targets.may_go(RECORDED) == (list(RECORDED), None)


def test_only_the_named_are_concerned_and_the_stack_and_providers_always() -> None:
    targets = Targets(Selection((urn("b"),)), RECORDED)

    assert targets.includes(STACK, [])
    assert targets.includes(PROVIDER, [])
    assert not targets.includes(urn("a"), [STACK])
    assert targets.includes(urn("b"), [urn("a")])
    assert not targets.includes(urn("c"), [urn("b")])


def test_dependents_of_dependents_are_concerned_where_that_is_asked_for() -> None:
    targets = Targets(Selection((urn("a"),), target_dependents=True), RECORDED)

    assert targets.includes(urn("a"), [])
    assert targets.includes(urn("b"), [urn("a")])
    assert targets.includes(urn("c"), [urn("b")])
    assert not targets.includes(urn("d"), [urn("group")])


def test_what_a_named_provider_serves_depends_on_it() -> None:
    targets = Targets(Selection((PROVIDER,), target_dependents=True), RECORDED)

    assert targets.includes(PROVIDER, [])
    assert targets.includes(urn("a"), [PROVIDER])


def test_excluded_dependents_of_dependents() -> None:
    targets = Targets(Selection(excludes=(urn("a"),), exclude_dependents=True), RECORDED)

    assert not targets.includes(urn("a"), [])
    assert not targets.includes(urn("b"), [urn("a")])
    assert not targets.includes(urn("c"), [urn("b")])
    assert targets.includes(urn("d"), [urn("group")])


def test_a_provider_of_something_that_is_not_made_is_not_made_either() -> None:
    targets = Targets(Selection((urn("a"),)), ())
    targets.skip(urn("machine"), ())

    assert not targets.includes(PROVIDER, [urn("machine")])


def test_deletes_reach_all_that_needs_a_target() -> None:
    assert gone(Selection((urn("a"),), target_dependents=True)) == {"a", "b", "c"}
    assert gone(Selection((urn("group"),), target_dependents=True)) == {"group", "inside", "d"}
    assert gone(Selection((PROVIDER,), target_dependents=True)) == {each.urn.name for each in RECORDED} - {
        "proj-dev",
        "group",
    }


def test_deletes_that_need_more_than_is_named_are_refused_by_name() -> None:
    _, refusal = Targets(Selection((urn("a"),)), RECORDED).may_go(RECORDED)

    assert refusal is not None
    assert "`b`, `c`" in refusal.message
    assert "--target-dependents" in refusal.hint


def test_what_is_excluded_keeps_all_that_it_needs() -> None:
    assert gone(Selection(excludes=(urn("b"),))) == {"group", "inside", "c", "d"}


def test_a_need_of_a_component_keeps_its_children() -> None:
    assert gone(Selection(excludes=(urn("d"),))) == {"a", "b", "c"}


def test_all_that_hangs_together_with_the_excluded_stays_where_their_dependents_do() -> None:
    assert gone(Selection(excludes=(urn("a"),), exclude_dependents=True)) == set()


def test_a_look_is_about_the_named_and_on_wish_what_depends_on_them() -> None:
    def seen(selection: Selection) -> set[str]:
        targets = Targets(selection, RECORDED)
        return {each.urn.name for each in RECORDED if targets.in_view(each)}

    assert seen(Selection((urn("a"),))) == {"a"}
    assert seen(Selection((urn("a"),), target_dependents=True)) == {"a", "b", "c"}
    assert seen(Selection((PROVIDER,), target_dependents=True)) == {"cloud"}
    assert not {"b"} & seen(Selection(excludes=(urn("b"),)))
    assert not {"b", "c"} & seen(Selection(excludes=(urn("b"),), exclude_dependents=True))


def test_a_name_that_nothing_has_is_refused() -> None:
    nobody = urn("nobody")

    assert Targets(Selection((nobody,)), RECORDED).refuse_unknown() is not None
    assert Targets(Selection((nobody,)), RECORDED).refuse_unknown([nobody]) is None
    assert Targets(Selection(excludes=("**::nob*",)), RECORDED).refuse_unknown() is not None
    assert Targets(Selection(replaces=(nobody,)), RECORDED).refuse_unknown_replaces() is not None
    assert Targets(Selection((urn("a"),)), RECORDED).refuse_unknown() is None
