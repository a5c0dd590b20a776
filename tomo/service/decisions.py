"""People decide about proposals: they approve, reject and apply them. No assistant has a way to here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final

from tomo.approval.agreement import SignedAgreement
from tomo.approval.keys import Guard, guard_of
from tomo.approval.shelf import Shelf
from tomo.approval.signers import signer_of
from tomo.approval.signing import require_terminal, signed
from tomo.errors import (
    ApprovalMissing,
    ApprovalRefused,
    ExitCode,
    NotAllowed,
    PlanRefused,
    TomoError,
    UsageError,
)
from tomo.frozen import frozen
from tomo.model.audit import AuditOutcome
from tomo.model.events import Sink, ignore
from tomo.model.finding import Quorum
from tomo.model.people import Permission
from tomo.model.proposal import (
    Output,
    Proposal,
    ProposalKind,
    ProposalState,
    Transition,
    refused_as,
    require_next,
)
from tomo.model.rollout import Rollout
from tomo.service.agreed import approvers, require_countable
from tomo.service.approvals import ApprovalListing, agreement_to, key_of, require_lasting
from tomo.service.carrying_out import CarryingOut
from tomo.service.cases import Case, open_case
from tomo.service.effect import Effect
from tomo.service.plans.making import PlanText
from tomo.service.plans.saved import ApplyPlanRequest, Origin, SavedPlans
from tomo.service.propose.aging import Aging, this_process
from tomo.service.propose.proposing import ShownProposal
from tomo.service.propose.store import proposals_of
from tomo.service.recording import Act, recorded
from tomo.service.runs import PlanResult, RunResult
from tomo.service.stop import Stop
from tomo.service.who import person_here
from tomo.service.wiring import Doors, now
from tomo.service.workspace import LockTerms, Place
from tomo.spec.edit import replace_file

_DAY: Final = timedelta(hours=24)


# --- requests and results ----------------------------------------------------------------------------


@frozen
class ApproveProposalRequest:
    """Have the person at the terminal agree to a proposal.

    `confirm` is given the proposal and, where approvals are on, the key and what guards it. Without a place
    it is the proposal's own. `lasts` is how long a signature counts.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    id: str
    confirm: Callable[[ShownProposal, Path | None, Guard | None], bool]
    place: Place | None = None
    key: Path | None = None
    lasts: timedelta = _DAY


@frozen
class Decided:
    """An approval: who agreed, until when (`""` for good), and what is still missing (`""`: nothing)."""

    proposal: Proposal
    person: str
    expires: str = ""
    missing: str = ""


@frozen
class ProposalApprovalsRequest:
    """Who has agreed to a proposal, and who may. Needs no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    id: str
    place: Place | None = None


@frozen
class RejectProposalRequest:
    """Reject a proposal, for good."""

    effect: ClassVar[Effect] = Effect.WRITE
    id: str
    why: str = ""


@frozen
class ApplyProposalRequest:
    """Do what a proposal says, once.

    `confirm` asks the person at the terminal where nobody has approved it yet and that is enough; `yes` says
    that a person's own proposal needs no question. `show` is given the plan once it was found to hold.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    id: str
    confirm: Callable[[ShownProposal], bool]
    show: Callable[[PlanResult], None]
    place: Place | None = None
    yes: bool = False
    parallel: int = 16
    stop_on_error: bool = False
    retry: bool = True
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    message: str = ""
    lock: LockTerms = field(default_factory=LockTerms)
    approvals: tuple[Path, ...] = ()
    rollout: Rollout = Rollout()


@frozen
class AppliedProposal:
    """What became of a proposal: a run, or what a command left; `declined` where the person said no."""

    proposal: Proposal
    run: RunResult | None = None
    output: Output | None = None
    declined: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """OK, or what went wrong."""
        if self.run is not None:
            return self.run.exit_code
        failed = self.declined or (self.output is not None and self.output.exit_code)
        return ExitCode.FAILED if failed else ExitCode.OK


@dataclass(slots=True)
class _Use:
    """Whether a plan was noted as used: from then on the proposal can't be given back."""

    noted: bool = False


# --- use cases ---------------------------------------------------------------------------------------


class Decisions:
    """The use cases of people over proposals. `clock` gives seconds since 1970.

    `terminal` raises ApprovalRefused where no person is there; tests have another one.
    """

    def __init__(
        self,
        doors: Doors,
        clock: Callable[[], float] = time.time,
        terminal: Callable[[], None] = require_terminal,
    ) -> None:
        self._doors, self._clock, self._terminal = doors, clock, terminal

    def approve(self, request: ApproveProposalRequest) -> Decided | None:
        """Shows the proposal, and has the person agree; None where the person declined."""
        require_lasting(request.lasts)
        with self._recorded("proposal.approve", request.id) as act:
            case = self._case(request.id, request.place, act)
            if not case.approvals_on:
                return self._agreed_here(case, request, act)
            made = self._signed(case, request)
            if made is None:
                act.outcome = AuditOutcome.DECLINED
                return None
            signers = approvers(self._doors.settings)
            if signers is None:
                raise ValueError("approvals are on")
            where = str(request.key or "your key")
            person = signer_of(made, signers, self._doors.settings, where)
            require_countable(self._doors.settings, made, where)
            act.approval = person
            proposal, missing = self._settle(self._put(case, made))
            return Decided(proposal, person, made.agreement.expires, missing)

    def has_plan(self, id_: str) -> bool:
        """Whether applying a proposal is a run of a plan."""
        with proposals_of(self._doors.settings) as store:
            return store.get(id_).kind is ProposalKind.FLEET

    def approvals(self, request: ProposalApprovalsRequest) -> ApprovalListing:
        """Every signature under a proposal, those that don't count too."""
        case = open_case(self._doors, self._clock, request.id, request.place)
        return ApprovalListing(case.proposal.digest, approvers(self._doors.settings), case.counted())

    def reject(self, request: RejectProposalRequest) -> Proposal:
        """Closes a proposal that nobody is applying."""
        noted = self._recorded("proposal.reject", request.id, Permission.PROPOSE)
        with noted as act, proposals_of(self._doors.settings) as store:
            proposal = Aging(self._doors, self._clock).settled(store, store.get(request.id))
            _tell(act, proposal)
            step = Transition(ProposalState.REJECTED, self._now(), self._person(), request.why)
            return store.move(request.id, step)

    def apply(self, request: ApplyProposalRequest) -> AppliedProposal:
        """Does what the proposal says. Raises ProposalClosed, ApprovalMissing or PlanRefused by name."""
        with self._recorded("proposal.apply", request.id) as act:
            case = self._case(request.id, request.place, act)
            if not case.proposal.state.is_open:
                raise refused_as(case.proposal, "it can't be applied")
            agreed = self._consent(case, request)
            if agreed is None:
                act.outcome = AuditOutcome.DECLINED
                return AppliedProposal(case.proposal, declined=True)
            act.approval = agreed
            if case.plan is not None:
                act.watch(case.file)
            done = self._applied(case, request, agreed)
            if done.exit_code is not ExitCode.OK:
                act.outcome = AuditOutcome.FAILED
            return done

    # --- agreeing -------------------------------------------------------------------------------------

    def _agreed_here(self, case: Case, request: ApproveProposalRequest, act: Act) -> Decided | None:
        """The agreement of the person at the terminal, where no signature is asked for."""
        require_next(case.proposal, ProposalState.APPROVED)
        self._refuse(case)
        self._terminal()
        if not request.confirm(case.shown, None, None):
            act.outcome = AuditOutcome.DECLINED
            return None
        person = self._person()
        act.approval = person
        return Decided(self._move(case, person, "at the terminal"), person)

    def _signed(self, case: Case, request: ApproveProposalRequest) -> SignedAgreement | None:
        settings = self._doors.settings
        if not case.proposal.state.is_open or case.proposal.begun:
            raise refused_as(case.proposal, "it can't be approved")
        denied = case.denied()
        if denied is not None:
            raise denied
        key = key_of(request.key, settings)
        if not request.confirm(case.shown, key, guard_of(key)):
            return None
        agreement = agreement_to(case.proposal.stack_id, case.proposal.digest, request.lasts)
        return signed(agreement, key, settings)

    def _put(self, case: Case, made: SignedAgreement) -> Case:
        """The case with a new approval, which is kept beside the stack's state, or else with the proposal."""
        if case.plan is not None and case.workspace is not None:
            workspace = case.workspace
            Shelf(workspace.backend.storage, workspace.project, workspace.stack).put(made)
            return case
        name = f"approval-{made.agreement.nonce}"
        with proposals_of(self._doors.settings) as store:
            store.put_text(case.proposal.id, name, made.text)
        return replace(case, signatures=(*case.signatures, (name, made.text)))

    def _settle(self, case: Case, files: tuple[Path, ...] = ()) -> tuple[Proposal, str]:
        """Notes that a proposal is approved once the policies' quorum is met; else says what is missing."""
        counted = case.counted(files)
        refusal = case.refusal(counted)
        if refusal is not None:
            return case.proposal, case.lacking(counted) or str(Quorum())
        if case.proposal.state is ProposalState.APPROVED:
            return case.proposal, ""
        people = ", ".join(each.person for each in counted.approvals)
        return self._move(case, people, "signed"), ""

    def _consent(self, case: Case, request: ApplyProposalRequest) -> str | None:
        """Who has agreed; None where the person at the terminal declined. Raises ApprovalMissing."""
        self._refuse(case, request.approvals)
        if case.approvals_on:
            proposal, _ = self._settle(case, request.approvals)
            return proposal.transitions[-1].actor
        if case.proposal.state is ProposalState.APPROVED:
            return case.proposal.transitions[-1].actor
        if case.proposal.by_assistant:
            self._require_asked(case, request)
        if not request.yes and not request.confirm(case.shown):
            return None
        person = self._person()
        self._move(case, person, "with --yes" if request.yes else "at the terminal")
        return person

    def _require_asked(self, case: Case, request: ApplyProposalRequest) -> None:
        """An assistant's proposal is applied only where a person was shown it and asked."""
        try:
            if not request.yes:
                return self._terminal()
        except ApprovalRefused:
            pass
        proposal = case.proposal
        raise ApprovalMissing(
            f"`{proposal.assistant}` proposed this, and nobody has approved it; nothing was done",
            hint=f"look at it and agree, in a terminal: `tomo approve {proposal.id}`",
        )

    def _refuse(self, case: Case, files: tuple[Path, ...] = ()) -> None:
        """Raises PolicyDenied or ApprovalMissing where policies or missing signatures stand against it."""
        counted = case.counted(files)
        refusal = case.refusal(counted)
        if refusal is not None:
            refusal.detail = "\n".join([*filter(None, [refusal.detail]), *counted.void])
            raise refusal

    # --- applying -------------------------------------------------------------------------------------

    def _applied(self, case: Case, request: ApplyProposalRequest, agreed: str) -> AppliedProposal:
        with proposals_of(self._doors.settings) as store:
            store.begin(case.proposal.id, self._now(), this_process(os.getpid()))
        if case.plan is not None:
            return self._applied_plan(case, request, agreed)
        try:
            self._use(case, request)
            output = CarryingOut(self._doors, self._clock, case.place).do(case.proposal, case.workspace)
        except NotAllowed:
            # Nothing was done, and somebody else may.
            with proposals_of(self._doors.settings) as store:
                store.give_back(case.proposal.id)
            raise
        except BaseException as error:
            self._finish(case, ProposalState.FAILED, _reason(error))
            raise
        failed = output is not None and output.exit_code != 0
        state = ProposalState.FAILED if failed else ProposalState.APPLIED
        note = f"exit code {output.exit_code}" if output is not None else ""
        return AppliedProposal(self._finish(case, state, note, output), output=output)

    def _use(self, case: Case, request: ApplyProposalRequest) -> None:
        """Notes beside the state that a change without a plan is done: no row of a database repeats it then.

        Raises PlanRefused where it was done before.
        """
        if case.workspace is None:
            return
        workspace, proposal = case.workspace, case.proposal
        ledger = workspace.backend.plans(workspace.project, workspace.stack)
        if ledger.was_used(proposal.digest):
            raise PlanRefused(
                f"what `{proposal.id}` says was done before", hint="have it proposed anew to do it once more"
            )
        agreed = [
            {"person": each.person, "role": each.role} for each in case.counted(request.approvals).approvals
        ]
        ledger.use(proposal.digest, time=now(), user=workspace.settings.user, approvals=agreed)

    def _applied_plan(self, case: Case, request: ApplyProposalRequest, agreed: str) -> AppliedProposal:
        use = _Use()
        try:
            result = SavedPlans(self._doors).apply(self._plan_request(case, request, agreed, use))
        except BaseException as error:
            self._ended(case, use, ProposalState.FAILED, _reason(error))
            raise
        done = result.exit_code is ExitCode.OK
        state = ProposalState.APPLIED if done else ProposalState.FAILED
        note = "" if done else f"exit code {int(result.exit_code)}"
        return AppliedProposal(self._ended(case, use, state, note), result)

    def _plan_request(
        self, case: Case, request: ApplyProposalRequest, agreed: str, use: _Use
    ) -> ApplyPlanRequest:
        proposal = case.proposal
        return ApplyPlanRequest(
            replace(case.place, proposed=case.after),
            PlanText(proposal.id, case.plan_text),
            request.show,
            request.parallel,
            request.stop_on_error,
            request.retry,
            request.sink,
            request.stop,
            request.message or proposal.title,
            request.lock,
            case.terms,
            request.approvals,
            Origin(proposal.id, proposal.person, agreed, lambda: _written(case, use)),
            request.rollout,
        )

    def _ended(self, case: Case, use: _Use, state: ProposalState, note: str) -> Proposal:
        """Notes how it ended; where nothing was done yet the proposal is as it was, or stale."""
        if use.noted:
            return self._finish(case, state, note)
        with proposals_of(self._doors.settings) as store:
            store.give_back(case.proposal.id)
            return Aging(self._doors, self._clock).settled(store, store.get(case.proposal.id))

    def _finish(self, case: Case, state: ProposalState, note: str, output: Output | None = None) -> Proposal:
        step = Transition(state, self._now(), self._person(), note)
        with proposals_of(self._doors.settings) as store:
            return store.finish(case.proposal.id, step, output)

    # --- parts ----------------------------------------------------------------------------------------

    def _case(self, id_: str, place: Place | None, act: Act) -> Case:
        case = open_case(self._doors, self._clock, id_, place)
        _tell(act, case.proposal)
        return case

    @contextmanager
    def _recorded(self, action: str, id_: str, needs: Permission = Permission.EXECUTE) -> Iterator[Act]:
        with recorded(self._doors, action, id_, needs=needs, details={"proposal": id_}) as act:
            yield act

    def _move(self, case: Case, actor: str, note: str) -> Proposal:
        with proposals_of(self._doors.settings) as store:
            return store.move(case.proposal.id, Transition(ProposalState.APPROVED, self._now(), actor, note))

    def _person(self) -> str:
        return person_here(self._doors.settings).name

    def _now(self) -> int:
        return int(self._clock())


def _tell(act: Act, proposal: Proposal) -> None:
    act.object, act.plan = proposal.object, proposal.digest


def _reason(error: BaseException) -> str:
    return error.code if isinstance(error, TomoError) else type(error).__name__


@contextmanager
def _written(case: Case, use: _Use) -> Iterator[None]:
    """Writes the fleet file as it was proposed, if nobody has changed it; puts it back where that was all."""
    file, before, after = case.file, case.before, case.after
    there = file.read_bytes()
    if there not in {before, after}:
        raise PlanRefused(
            f"`{file}` was changed since `{case.proposal.id}` was proposed",
            hint="have it proposed anew: it would undo that change",
        )
    try:
        if there != after:
            replace_file(file, before, after)
    except UsageError as error:
        raise PlanRefused(error.message, hint="have it proposed anew") from error
    try:
        yield
    except BaseException:
        if there != after:
            replace_file(file, after, before)
        raise
    use.noted = True
