"""Resources that were made and are not well."""

from dataclasses import replace

from tomo.model.events import Result
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_half_made_resource_is_recorded_and_updated_next_time(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "init"

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    errors = lifecycle.entry("a").init_errors
    lifecycle.world.faults.clear()
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert outcome.result is Result.FAILED
    assert errors == ("not well",)
    assert lifecycle.ops("a") == [Op.UPDATE]
    assert lifecycle.entry("a").init_errors == ()


def test_a_half_done_update_keeps_the_old_inputs_and_the_new_outputs(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.world.faults["update", "a"] = "init"

    lifecycle.up(lambda p: p.res("a", {"v": 2}) and None)

    entry = lifecycle.entry("a")
    assert (entry.inputs["v"], entry.outputs["v"], entry.init_errors) == (1, 2, ("not well",))


def test_a_resource_that_is_not_well_is_replaced_where_any_change_replaces(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "init"
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replace_on_changes=("*",)) and None)
    lifecycle.world.faults.clear()

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replace_on_changes=("*",)) and None)

    assert Op.REPLACE in lifecycle.ops("a")
    assert lifecycle.entry("a").init_errors == ()


def test_a_resource_that_was_never_finished_is_tried_again_whatever_a_look_finds(
    lifecycle: Lifecycle,
) -> None:
    lifecycle.world.faults["create", "a"] = "init"
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.world.faults.clear()
    lifecycle.snapshot = Snapshot(
        tuple(
            replace(e, outputs={**e.outputs, "out": "stale"}) if e.urn.name == "a" else e
            for e in lifecycle.snapshot.resources
        )
    )

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert lifecycle.ops("a") == [Op.UPDATE]
    assert lifecycle.entry("a").init_errors == ()


def test_what_depends_on_a_resource_that_is_not_well_waits_for_it(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("b", {"v": p.res("a", {"v": 1}).out("out")})

    lifecycle.world.faults["create", "a"] = "init"
    lifecycle.up(program)
    first = lifecycle.names()
    lifecycle.world.faults.clear()

    lifecycle.up(program)

    assert first == ["a"]
    assert (lifecycle.ops("a"), lifecycle.ops("b")) == ([Op.UPDATE], [Op.CREATE])
    assert lifecycle.entry("a").init_errors == ()


def test_a_replacement_that_is_not_well_keeps_its_original_condemned(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.faults["create", "a"] = "init"

    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    both = [(entry.id, entry.delete, entry.init_errors) for entry in lifecycle.snapshot.resources if entry.id]
    assert ("a-2", False, ("not well",)) in both
    assert ("a-1", True, ()) in both


def test_a_resource_that_is_not_well_is_deleted_like_any_other(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "init"
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    lifecycle.destroy()

    assert lifecycle.world.things == {}
    assert lifecycle.snapshot.resources == ()
