"""Makes a plan that is kept: its bytes, and what they say. Acts on nothing, and loads nothing that could."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import ClassVar, Final

from tomo.engine.run import Failure
from tomo.errors import TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostBook, HostSpec
from tomo.model.saved_plan import Basis, PlanError, SavedPlan
from tomo.model.step import Step
from tomo.service.effect import Effect
from tomo.service.opening import opened
from tomo.service.plans.basis import basis_of, hosts_in
from tomo.service.plans.body import read_body, write_body
from tomo.service.plans.form import Envelope, digest_of, file_text, looks_like_plan, read_envelope
from tomo.service.plans.seals import PlanSeals, SecretMarks
from tomo.service.plans.values import ValueReader
from tomo.service.recovery import refuse_unrepaired
from tomo.service.runs import PlanRequest, PlanResult
from tomo.service.sealing import sealing_editor
from tomo.service.session import Session
from tomo.service.wiring import Doors, new_id
from tomo.service.workspace import Workspace
from tomo.state.files import translated, write_atomically

_PRIVATE: Final = 0o600


@frozen
class SavePlanRequest:
    """Make a plan and keep it in a file. Changes no host; may make the stack's key and its id."""

    effect: ClassVar[Effect] = Effect.WRITE
    plan: PlanRequest
    file: Path


@frozen
class KeptPlan:
    """A plan in its file; `made_key` says that the stack's config got a secrets key for it."""

    shown: PlanResult
    file: Path
    digest: str
    made_key: bool


@frozen
class PlanText:
    """A kept plan's bytes that lie in no file; `name` is what people know it by."""

    name: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name


@frozen
class ShowPlanRequest:
    """What does a saved plan say? Reads the file alone: needs no stack and no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    file: Path


@frozen
class ShownPlan:
    """A saved plan for people; whether this stack's key made it shows when it is applied."""

    saved: SavedPlan
    shown: PlanResult
    digest: str


@frozen
class MadePlan:
    """A plan's bytes as its file holds them; `made_key` says that the stack's config got a key for it."""

    shown: PlanResult
    text: bytes
    digest: str
    made_key: bool
    basis: Basis


class KeptPlans:
    """The use cases over plans that are kept, but for applying them."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def make(self, asked: PlanRequest, workspace: Workspace | None = None) -> MadePlan:
        """Plans, and gives the bytes to keep; a plan with errors is made too, to be looked at.

        `workspace` stands for the place's own, as one of a fleet that isn't in its file yet.
        """
        workspace = workspace or self._doors.open(asked.place)
        made_key = _ensure_key(workspace)
        looks = asked.look and not asked.selection.is_partial
        with opened(self._doors, workspace, looks=looks) as session:
            policies = asked.policy.of(session.workspace)
            refuse_unrepaired(session.stored)
            session.go_back(asked.to)
            ledger = session.workspace.backend.plans(session.workspace.project, session.workspace.stack)
            stack_id = ledger.ensure_stack_id(new_id)
            outcome = session.plan(asked, asked.sink)
            shown = policies.judged(session.plan_result(outcome, destroys=asked.destroy, backup=asked.backup))
            basis = basis_here(session, stack_id, shown.plan.steps)
            saved = SavedPlan(
                basis,
                shown.plan,
                shown.destroys,
                asked.selection,
                shown.new_secrets,
                tuple(_errors(shown)),
                asked.to,
                shown.judgement,
                shown.updates,
                shown.backups,
            )
            seals = PlanSeals(session.workspace.secrets.for_salt(session.salt), basis.state)
            body = write_body(saved, seals)
        digest = digest_of(body)
        text = file_text(Envelope(body, digest, seals.mac(digest)))
        return MadePlan(shown, text, digest, made_key, basis)

    def save(self, request: SavePlanRequest) -> KeptPlan:
        """Plans, and writes the plan's file."""
        _require_replaceable(request.file)
        made = self.make(request.plan)
        with translated(request.file, "write the plan to"):
            write_atomically(request.file.absolute(), made.text, mode=_PRIVATE)
        return KeptPlan(made.shown, request.file, made.digest, made.made_key)

    def show(self, request: ShowPlanRequest) -> ShownPlan:
        """The plan in a file; raises PlanRefused where its bytes are not those that were written."""
        return shown_plan(read_plan(request.file))


def shown_plan(envelope: Envelope) -> ShownPlan:
    """What a plan's envelope holds, for people."""
    reader = ValueReader(None)
    saved = read_body(envelope.body, reader)
    return ShownPlan(saved, result_of(saved, SecretMarks(None, reader.hashes)), envelope.digest)


def _ensure_key(workspace: Workspace) -> bool:
    """Makes the key that seals and authenticates the plan, where the stack's config has none."""
    if workspace.config().salt:
        return False
    sealing_editor(workspace).save()
    return True


def read_plan(file: Path | PlanText) -> Envelope:
    """The envelope of a kept plan; raises UsageError where there is none, PlanRefused for changed bytes."""
    if isinstance(file, PlanText):
        return read_envelope(file.content, file.name)
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


def basis_here(session: Session, stack_id: str, steps: Sequence[Step]) -> Basis:
    """What a plan made by a session rests on."""
    past = session.back.past if session.back is not None else None
    specs = hosts_of_plan(session, steps)
    return basis_of(session.workspace, stack_id, _state(session), specs, session.fleet, past=past)


def hosts_of_plan(session: Session, steps: Sequence[Step]) -> Sequence[HostSpec]:
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


def result_of(saved: SavedPlan, marks: SecretMarks) -> PlanResult:
    """A saved plan as a plan that was just made."""
    failures = tuple(Failure(error.urn, TomoError(error.message, hint=error.hint)) for error in saved.errors)
    return PlanResult(
        saved.plan,
        saved.plan.stack,
        failures=failures,
        new_secrets=saved.new_secrets,
        destroys=saved.destroys,
        marks=marks,
        judgement=saved.judgement,
        updates=saved.updates,
        backups=saved.backups,
    )
