"""Carries out the steps of one registration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from tomo.engine.request import Request
from tomo.engine.run import Run, as_tomo_error
from tomo.errors import (
    PlanRefused,
)
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
        self._refuse_unshown(acting)
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
            if run.cancelled:
                return self.skip(request, "the run was stopped")
            begun = run.started(step)
            try:
                made = act()
            except Exception as error:  # noqa: BLE001  # whatever it is, the state and the others go on
                known = as_tomo_error(error)
                run.failed(replace(step, urn=request.urn), known, begun)
                return Registered(request.urn, failed=True)
            run.ended(replace(step, new=made) if step.new is not None else step, begun)
        for step in marks:
            run.ended(replace(step, new=made) if step.op is Op.REPLACE else step)
        entry = made or acts[-1][0].entry
        return Registered(request.urn, entry.id, entry.outputs)

    def _refuse_unshown(self, steps: Sequence[Step]) -> None:
        shown = self._run.options.shown
        if shown is None:
            return
        for step in steps:
            seen = shown.get(step.urn, frozenset())
            if step.op not in seen and not (step.op is Op.UPDATE and Op.REPLACE in seen):
                raise PlanRefused(
                    f"`{step.urn.name}` would now need `{step.op.pulumi_name}`, which the plan did not show",
                    hint="something moved since; run `tomo plan` again",
                )

    def skip(self, request: Request, because: str) -> Registered:
        """Leaves a resource alone because something it needs failed."""
        self._run.skipped(request.urn, because)
        return Registered(request.urn, skipped=True)

    def lane(self, request: Request, work: Callable[[], T]) -> Future[T]:
        """Runs work within the limits of the request's host."""
        provider = request.provider
        limit = provider.parallel if provider else 0
        return self._run.lanes.submit(request.host, limit, work)
