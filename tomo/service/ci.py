"""Plans and applies for CI jobs: nobody is asked, and nothing is kept where the job's end takes it away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from tomo.errors import ConfigMissing, NotSupported, UsageError
from tomo.frozen import frozen
from tomo.service.deployments import Deployments
from tomo.service.effect import Effect
from tomo.service.engines import EngineName
from tomo.service.looking import accepted_hosts
from tomo.service.opening import fleet_of
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.policies import POLICY_VARIABLE, InForce, in_force
from tomo.service.runs import PlanRequest, PlanResult, RunResult
from tomo.service.sarif import Source
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace
from tomo.ssh.accepted import AcceptedHosts
from tomo.state.config import read_stack_config

if TYPE_CHECKING:
    from tomo.spec.load import LoadedFleet

_SURFACE: Final = "ci"


@frozen
class CiPlanRequest:
    """Plan for people who read it elsewhere, and keep it in a file where one is named.

    `base` is the fleet file that people have agreed to: the hosts and the policies beside it are those that
    count. One that is not there is a fleet without hosts.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    plan: PlanRequest
    file: Path | None = None
    base: Path | None = None


@frozen
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
        """What an apply would do; raises UsageError where the job's end would lose what that needs.

        Hosts are only looked at, and only those that people have accepted are dialled.
        """
        workspace = self._doors.open(request.plan.place)
        _require_own_engine(workspace)
        base = _base(workspace, request.base)
        policies = _in_force(workspace, base)
        plan = replace(request.plan, policy=replace(request.plan.policy, policies=policies))
        if request.file is not None:
            _require_lasting_state(workspace)
            _require_committed_secrets(workspace)
        doors = self._doors.looking_only(_accepted(workspace, base))
        if request.file is None:
            return CiPlan(Deployments(doors).plan(plan), "", policies, Source.of(workspace))
        kept = SavedPlans(doors).save(SavePlanRequest(plan, request.file))
        return CiPlan(kept.shown, kept.digest, policies, Source.of(workspace))

    def apply(self, request: ApplyPlanRequest) -> RunResult:
        """Does what a kept plan says; refuses by name what `tomo apply PLAN` refuses."""
        workspace = self._doors.open(request.place)
        _require_own_engine(workspace)
        _require_lasting_state(workspace)
        return SavedPlans(self._doors).apply(request)


# --- what people have agreed to ----------------------------------------------------------------------


@frozen
class _Base:
    """The folder of the fleet file that people have agreed to; `fleet` is None where it has none yet."""

    folder: Path
    fleet: LoadedFleet | None


def _base(workspace: Workspace, file: Path | None) -> _Base | None:
    if file is None:
        return None
    if workspace.fleet is None:
        raise UsageError("only a fleet has a base: planning a program runs it", hint="leave `--base` out")
    from tomo.spec.load import load_fleet  # noqa: PLC0415  # its models are for fleets only

    path = workspace.place.directory / file
    return _Base(path.absolute().parent, load_fleet(path) if path.exists() else None)


def _accepted(workspace: Workspace, base: _Base | None) -> AcceptedHosts:
    """The hosts of the base, with the secrets that stand beside it, and those that were applied before."""
    folder = base.folder if base is not None else workspace.directory
    config = read_stack_config(folder / workspace.stack_file.name, workspace.project, workspace.secrets)
    fleet = base.fleet.fleet if base is not None and base.fleet is not None else None
    return accepted_hosts(fleet, config, workspace.snapshot(), workspace.settings)


def _in_force(workspace: Workspace, base: _Base | None) -> InForce:
    """The policies that are named, or else those beside the base: what is proposed does not judge itself."""
    place, settings = workspace.place, workspace.settings
    if base is not None and place.policy is None and not settings.variables.get(POLICY_VARIABLE):
        return in_force(place, settings, base.folder)
    return in_force(place, settings, workspace.directory)


def _require_own_engine(workspace: Workspace) -> None:
    """Raises NotSupported where Pulumi's CLI would plan: it dials whatever the program says."""
    if workspace.engine is not EngineName.EMBEDDED:
        raise NotSupported(
            "`tomo ci` is not supported with the `pulumi` engine, which can't be held to accepted hosts",
            hint="choose Tomo's own: `--engine embedded`; or plan what you have read with `tomo plan`",
        )


# --- what would end with the job ---------------------------------------------------------------------


def _require_lasting_state(workspace: Workspace) -> None:
    """Raises UsageError where the state lies in the checkout, which ends with the job."""
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
