"""Carries out the steps of one registration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from tomo.engine.recheck import require_as_observed
from tomo.engine.registry import as_tomo_error
from tomo.engine.request import Request, answered
from tomo.engine.run import Run
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step

T = TypeVar("T")

Act = Callable[[], ResourceState]


class Chains:
    """Runs the acts of one registration one after the other, on its host's lane."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def carry_out(
        self,
        request: Request,
        acts: Sequence[tuple[Step, Act]],
        order: Sequence[Step] = (),
    ) -> Future[Registered]:
        """Runs a chain of acts one after the other on the host's lane; the last gives the answer.

        `order` holds all steps as they are told of, marks without an act among them.
        """
        acting = [step for step, _ in acts]
        self._run.require_allowed(*(order or acting))
        for step in order or acting:
            self._run.decided(step)
        marks = [step for step in order if not any(step is other for other in acting)]

        def chain() -> Registered:
            return self._run_chain(request, acts, marks)

        return self.lane(request, chain)

    def _run_chain(
        self,
        request: Request,
        acts: Sequence[tuple[Step, Act]],
        marks: Sequence[Step],
    ) -> Registered:
        run = self._run
        made: ResourceState | None = None
        for step, act in acts:
            if run.stop_requested():
                return self.skip(request, "the run was stopped")
            begun = run.started(step)
            try:
                require_as_observed(run, step)
                made = act()
            except Exception as error:  # noqa: BLE001  # whatever it is, the state and the others go on
                run.failed(step, as_tomo_error(error), begun)
                return self._given_up(request, step)
            run.ended(replace(step, new=made) if step.new is not None else step, begun)
        for step in marks:
            run.ended(replace(step, new=made) if step.op is Op.REPLACE else step)
        entry = made or acts[-1][0].entry
        return Registered(request.urn, entry.id, entry.outputs)

    def _given_up(self, request: Request, failed: Step) -> Registered:
        """The answer after a failed step, which may be that of a resource that had to go along."""
        if failed.entry.urn not in (request.urn, request.old.urn if request.old else ""):
            self._run.skipped(request.urn, f"`{failed.urn.name}` failed")
        return Registered(request.urn, failed=True)

    def foresee(
        self, request: Request, steps: Sequence[Step], predict: Callable[[], Registered]
    ) -> Future[Registered]:
        """What a plan answers, at once or after the hooks that run in plans."""
        if not any(map(self._run.hooks.concern, steps)):
            return answered(predict())
        return self.with_hooks(request, steps, predict, made=[step for step in steps if _makes(step)])

    def with_hooks(
        self,
        request: Request,
        steps: Sequence[Step],
        work: Callable[[], Registered],
        made: Sequence[Step] = (),
    ) -> Future[Registered]:
        """Work under the run's lock, with hooks before it, and after it those of what is `made`.

        A plan waits for it with what is registered later, so that its steps have one order.
        """
        run = self._run
        future = run.lanes.submit("", 0, lambda: self._hooked(request, steps, work, made))
        if run.dry:
            run.settling = future
        return future

    def _hooked(
        self,
        request: Request,
        steps: Sequence[Step],
        work: Callable[[], Registered],
        made: Sequence[Step],
    ) -> Registered:
        run, step = self._run, steps[0]
        try:
            for step in steps:
                run.hooks.before(step)
                if not _makes(step):
                    run.hooks.after(step)
            with run.lock:
                answer = work()
        except Exception as error:  # noqa: BLE001  # whatever it is, the state and the others go on
            run.decided(step)
            run.failed(step, as_tomo_error(error))
            # Nothing follows the outputs of a component that was refused.
            run.open_components.pop(request.urn, None)
            return self._given_up(request, step)
        for step in made:
            run.hooks.after(replace(step, new=run.recorder.entry(request.urn) or step.entry))
        return answer

    def skip(self, request: Request, because: str) -> Registered:
        """Leaves a resource alone because something it needs failed."""
        self._run.skipped(request.urn, because)
        return Registered(request.urn, skipped=True)

    def lane(self, request: Request, work: Callable[[], T]) -> Future[T]:
        """Runs work within the limits of the request's host."""
        provider = request.provider
        limit = provider.parallel if provider else 0
        return self._run.lanes.submit(request.host, limit, work)


def _makes(step: Step) -> bool:
    return step.op in {Op.CREATE, Op.UPDATE, Op.CREATE_REPLACEMENT}
