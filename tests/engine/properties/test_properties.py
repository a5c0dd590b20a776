"""What holds for every program, every state and every failure."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.properties.programs import NAMES, Part, Parts, programs, unprotected
from tomo.engine.deployment import Outcome
from tomo.model.events import Result
from tomo.model.snapshot import Snapshot
from tomo.testing.fake_provider import TYPE, FakeWorld
from tomo.testing.lifecycle import Handle, Lifecycle, Program

verbs = st.sampled_from(("create", "update", "delete"))
kinds = st.sampled_from(("fail", "init"))
faults = st.dictionaries(st.tuples(verbs, st.sampled_from(NAMES)), kinds, max_size=4)


def some(examples: int) -> settings:
    """The same examples in every run; the world of an example is its own."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def steps(outcome: Outcome) -> Counter[tuple[str, str]]:
    return Counter((step.urn, step.op.pulumi_name) for step in outcome.plan.steps)


def told(outcome: Outcome) -> list[object]:
    return [
        (s.urn, s.op, s.diffs, s.keys, s.new and (s.new.inputs, s.new.outputs)) for s in outcome.plan.steps
    ]


def shape(snapshot: Snapshot) -> list[object]:
    """What a state says, but for the ids that the world gave and the order things were done in."""
    return sorted(
        (e.urn, sorted((k, str(v)) for k, v in e.inputs.items() if k in {"v", "r", "d"}), e.protect, e.delete)
        for e in snapshot.resources
    )


def recorded(snapshot: Snapshot) -> set[str]:
    return {e.id for e in snapshot.resources if e.type == TYPE and not e.pending_replacement}


@some(70)
@given(programs(), programs())
def test_a_second_up_changes_nothing(first: Parts, second: Parts) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)
    if lifecycle.up(second).result is not Result.SUCCEEDED:
        return
    calls = len([call for call in lifecycle.world.calls if call.verb in {"create", "update", "delete"}])

    again = lifecycle.up(second)

    assert again.plan.changes == ()
    assert len([c for c in lifecycle.world.calls if c.verb in {"create", "update", "delete"}]) == calls


@some(70)
@given(programs(), programs())
def test_an_up_does_what_the_plan_before_it_said(first: Parts, second: Parts) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)

    planned = lifecycle.plan(second)
    done = lifecycle.up(second)

    if done.result is Result.SUCCEEDED:
        assert planned.result is Result.SUCCEEDED
        assert steps(planned) == steps(done)
    else:
        assert planned.result is Result.FAILED


@some(70)
@given(programs(), programs(), st.data())
def test_a_plan_twice_is_the_same_plan(first: Parts, second: Parts, data: st.DataObject) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)
    _meddle(lifecycle.world, data)

    planned = lifecycle.plan(second)
    again = lifecycle.plan(second)

    assert told(planned) == told(again)


@some(70)
@given(programs(), programs())
def test_no_resource_goes_before_what_depends_on_it(first: Parts, second: Parts) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(unprotected(first))
    needed = {e.urn: {*e.dependencies, e.parent} for e in lifecycle.snapshot.resources}
    gone_with = {e.urn: e.deleted_with for e in lifecycle.snapshot.resources}

    lifecycle.up(unprotected(second))

    order = [s.urn for s in lifecycle.outcome.plan.steps if s.op.pulumi_name == "delete"]
    for place, urn in enumerate(order):
        late = [u for u in order[place + 1 :] if urn in needed.get(u, ()) and not gone_with[u]]
        assert not late


@some(70)
@given(programs(), programs())
def test_after_a_success_world_and_state_hold_the_same(first: Parts, second: Parts) -> None:
    lifecycle = Lifecycle()
    plain = [_unretained(program) for program in (first, second)]

    lifecycle.up(plain[0])
    lifecycle.up(plain[1])

    assert lifecycle.outcome.result is Result.SUCCEEDED
    assert recorded(lifecycle.snapshot) == set(lifecycle.world.things)


@some(70)
@given(programs(), programs(), faults)
def test_a_run_with_failures_repeated_comes_to_the_same_end(
    first: Parts, second: Parts, went_wrong: dict[tuple[str, str], str]
) -> None:
    undisturbed, disturbed = Lifecycle(), Lifecycle()
    plain = [_unretained(program) for program in (first, second)]
    for program in plain:
        undisturbed.up(program)
    disturbed.up(plain[0])
    disturbed.world.faults.update(went_wrong)

    disturbed.up(plain[1])
    disturbed.world.faults.clear()
    healed = disturbed.up(plain[1])

    assert healed.result is Result.SUCCEEDED
    assert shape(disturbed.snapshot) == shape(undisturbed.snapshot)
    assert recorded(disturbed.snapshot) == set(disturbed.world.things)
    assert disturbed.snapshot.pending_operations == ()


@some(60)
@given(programs(), programs(), st.data())
def test_a_run_killed_at_any_moment_is_taken_up_by_the_next(
    first: Parts, second: Parts, data: st.DataObject
) -> None:
    lifecycle, moments = Lifecycle(), []
    plain = [_unretained(program) for program in (first, second)]
    lifecycle.up(plain[0])
    lifecycle.saved.on_save = lambda snapshot: moments.append(
        (snapshot, {id_: dict(thing) for id_, thing in lifecycle.world.things.items()})
    )
    lifecycle.up(plain[1], parallel=1)
    end = shape(lifecycle.snapshot)
    at, things = moments[data.draw(st.integers(0, len(moments) - 1))]

    after = Lifecycle(FakeWorld(things=things, made=1000), snapshot=at)
    outcome = after.up(plain[1])

    assert outcome.result is Result.SUCCEEDED
    assert shape(after.snapshot) == end
    assert recorded(after.snapshot) == set(after.world.things)


@some(80)
@given(programs(), programs(), faults)
def test_nothing_protected_or_retained_is_ever_deleted(
    first: Parts, second: Parts, went_wrong: dict[tuple[str, str], str]
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(first)
    things = [e for e in lifecycle.snapshot.resources if e.type == TYPE]
    # What lives in another is lost with that, retained or not; protection keeps the other too.
    held = {e.id for e in things if e.protect or (e.retain_on_delete and not e.deleted_with)}
    lifecycle.world.faults.update(went_wrong)

    lifecycle.up(replace(second, parts=tuple(_as_before(part, first) for part in second.parts)))
    lifecycle.destroy()

    assert held <= set(lifecycle.world.things)


@some(80)
@given(programs(), faults)
def test_destroy_repeated_leaves_neither_state_nor_world(
    program: Parts, went_wrong: dict[tuple[str, str], str]
) -> None:
    lifecycle = Lifecycle()
    lifecycle.up(_unretained(program))
    lifecycle.world.faults.update(went_wrong)

    lifecycle.destroy()
    lifecycle.world.faults.clear()
    lifecycle.destroy()

    assert lifecycle.snapshot.resources == ()
    assert lifecycle.world.things == {}


@some(80)
@given(programs(), programs(), st.data())
def test_whatever_happens_outside_one_up_repairs(first: Parts, second: Parts, data: st.DataObject) -> None:
    lifecycle = Lifecycle()
    plain = [_unretained(program) for program in (first, second)]
    lifecycle.up(plain[0])
    _meddle(lifecycle.world, data)

    outcome = lifecycle.up(plain[1])

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.up(plain[1]).plan.changes == ()
    assert recorded(lifecycle.snapshot) == set(lifecycle.world.things)


@pytest.mark.parametrize("parallel", [1, 2, 16])
@some(30)
@given(programs(), programs())
def test_the_end_is_the_same_however_many_steps_run_at_once(
    parallel: int, first: Parts, second: Parts
) -> None:
    one, many = Lifecycle(), Lifecycle()
    for program in (first, second):
        one.up(program, parallel=1)
        many.up(program, parallel=parallel)

    assert shape(one.snapshot) == shape(many.snapshot)


def _meddle(world: FakeWorld, data: st.DataObject) -> None:
    """Changes and removes things behind the engine's back."""
    for id_ in sorted(world.things):
        what = data.draw(st.sampled_from(("leave", "change", "remove")))
        if what == "change":
            world.things[id_] = {**world.things[id_], data.draw(st.sampled_from(("v", "r", "d"))): 7}
        elif what == "remove":
            del world.things[id_]


def _unretained(program: Parts) -> Parts:
    parts = unprotected(program).parts
    return replace(program, parts=tuple(replace(part, retain=False) for part in parts))


def _as_before(part: Part, program: Parts) -> Part:
    """The part with the protection, and in the place, that it has in another program."""
    old = next((each for each in program.parts if each.name == part.name), None)
    if old is None:
        return part
    return replace(part, protect=old.protect, retain=old.retain, deleted_with=old.deleted_with)


class Importing:
    """A program's registrations, with the ids of what exists already."""

    def __init__(self, program: Program, ids: dict[str, str]) -> None:
        self._program, self._ids = program, ids

    def __getattr__(self, name: str) -> object:
        return getattr(self._program, name)

    def res(self, name: str, inputs: dict[str, object], **options: object) -> Handle:
        return self._program.res(name, inputs, import_id=self._ids[name], **options)


@some(70)
@given(programs())
def test_what_a_lost_state_held_is_imported_without_being_touched(program: Parts) -> None:
    made = Lifecycle()
    if made.up(program).result is not Result.SUCCEEDED:
        return
    ids = {e.urn.name: e.id for e in made.snapshot.resources if e.type == TYPE}
    found = Lifecycle(world=made.world)
    found.world.calls.clear()

    planned = found.plan(lambda p: program(Importing(p, ids)))
    done = found.up(lambda p: program(Importing(p, ids)))

    assert done.result is Result.SUCCEEDED
    assert steps(planned) == steps(done)
    assert not [call for call in found.world.calls if call.verb in {"create", "update", "delete"}]
    assert shape(found.snapshot) == shape(made.snapshot)
    assert found.up(program).plan.changes == ()
