from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.state.conftest import PROVIDER, STACK, container
from tomo.errors import StateError, UsageError
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn, provider_ref
from tomo.state.edit import condemned, dependents, renamed, without
from tomo.state.integrity import problems

Fleet = Callable[[int], Snapshot]
DOCKER = "docker:index/container:Container"


def urn(name: str) -> Urn:
    return Urn.make("dev", "shop", STACK, DOCKER, name)


@pytest.fixture
def chained(fleet: Fleet) -> Snapshot:
    """c1 needs c0 by a property, c2 needs c1, c3 is deleted with c0, c4 lies in c3, c5 stands alone."""
    head = fleet(1).resources
    return Snapshot(
        (
            *head,
            container("c1", property_dependencies={"name": (urn("c0"),)}),
            container("c2", dependencies=(urn("c1"),)),
            container("c3", deleted_with=urn("c0")),
            container("c4", parent=urn("c3")),
            container("c5"),
        )
    )


def names(entries: object) -> list[str]:
    return [entry.urn.name for entry in entries]  # type: ignore[attr-defined]


def test_what_lies_in_a_resource_or_needs_it_depends_on_it(chained: Snapshot) -> None:
    assert names(dependents(chained, urn("c0"))) == ["c1", "c2", "c3", "c4"]
    assert names(dependents(chained, urn("c5"))) == []
    assert names(dependents(chained, PROVIDER)) == ["c0", "c1", "c2", "c3", "c4", "c5"]


def test_a_resource_that_others_need_is_not_forgotten_alone(chained: Snapshot) -> None:
    with pytest.raises(StateError, match="`c1`, `c2`, `c3`, `c4` would be left") as caught:
        condemned(chained, urn("c0"), with_dependents=False, force=True)

    assert "--target-dependents" in caught.value.hint


def test_with_its_dependents_it_goes_and_the_state_stays_whole(chained: Snapshot) -> None:
    gone = condemned(chained, urn("c0"), with_dependents=True, force=False)

    left = without(chained, {entry.urn for entry in gone})

    assert names(gone) == ["c0", "c1", "c2", "c3", "c4"]
    assert names(left.resources[2:]) == ["c5"]
    assert problems(left) == []


def test_what_is_protected_is_forgotten_by_force_only(chained: Snapshot) -> None:
    guarded = Snapshot((*chained.resources[:-1], replace(chained.resources[-1], protect=True)))

    with pytest.raises(StateError, match="`c5` is protected") as caught:
        condemned(guarded, urn("c5"), with_dependents=False, force=False)

    assert "--force" in caught.value.hint
    assert names(condemned(guarded, urn("c5"), with_dependents=False, force=True)) == ["c5"]


def test_a_protected_dependent_holds_the_resource_too(chained: Snapshot) -> None:
    entries = [replace(e, protect=e.urn.name == "c4") for e in chained.resources]

    with pytest.raises(StateError, match="`c4` is protected"):
        condemned(Snapshot(tuple(entries)), urn("c0"), with_dependents=True, force=False)


def test_what_was_begun_with_it_is_forgotten_too(chained: Snapshot) -> None:
    begun = PendingOperation(chained.resources[-1], OperationType.UPDATING)

    left = without(replace(chained, pending_operations=(begun,)), {urn("c5")})

    assert left.pending_operations == ()


def test_a_new_name_stands_wherever_the_old_one_was_mentioned(chained: Snapshot) -> None:
    after, new = renamed(chained, urn("c0"), "first")

    assert new == urn("first")
    assert problems(after) == []
    assert str(urn("c0")) not in repr(after)
    assert names(dependents(after, new)) == ["c1", "c2", "c3", "c4"]
    assert after.resources[-1] is chained.resources[-1]


def test_a_provider_s_new_name_stands_in_every_reference_to_it(chained: Snapshot) -> None:
    after, new = renamed(chained, PROVIDER, "machine")

    assert problems(after) == []
    assert {entry.provider for entry in after.resources[2:]} == {provider_ref(new, "p1")}


def test_a_name_that_is_taken_or_none_is_refused(chained: Snapshot) -> None:
    with pytest.raises(StateError, match="in the state already"):
        renamed(chained, urn("c0"), "c1")
    for name in ("", "a\nb"):
        with pytest.raises(UsageError, match="can't be a resource's name"):
            renamed(chained, urn("c0"), name)
    with pytest.raises(UsageError, match="the stack itself"):
        renamed(chained, STACK, "x")
