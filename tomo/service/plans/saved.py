"""Keeps a plan in a file, shows it, and applies it: once, as it stands, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from pathlib import Path
from typing import ClassVar, Final

from tomo.engine.held import Held
from tomo.engine.look import Observation
from tomo.errors import (
    CannotGoBack,
    HostKeyError,
    PlanRefused,
    StateCorrupt,
    TomoError,
    VersionNotFound,
)
from tomo.frozen import frozen
from tomo.model.connection import LOCAL, HostSpec
from tomo.model.events import Sink, ignore
from tomo.model.rollout import Rollout
from tomo.model.saved_plan import SavedPlan
from tomo.service.agreed import Asked, Counted, counted_of
from tomo.service.effect import Effect
from tomo.service.executing import Execution
from tomo.service.opening import opened
from tomo.service.plans.basis import require_same_basis, require_same_stack
from tomo.service.plans.body import read_body
from tomo.service.plans.form import Envelope
from tomo.service.plans.making import KeptPlans, PlanText, basis_here, hosts_of_plan, read_plan, result_of
from tomo.service.plans.seals import PlanSeals, SecretMarks
from tomo.service.plans.values import ValueReader
from tomo.service.policies import Held as HeldToPolicies
from tomo.service.policies import PolicyTerms
from tomo.service.recording import Act, note_run, recorded
from tomo.service.recovery import refuse_unrepaired
from tomo.service.rollouts import stages_of
from tomo.service.runs import ApplyRequest, PlanResult, RunResult
from tomo.service.session import Session
from tomo.service.stop import Stop
from tomo.service.who import person_here
from tomo.service.wiring import now
from tomo.service.workspace import FLEET_PROJECT, LockTerms, Place

_PRIVATE: Final = 0o600
_MOST_THREADS: Final = 32


def _nothing_to_write() -> AbstractContextManager[None]:
    return nullcontext()


@frozen
class Origin:
    """Where a plan comes from that was proposed.

    `proposal` is its id, `person` whom it was made for, `agreed` who agreed at a terminal. `writing` is
    entered under the stack's lock once everything holds, and is left when the plan is noted as used.
    """

    proposal: str = ""
    person: str = ""
    agreed: str = ""
    writing: Callable[[], AbstractContextManager[None]] = _nothing_to_write


@frozen
class ApplyPlanRequest:
    """Do what a saved plan says. `show` is given the plan once it has been found to hold, before the run."""

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    file: Path | PlanText
    show: Callable[[PlanResult], None]
    parallel: int = 16
    stop_on_error: bool = False
    retry: bool = True
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    message: str = ""
    lock: LockTerms = field(default_factory=LockTerms)
    policy: PolicyTerms = PolicyTerms()
    approvals: tuple[Path, ...] = ()
    origin: Origin = Origin()
    rollout: Rollout = Rollout()


class SavedPlans(KeptPlans):
    """The use cases over plan files."""

    def apply(self, request: ApplyPlanRequest) -> RunResult:
        """Checks all that the plan rests on, notes that it is used, and runs held to its steps."""
        origin = request.origin
        details = {"proposal": origin.proposal} if origin.proposal else {"file": str(request.file)}
        with recorded(self._doors, "apply", str(request.place), long=True, details=details) as act:
            return note_run(act, self._applied(request, act))

    def _applied(self, request: ApplyPlanRequest, act: Act) -> RunResult:
        envelope = read_plan(request.file)
        act.plan = envelope.digest
        with opened(self._doors, self._doors.open(request.place), locked=request.lock) as session:
            policies = request.policy.of(session.workspace)
            refuse_unrepaired(session.stored)
            saved, shown = self._checked(envelope, session)
            basis = saved.basis
            asked = Asked(basis.stack_id, envelope.digest, self._person(request))
            agreed = counted_of(session.workspace, asked, request.approvals)
            _require_allowed(envelope.digest, shown, policies, agreed)
            act.approval = " ".join(each.person for each in agreed.approvals) or request.origin.agreed
            run = ApplyRequest(
                request.place,
                lambda _: True,
                look=saved.plan.looked,
                destroy=saved.destroys,
                parallel=request.parallel,
                stop_on_error=request.stop_on_error,
                retry=request.retry,
                sink=request.sink,
                stop=request.stop,
                message=request.message,
                selection=saved.selection,
                rollout=request.rollout,
            )
            stages_of(shown.plan, run.rollout, session.server_names)
            observed = _observed(session, saved, run)
            request.show(shown)
            work = Execution(session)
            with request.origin.writing():
                # A plan whose backup fails is not used up by it.
                work.back_up_first(shown, request.sink)
                if shown.backups and observed is not None:
                    observed = session.observe(run)
                self._use(session, envelope.digest, agreed)
            salt = work.settle_secrets(saved.new_secrets)
            held = Held(saved.plan.steps, saved.plan.outputs.new, dict(_given(session, saved)))
            return work.carry_out(run, salt, held, observed, shown)

    # --- parts ----------------------------------------------------------------------------------------

    def _person(self, request: ApplyPlanRequest) -> str:
        """Whom the plan is for; nobody knows who made one that was kept in a file, but who wants it done."""
        settings = self._doors.settings
        if request.origin.person or settings.approvers is None:
            return request.origin.person
        return person_here(settings).name

    def _checked(self, envelope: Envelope, session: Session) -> tuple[SavedPlan, PlanResult]:
        """The plan of a file, found to hold here and now; raises PlanRefused by name."""
        workspace = session.workspace
        ledger = workspace.backend.plans(workspace.project, workspace.stack)
        basis = read_body(envelope.body, ValueReader(None)).basis
        require_same_stack(basis, workspace.project, workspace.stack, ledger.stack_id())
        seals = PlanSeals(workspace.secrets.for_salt(_require_salt(session)), basis.state)
        seals.require_authentic(envelope.digest, envelope.mac)
        ledger.require_unused(envelope.digest)
        reader = ValueReader(seals)
        saved = read_body(envelope.body, reader)
        _require_no_errors(saved)
        _go_back(session, saved)
        require_same_basis(basis, basis_here(session, basis.stack_id, saved.plan.steps))
        return saved, result_of(saved, SecretMarks(seals, reader.hashes))

    def _use(self, session: Session, digest: str, agreed: Counted) -> None:
        workspace = session.workspace
        ledger = workspace.backend.plans(workspace.project, workspace.stack)
        people = [{"person": each.person, "role": each.role} for each in agreed.approvals]
        ledger.use(digest, time=now(), user=workspace.settings.user, approvals=people)


def _require_allowed(digest: str, shown: PlanResult, policies: HeldToPolicies, agreed: Counted) -> None:
    """Raises PlanRefused where other policies are in force, and what they say where they stand against it."""
    now = policies.judged(shown).judgement
    policies.require_same(shown.judgement, now)
    refusal = policies.refusal(shown, digest, agreed.approvals)
    if refusal is not None:
        refusal.detail = "\n".join([*filter(None, [refusal.detail]), *agreed.void])
        raise refusal


def _go_back(session: Session, saved: SavedPlan) -> None:
    """Takes the way back that a plan leads; raises PlanRefused where it isn't there any more."""
    try:
        session.go_back(saved.to)
    except (CannotGoBack, VersionNotFound, StateCorrupt) as error:
        raise PlanRefused(
            f"the plan leads back to a version that can't be gone back to: {error.message}",
            hint=error.hint,
        ) from error


def _require_salt(session: Session) -> str:
    if not session.salt:
        raise PlanRefused(
            "the plan can't be authenticated: the stack has no secrets key here",
            hint=f"bring back `{session.workspace.stack_file.name}` as it was when the plan was made",
        )
    return session.salt


def _require_no_errors(saved: SavedPlan) -> None:
    if saved.errors:
        first = saved.errors[0]
        raise PlanRefused(
            f"the plan has errors and can't be applied: {first.message}",
            hint=first.hint or "mend what it names, then make a new one: `tomo plan -o FILE`",
            detail="\n".join(error.message for error in saved.errors[1:]),
        )


def _observed(session: Session, saved: SavedPlan, run: ApplyRequest) -> Observation | None:
    """A look at what the plan looked at; raises PlanRefused where a host shows another key."""
    if not saved.plan.looked or saved.destroys:
        return None
    _require_host_keys(session, hosts_of_plan(session, saved.plan.steps))
    return session.observe(run)


def _require_host_keys(session: Session, specs: Sequence[HostSpec]) -> None:
    """Dials every host once, all at the same time; what else is wrong with one shows at its steps."""
    far = [spec for spec in specs if spec.host != LOCAL.host]
    if not far:
        return
    with ThreadPoolExecutor(min(len(far), _MOST_THREADS), "tomo-keys") as pool:
        wrong = list(pool.map(lambda spec: _wrong_key(session, spec), far))
    error = next((error for error in wrong if error is not None), None)
    if error is not None:
        raise PlanRefused(
            f"a host is not the one of the plan: {error.message}", hint=error.hint, detail=error.detail
        ) from error


def _wrong_key(session: Session, spec: HostSpec) -> HostKeyError | None:
    try:
        session.connections.get(spec).run(["true"], check=False)
    except HostKeyError as error:
        return error
    except TomoError:
        return None
    return None


def _given(session: Session, saved: SavedPlan) -> Iterator[tuple[str, object]]:
    """The secrets that were generated for this run, by the source that the plan names for them."""
    if not saved.new_secrets:
        return
    from tomo.service.fleets import secret_source  # noqa: PLC0415  # its models take 0.15 s; programs have none

    for name in saved.new_secrets:
        value = session.config.values.get(f"{FLEET_PROJECT}:{name}")
        if value is not None:
            yield secret_source(name), value
