from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.events import Result
from tomo.model.step import Op
from tomo.state.integrity import problems
from tomo.testing.lifecycle import Lifecycle, Program


def one(p: Program) -> None:
    a = p.res("a", {"v": 1})
    p.res("b", {"v": a.out("rid")})


def on_host(p: Program) -> None:
    ref = p.provider("web1", {"host": "web1"})
    p.res("a", {"v": 1}, provider=ref)


def test_what_was_changed_by_hand_is_changed_back_and_marked_as_drift(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    lifecycle.world.things["a-1"]["v"] = 7

    planned = lifecycle.plan(one)
    lifecycle.up(one)

    [step] = planned.plan.changes
    assert step.op is Op.UPDATE
    assert [(d.path, d.old, d.new, d.drift) for d in step.diffs] == [("v", 7, 1, True)]
    assert lifecycle.world.things["a-1"]["v"] == 1


def test_what_was_removed_by_hand_is_made_anew(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    del lifecycle.world.things["a-1"]

    planned = lifecycle.plan(one)
    lifecycle.up(one)

    assert [(s.urn.name, s.op) for s in planned.plan.changes] == [("a", Op.CREATE), ("b", Op.UPDATE)]
    assert "removed outside" in planned.plan.changes[0].diffs[0].why
    assert lifecycle.names() == ["a", "b"]


def test_without_a_look_drift_stays_unseen(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    lifecycle.world.things["a-1"]["v"] = 7

    assert lifecycle.plan(one, look=False).plan.changes == ()


def test_drift_that_inputs_cannot_express_forces_the_repair_its_kind_names(lifecycle: Lifecycle) -> None:
    lifecycle.up(one)
    lifecycle.world.drift["a"] = (
        PropertyDiff("imageId", DiffKind.UPDATE, "1", "2", drift=True, why="tag moved"),
    )

    planned = lifecycle.plan(one)

    [step] = planned.plan.changes
    assert (step.urn.name, step.op, step.diffs[-1].why) == ("a", Op.UPDATE, "tag moved")


def test_a_silent_host_is_a_status_and_not_the_end_of_the_plan(lifecycle: Lifecycle) -> None:
    lifecycle.up(on_host)
    lifecycle.world.silent.add("web1")

    outcome = lifecycle.plan(on_host)

    assert outcome.result is Result.SUCCEEDED
    assert outcome.plan.changes == ()
    assert [(u.host, u.resources) for u in outcome.plan.unlooked] == [("web1", 1)]


def test_a_host_that_answers_again_during_apply_is_looked_at_before_deciding(lifecycle: Lifecycle) -> None:
    lifecycle.up(on_host)
    lifecycle.world.things.clear()
    lifecycle.world.silent.add("web1")

    def heals(p: Program) -> None:
        lifecycle.world.silent.clear()
        on_host(p)

    outcome = lifecycle.up(heals)

    assert lifecycle.ops("a") == [Op.CREATE]
    assert outcome.plan.unlooked == ()
    assert len(lifecycle.world.things) == 1


def test_a_changed_provider_is_looked_through_anew(lifecycle: Lifecycle) -> None:
    lifecycle.up(on_host)
    lifecycle.world.things.clear()

    def moved(p: Program) -> None:
        ref = p.provider("web1", {"host": "web2"})
        p.res("a", {"v": 1}, provider=ref)

    outcome = lifecycle.plan(moved)

    assert [(s.urn.name, s.op) for s in outcome.plan.changes] == [("web1", Op.UPDATE), ("a", Op.CREATE)]


def test_what_a_second_look_finds_gone_is_made_anew_and_stands_in_the_state_once(
    lifecycle: Lifecycle,
) -> None:
    def two_on_host(p: Program) -> None:
        ref = p.provider("web1", {"host": "web1"})
        a = p.res("a", {"v": 1}, provider=ref)
        p.res("b", {"v": 1}, provider=ref, needs=[a])

    lifecycle.up(two_on_host)
    lifecycle.world.things.clear()
    lifecycle.world.silent.add("web1")

    def heals(p: Program) -> None:
        lifecycle.world.silent.clear()
        two_on_host(p)

    lifecycle.up(heals)

    assert lifecycle.names() == ["a", "b"]
    assert [problems(snapshot) for snapshot in lifecycle.saves if problems(snapshot)] == []
