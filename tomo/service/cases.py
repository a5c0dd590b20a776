"""One proposal that somebody is to decide about: all that it is, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tomo.errors import PlanRefused, TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.finding import Judgement, Quorum
from tomo.model.proposal import Proposal
from tomo.policy.gate import is_met, not_approved, refusal
from tomo.service.agreed import Asked, Counted, counted, counted_of
from tomo.service.plans.making import ShownPlan
from tomo.service.policies import Held, PolicyTerms
from tomo.service.propose.aging import Aging, place_of
from tomo.service.propose.commands import judged_command, judged_data
from tomo.service.propose.other_changes import DataChange, RunCommand, read_change
from tomo.service.propose.proposing import ShownProposal, require_unchanged, shown_proposal
from tomo.service.propose.store import AFTER, BEFORE, PLAN, proposals_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.settings import Settings


@frozen
class Case:
    """A proposal with what was kept of it, where it is to be applied, and what it is held to there.

    `signatures` are approvals that were kept with it, each with its name. Without a stack there is neither
    `workspace` nor `held`.
    """

    settings: Settings
    shown: ShownProposal
    place: Place
    workspace: Workspace | None
    held: Held | None
    plan_text: bytes
    before: bytes
    after: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def proposal(self) -> Proposal:
        """The proposal itself."""
        return self.shown.proposal

    @property
    def plan(self) -> ShownPlan | None:
        """Its plan; None for a change without one."""
        return self.shown.plan

    @property
    def approvals_on(self) -> bool:
        """Whether people have to sign."""
        return self.settings.approvers is not None

    @property
    def terms(self) -> PolicyTerms:
        """What applying it is held to."""
        return PolicyTerms(by_assistant=self.proposal.by_assistant)

    @property
    def file(self) -> Path:
        """The fleet file; raises UsageError where there is none."""
        if self.workspace is None or self.workspace.fleet is None:
            raise UsageError(f"`{self.place}` has no fleet file", hint="name the fleet with `-C DIR`")
        return self.workspace.fleet.file

    def counted(self, files: Sequence[Path] = ()) -> Counted:
        """Who has agreed to it."""
        asked = Asked(self.proposal.stack_id, self.proposal.digest, self.proposal.person)
        if self.plan is not None and self.workspace is not None:
            return counted_of(self.workspace, asked, files)
        return counted(self.settings, asked, self.signatures, files)

    def denied(self) -> TomoError | None:
        """What stands against it, whoever agrees."""
        return refusal(self._judgement()) if self._judgement().denied else None

    def refusal(self, agreed: Counted) -> TomoError | None:
        """Why it may not be applied, by the policies and approvals that are in force here."""
        refused = refusal(self._judgement(), agreed.approvals)
        if refused is None and self.approvals_on and not agreed.approvals:
            refused = not_approved(kept=True)
        if refused is not None and not self._judgement().denied:
            refused.hint = self._way_to_agree()
        return refused

    def lacking(self, agreed: Counted) -> str:
        """How many have to agree, and of which role, where they have not yet; `""` where they have."""
        asked = [each.quorum or Quorum() for each in self._judgement().awaiting]
        return ", and ".join(dict.fromkeys(str(each) for each in asked if not is_met(each, agreed.approvals)))

    def _way_to_agree(self) -> str:
        agree = f"`tomo approve {self.proposal.id}`"
        if self.approvals_on:
            return f"have it approved: {agree}"
        file = self._judgement().source
        return (
            "here nobody may agree to it yet: name a file of those who may, `TOMO_APPROVERS=FILE`, then "
            f"{agree}; or change the level of the rule in `{file}`"
        )

    def _judgement(self) -> Judgement:
        """What the policies say; raises PlanRefused where those of the plan are not in force any more."""
        if self.held is None or self.workspace is None:
            return Judgement()
        if self.plan is not None:
            return self._judgement_of_plan(self.held, self.plan.shown.judgement)
        change = read_change(self.proposal.change)
        if isinstance(change, RunCommand):
            return judged_command(self.held, self.workspace, change)
        if isinstance(change, DataChange):
            return judged_data(self.held, self.workspace, change)
        return Judgement()

    def _judgement_of_plan(self, held: Held, judgement: Judgement) -> Judgement:
        try:
            held.require_same(judgement, judgement)
        except PlanRefused as error:
            error.hint = (
                "look at them with `tomo policy list`; name the file that is meant with `TOMO_POLICY=FILE`, "
                "or have it proposed anew"
            )
            raise
        return judgement


def open_case(doors: Doors, clock: Callable[[], float], id_: str, place: Place | None) -> Case:
    """The case of a proposal; raises ProposalNotFound, PlanRefused where something of it was changed."""
    with proposals_of(doors.settings) as store:
        proposal = Aging(doors, clock).settled(store, store.get(id_))
        plan, before, after = (store.text(id_, name) for name in (PLAN, BEFORE, AFTER))
        signatures = tuple(store.texts(id_, "approval-").items())
    require_unchanged(proposal)
    where = _place_here(proposal, place)
    workspace = _workspace(doors, proposal, where) if proposal.stack else None
    return Case(
        doors.settings,
        shown_proposal(proposal, plan, before, after),
        where,
        workspace,
        PolicyTerms(by_assistant=proposal.by_assistant).of(workspace) if workspace is not None else None,
        plan,
        before,
        after,
        signatures,
    )


def _place_here(proposal: Proposal, given: Place | None) -> Place:
    """Where it is decided: what is given, where it was proposed, or this folder where that is elsewhere."""
    policy = given.policy if given is not None else None
    if given is not None and given != Place(policy=policy):
        return given
    if not proposal.place:
        return Place(policy=policy)
    policy = policy.absolute() if policy is not None else None
    own, there = place_of(proposal), Path(proposal.place)
    if there.exists():
        return replace(own, policy=policy)
    file = Path(there.name) if own.file is not None else None
    return Place(file=file, stack=own.stack, policy=policy)


def _workspace(doors: Doors, proposal: Proposal, where: Place) -> Workspace:
    try:
        workspace = doors.open(where)
    except TomoError as error:
        if Path(proposal.place).exists():
            raise
        raise UsageError(
            f"`{proposal.place}`, which `{proposal.id}` is about, is not on this machine",
            hint="work in the folder of your own copy of it, or name that: `-C DIR`",
        ) from error
    _require_same_stack(proposal, workspace)
    return workspace


def _require_same_stack(proposal: Proposal, workspace: Workspace) -> None:
    ledger = workspace.backend.plans(workspace.project, workspace.stack)
    here = (workspace.project, workspace.stack, ledger.stack_id())
    if here != (proposal.project, proposal.stack, proposal.stack_id):
        raise PlanRefused(
            f"the proposal `{proposal.id}` is for the stack `{proposal.object}` of `{proposal.place}`, "
            f"and this is another one",
            hint="name its own folder: `-C DIR`",
        )
