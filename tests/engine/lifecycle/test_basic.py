from tomo.model.events import Result
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def two(v: int = 1):
    def program(p: Program) -> None:
        a = p.res("a", {"v": v})
        b = p.res("b", {"v": a.out("out")})
        p.export(said=b.out("out"))

    return program


def test_a_first_up_creates_everything_in_order(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(two())

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.ops("a") == [Op.CREATE]
    assert lifecycle.names() == ["a", "b"]
    assert lifecycle.entry("proj-dev").outputs == {"said": "b-2/a-1/1"}


def test_a_plan_after_an_up_is_empty_with_and_without_a_look(lifecycle: Lifecycle) -> None:
    lifecycle.up(two())

    looked, blind = lifecycle.plan(two()), lifecycle.plan(two(), look=False)

    assert looked.plan.changes == ()
    assert blind.plan.changes == ()


def test_a_plan_changes_neither_world_nor_state(lifecycle: Lifecycle) -> None:
    lifecycle.up(two())
    things, saves = dict(lifecycle.world.things), len(lifecycle.saves)

    outcome = lifecycle.plan(two(v=2))

    assert [step.op for step in outcome.plan.changes] == [Op.UPDATE, Op.UPDATE]
    assert lifecycle.world.things == things
    assert len(lifecycle.saves) == saves


def test_a_changed_input_updates_and_its_dependents_follow(lifecycle: Lifecycle) -> None:
    lifecycle.up(two())

    lifecycle.up(two(v=2))

    assert lifecycle.ops("a") == [Op.UPDATE]
    assert lifecycle.ops("b") == [Op.UPDATE]
    assert lifecycle.entry("b").inputs["v"] == "a-1/2"


def test_what_the_program_no_longer_declares_is_deleted_dependents_first(lifecycle: Lifecycle) -> None:
    lifecycle.up(two())

    lifecycle.up(lambda p: p.export())

    deletes = [call.name for call in lifecycle.world.calls if call.verb == "delete"]
    assert deletes == ["b", "a"]
    assert lifecycle.world.things == {}
    assert lifecycle.names() == []


def test_destroy_leaves_no_entry(lifecycle: Lifecycle) -> None:
    lifecycle.up(two())

    outcome = lifecycle.destroy()

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.snapshot.resources == ()
