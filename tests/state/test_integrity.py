from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn
from tomo.state.integrity import problems

Fleet = Callable[[int], Snapshot]
Make = Callable[..., ResourceState]
NOWHERE = Urn("urn:pulumi:dev::shop::a:b:C::nowhere")


def with_last(snapshot: Snapshot, **changes: object) -> Snapshot:
    *others, last = snapshot.resources
    return Snapshot((*others, replace(last, **changes)))


def test_a_sound_snapshot_has_no_problems(fleet: Fleet) -> None:
    assert problems(fleet(3)) == []
    assert problems(Snapshot()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parent": NOWHERE}, "parent `urn:pulumi:dev::shop::a:b:C::nowhere`, which is missing"),
        ({"dependencies": (NOWHERE,)}, "dependency"),
        ({"property_dependencies": {"image": (NOWHERE,)}}, "property `image`"),
        ({"deleted_with": NOWHERE}, "`deletedWith`"),
        ({"replace_with": (NOWHERE,)}, "`replaceWith`"),
        ({"provider": f"{NOWHERE}::p1"}, "needs the provider"),
        ({"provider": "nonsense"}, "malformed provider reference"),
        ({"custom": False}, "is a component and has the id"),
        ({"type": ""}, "has no type"),
        ({"urn": Urn("c1")}, "is not a URN"),
    ],
)
def test_each_broken_rule_is_named(fleet: Fleet, changes: dict[str, object], expected: str) -> None:
    found = problems(with_last(fleet(2), **changes))

    assert len(found) == 1
    assert expected in found[0]


def test_a_provider_with_another_id_is_another_provider(fleet: Fleet) -> None:
    provider = fleet(1).resources[1]
    wrong = Snapshot((fleet(1).resources[0], replace(provider, id="p2"), fleet(1).resources[2]))

    assert "needs the provider" in problems(wrong)[0]


def test_a_pending_replacement_may_have_lost_its_provider(fleet: Fleet) -> None:
    assert problems(with_last(fleet(1), provider=f"{NOWHERE}::gone", pending_replacement=True)) == []


def test_what_is_needed_must_stand_before(fleet: Fleet) -> None:
    stack, provider, first, second = fleet(2).resources
    late = Snapshot((stack, provider, replace(first, dependencies=(second.urn,)), second))

    assert problems(late) == [f"`{first.urn}` has the dependency `{second.urn}`, which comes after it"]


def test_of_one_urn_only_one_may_live(fleet: Fleet) -> None:
    *others, last = fleet(1).resources

    twice = Snapshot((*others, last, replace(last, id="other")))
    replaced = Snapshot(
        (*others, last, replace(last, id="old", delete=True), replace(last, id="older", delete=True))
    )

    assert "twice" in problems(twice)[0]
    assert problems(replaced) == []


def test_a_provider_without_an_id_is_found_unless_it_is_being_made(fleet: Fleet) -> None:
    stack, provider = fleet(0).resources
    unmade = replace(provider, id="")

    assert "has no id" in problems(Snapshot((stack, unmade)))[0]
    assert problems(Snapshot((stack,), (PendingOperation(unmade, OperationType.CREATING),))) == []


def test_snippets_have_their_own_names(fleet: Fleet) -> None:
    snippets = [{"uuid": "a"}, {"uuid": "a"}, {}]

    found = problems(replace(fleet(0), extra={"snippets": snippets}))

    assert found == ["the snippet `a` stands in the state twice", "a snippet has no uuid"]


def test_the_cost_grows_with_the_number_of_entries_only(fleet: Fleet) -> None:
    # Counted, not timed: each entry's URN is looked at a bounded number of times.
    class Counted(Urn):
        __slots__ = ()
        looks = 0

        def __hash__(self) -> int:
            Counted.looks += 1
            return str.__hash__(self)

    def looks(count: int) -> int:
        snapshot = fleet(count)
        entries = tuple(replace(entry, urn=Counted(entry.urn)) for entry in snapshot.resources)
        Counted.looks = 0
        assert problems(Snapshot(entries)) == []
        return Counted.looks

    assert looks(400) < 4.5 * looks(100)
