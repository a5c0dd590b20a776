"""What holds for every run of a part of a stack. `Lifecycle` refuses any state that breaks a rule."""

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.properties.programs import NAMES, Parts, programs, unprotected
from tests.engine.properties.test_properties import faults, recorded, some, steps, told
from tomo.model.events import Result
from tomo.model.selection import Selection
from tomo.testing.lifecycle import Lifecycle


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    """Any choice of some names, as targets or as excludes, with replacements that are asked for."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    patterns = tuple(f"**::{name}" for name in names)
    replaced = draw(st.lists(st.sampled_from(NAMES), max_size=1))
    dependents = draw(st.booleans())
    excluding = draw(st.booleans())
    return Selection(
        () if excluding else patterns,
        patterns if excluding else (),
        tuple(f"**::{name}" for name in replaced),
        target_dependents=dependents and not excluding,
        exclude_dependents=dependents and excluding,
    )


@some(80)
@given(programs(), programs(), selections(), faults)
def test_no_run_of_a_part_breaks_the_state_or_loses_anything(
    first: Parts, second: Parts, selection: Selection, went_wrong: dict[tuple[str, str], str]
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)
    lifecycle.world.faults.update(went_wrong)

    lifecycle.up(second, selection=selection)

    retained = {part.name for program in (first, second) for part in program.parts if part.retain}
    lost = set(lifecycle.world.things) - recorded(lifecycle.snapshot)
    assert all(id_.rpartition("-")[0] in retained for id_ in lost)


@some(60)
@given(programs(), programs(), selections())
def test_a_run_of_a_part_does_what_its_plan_said(first: Parts, second: Parts, selection: Selection) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)

    planned = lifecycle.plan(second, selection=selection)
    again = lifecycle.plan(second, selection=selection)
    done = lifecycle.up(second, selection=selection)

    assert told(planned) == told(again)
    assert (planned.result is Result.SUCCEEDED) == (done.result is Result.SUCCEEDED)
    if done.result is Result.SUCCEEDED:
        assert steps(planned) == steps(done)


@some(60)
@given(programs(), programs(), selections())
def test_what_is_left_out_is_neither_asked_for_nor_changed(
    first: Parts, second: Parts, selection: Selection
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)
    before = {entry.urn: entry for entry in lifecycle.snapshot.resources if not entry.delete}
    things = {id_: dict(thing) for id_, thing in lifecycle.world.things.items()}

    outcome = lifecycle.up(second, selection=selection)

    after = {entry.urn: entry for entry in lifecycle.snapshot.resources if not entry.delete}
    for urn in outcome.plan.left_out:
        assert after.get(urn) == before.get(urn)
        if urn in before and before[urn].id in things:
            assert lifecycle.world.things[before[urn].id] == things[before[urn].id]


@some(50)
@given(programs(), programs(), selections())
def test_a_whole_run_after_one_of_a_part_comes_to_rest(
    first: Parts, second: Parts, selection: Selection
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(unprotected(first))
    lifecycle.up(unprotected(second), selection=selection)

    whole = lifecycle.up(unprotected(second))

    assert whole.result is Result.SUCCEEDED
    assert lifecycle.plan(unprotected(second)).plan.changes == ()


@some(60)
@given(programs(), selections(), faults)
def test_destroying_a_part_and_then_all_leaves_nothing(
    program: Parts, selection: Selection, went_wrong: dict[tuple[str, str], str]
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(unprotected(program))
    lifecycle.world.faults.update(went_wrong)
    lifecycle.destroy(selection=selection)
    lifecycle.world.faults.clear()

    whole = lifecycle.destroy()

    assert whole.result is Result.SUCCEEDED
    assert lifecycle.snapshot.resources == ()


@some(50)
@given(programs(), selections(), st.sets(st.sampled_from(NAMES)))
def test_refreshing_a_part_keeps_the_state_whole(
    program: Parts, selection: Selection, removed: set[str]
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(program)
    for id_ in [each for each in lifecycle.world.things if each.rpartition("-")[0] in removed]:
        del lifecycle.world.things[id_]

    lifecycle.refresh(selection=selection)

    kept = {entry.urn.name for entry in lifecycle.snapshot.resources}
    assert removed & set(selection.excludes) <= kept
