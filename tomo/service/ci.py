"""Plans and applies for CI jobs: nobody is asked, and nothing is kept where the job's end takes it away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from tomo.errors import ConfigMissing, UsageError
from tomo.service.deployments import Deployments
from tomo.service.effect import Effect
from tomo.service.engines import EngineName
from tomo.service.opening import fleet_of
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.policies import InForce, in_force
from tomo.service.runs import PlanRequest, PlanResult, RunResult
from tomo.service.sarif import Source
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace

_SURFACE: Final = "ci"


@dataclass(frozen=True, slots=True)
class CiPlanRequest:
    """Plan for people who read it elsewhere, and keep it in a file where one is named."""

    effect: ClassVar[Effect] = Effect.WRITE
    plan: PlanRequest
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class CiPlan:
    """A plan with what its reports need; `digest` is `""` for one that is kept nowhere."""

    shown: PlanResult
    digest: str
    policies: InForce
    source: Source


class CiRuns:
    """The use cases of a CI job."""

    def __init__(self, doors: Doors) -> None:
        self._doors = replace(doors, ask=None, ask_passphrase=None)
        if self._doors.trail is not None:
            self._doors.trail.actor = replace(self._doors.trail.actor, surface=_SURFACE)

    def plan(self, request: CiPlanRequest) -> CiPlan:
        """What an apply would do; raises UsageError where the job's end would lose what that needs."""
        workspace = self._doors.open(request.plan.place)
        policies = _in_force(workspace)
        plan = replace(request.plan, policy=replace(request.plan.policy, policies=policies))
        if request.file is None:
            return CiPlan(Deployments(self._doors).plan(plan), "", policies, Source.of(workspace))
        _require_lasting_state(workspace)
        _require_committed_secrets(workspace)
        kept = SavedPlans(self._doors).save(SavePlanRequest(plan, request.file))
        return CiPlan(kept.shown, kept.digest, policies, Source.of(workspace))

    def apply(self, request: ApplyPlanRequest) -> RunResult:
        """Does what a kept plan says; refuses by name what `tomo apply PLAN` refuses."""
        _require_lasting_state(self._doors.open(request.place))
        return SavedPlans(self._doors).apply(request)


def _in_force(workspace: Workspace) -> InForce:
    return in_force(workspace.place, workspace.settings, workspace.directory)


def _require_lasting_state(workspace: Workspace) -> None:
    """Raises UsageError where the state lies in the checkout, which ends with the job."""
    if workspace.engine is not EngineName.EMBEDDED:
        return
    program = workspace.program
    if not workspace.settings.state_url and not (program is not None and program.backend_url):
        raise UsageError(
            f"the state would be in `{workspace.directory}`, which ends with the job",
            hint="name a place that stays: `TOMO_STATE_URL=ssh://SERVER/PATH`",
        )


def _require_committed_secrets(workspace: Workspace) -> None:
    """Raises ConfigMissing where an apply would make a key or passwords that end with the job."""
    config = workspace.config()
    if not config.salt:
        raise ConfigMissing(
            f"`{workspace.stack_file.name}` has no secrets key, and one that this job makes would be lost",
            hint="run `tomo plan -o plan.json` at your own machine once, and commit that file",
        )
    fleet = fleet_of(workspace, config)
    if fleet is not None and fleet.missing_secrets:
        names = ", ".join(f"`{name}`" for name in fleet.missing_secrets)
        raise ConfigMissing(
            f"apply would generate {names}, and what this job makes would be lost",
            hint=f"make them at your own machine and commit `{workspace.stack_file.name}`: `tomo app add` "
            f"does, and so does `tomo secret set {fleet.missing_secrets[0]}`",
        )
