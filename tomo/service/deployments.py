"""Plan, apply, refresh and destroy: the product's main job."""

from __future__ import annotations

from tomo.service.engines import Engine, EngineName
from tomo.service.recording import recorded_run
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RefreshRequest, RunResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


class Deployments:
    """The use cases over one stack's resources, on the engine that is asked for."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def plan(self, request: PlanRequest) -> PlanResult:
        """What an apply, or a destroy, would do."""
        return self._engine(request.place).plan(request)

    def apply(self, request: ApplyRequest) -> RunResult:
        """Plans, asks, and does what was shown."""
        action = "destroy" if request.destroy else "apply"
        return recorded_run(self._doors, action, self._engine(request.place).apply, request)

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Takes what is there into the state, after asking."""
        return recorded_run(self._doors, "refresh", self._engine(request.place).refresh, request)

    def drift(self, request: DriftRequest) -> PlanResult:
        """What is there against what is recorded."""
        return self._engine(request.place).drift(request)

    def _engine(self, place: Place) -> Engine:
        workspace = self._doors.open(place)
        if workspace.engine is EngineName.EMBEDDED:
            from tomo.service.embedded import EmbeddedEngine  # noqa: PLC0415  # each pays for its own

            return EmbeddedEngine(self._doors, workspace)
        from tomo.service.pulumi_engine import PulumiEngine  # noqa: PLC0415

        return PulumiEngine(self._doors, workspace)
