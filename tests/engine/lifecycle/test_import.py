"""The `import` option: what exists is taken into the state, and nothing is changed for it."""

from collections.abc import Callable

import pytest

from tomo.engine.gate import Shown
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.events import Result
from tomo.model.goal import ReadGoal
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.testing.fake_provider import TYPE
from tomo.testing.lifecycle import Lifecycle, Program


def there(lifecycle: Lifecycle, *ids: str, **values: object) -> None:
    """Something that somebody else made."""
    for id_ in ids:
        lifecycle.world.things[id_] = {"v": 1, "auto": f"{id_}-auto", **values}


def importing(id_: str, name: str = "a", **options: object) -> Callable[[Program], None]:
    inputs = options.pop("inputs", {"v": 1})
    return lambda p: p.res(name, inputs, import_id=id_, **options) and None


def writes(lifecycle: Lifecycle) -> list[str]:
    return [c.verb for c in lifecycle.world.calls if c.verb in {"create", "update", "delete", "swap"}]


def test_what_exists_is_taken_in_as_it_is(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")

    lifecycle.up(importing("a-7"))

    entry = lifecycle.entry("a")
    assert lifecycle.ops("a") == [Op.IMPORT]
    assert (entry.id, entry.import_id, entry.inputs) == ("a-7", "a-7", {"v": 1, "auto": "a-7-auto"})
    assert (entry.outputs["rid"], bool(entry.created), entry.created == entry.modified) == ("a-7", True, True)
    assert writes(lifecycle) == []


def test_the_plan_of_an_import_is_what_up_then_does(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")

    planned = lifecycle.plan(importing("a-7", inputs={"v": 2}))
    lifecycle.up(importing("a-7", inputs={"v": 2}))

    assert lifecycle.ops("a", planned) == lifecycle.ops("a") == [Op.IMPORT, Op.UPDATE]
    assert planned.plan.counts[Op.IMPORT] == 1


def test_the_next_run_leaves_what_was_imported_alone(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")
    lifecycle.up(importing("a-7"))

    lifecycle.up(importing("a-7"))

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").import_id == "a-7"


def test_the_option_may_be_taken_out_again(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")
    lifecycle.up(importing("a-7"))

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").import_id == ""


def test_other_inputs_update_what_was_imported(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")

    lifecycle.up(importing("a-7", inputs={"v": 2}))

    entry = lifecycle.entry("a")
    assert lifecycle.ops("a") == [Op.IMPORT, Op.UPDATE]
    assert (entry.inputs["v"], entry.outputs["out"], entry.import_id) == (2, "a-7/2", "")
    lifecycle.up(importing("a-7", inputs={"v": 2}))
    assert (lifecycle.ops("a"), lifecycle.entry("a").import_id) == ([Op.SAME], "a-7")


def test_inputs_that_would_replace_it_are_named_and_refused(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", r=1)

    outcome = lifecycle.up(importing("a-7", inputs={"v": 1, "r": 2}))

    assert outcome.result is Result.FAILED
    assert "`r` differs" in outcome.failures[0].error.message
    assert writes(lifecycle) == []
    assert lifecycle.entry("a").inputs["r"] == 1


def test_a_plan_says_so_beforehand(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", r=1)

    planned = lifecycle.plan(importing("a-7", inputs={"v": 1, "r": 2}))

    assert "`r` differs" in planned.failures[0].error.message


def test_what_is_still_imported_is_not_replaced_later_either(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", r=1)
    lifecycle.up(importing("a-7", inputs={"v": 1, "r": 1}))

    outcome = lifecycle.up(importing("a-7", inputs={"v": 1, "r": 2}))

    assert outcome.result is Result.FAILED
    assert "remove `import`" in outcome.failures[0].error.hint
    assert writes(lifecycle) == []


def test_an_id_that_does_not_exist_is_an_error_that_says_what_to_do(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(importing("a-7"))

    error = outcome.failures[0].error
    assert "`a-7` does not exist" in error.message
    assert "check the id" in error.hint
    assert lifecycle.names() == []


def test_a_silent_host_makes_a_plan_incomplete_and_a_run_fail(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")
    lifecycle.world.silent.add("")

    planned = lifecycle.plan(importing("a-7"), look=False)
    outcome = lifecycle.up(importing("a-7"), look=False)

    assert lifecycle.ops("a", planned) == [Op.IMPORT]
    assert planned.plan.unlooked[0].problem == " does not answer"
    assert "does not answer" in outcome.failures[0].error.message


def test_what_depends_on_it_gets_its_outputs_in_the_plan_already(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")

    def program(p: Program) -> None:
        a = p.res("a", {"v": 1}, import_id="a-7")
        p.res("b", {"from": a.out("out")})

    planned = lifecycle.plan(program)

    made = next(step for step in planned.plan.steps if step.urn.name == "b")
    assert made.entry.inputs["from"] == "a-7/1"


def test_ignored_inputs_stay_as_they_were_found(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", r=1)

    lifecycle.up(importing("a-7", inputs={"v": 5, "r": 6}, ignore_changes=("v", "r")))

    assert lifecycle.ops("a") == [Op.IMPORT]
    assert (lifecycle.entry("a").inputs["v"], lifecycle.entry("a").inputs["r"]) == (1, 1)


def test_another_id_takes_the_place_of_the_first_which_is_deleted_at_the_end(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", "a-8")
    lifecycle.up(importing("a-7"))

    planned = lifecycle.plan(importing("a-8"))
    lifecycle.up(importing("a-8"))

    wanted = [Op.IMPORT_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert lifecycle.ops("a") == lifecycle.ops("a", planned) == wanted
    assert writes(lifecycle) == ["delete"]
    assert (lifecycle.entry("a").id, list(lifecycle.world.things)) == ("a-8", ["a-8"])


def test_a_protected_one_is_not_given_up_for_another_id(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", "a-8")
    lifecycle.up(importing("a-7", protect=True))

    outcome = lifecycle.up(importing("a-8", protect=True))

    assert "is protected" in outcome.failures[0].error.message
    assert lifecycle.entry("a").id == "a-7"


def test_what_was_only_read_can_be_imported(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")
    lifecycle.up(
        lambda p: p.registrar.read(ReadGoal(TYPE, "a", "a-7", {}, parent=p.stack.urn)).result(9) and None
    )

    lifecycle.up(importing("a-7"))

    assert lifecycle.entry("a").external is False
    assert len([e for e in lifecycle.snapshot.resources if e.urn.name == "a"]) == 1


def test_an_update_that_fails_leaves_the_import_in_the_state(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")
    lifecycle.world.faults["update", "a"] = "fail"
    lifecycle.up(importing("a-7", inputs={"v": 2}))
    lifecycle.world.faults.clear()

    assert lifecycle.entry("a").inputs["v"] == 1
    lifecycle.up(importing("a-7", inputs={"v": 2}))

    assert lifecycle.ops("a") == [Op.UPDATE]


def test_a_step_that_was_not_shown_is_not_imported(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7")

    outcome = lifecycle.up(importing("a-7"), gate=Shown({}))

    assert outcome.failures[0].error.code == "plan-refused"
    assert lifecycle.names() == []


def test_secrets_of_the_program_stay_secret_in_what_was_found(lifecycle: Lifecycle) -> None:
    there(lifecycle, "a-7", s="hidden")

    lifecycle.up(importing("a-7", inputs={"v": 1, "s": Secret("hidden")}))

    entry = lifecycle.entry("a")
    assert isinstance(entry.inputs["s"], Secret)
    assert isinstance(entry.outputs["s"], Secret)


def test_providers_are_not_imported(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(
        lambda p: (
            p._declare("pulumi:providers:fake", "x", {}, custom=True, options={"import_id": "y"}) and None
        )
    )

    assert "providers can't be imported" in outcome.failures[0].error.message


@pytest.mark.parametrize("dry", [True, False])
def test_an_imported_one_that_drifted_is_repaired_like_any_other(lifecycle: Lifecycle, *, dry: bool) -> None:
    there(lifecycle, "a-7")
    lifecycle.up(importing("a-7"))
    lifecycle.world.things["a-7"]["v"] = 9
    lifecycle.world.drift["a"] = (PropertyDiff("v", DiffKind.UPDATE, 9, 1, drift=True),)

    outcome = (lifecycle.plan if dry else lifecycle.up)(importing("a-7"))

    assert lifecycle.ops("a", outcome) == [Op.UPDATE]


def test_a_trigger_beside_an_import_replaces_nothing_yet(lifecycle: Lifecycle) -> None:
    def program(trigger: int, value: int):
        return lambda p: p.res("a", {"v": value}, import_id="a-7", replacement_trigger=trigger) and None

    lifecycle.world.things["a-7"] = {"v": 1, "auto": "a-0"}
    lifecycle.up(program(1, 2))
    after_update = lifecycle.entry("a").replacement_trigger

    lifecycle.up(program(2, 2))

    assert after_update is None
    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").replacement_trigger == 2
