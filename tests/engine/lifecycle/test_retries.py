"""Steps that fail for a cause that passes by itself are tried again; others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tomo.engine.retries import LONGEST, PAUSES
from tomo.errors import ProviderFailed, TomoError, Transient
from tomo.model.events import Diagnostic, Result, StepFailed, StepProgress
from tomo.model.hook import HookType
from tomo.model.provider import CreateRequest, CreateResult, DeleteRequest, SwapRequest, UpdateRequest
from tomo.model.provider import UpdateResult as Updated
from tomo.model.step import Op
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def passing(kind: Transient | None) -> TomoError:
    error = ProviderFailed("the registry is busy")
    error.transient = kind
    return error


class Flaky(FakeProvider):
    """Fails so many times before it acts."""

    def __init__(self, lifecycle: Lifecycle, failures: int, kind: Transient | None) -> None:
        super().__init__(lifecycle.world)
        self.left, self.kind, self.asked = failures, kind, 0
        self.takes: Callable[[], None] = lambda: None

    def fail(self) -> None:
        self.asked += 1
        self.takes()
        if self.left > 0:
            self.left -= 1
            raise passing(self.kind)

    def create(self, request: CreateRequest) -> CreateResult:
        if not request.preview:
            self.fail()
        return super().create(request)

    def update(self, request: UpdateRequest) -> Updated:
        if not request.preview:
            self.fail()
        return super().update(request)

    def delete(self, request: DeleteRequest) -> None:
        self.fail()
        super().delete(request)

    def swap(self, request: SwapRequest) -> CreateResult:
        self.fail()
        return super().swap(request)


def flaky(lifecycle: Lifecycle, failures: int, kind: Transient | None = Transient.REGISTRY) -> Flaky:
    provider = Flaky(lifecycle, failures, kind)
    lifecycle.others["fake"] = provider
    return provider


def one(p: Program) -> None:
    p.res("a", {"v": 1})


def error_of(lifecycle: Lifecycle) -> str:
    return next(event.message for event in lifecycle.events if isinstance(event, StepFailed))


@pytest.mark.parametrize("kind", Transient)
def test_what_passes_is_tried_again_with_growing_pauses(lifecycle: Lifecycle, kind: Transient) -> None:
    provider = flaky(lifecycle, 2, kind)

    outcome = lifecycle.up(one)

    assert outcome.result is Result.SUCCEEDED
    assert provider.asked == 3
    assert lifecycle.pauses == list(PAUSES[kind][:2])
    assert lifecycle.pauses == sorted(lifecycle.pauses)
    assert lifecycle.snapshot.pending_operations == ()


def test_each_try_is_told_while_it_goes_on_and_stays_in_the_record(lifecycle: Lifecycle) -> None:
    flaky(lifecycle, 1)

    outcome = lifecycle.up(one)

    told = [event.message for event in lifecycle.events if isinstance(event, StepProgress)]
    kept = [line.message for line in outcome.plan.diagnostics if isinstance(line, Diagnostic)]
    assert told == ["trying again in 2 s (try 1 failed)"]
    assert kept == ["a: the registry is busy; trying again in 2 s"]


def test_what_never_passes_fails_with_its_error_and_says_how_often_it_was_tried(
    lifecycle: Lifecycle,
) -> None:
    provider = flaky(lifecycle, 99)

    outcome = lifecycle.up(one)

    tries = len(PAUSES[Transient.REGISTRY]) + 1
    assert outcome.result is Result.FAILED
    assert (provider.asked, lifecycle.names()) == (tries, [])
    assert error_of(lifecycle) == f"the registry is busy (tried {tries} times)"
    assert lifecycle.snapshot.pending_operations == ()


def test_what_does_not_pass_is_tried_once(lifecycle: Lifecycle) -> None:
    provider = flaky(lifecycle, 99, kind=None)

    lifecycle.up(one)

    assert (provider.asked, lifecycle.pauses) == (1, [])
    assert error_of(lifecycle) == "the registry is busy"


def test_nothing_is_tried_again_where_that_is_not_wanted(lifecycle: Lifecycle) -> None:
    provider = flaky(lifecycle, 1)

    lifecycle.up(one, retry=False)

    assert (provider.asked, lifecycle.pauses) == (1, [])


def test_tries_end_when_they_have_taken_too_long(lifecycle: Lifecycle) -> None:
    provider = flaky(lifecycle, 99)
    provider.takes = lambda: lifecycle.clock.advance(LONGEST / 2)

    lifecycle.up(one)

    assert provider.asked == 2
    assert error_of(lifecycle).endswith("(tried 2 times)")


def test_a_person_who_stops_the_run_ends_the_waiting(lifecycle: Lifecycle) -> None:
    provider = flaky(lifecycle, 99)
    running: list[Program] = []
    lifecycle.on_pause = lambda: setattr(running[0].registrar._run, "cancelled", True)

    outcome = lifecycle.up(lambda p: running.append(p) or one(p))

    assert outcome.result is Result.CANCELLED
    assert (provider.asked, lifecycle.pauses) == (1, [2.0])
    assert outcome.snapshot.pending_operations == ()


def test_an_update_a_swap_and_a_delete_are_tried_again_too(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(one)

    for inputs in ({"v": 2}, {"v": 2, "r": 1}, None):
        failing = flaky(lifecycle, 1)
        outcome = lifecycle.up(lambda p: p.res("a", inputs) and None if inputs else None)  # noqa: B023
        assert (outcome.result, failing.left) == (Result.SUCCEEDED, 0)

    assert lifecycle.pauses == [2.0, 2.0, 2.0]
    assert lifecycle.names() == []


def test_error_hooks_hear_of_it_when_it_has_not_passed(lifecycle: Lifecycle) -> None:
    provider = flaky(lifecycle, 5)
    heard: list[str] = []

    def program(p: Program) -> None:
        p.error_hook("again", lambda _told, _operation, failures: not heard.append(failures[0]))
        p.res("a", {"v": 1}, hooks={HookType.ON_ERROR: ("again",)})

    lifecycle.up(program)

    assert heard == ["the registry is busy (tried 4 times)"]
    assert (provider.asked, lifecycle.ops("a")) == (6, [Op.CREATE])
