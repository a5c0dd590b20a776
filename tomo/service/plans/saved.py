"""Keeps a plan in a file, shows it, and applies it: once, as it stands, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from tomo.engine.held import Held
from tomo.engine.look import Observation
from tomo.engine.run import Failure
from tomo.errors import (
    CannotGoBack,
    HostKeyError,
    PlanRefused,
    StateCorrupt,
    TomoError,
    UsageError,
    VersionNotFound,
)
from tomo.model.connection import LOCAL, HostBook, HostSpec
from tomo.model.events import Sink, ignore
from tomo.model.saved_plan import Basis, PlanError, SavedPlan
from tomo.model.step import Step
from tomo.service.agreed import Counted, counted_of
from tomo.service.deployments import ApplyRequest, PlanRequest, PlanResult, RunResult
from tomo.service.effect import Effect
from tomo.service.opening import opened
from tomo.service.plans.basis import basis_of, hosts_in, require_same_basis, require_same_stack
from tomo.service.plans.body import read_body, write_body
from tomo.service.plans.form import Envelope, digest_of, file_text, looks_like_plan, read_envelope
from tomo.service.plans.seals import PlanSeals, SecretMarks
from tomo.service.plans.values import ValueReader
from tomo.service.policies import Held as HeldToPolicies
from tomo.service.policies import PolicyTerms
from tomo.service.recording import Act, note_run, recorded
from tomo.service.recovery import refuse_unrepaired
from tomo.service.sealing import sealing_editor
from tomo.service.session import Session
from tomo.service.stop import Stop
from tomo.service.wiring import Doors, new_id, now
from tomo.service.workspace import FLEET_PROJECT, LockTerms, Place
from tomo.state.files import translated, write_atomically

_PRIVATE: Final = 0o600
_MOST_THREADS: Final = 32


@dataclass(frozen=True, slots=True)
class SavePlanRequest:
    """Make a plan and keep it in a file. Changes no host; may make the stack's key and its id."""

    effect: ClassVar[Effect] = Effect.WRITE
    plan: PlanRequest
    file: Path


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan in its file; `made_key` says that the stack's config got a secrets key for it."""

    shown: PlanResult
    file: Path
    digest: str
    made_key: bool


@dataclass(frozen=True, slots=True)
class ShowPlanRequest:
    """What does a saved plan say? Reads the file alone: needs no stack and no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    file: Path


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A saved plan for people; whether this stack's key made it shows when it is applied."""

    saved: SavedPlan
    shown: PlanResult
    digest: str


@dataclass(frozen=True, slots=True)
class ApplyPlanRequest:
    """Do what a saved plan says. `show` is given the plan once it has been found to hold, before the run."""

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    file: Path
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


class SavedPlans:
    """The use cases over plan files."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def save(self, request: SavePlanRequest) -> KeptPlan:
        """Plans, and writes the plan's file; one with errors is kept too, to be looked at."""
        _require_replaceable(request.file)
        asked = request.plan
        made_key = self._ensure_key(asked.place)
        looks = asked.look and not asked.selection.is_partial
        with opened(self._doors, self._doors.open(asked.place), looks=looks) as session:
            policies = asked.policy.of(session.workspace)
            refuse_unrepaired(session.stored)
            session.go_back(asked.to)
            ledger = session.workspace.backend.plans(session.workspace.project, session.workspace.stack)
            stack_id = ledger.ensure_stack_id(new_id)
            outcome = session.plan(asked, asked.sink)
            shown = policies.judged(session.plan_result(outcome, destroys=asked.destroy))
            basis = _basis(session, stack_id, shown.plan.steps)
            saved = SavedPlan(
                basis,
                shown.plan,
                shown.destroys,
                asked.selection,
                shown.new_secrets,
                tuple(_errors(shown)),
                asked.to,
                shown.judgement,
            )
            seals = PlanSeals(session.workspace.secrets.for_salt(session.salt), basis.state)
            body = write_body(saved, seals)
        digest = digest_of(body)
        text = file_text(Envelope(body, digest, seals.mac(digest)))
        with translated(request.file, "write the plan to"):
            write_atomically(request.file.absolute(), text, mode=_PRIVATE)
        return KeptPlan(shown, request.file, digest, made_key)

    def show(self, request: ShowPlanRequest) -> ShownPlan:
        """The plan in a file; raises PlanRefused where its bytes are not those that were written."""
        envelope = _read(request.file)
        reader = ValueReader(None)
        saved = read_body(envelope.body, reader)
        return ShownPlan(saved, _result(saved, SecretMarks(None, reader.hashes)), envelope.digest)

    def apply(self, request: ApplyPlanRequest) -> RunResult:
        """Checks all that the plan rests on, notes that it is used, and runs held to its steps."""
        details = {"file": str(request.file)}
        with recorded(self._doors, "apply", str(request.place), long=True, details=details) as act:
            return note_run(act, self._applied(request, act))

    def _applied(self, request: ApplyPlanRequest, act: Act) -> RunResult:
        envelope = _read(request.file)
        act.plan = envelope.digest
        with opened(self._doors, self._doors.open(request.place), locked=request.lock) as session:
            policies = request.policy.of(session.workspace)
            refuse_unrepaired(session.stored)
            saved, shown = self._checked(envelope, session)
            basis = saved.basis
            agreed = counted_of(session.workspace, basis.stack_id, envelope.digest, request.approvals)
            _require_allowed(envelope.digest, shown, policies, agreed)
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
            )
            observed = _observed(session, saved, run)
            request.show(shown)
            self._use(session, envelope.digest, agreed)
            salt = session.settle_secrets(saved.new_secrets)
            held = Held(saved.plan.steps, saved.plan.outputs.new, dict(_given(session, saved)))
            return session.carry_out(run, salt, held, observed, shown)

    # --- parts ----------------------------------------------------------------------------------------

    def _ensure_key(self, place: Place) -> bool:
        """Makes the key that seals and authenticates the plan, where the stack's config has none."""
        workspace = self._doors.open(place)
        if workspace.config().salt:
            return False
        sealing_editor(workspace).save()
        return True

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
        require_same_basis(basis, _basis(session, basis.stack_id, saved.plan.steps))
        return saved, _result(saved, SecretMarks(seals, reader.hashes))

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


def _read(file: Path) -> Envelope:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the plan `{file}` can't be read: {error.strerror}", hint="make one: `tomo plan -o FILE`"
        ) from error
    return read_envelope(text, str(file))


def _require_replaceable(file: Path) -> None:
    """A plan's file may be written over by a newer plan, and no other file may."""
    try:
        there = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise UsageError(
            f"the plan can't be written to `{file}`: {error.strerror}", hint="name another file"
        ) from error
    if there and not looks_like_plan(there):
        raise UsageError(f"`{file}` exists and is no saved plan", hint="name another file")
    if not file.absolute().parent.is_dir():
        raise UsageError(
            f"there is no folder `{file.absolute().parent}`", hint="make it, or name another file"
        )


def _state(session: Session) -> str:
    return session.stored.digest if session.stored else ""


def _basis(session: Session, stack_id: str, steps: Sequence[Step]) -> Basis:
    past = session.back.past if session.back is not None else None
    specs = _hosts(session, steps)
    return basis_of(session.workspace, stack_id, _state(session), specs, session.fleet, past=past)


def _go_back(session: Session, saved: SavedPlan) -> None:
    """Takes the way back that a plan leads; raises PlanRefused where it isn't there any more."""
    try:
        session.go_back(saved.to)
    except (CannotGoBack, VersionNotFound, StateCorrupt) as error:
        raise PlanRefused(
            f"the plan leads back to a version that can't be gone back to: {error.message}",
            hint=error.hint,
        ) from error


def _hosts(session: Session, steps: Sequence[Step]) -> Sequence[HostSpec]:
    """The hosts of a fleet's file, or those that a plan's own steps name."""
    book = HostBook(session.fleet.hosts if session.fleet is not None else ())
    if session.declared is not None:
        return session.declared.hosts
    return hosts_in(steps, session.workspace.settings, book)


def _errors(shown: PlanResult) -> Iterator[PlanError]:
    for failure in shown.failures:
        error = failure.error
        yield PlanError(failure.urn, error.code, error.message, error.hint)
    if shown.program_error is not None:
        error = shown.program_error
        yield PlanError("", error.code, error.message, error.hint)
    for shortfall in shown.shortfalls:
        if shortfall.blocks:
            yield PlanError("", "shortfall", shortfall.message, shortfall.hint)


def _result(saved: SavedPlan, marks: SecretMarks) -> PlanResult:
    failures = tuple(Failure(error.urn, TomoError(error.message, hint=error.hint)) for error in saved.errors)
    return PlanResult(
        saved.plan,
        saved.plan.stack,
        failures=failures,
        new_secrets=saved.new_secrets,
        destroys=saved.destroys,
        marks=marks,
        judgement=saved.judgement,
    )


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
    _require_host_keys(session, _hosts(session, saved.plan.steps))
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
