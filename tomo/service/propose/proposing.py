"""Proposes changes, and shows what was proposed. Changes no fleet file and no host."""

from __future__ import annotations

import difflib
import hashlib
import secrets
import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

import orjson

from tomo.errors import ConfigMissing, PlanRefused, UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostBook, HostSpec
from tomo.model.events import Sink, ignore
from tomo.model.people import Permission
from tomo.model.proposal import (
    BaseDigests,
    Json,
    Proposal,
    ProposalKind,
    ProposalState,
    Review,
    Transition,
)
from tomo.model.selection import Selection
from tomo.model.values import Secret
from tomo.service.app_edits import fleet_after
from tomo.service.app_history import mark_of
from tomo.service.apps import used_secrets
from tomo.service.catalogs import with_repository
from tomo.service.effect import Effect
from tomo.service.hosts import declared_hosts, fleet_secrets
from tomo.service.looking import accepted_hosts
from tomo.service.plans.form import read_envelope
from tomo.service.plans.making import KeptPlans, MadePlan, ShownPlan, shown_plan
from tomo.service.policies import PolicyTerms
from tomo.service.propose.aging import Aging, base_of_change
from tomo.service.propose.catalog_changes import CatalogChange
from tomo.service.propose.changes import FleetBase, FleetChange, InstallApp
from tomo.service.propose.commands import judged_command, judged_data
from tomo.service.propose.other_changes import (
    ChangeSetting,
    DataChange,
    OtherChange,
    RunCommand,
    change_json,
)
from tomo.service.propose.review import problems, review_of
from tomo.service.propose.store import AFTER, BEFORE, PLAN, proposals_of
from tomo.service.read.asker import UNNAMED
from tomo.service.recording import recorded
from tomo.service.runs import PlanRequest, PlanResult
from tomo.service.server_edits import fleet_of
from tomo.service.stop import Stop
from tomo.service.who import people_of, person_here
from tomo.service.wiring import Doors, new_id
from tomo.service.workspace import Place, Workspace
from tomo.settings import Settings
from tomo.spec.files import read_bytes
from tomo.spec.near import did_you_mean
from tomo.spec.shown import CONTROL, shown
from tomo.ssh.accepted import AcceptedHosts
from tomo.ssh.identity import identities
from tomo.state.config_text import full_key

Change: TypeAlias = FleetChange | OtherChange

DAY: Final = 86_400
_SHORTEST, _LONGEST = 60, 90 * DAY
_LETTERS: Final = string.ascii_lowercase + string.digits
_MOST_WHY: Final = 2000
_MOST_NAME: Final = 200
_FORMAT: Final = "tomo.proposal/v1"
_INSTALLATION: Final = "installation"
_BOM: Final = "\ufeff"


# --- requests and results ----------------------------------------------------------------------------


@frozen
class ProposeRequest:
    """Propose a change. `assistant` is the client that does, `""` for a person; `person` whom it acts for.

    Without a person it is who runs here. `lasts` is in seconds; `replaces` is an open proposal's id, which
    this one supersedes. `selection` names a part of the fleet, `look` says whether hosts are asked.
    """

    effect: ClassVar[Effect] = Effect.PROPOSE
    place: Place
    change: Change
    why: str = ""
    assistant: str = ""
    person: str = ""
    lasts: int = DAY
    replaces: str = ""
    look: bool = True
    selection: Selection = Selection()
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)


@frozen
class ProposedPlan:
    """A proposal that was just made; `shown` is its plan, None for a change without one."""

    proposal: Proposal
    shown: PlanResult | None = None


@frozen
class ListProposalsRequest:
    """Which proposals are there? The newest first; without states those in any."""

    effect: ClassVar[Effect] = Effect.READ
    states: tuple[ProposalState, ...] = ()
    limit: int = 50


@frozen
class ShowProposalRequest:
    """What does a proposal say? Needs no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    id: str


@frozen
class ShownProposal:
    """A proposal, its plan, and the change of the fleet file as a unified diff."""

    proposal: Proposal
    plan: ShownPlan | None = None
    diff: str = ""


# --- use cases ---------------------------------------------------------------------------------------


class Proposing:
    """The use cases over proposals that decide nothing. `clock` gives seconds since 1970."""

    def __init__(self, doors: Doors, clock: Callable[[], float] = time.time) -> None:
        self._doors, self._clock = doors, clock

    def propose(self, request: ProposeRequest) -> ProposedPlan:
        """Plans the change and keeps it for a person to decide.

        Raises UsageError or SpecError for a change that makes no sense, PlanRefused for one that can't be
        applied or brings nothing.
        """
        _require_lasting(request.lasts)
        details = {"change": request.change.kind, "assistant": _assistant(request)}
        needs = Permission.PROPOSE
        object_ = str(request.place)
        with recorded(self._doors, "proposal.propose", object_, needs=needs, details=details) as act:
            change = request.change
            self._require_own(request)
            made = (
                self._without_plan(request, change)
                if isinstance(change, OtherChange)
                else self._with_plan(request, change)
            )
            act.details["proposal"], act.plan = made.proposal.id, made.proposal.digest
            act.object = made.proposal.object
            return made

    def list(self, request: ListProposalsRequest) -> Sequence[Proposal]:
        """The newest proposals, as they are by now."""
        aging = Aging(self._doors, self._clock)
        with proposals_of(self._doors.settings) as store:
            found = store.find(request.states, request.limit)
            settled = [aging.settled(store, each) for each in found]
        return [each for each in settled if not request.states or each.state in request.states]

    def show(self, request: ShowProposalRequest) -> ShownProposal:
        """One proposal with its plan and its diff; raises PlanRefused where its bytes were changed."""
        with proposals_of(self._doors.settings) as store:
            proposal = Aging(self._doors, self._clock).settled(store, store.get(request.id))
            texts = (store.text(proposal.id, name) for name in (PLAN, BEFORE, AFTER))
            return shown_proposal(proposal, *texts)

    # --- fleets ---------------------------------------------------------------------------------------

    def _with_plan(self, request: ProposeRequest, change: FleetChange) -> ProposedPlan:
        workspace = self._doors.open(request.place)
        file = fleet_of(workspace).file
        before = read_bytes(file)
        base = _base(workspace, before.decode(), change)
        text = change.proposed(base)
        fleet = fleet_after(text, base.loaded, base.catalog)
        after = (_BOM * before.startswith(_BOM.encode()) + text).encode()
        config = workspace.config()
        accepted = accepted_hosts(base.loaded.fleet, config, base.snapshot, self._doors.settings)
        made = self._planned(request, after, accepted)
        _require_use(made.shown, changed=before != after)
        hosts = declared_hosts(fleet.fleet, config)
        proposal = self._new(
            request,
            ProposalKind.FLEET,
            _place(file),
            made.digest,
            project=workspace.project,
            stack=workspace.stack,
            stack_id=made.basis.stack_id,
            base=_digests(made, before, after),
            review=review_of(
                made.shown,
                _new_hosts(hosts, accepted, self._doors.settings),
                used_secrets(base.loaded, base.catalog, config),
                used_secrets(fleet, base.catalog, config),
            ),
        )
        self._keep(proposal, {PLAN: made.text, BEFORE: before, AFTER: after})
        return ProposedPlan(proposal, made.shown)

    def _planned(self, request: ProposeRequest, after: bytes, accepted: AcceptedHosts) -> MadePlan:
        """The plan of a fleet file that isn't written; hosts are only looked at, and only accepted ones."""
        asked = PlanRequest(
            replace(request.place, proposed=after),
            request.look,
            sink=request.sink,
            stop=request.stop,
            selection=request.selection,
            policy=PolicyTerms(by_assistant=bool(request.assistant)),
        )
        return KeptPlans(self._doors.looking_only(accepted)).make(asked)

    # --- changes without a plan -----------------------------------------------------------------------

    def _without_plan(self, request: ProposeRequest, change: OtherChange) -> ProposedPlan:
        change.require_sensible()
        workspace = self._stack_for(request.place, change)
        base = base_of_change(self._doors, workspace, change)
        if workspace is None:
            told = {"stack_id": self._installation()}
        else:
            ledger = workspace.backend.plans(workspace.project, workspace.stack)
            names = {"project": workspace.project, "stack": workspace.stack}
            told = {**names, "stack_id": ledger.ensure_stack_id(new_id)}
        fleet = workspace.fleet if workspace is not None else None
        place = str(request.place) if workspace is not None else ""
        proposal = self._new(
            request,
            change.about,
            _place(fleet.file) if fleet is not None else place,
            "",
            base=BaseDigests(other=base),
            review=_reviewed(workspace, change, by_assistant=bool(request.assistant)),
            **told,
        )
        proposal = replace(proposal, digest=digest_of_change(proposal))
        self._keep(proposal, {})
        return ProposedPlan(proposal)

    def _stack_for(self, place: Place, change: OtherChange) -> Workspace | None:
        if not isinstance(change, RunCommand | ChangeSetting | DataChange | CatalogChange):
            return None
        workspace = self._doors.open(place)
        if isinstance(change, ChangeSetting):
            _require_setting(workspace, change)
        return workspace

    def _installation(self) -> str:
        """The id that stands for this database where a change is about no stack."""
        with people_of(self._doors.settings) as store, store.changing() as people:
            return people.ensure_key(_INSTALLATION, new_id, int(self._clock()))

    # --- parts ----------------------------------------------------------------------------------------

    def _new(
        self,
        request: ProposeRequest,
        kind: ProposalKind,
        place: str,
        digest: str,
        *,
        base: BaseDigests,
        **more: object,
    ) -> Proposal:
        settings, now = self._doors.settings, int(self._clock())
        person = request.person or person_here(settings).name
        assistant = _assistant(request)
        actor = f"{assistant} for {person}" if assistant else person
        trail = self._doors.trail
        return Proposal(
            id=f"p-{''.join(secrets.choice(_LETTERS) for _ in range(8))}",
            kind=kind,
            title=request.change.title,
            why=_clean(request.why)[:_MOST_WHY],
            assistant=assistant,
            person=person,
            account=settings.account or settings.user,
            surface=trail.actor.surface if trail else "cli",
            created=now,
            expires=now + request.lasts,
            change=change_json(request.change),
            digest=digest,
            transitions=(Transition(ProposalState.PROPOSED, now, actor),),
            place=place,
            base=base,
            replaces=request.replaces,
            **more,  # type: ignore[arg-type]
        )

    def _require_own(self, request: ProposeRequest) -> None:
        """Raises UsageError, before hosts are looked at, where somebody else's proposal is to be replaced."""
        if not request.replaces:
            return
        with proposals_of(self._doors.settings) as store:
            old = store.get(request.replaces)
        person = request.person or person_here(self._doors.settings).name
        if (old.assistant, old.person) != (_assistant(request), person):
            raise _foreign(old)

    def _keep(self, proposal: Proposal, texts: dict[str, bytes]) -> None:
        with proposals_of(self._doors.settings) as store:
            if proposal.replaces:
                _require_same_object(store.get(proposal.replaces), proposal)
            store.add(proposal, texts)


def shown_proposal(proposal: Proposal, plan: bytes, before: bytes, after: bytes) -> ShownProposal:
    """A proposal with its texts; raises PlanRefused where their bytes are not those that were proposed."""
    require_unchanged(proposal)
    if proposal.kind is not ProposalKind.FLEET:
        return ShownProposal(proposal)
    return ShownProposal(proposal, _plan_of(proposal, plan), _diff(proposal, before, after))


def _plan_of(proposal: Proposal, text: bytes) -> ShownPlan:
    plan = shown_plan(read_envelope(text, proposal.id))
    # The fleet file that is shown must be the one that the plan was made of.
    if plan.digest != proposal.digest or proposal.base.after not in plan.saved.basis.files.values():
        raise _changed(proposal)
    return plan


def _require_text(proposal: Proposal, text: bytes, digest: str) -> None:
    """Raises PlanRefused where a text of a proposal is not the one that was proposed."""
    if hashlib.sha256(text).hexdigest() != digest:
        raise _changed(proposal)


def digest_of_change(proposal: Proposal) -> str:
    """What names a proposal without a plan: all that people agree to, in one form."""
    body: dict[str, Json] = {
        "base": proposal.base.other,
        "change": dict(proposal.change),
        "proposal": proposal.id,
        "project": proposal.project,
        "stack": proposal.stack,
        "stack_id": proposal.stack_id,
    }
    text = orjson.dumps({"body": body, "format": _FORMAT}, option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def require_unchanged(proposal: Proposal) -> None:
    """Raises PlanRefused where a change without a plan is not the one that was proposed."""
    if proposal.kind is not ProposalKind.FLEET and digest_of_change(proposal) != proposal.digest:
        raise _changed(proposal)


def _changed(proposal: Proposal) -> PlanRefused:
    return PlanRefused(
        f"the proposal `{proposal.id}` was changed after it was made: its bytes do not fit its digest",
        hint="reject it, and have it proposed anew",
    )


def _reviewed(workspace: Workspace | None, change: OtherChange, *, by_assistant: bool) -> Review:
    if workspace is None or not isinstance(change, RunCommand | DataChange):
        return Review()
    held = PolicyTerms(by_assistant=by_assistant).of(workspace)
    if isinstance(change, RunCommand):
        return Review(judgement=judged_command(held, workspace, change))
    return Review(judgement=judged_data(held, workspace, change))


def _require_setting(workspace: Workspace, change: ChangeSetting) -> None:
    """Raises UsageError for a secret, ConfigMissing where there is nothing to remove."""
    if workspace.is_fleet:
        raise UsageError(
            "a fleet's settings stand in its own file; its config holds secrets only",
            hint="propose the change of the server or app that it belongs to",
        )
    values, name = workspace.config().values, full_key(change.key, workspace.project)
    if isinstance(values.get(name), Secret):
        raise UsageError(
            f"`{shown(name)}` is a secret, and a proposal would keep its value in the open",
            hint=f"a person sets it: `tomo secret set {shown(name)}`",
        )
    if change.value is None and name not in values:
        hint = did_you_mean(name, values, "see `tomo config list`")
        raise ConfigMissing(f"`{shown(name)}` is not set", hint=hint)


def _base(workspace: Workspace, text: str, change: FleetChange) -> FleetBase:
    known = fleet_secrets(workspace.config())
    loaded, catalog = fleet_of(workspace), workspace.catalog
    if isinstance(change, InstallApp):
        catalog = with_repository(catalog, change.app, workspace.settings)
    return FleetBase(
        text.removeprefix(_BOM),
        loaded,
        catalog,
        known,
        workspace.snapshot(),
        partial(mark_of, workspace),
    )


def _digests(made: MadePlan, before: bytes, after: bytes) -> BaseDigests:
    digests = [hashlib.sha256(text).hexdigest() for text in (before, after)]
    return BaseDigests(digests[0], made.basis.state, made.basis.config, digests[1])


def _diff(proposal: Proposal, before: bytes, after: bytes) -> str:
    _require_text(proposal, before, proposal.base.fleet)
    _require_text(proposal, after, proposal.base.after)
    name = Path(proposal.place).name
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    made = difflib.unified_diff(old, new, name, f"{name} (proposed)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in made)


def _new_hosts(hosts: Sequence[HostSpec], accepted: AcceptedHosts, settings: Settings) -> Mapping[str, str]:
    """The servers of the proposed fleet that a person accepts by agreeing to it."""
    book = HostBook(hosts)
    new = [spec for spec in hosts if not accepted.accepts(spec, book)]
    return {spec.label: _host_line(spec, settings) for spec in new}


def _host_line(spec: HostSpec, settings: Settings) -> str:
    """A host with the way there, as a person checks it: places and fingerprints."""
    known = list(identities(spec, settings))
    roads = [f"{each.place} {' '.join(each.keys) or 'without a known host key'}" for each in known]
    return f"{spec.label}: {', through '.join(roads)}"


def _require_use(shown: PlanResult, *, changed: bool) -> None:
    found = list(problems(shown))
    if found:
        errors = [failure.error for failure in shown.failures]
        raise PlanRefused(
            f"this can't be applied as it is proposed: {found[0]}",
            hint=errors[0].hint if errors else "change what it names, and propose it again",
            detail="\n".join(found[1:]),
        )
    if not changed and not shown.has_changes:
        raise UsageError(
            "there is nothing to propose: everything is as it would be",
            hint="see `tomo plan` and `tomo status`",
        )


def _require_same_object(old: Proposal, new: Proposal) -> None:
    if (old.object, old.assistant, old.person) != (new.object, new.assistant, new.person):
        raise _foreign(old)


def _foreign(old: Proposal) -> UsageError:
    return UsageError(
        f"`{old.id}` is not a proposal of yours for the same fleet, so it can't be replaced",
        hint="propose without replacing it; whoever made it, or a person, can reject it",
    )


def _require_lasting(lasts: int) -> None:
    if not _SHORTEST <= lasts <= _LONGEST:
        raise UsageError(
            f"a proposal can't last {lasts} seconds",
            hint=f"between {_SHORTEST} seconds and {_LONGEST // DAY} days",
        )


def _place(file: Path) -> str:
    return str(file.absolute())


def _assistant(request: ProposeRequest) -> str:
    """Which assistant proposes; whatever it calls itself, it is never taken for a person."""
    return (_line(request.assistant) or UNNAMED) if request.assistant else ""


def _line(text: str) -> str:
    """A name that a client gives itself, as it may stand in a record."""
    return " ".join(_clean(text).split())[:_MOST_NAME]


def _clean(text: str) -> str:
    return CONTROL.sub("", text).strip()
