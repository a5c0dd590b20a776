"""A failing step, and what goes on beside it."""

from tomo.engine.gate import Shown
from tomo.errors import ProgramFailed
from tomo.model.events import Result, StepSkipped
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def nothing(p: Program) -> None:
    p.export()


def test_children_of_a_component_that_a_stuck_resource_needs_are_kept(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        box = p.component("box")
        p.res("child", {"v": 1}, under=box)
        p.res("stuck", {"v": 1}, needs=[box])

    lifecycle.up(program)
    lifecycle.world.faults["delete", "stuck"] = "fail"

    lifecycle.up(nothing)

    assert lifecycle.names() == ["child", "stuck"]


def three(p: Program) -> None:
    a = p.res("a", {"v": 1})
    p.res("b", {"v": a.out("out")})
    p.res("c", {"v": 3})


def test_a_failing_resource_stops_its_dependents_only(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(three)

    assert outcome.result is Result.FAILED
    assert [failure.urn.rsplit("::")[-1] for failure in outcome.failures] == ["a"]
    assert lifecycle.names() == ["c"]
    assert [e.urn.rsplit("::")[-1] for e in lifecycle.events if isinstance(e, StepSkipped)] == ["b"]


def test_only_what_was_done_counts_as_done(lifecycle: Lifecycle) -> None:
    lifecycle.up(three)
    lifecycle.world.faults["delete", "c"] = "fail"

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert outcome.plan.counts == {Op.SAME: 2, Op.DELETE: 1}
    assert lifecycle.names() == ["a", "c"]


def test_stop_on_error_begins_nothing_more(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(three, stop_on_error=True)

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == []


def test_deletes_wait_for_a_run_without_failure(lifecycle: Lifecycle) -> None:
    lifecycle.up(three)
    lifecycle.world.faults["create", "d"] = "fail"

    lifecycle.up(lambda p: p.res("d", {"v": 1}) and None)
    kept = lifecycle.names()
    lifecycle.world.faults.clear()
    lifecycle.up(lambda p: p.res("d", {"v": 1}) and None)

    assert kept == ["a", "b", "c"]
    assert lifecycle.names() == ["d"]


def test_a_plainly_failed_update_keeps_the_old_inputs_and_is_retried(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.world.faults["update", "a"] = "fail"

    lifecycle.up(lambda p: p.res("a", {"v": 2}) and None)
    kept = lifecycle.entry("a").inputs["v"]
    lifecycle.world.faults.clear()
    lifecycle.up(lambda p: p.res("a", {"v": 2}) and None)

    assert kept == 1
    assert lifecycle.ops("a") == [Op.UPDATE]


def test_a_failed_delete_keeps_the_entry_and_what_it_needs(lifecycle: Lifecycle) -> None:
    lifecycle.up(three)
    lifecycle.world.faults["delete", "b"] = "fail"

    outcome = lifecycle.up(lambda p: p.export())

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["a", "b"]


def test_a_program_that_raises_deletes_nothing_and_keeps_what_was_made(lifecycle: Lifecycle) -> None:
    lifecycle.up(three)

    def broken(p: Program) -> None:
        p.res("d", {"v": 4})
        raise ProgramFailed("KeyError: 'x'")

    outcome = lifecycle.up(broken)

    assert outcome.result is Result.FAILED
    assert str(outcome.program_error) == "KeyError: 'x'"
    assert set(lifecycle.names()) == {"a", "b", "c", "d"}


def test_old_stack_outputs_survive_a_failed_run(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.export(one=1, two=2))

    def broken(p: Program) -> None:
        p.res("a", {"bad": "x"})
        p.export(two=3)

    lifecycle.up(broken)

    assert lifecycle.entry("proj-dev").outputs == {"one": 1, "two": 3}


def test_an_invalid_input_names_resource_and_property(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.plan(lambda p: p.res("a", {"bad": "x"}) and None)

    assert outcome.result is Result.FAILED
    assert "`a`" in str(outcome.failures[0].error)
    assert "bad: `x` is not allowed" in str(outcome.failures[0].error)


def test_a_urn_registered_twice_stops_the_program(lifecycle: Lifecycle) -> None:
    def twice(p: Program) -> None:
        p.res("a", {"v": 1})
        p.res("a", {"v": 2})

    outcome = lifecycle.up(twice)

    assert "duplicate resource URN" in str(outcome.program_error)


def test_a_step_that_was_not_shown_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 2}) and None, gate=Shown({}))

    assert outcome.failures[0].error.code == "plan-refused"
    assert lifecycle.entry("a").inputs["v"] == 1


def test_a_run_that_stopped_takes_no_outputs(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        p.export(answer=2)

    lifecycle.up(lambda p: p.export(answer=1))
    lifecycle.world.faults["create", "a"] = "fail"

    lifecycle.up(program, stop_on_error=True)

    stack = next(entry for entry in lifecycle.snapshot.resources if entry.urn.name == "proj-dev")
    assert stack.outputs == {"answer": 1}
