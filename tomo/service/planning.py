"""What Tomo's own engine would do, and what it finds: opens a stack, looks, plans; acts on nothing."""

from __future__ import annotations

from dataclasses import replace

from tomo.service.drift import drifted
from tomo.service.opening import opened
from tomo.service.runs import DriftRequest, PlanRequest, PlanResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace


class Planning:
    """The use cases that only look, over one stack; nothing that acts is loaded for them."""

    def __init__(self, doors: Doors, workspace: Workspace) -> None:
        self._doors, self._workspace = doors, workspace

    def plan(self, request: PlanRequest) -> PlanResult:
        """What an apply, or a destroy, would do."""
        looks = request.look and not request.selection.is_partial
        with opened(self._doors, self._workspace, request.adoption, looks=looks) as session:
            held = request.policy.of(session.workspace)
            session.recover()
            session.go_back(request.to)
            outcome = session.plan(request, request.sink)
            return held.judged(session.plan_result(outcome, destroys=request.destroy, backup=request.backup))

    def drift(self, request: DriftRequest) -> PlanResult:
        """What the hosts say against what is recorded."""
        with opened(self._doors, self._workspace, looks=not request.selection.is_partial) as session:
            session.recover()
            found = session.drift(request)
            return replace(found, plan=replace(found.plan, steps=tuple(drifted(found.plan.steps))))
