"""An earlier state as a source: what was is asked for again, on what stands there now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tomo.model.events import Result
from tomo.model.goal import Goal, ReadGoal
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.model.urn import STACK_TYPE
from tomo.model.values import Secret, Unknown
from tomo.program.recorded import RecordedSource
from tomo.state.edit import renamed
from tomo.testing.fake_provider import TYPE
from tomo.testing.lifecycle import Lifecycle, Program

Run = Callable[[Program], None]


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle()


def up(lifecycle: Lifecycle, program: Run | RecordedSource) -> Snapshot:
    outcome = lifecycle.up(program)
    assert outcome.result is Result.SUCCEEDED, outcome.failures
    return lifecycle.snapshot


def back(lifecycle: Lifecycle, past: Snapshot) -> Snapshot:
    return up(lifecycle, RecordedSource(past, lifecycle.snapshot))


def changes(lifecycle: Lifecycle, program: Run | RecordedSource) -> list[tuple[Op, str]]:
    return [(step.op, step.urn.name) for step in lifecycle.plan(program).plan.changes]


def house(p: Program) -> None:
    """A provider, a component, links by id and by a computed output, a secret, options."""
    ref = p.provider("here", {"host": "192.0.2.1"})
    app = p.component("app")
    net = p.res("net", {"v": "one"}, under=app, provider=ref)
    data = p.res("data", {"v": 1}, under=app, provider=ref, protect=True, retain_on_delete=True)
    web = p.res(
        "web",
        {
            "token": Secret("s3cret"),
            "via": net.out("id"),
            "deep": {"list": [net.out("out"), data.out("rid"), "plain"]},
        },
        under=app,
        provider=ref,
        ignore_changes=("whatever",),
        deleted_with=net.urn,
    )
    p.registrar.register_outputs(app.urn, {"where": web.value("id")})
    p.export(web=web.out("id"), said="hello")


def test_the_present_is_reached_without_a_step(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)

    assert changes(lifecycle, RecordedSource(past, past)) == []


def test_what_was_deleted_comes_back_linked_to_what_is_made_now(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)
    kept = lifecycle.entry("data").id
    up(lifecycle, _data_alone)

    back(lifecycle, past)

    net, web = lifecycle.entry("net"), lifecycle.entry("web")
    assert web.inputs["via"] == net.id != past_entry(past, "net").id
    assert web.inputs["deep"] == {"list": [net.outputs["out"], kept, "plain"]}
    assert changes(lifecycle, house) == []


def _data_alone(p: Program) -> None:
    app = p.component("app")
    ref = p.provider("here", {"host": "192.0.2.1"})
    p.res("data", {"v": 1}, under=app, provider=ref, protect=True, retain_on_delete=True)
    p.export(said="later")


def test_outputs_follow_the_resources_whose_ids_they_held(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)
    up(lifecycle, _data_alone)

    back(lifecycle, past)

    stack = next(e for e in lifecycle.snapshot.resources if e.type == STACK_TYPE)
    web = lifecycle.entry("web").id
    assert dict(stack.outputs) == {"web": web, "said": "hello"}
    assert dict(lifecycle.entry("app").outputs) == {"where": web}


def test_options_of_then_are_recorded_again(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)
    up(lifecycle, _data_alone)

    back(lifecycle, past)

    for name in ("web", "data"):
        then, now = past_entry(past, name), lifecycle.entry(name)
        assert (now.protect, now.retain_on_delete) == (then.protect, then.retain_on_delete)
        assert (now.ignore_changes, now.deleted_with) == (then.ignore_changes, then.deleted_with)
        assert (now.parent, set(now.dependencies)) == (then.parent, set(then.dependencies))
        assert now.property_dependencies == then.property_dependencies
    assert isinstance(lifecycle.entry("web").inputs["token"], Secret)


def test_a_plan_names_where_what_is_not_there_yet_comes_from(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)
    up(lifecycle, _data_alone)

    plan = lifecycle.plan(RecordedSource(past, lifecycle.snapshot)).plan

    web = next(step for step in plan.changes if step.urn.name == "web")
    via = web.entry.inputs["via"]
    assert isinstance(via, Unknown)
    assert via.origins == (f"{past_entry(past, 'net').urn}.id",)


def test_what_was_made_since_is_deleted_and_what_changed_is_changed_back(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, lambda p: p.res("a", {"v": 1}) and None)

    def later(p: Program) -> None:
        p.res("a", {"v": 2})
        p.res("b")

    up(lifecycle, later)

    planned = changes(lifecycle, RecordedSource(past, lifecycle.snapshot))
    back(lifecycle, past)

    assert set(planned) == {(Op.UPDATE, "a"), (Op.DELETE, "b")}
    assert lifecycle.names() == ["a"]
    assert lifecycle.entry("a").inputs["v"] == 1


def test_a_provider_has_its_settings_of_then(lifecycle: Lifecycle) -> None:
    def at(region: str) -> Run:
        return lambda p: p.res("a", {"v": 1}, provider=p.provider("here", {"region": region})) and None

    past = up(lifecycle, at("north"))
    up(lifecycle, at("south"))

    back(lifecycle, past)

    assert lifecycle.entry("here").inputs["region"] == "north"
    assert changes(lifecycle, at("north")) == []


def test_a_default_provider_is_asked_for_as_it_was(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"fake:host": "192.0.2.1"}
    past = up(lifecycle, lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.config = {"fake:host": "192.0.2.2"}
    up(lifecycle, lambda p: p.res("a", {"v": 1}) and None)

    back(lifecycle, past)

    assert lifecycle.entry("default").inputs["host"] == "192.0.2.1"


def test_a_resource_that_has_another_name_now_is_not_made_again(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, lambda p: p.res("a", {"v": 1}) and None)
    id_ = lifecycle.entry("a").id
    lifecycle.snapshot, _ = renamed(lifecycle.snapshot, lifecycle.entry("a").urn, "b")

    back(lifecycle, past)

    assert lifecycle.names() == ["a"]
    assert lifecycle.entry("a").id == id_
    assert lifecycle.world.verbs("a").count("create") == 1


def test_what_is_only_read_is_read_again(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"v": 5}

    def program(p: Program) -> None:
        seen = p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=p.stack.urn)).result(9)
        goal = Goal(
            TYPE,
            "a",
            custom=True,
            inputs={"of": seen.outputs["rid"]},
            parent=p.stack.urn,
            dependencies=(seen.urn,),
            property_dependencies={"of": (seen.urn,)},
        )
        p.registrar.register(goal).result(9)

    past = up(lifecycle, program)
    up(lifecycle, lambda p: p.export())

    back(lifecycle, past)

    assert lifecycle.entry("seen").external
    assert lifecycle.entry("a").inputs["of"] == "x-9"
    assert "x-9" in lifecycle.world.things


def test_two_of_one_name_never_stand_side_by_side(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, lambda p: p.res("a", {"name": "the", "r": 1}) and None)
    up(lifecycle, lambda p: p.res("a", {"name": "the", "r": 2}) and None)

    back(lifecycle, past)

    assert [op for op in lifecycle.ops("a") if op is not Op.REPLACE] == [
        Op.DELETE_REPLACED,
        Op.CREATE_REPLACEMENT,
    ]


def test_a_failure_leaves_alone_what_needs_it_and_the_next_try_ends_it(lifecycle: Lifecycle) -> None:
    past = up(lifecycle, house)
    up(lifecycle, _data_alone)
    lifecycle.world.faults["create", "net"] = "fail"

    failed = lifecycle.up(RecordedSource(past, lifecycle.snapshot))
    lifecycle.world.faults.clear()
    back(lifecycle, past)

    assert failed.result is Result.FAILED
    assert lifecycle.world.verbs("web").count("create") == 2
    assert changes(lifecycle, house) == []


def past_entry(past: Snapshot, name: str) -> ResourceState:
    return next(entry for entry in past.resources if entry.urn.name == name)
