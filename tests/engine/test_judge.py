"""The decision about one resource, as a table."""

import pytest

from tomo.engine.verdict import GONE, judge, marked_drift, resolve
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.goal import Goal
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Secret

URN = Urn.make("dev", "proj", None, "fake:index:Res", "a")
NONE = DiffResult(changed=False)
UPDATE = DiffResult(changed=True, properties=(PropertyDiff("v", DiffKind.UPDATE, 1, 2),))
REPLACE = DiffResult(changed=True, properties=(PropertyDiff("v", DiffKind.UPDATE_REPLACE, 1, 2),))


def goal(**options: object) -> Goal:
    return Goal("fake:index:Res", "a", custom=True, inputs={}, **options)


def old(**fields: object) -> ResourceState:
    return ResourceState(URN, "fake:index:Res", custom=True, id="1", inputs={"v": 1}, **fields)


@pytest.mark.parametrize(
    ("wanted", "before", "diff", "op", "keys"),
    [
        (goal(), old(), NONE, Op.SAME, ()),
        (goal(), old(), UPDATE, Op.UPDATE, ()),
        (goal(), old(), REPLACE, Op.REPLACE, ("v",)),
        (goal(), old(), DiffResult(changed=True, replace_keys=("k", "k")), Op.REPLACE, ("k",)),
        (goal(), old(init_errors=("e",)), NONE, Op.UPDATE, ()),
        (goal(replace_on_changes=("*",)), old(init_errors=("e",)), NONE, Op.REPLACE, ("#initerror",)),
        (goal(replace_on_changes=("v",)), old(init_errors=("e",)), NONE, Op.UPDATE, ()),
        (goal(), old(pending_replacement=True), NONE, Op.REPLACE, ()),
        (goal(replacement_trigger=2), old(replacement_trigger=1), NONE, Op.REPLACE, ("replacementTrigger",)),
        (goal(replacement_trigger=1), old(replacement_trigger=Secret(1)), NONE, Op.SAME, ()),
        (
            goal(replacement_trigger=UNKNOWN),
            old(replacement_trigger=1),
            NONE,
            Op.REPLACE,
            ("replacementTrigger",),
        ),
        (goal(replacement_trigger=2), old(), NONE, Op.SAME, ()),
        (goal(), old(replacement_trigger=1), NONE, Op.SAME, ()),
    ],
)
def test_what_is_done_follows_from_goal_record_and_diff(
    wanted: Goal, before: ResourceState, diff: DiffResult, op: Op, keys: tuple[str, ...]
) -> None:
    verdict = judge(wanted, before, diff, ())

    assert (verdict.op, verdict.keys) == (op, keys)


def test_what_forces_a_replacement_does_so_without_a_difference() -> None:
    verdict = judge(goal(), old(), NONE, (), ["provider"])

    assert (verdict.op, verdict.keys, verdict.diffs) == (Op.REPLACE, ("provider",), ())


@pytest.mark.parametrize(
    ("choice", "provider_says", "first"), [(None, True, True), (False, True, False), (True, False, True)]
)
def test_the_programs_choice_of_order_wins(choice: bool | None, provider_says: bool, first: bool) -> None:
    diff = DiffResult(changed=True, replace_keys=("v",), delete_before_replace=provider_says)

    assert judge(goal(delete_before_replace=choice), old(), diff, ()).delete_before_replace is first


def test_drift_beyond_the_inputs_decides_by_its_kind() -> None:
    tag = PropertyDiff("imageId", DiffKind.UPDATE, drift=True, why="tag moved")
    anew = PropertyDiff("", DiffKind.UPDATE_REPLACE, drift=True, why="made anew by hand")

    assert judge(goal(), old(), NONE, [tag]).op is Op.UPDATE
    assert judge(goal(), old(), NONE, [anew]).op is Op.REPLACE


def test_drift_of_an_input_only_explains_what_the_comparison_finds() -> None:
    seen = PropertyDiff("v", DiffKind.UPDATE, 1, 7, drift=True, why="set by hand")

    assert judge(goal(), old(), NONE, [seen]).op is Op.SAME
    [told] = judge(goal(), old(), UPDATE, [seen]).diffs
    assert (told.drift, told.why, told.new) == (True, "set by hand", 2)


def test_a_difference_of_two_maps_is_told_by_its_members() -> None:
    whole = PropertyDiff("m", DiffKind.UPDATE_REPLACE, {"a": 1, "b": 1}, {"a": 2, "b": 1})
    explained = PropertyDiff("n", DiffKind.UPDATE, {"a": 1}, {"a": 2}, why="seen")

    verdict = judge(goal(), old(), DiffResult(changed=True, properties=(whole, explained)), ())

    assert [(diff.path, diff.kind) for diff in verdict.diffs] == [
        ("m.a", DiffKind.UPDATE_REPLACE),
        ("n", DiffKind.UPDATE),
    ]


def test_differences_that_reality_made_are_marked() -> None:
    recorded, seen = old(), ResourceState(URN, "t", custom=True, inputs={"v": 7})
    diffs = (PropertyDiff("v", DiffKind.UPDATE), PropertyDiff("w", DiffKind.ADD), GONE)

    assert [diff.drift for diff in marked_drift(diffs, recorded, seen)] == [True, False, True]
    assert marked_drift(diffs, None, seen) == marked_drift(diffs, seen, seen) == diffs


def test_a_provider_that_cannot_tell_is_helped_by_a_comparison() -> None:
    assert resolve(DiffResult(changed=None), {"v": 1}, {"v": 1}).changed is False
    assert resolve(DiffResult(changed=None), {"v": 1}, {"v": 2}).changed is True
