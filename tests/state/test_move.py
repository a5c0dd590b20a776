"""Resources that go from one stack's state to another's; what the real CLI 3.250 does is the measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomo.errors import StateError, UsageError
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn
from tomo.state.integrity import problems
from tomo.state.move import Moved, moved

THERE = ("proj", "b")
ID = "11111111-1111-4111-8111-111111111111"


def urn(rest: str, stack: str = "a") -> Urn:
    return Urn(f"urn:pulumi:{stack}::proj::{rest}")


STACK, PROVIDER = urn("pulumi:pulumi:Stack::proj-a"), urn("pulumi:providers:fake::default")
APP, NET = urn("my:mod:Comp::app"), urn("fake:index:Res::net")
WEB = urn("my:mod:Comp$fake:index:Res::web")
SUB = urn("my:mod:Comp$fake:index:Res$fake:index:Res::sub")
AFTER = urn("fake:index:Res::after")


def res(name: Urn, parent: Urn = STACK, **options: object) -> ResourceState:
    return ResourceState(
        name, name.type, custom=True, id=f"{name.name}-id", parent=parent, provider=f"{PROVIDER}::{ID}",
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


SOURCE = Snapshot(
    (
        ResourceState(STACK, STACK.type, custom=False),
        ResourceState(PROVIDER, PROVIDER.type, custom=True, id=ID, inputs={"k": 1}),
        ResourceState(APP, APP.type, custom=False, parent=STACK),
        res(NET),
        res(WEB, APP, dependencies=(NET,), property_dependencies={"v": (NET,)}, deleted_with=NET),
        res(SUB, WEB),
        res(AFTER, dependencies=(WEB,), property_dependencies={"v": (WEB,)}),
    )
)


def names(snapshot: Snapshot) -> list[str]:
    return [entry.urn for entry in snapshot.resources]


def move(*urns: Urn, to: Snapshot = Snapshot(), parents: bool = False) -> Moved:  # noqa: B008  # frozen
    after = moved(SOURCE, to, urns, THERE, parents=parents)
    assert problems(after.source) == []
    assert problems(after.target) == []
    return after


def test_children_go_along_and_lie_in_the_other_stack_with_a_copy_of_their_provider() -> None:
    after = move(WEB)

    assert names(after.source) == [STACK, PROVIDER, APP, NET, AFTER]
    assert names(after.target) == [
        urn("pulumi:pulumi:Stack::proj-b", "b"),
        urn("pulumi:providers:fake::default", "b"),
        urn("fake:index:Res::web", "b"),
        urn("fake:index:Res$fake:index:Res::sub", "b"),
    ]
    stack, provider, web, sub = after.target.resources
    assert provider.parent == web.parent == stack.urn
    assert sub.parent == web.urn
    assert web.provider == f"{provider.urn}::{ID}"
    assert web.id == "web-id"


def test_links_between_what_goes_and_what_stays_are_dropped_and_named() -> None:
    after = move(WEB)

    web, left = after.target.resources[2], after.source.resources[-1]
    assert (web.dependencies, web.property_dependencies, web.deleted_with) == ((), {}, None)
    assert (left.dependencies, left.property_dependencies) == ((), {})
    assert [(link.user.name, link.how, link.needed.name) for link in after.links] == [
        ("web", "depends on", "net"),
        ("web", "depends by `v` on", "net"),
        ("web", "is deleted with", "net"),
        ("after", "depends on", "web"),
        ("after", "depends by `v` on", "web"),
    ]


def test_links_among_what_goes_are_kept() -> None:
    after = move(WEB, NET, AFTER)

    entries = {entry.urn.name: entry for entry in after.target.resources}
    assert entries["web"].dependencies == (entries["net"].urn,)
    assert entries["web"].deleted_with == entries["net"].urn
    assert entries["after"].property_dependencies == {"v": (entries["web"].urn,)}
    assert after.links == ()


def test_parents_go_along_where_asked_for() -> None:
    after = move(WEB, parents=True)

    assert urn("my:mod:Comp$fake:index:Res::web", "b") in names(after.target)
    assert APP not in names(after.source)


def test_the_same_provider_there_is_used() -> None:
    there = ResourceState(
        urn("pulumi:providers:fake::default", "b"), PROVIDER.type, custom=True, id="2-2", inputs={"k": 1}
    )

    after = move(NET, to=Snapshot((there,)))

    assert after.copied == ()
    assert after.target.resources[-1].provider == f"{there.urn}::2-2"


def test_another_provider_of_that_name_is_in_the_way() -> None:
    there = ResourceState(
        urn("pulumi:providers:fake::default", "b"), PROVIDER.type, custom=True, id="2-2", inputs={"k": 2}
    )

    with pytest.raises(StateError, match="with other settings"):
        move(NET, to=Snapshot((there,)))


def test_a_resource_of_that_name_is_in_the_way() -> None:
    taken = ResourceState(urn("fake:index:Res::net", "b"), NET.type, custom=True, id="x")

    with pytest.raises(StateError, match="has `net` already"):
        move(NET, to=Snapshot((taken,)))


@pytest.mark.parametrize("fixed", [STACK, PROVIDER])
def test_the_stack_and_providers_are_not_moved_by_name(fixed: Urn) -> None:
    with pytest.raises(UsageError):
        move(fixed)


def test_what_was_begun_and_never_finished_is_not_moved() -> None:
    begun = PendingOperation(res(NET), OperationType.UPDATING)

    with pytest.raises(StateError, match="never finished"):
        moved(replace(SOURCE, pending_operations=(begun,)), Snapshot(), {NET}, THERE, parents=False)


def test_nothing_is_left_without_its_provider() -> None:
    inner = replace(SOURCE.resources[1], parent=APP)
    source = replace(SOURCE, resources=(SOURCE.resources[0], SOURCE.resources[2], inner, res(NET)))

    with pytest.raises(StateError, match="would stay without its provider"):
        moved(source, Snapshot(), {APP}, THERE, parents=False)
