from concurrent.futures import Future

import pytest

from tomo.engine.gate import Shown
from tomo.errors import ProviderFailed
from tomo.model.events import HostLooked, Result, StepDone, StepFailed, StepSkipped
from tomo.model.goal import Goal
from tomo.model.step import Op
from tomo.testing.fake_provider import TYPE, FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def one(p: Program) -> None:
    p.res("a", {"v": 1})


@pytest.mark.parametrize("verb", ["create", "diff", "delete"])
def test_a_foreign_error_of_a_provider_fails_one_resource_and_not_the_run(
    lifecycle: Lifecycle, broken, verb: str
) -> None:
    if verb != "create":
        lifecycle.up(one)
    broken(verb)

    outcome = lifecycle.up((lambda p: p.res("b", {"v": 1}) and None) if verb == "delete" else two)

    assert outcome.result is Result.FAILED
    assert "ZeroDivisionError" in str(outcome.failures[0].error)
    assert "b" in lifecycle.names()


def two(p: Program) -> None:
    p.res("a", {"v": 2})
    p.res("b", {"v": 1})


def test_a_provider_that_fails_to_look_is_a_host_that_was_not_looked_at(lifecycle: Lifecycle, broken) -> None:
    lifecycle.up(one)
    lifecycle.redact = lambda text: text.replace("hunter2", "[secret]")
    broken("read")

    outcome = lifecycle.plan(one)

    assert outcome.result is Result.SUCCEEDED
    assert outcome.plan.unlooked[0].problem == "the provider raised ZeroDivisionError: [secret]"
    told = [event for event in lifecycle.events if isinstance(event, HostLooked) and event.problem]
    assert "hunter2" not in told[0].problem


def test_a_program_that_swallows_a_refusal_still_fails_and_deletes_nothing(lifecycle: Lifecycle) -> None:
    lifecycle.up(two)

    def swallowing(p: Program) -> None:
        p.res("b", {"v": 1})
        with pytest.raises(Exception, match="duplicate"):
            p.res("b", {"v": 1})

    outcome = lifecycle.up(swallowing)

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["b", "a"]


def test_a_program_that_does_not_wait_for_its_answers_is_waited_for(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("old", {"v": 1}) and None)
    lifecycle.world.faults["create", "a"] = "fail"

    def hasty(p: Program) -> None:
        p.registrar.register(Goal(TYPE, "a", custom=True, inputs={}, parent=p.stack.urn))

    outcome = lifecycle.up(hasty)

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["old"]


def test_registrations_that_wait_for_their_lane_are_done_though_the_program_raises(
    lifecycle: Lifecycle,
) -> None:
    class Narrow(FakeProvider):
        def configure(self, inputs) -> None:
            self.host, self.parallel = "web1", 1

    lifecycle.others["fake"] = Narrow(lifecycle.world)

    def raising(p: Program) -> None:
        for name in "abc":
            p.registrar.register(Goal(TYPE, name, custom=True, inputs={}, parent=p.stack.urn))
        raise ProviderFailed("enough")

    outcome = lifecycle.up(raising)

    assert str(outcome.program_error) == "enough"
    assert sorted(lifecycle.names()) == ["a", "b", "c"]


def test_a_registration_after_the_end_is_refused(lifecycle: Lifecycle) -> None:
    kept: list[Program] = []
    lifecycle.up(kept.append)

    outcome = kept[0].registrar.register(Goal(TYPE, "a", custom=True, inputs={}, parent=kept[0].stack.urn))

    assert outcome.result(1).failed
    assert lifecycle.world.things == {}


def test_whoever_waits_for_an_answer_can_not_take_the_step_back(lifecycle: Lifecycle) -> None:
    answers: list[Future] = []

    def program(p: Program) -> None:
        answers.append(p.registrar.register(Goal(TYPE, "a", custom=True, inputs={}, parent=p.stack.urn)))
        answers[0].cancel()

    lifecycle.up(program)

    assert not answers[0].cancelled()
    assert lifecycle.names() == ["a"]


def test_what_stops_a_cascade_is_told_of_the_resource_that_it_is_about(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            p.res("b", {"rfrom": a.out("rid")})

        return run

    lifecycle.up(program(1))
    lifecycle.world.faults["delete", "b"] = "fail"
    lifecycle.events.clear()

    outcome = lifecycle.up(program(2))

    assert [failure.urn.rsplit("::")[-1] for failure in outcome.failures] == ["b"]
    assert [e.step.urn.name for e in lifecycle.events if isinstance(e, StepFailed)] == ["b"]
    assert {e.urn.rsplit("::")[-1] for e in lifecycle.events if isinstance(e, StepSkipped)} == {"a", "b"}
    assert not any(isinstance(e, StepDone) and e.step.op is Op.REPLACE for e in lifecycle.events)


def test_a_cascade_that_failed_lets_dependents_that_moved_away_go_on(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        a = p.res("a", {"d": 1})
        p.res("b", {"rfrom": a.out("rid")})

    def second(p: Program) -> None:
        p.res("a", {"d": 2})
        p.res("b", {"rfrom": "elsewhere"})

    lifecycle.up(first)
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(second)

    assert [failure.urn.rsplit("::")[-1] for failure in outcome.failures] == ["a"]
    assert lifecycle.entry("b").inputs["rfrom"] == "elsewhere"


def test_a_cascade_refused_as_not_shown_does_not_hang_what_would_have_gone_along(
    lifecycle: Lifecycle,
) -> None:
    def program(value: int, after: str):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            p.res("b", {"rfrom": after or a.out("rid")})

        return run

    lifecycle.up(program(1, ""))

    outcome = lifecycle.up(program(2, "elsewhere"), gate=Shown({}))

    assert {failure.error.code for failure in outcome.failures} == {"plan-refused"}
    assert len(lifecycle.world.things) == 2
