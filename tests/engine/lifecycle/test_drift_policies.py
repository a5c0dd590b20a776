"""Drift that is ignored or adopted, field by field."""

from __future__ import annotations

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.drift import DriftPolicy, DriftRule
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program

IGNORE = DriftPolicy({"v": DriftRule.IGNORE, "seen": DriftRule.IGNORE})
ADOPT = DriftPolicy({"v": DriftRule.ADOPT})


def one(p: Program, **inputs: int) -> None:
    p.res("a", {"v": 1, "w": 1, **inputs})


def moved(lifecycle: Lifecycle, policy: DriftPolicy | None, **changes: int) -> None:
    """An applied resource, changed on its host since."""
    lifecycle.up(one)
    [thing] = lifecycle.world.things.values()
    thing.update(changes)
    lifecycle.drift = {"a": policy} if policy else {}


def test_without_a_rule_drift_is_reverted(lifecycle: Lifecycle) -> None:
    moved(lifecycle, None, v=9)

    lifecycle.up(one)

    assert (lifecycle.ops("a"), lifecycle.world.things["a-1"]["v"]) == ([Op.UPDATE], 1)


def test_what_is_ignored_leaves_the_record_as_it_was(lifecycle: Lifecycle) -> None:
    moved(lifecycle, IGNORE, v=9)
    before = lifecycle.entry("a")

    lifecycle.up(one)

    assert lifecycle.ops("a") == [Op.SAME]
    assert (lifecycle.entry("a").inputs, lifecycle.entry("a").outputs["v"]) == (before.inputs, 1)
    assert lifecycle.world.things["a-1"]["v"] == 9


def test_another_field_is_reverted_all_the_same(lifecycle: Lifecycle) -> None:
    moved(lifecycle, IGNORE, v=9, w=9)

    outcome = lifecycle.plan(one)

    [step] = [step for step in outcome.plan.steps if step.urn.name == "a"]
    assert [diff.path for diff in step.diffs] == ["w"]


def test_what_no_input_holds_is_ignored_by_the_name_a_look_gives_it(lifecycle: Lifecycle) -> None:
    moved(lifecycle, IGNORE)
    lifecycle.world.drift["a"] = (PropertyDiff("seen[0]", DiffKind.UPDATE, drift=True, why="edited"),)

    ignored = lifecycle.ops("a", lifecycle.plan(one))
    lifecycle.drift = {}
    shown = lifecycle.ops("a", lifecycle.plan(one))

    assert (ignored, shown) == ([Op.SAME], [Op.UPDATE])


def test_what_is_gone_is_made_again_whatever_the_rules(lifecycle: Lifecycle) -> None:
    moved(lifecycle, IGNORE)
    lifecycle.world.things.clear()

    lifecycle.up(one)

    assert lifecycle.ops("a") == [Op.CREATE]


def test_what_is_adopted_is_told_once_and_recorded_beside_the_declaration(lifecycle: Lifecycle) -> None:
    moved(lifecycle, ADOPT, v=9)

    outcome = lifecycle.up(one)
    lifecycle.up(one)

    [step] = [step for step in outcome.plan.steps if step.urn.name == "a"]
    assert [(diff.path, diff.old, diff.new) for diff in step.diffs] == [("v", 1, 9)]
    assert lifecycle.ops("a") == [Op.SAME]
    assert (lifecycle.entry("a").inputs["v"], lifecycle.entry("a").outputs["v"]) == (1, 9)
    assert lifecycle.world.things["a-1"]["v"] == 9


def test_a_refresh_records_what_is_adopted(lifecycle: Lifecycle) -> None:
    moved(lifecycle, ADOPT, v=9)

    lifecycle.refresh()
    lifecycle.up(one)

    assert lifecycle.ops("a") == [Op.SAME]
    assert (lifecycle.entry("a").inputs["v"], lifecycle.entry("a").outputs["v"]) == (1, 9)


def test_what_is_adopted_is_kept_by_other_changes(lifecycle: Lifecycle) -> None:
    moved(lifecycle, ADOPT, v=9)

    lifecycle.up(lambda p: one(p, w=2))
    updated = dict(lifecycle.world.things["a-1"])
    lifecycle.up(lambda p: one(p, w=2, r=1))

    [replaced] = lifecycle.world.things.values()
    assert (updated["v"], updated["w"]) == (9, 2)
    assert (replaced["v"], replaced["r"]) == (9, 1)


def test_a_new_declaration_ends_what_was_adopted(lifecycle: Lifecycle) -> None:
    moved(lifecycle, ADOPT, v=9)
    lifecycle.up(one)

    lifecycle.up(lambda p: one(p, v=2))

    assert (lifecycle.ops("a"), lifecycle.world.things["a-1"]["v"]) == ([Op.UPDATE], 2)


def test_what_goes_back_by_itself_is_told_as_well(lifecycle: Lifecycle) -> None:
    moved(lifecycle, ADOPT, v=9)
    lifecycle.up(one)
    lifecycle.world.things["a-1"]["v"] = 1

    lifecycle.up(one)
    lifecycle.up(one)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").outputs["v"] == 1


def test_what_the_program_never_said_is_adopted_too(lifecycle: Lifecycle) -> None:
    moved(lifecycle, DriftPolicy({"u": DriftRule.ADOPT}), u=9)

    outcome = lifecycle.up(one)
    lifecycle.up(one)

    [step] = [step for step in outcome.plan.steps if step.urn.name == "a"]
    assert [(diff.path, diff.old, diff.new) for diff in step.diffs] == [("u", None, 9)]
    assert lifecycle.ops("a") == [Op.SAME]
    assert "u" not in lifecycle.entry("a").inputs
    assert lifecycle.world.things["a-1"]["u"] == 9
