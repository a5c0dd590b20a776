"""What becomes of proposals by themselves: their time is over, or what they start from is another by now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from tomo.errors import ProposalClosed, TomoError, UsageError, UserNotFound
from tomo.model.people import Role
from tomo.model.proposal import BaseDigests, Proposal, ProposalKind, ProposalState, Transition
from tomo.model.values import Secret
from tomo.service.catalogs import with_repository
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.marketplace.views import known_repositories
from tomo.service.people_rules import require_account, require_free, require_name, require_other_admin
from tomo.service.plans.basis import host_identities
from tomo.service.propose.catalog_changes import AddRepository, CatalogChange, RateApp, SyncRepository
from tomo.service.propose.other_changes import (
    AddUser,
    ChangeSetting,
    CreateBackup,
    OtherChange,
    PruneBackups,
    RestoreBackup,
    RetainAudit,
    RunCommand,
    SetUserDisabled,
    SetUserRole,
    VerifyBackup,
    read_change,
)
from tomo.service.server_edits import fleet_of, server_of
from tomo.service.who import people_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec.shown import shown
from tomo.state.config_text import full_key
from tomo.state.process import Process

if TYPE_CHECKING:
    from tomo.db.proposals import Proposals

TOMO: Final = "tomo"
"""The actor of what happens by itself."""
_GIVEN_UP_AFTER: Final = 86_400


def place_of(proposal: Proposal) -> Place:
    """Where a proposal's fleet or program is."""
    place = Path(proposal.place)
    return (
        Place(file=place) if place.suffix in {".yaml", ".yml"} else Place(place, stack=proposal.stack or None)
    )


def digest_of_file(file: Path) -> str:
    """SHA-256 of a file in hex; `""` where there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def base_of_stack(workspace: Workspace) -> BaseDigests:
    """What of a stack is outside its fleet file now."""
    stored = workspace.stored()
    return BaseDigests(state=stored.digest if stored else "", config=digest_of_file(workspace.stack_file))


def base_of_change(doors: Doors, workspace: Workspace | None, change: OtherChange) -> str:
    """A digest of what a change without a plan starts from; raises TomoError for what isn't there."""
    found = _starts_from(doors, workspace, change)
    return hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _starts_from(doors: Doors, workspace: Workspace | None, change: OtherChange) -> object:
    match change:
        case RunCommand() if workspace is not None:
            server = server_of(fleet_of(workspace), change.server)
            spec = host_spec(change.server, server, fleet_secrets(workspace.config()))
            identities = host_identities([spec], doors.settings)
            return [[asdict(each) for each in identities], server.become]
        case ChangeSetting() if workspace is not None:
            value = workspace.config().values.get(full_key(change.key, workspace.project))
            # Of a secret nothing goes into a digest that is kept: a short one would be found by it.
            return ["sealed"] if isinstance(value, Secret) else value
        case SetUserRole() | SetUserDisabled():
            return _person_as_is(doors, change)
        case AddUser():
            _require_addable(doors, change)
            return None
        case RunCommand() | ChangeSetting() | RetainAudit():
            return None
        case AddRepository() | SyncRepository() | RateApp():
            return _catalog_starts_from(doors, workspace, change)
        case CreateBackup() | VerifyBackup() | RestoreBackup() | PruneBackups():
            # A backup never changes, and its name is never given twice.
            return None


def _catalog_starts_from(doors: Doors, workspace: Workspace | None, change: CatalogChange) -> object:
    if isinstance(change, SyncRepository):
        known = {each.name: each.digest for each in known_repositories(doors.settings)}
        if change.repository not in known:
            raise UsageError(
                f"there is no repository `{change.repository}`", hint="see `tomo catalog repo list`"
            )
        return known[change.repository]
    if isinstance(change, RateApp) and workspace is not None:
        return with_repository(workspace.catalog, change.app, doors.settings).get(change.app).id
    return None


def _require_addable(doors: Doors, change: AddUser) -> None:
    require_name(change.name)
    require_account(change.account)
    with people_of(doors.settings) as store, store.reading() as people:
        if not people.users():
            raise UsageError(
                "nobody was added yet, and the first one is an admin whom a person adds at a terminal",
                hint="`tomo user add NAME --role admin`",
            )
        require_free(people, change.name, change.account)


def _person_as_is(doors: Doors, change: SetUserRole | SetUserDisabled) -> object:
    with people_of(doors.settings) as store, store.reading() as people:
        user = people.user(name=change.name)
        if user is None:
            raise UserNotFound(f"there is nobody called `{shown(change.name)}`", hint="see `tomo user list`")
        if change.disabled if isinstance(change, SetUserDisabled) else change.role is not Role.ADMIN:
            require_other_admin(people, user)
    return [user.id, user.role, user.disabled]


@dataclass(slots=True)
class Aging:
    """Notes what has become of open proposals. One for each use case: what it read, it remembers."""

    doors: Doors
    clock: Callable[[], float]
    _bases: dict[str, BaseDigests] = field(default_factory=dict)

    def settled(self, store: Proposals, proposal: Proposal) -> Proposal:
        """The proposal as it is by now; what happened by itself is recorded."""
        if not proposal.state.is_open:
            return proposal
        if proposal.begun:
            return self._interrupted(store, proposal)
        step = self._ended(proposal)
        if step is None:
            return proposal
        try:
            return store.move(proposal.id, step)
        except ProposalClosed:
            # Somebody else was quicker; what that was is in the database.
            return store.get(proposal.id)

    def _ended(self, proposal: Proposal) -> Transition | None:
        now = int(self.clock())
        if now >= proposal.expires:
            return Transition(ProposalState.EXPIRED, now, TOMO, "its time is over")
        moved = self._moved(proposal)
        return Transition(ProposalState.STALE, now, TOMO, moved) if moved else None

    def _moved(self, proposal: Proposal) -> str:
        """What is not as it was when it was proposed; `""` where that can't be seen from here."""
        try:
            if proposal.kind is ProposalKind.FLEET:
                return self._fleet_moved(proposal)
            return self._other_moved(proposal)
        except UserNotFound as error:
            return error.message
        except TomoError:
            return ""

    def _fleet_moved(self, proposal: Proposal) -> str:
        file, base = Path(proposal.place), proposal.base
        if not file.is_file():
            return ""
        # What an interrupted application has written already is as good as what it began with.
        if digest_of_file(file) not in {base.fleet, base.after}:
            return "the fleet file was changed since"
        if proposal.place not in self._bases:
            self._bases[proposal.place] = base_of_stack(self.doors.open(place_of(proposal)))
        now = self._bases[proposal.place]
        if now.state != base.state:
            return "the state moved since: another run or command has written it"
        return "the stack's config was changed since" if now.config != base.config else ""

    def _other_moved(self, proposal: Proposal) -> str:
        workspace = self.doors.open(place_of(proposal)) if proposal.place else None
        now = base_of_change(self.doors, workspace, read_change(proposal.change))
        return "what it changes is another than when it was proposed" if now != proposal.base.other else ""

    # --- processes that are gone ----------------------------------------------------------------------

    def _interrupted(self, store: Proposals, proposal: Proposal) -> Proposal:
        """Takes up what a process left that was to apply a proposal and is gone."""
        now = int(self.clock())
        if not _is_gone(proposal, now):
            return proposal
        if proposal.kind is ProposalKind.FLEET and not self._was_used(proposal):
            store.give_back(proposal.id)
            return store.get(proposal.id)
        planned = proposal.kind is ProposalKind.FLEET
        left = "`tomo plan` shows what is left to do" if planned else "see what of it was done"
        note = f"the process that applied it ended without saying how; {left}"
        try:
            return store.finish(proposal.id, Transition(ProposalState.FAILED, now, TOMO, note))
        except ProposalClosed:
            return store.get(proposal.id)

    def _was_used(self, proposal: Proposal) -> bool:
        try:
            workspace = self.doors.open(place_of(proposal))
            return workspace.backend.plans(proposal.project, proposal.stack).was_used(proposal.digest)
        except TomoError:
            return True


def this_process(pid: int) -> str:
    """A process of this machine as a proposal notes it."""
    return orjson.dumps(asdict(Process.of(pid))).decode()


def _is_gone(proposal: Proposal, now: int) -> bool:
    try:
        process = Process(**orjson.loads(proposal.begun_by))
    except (ValueError, TypeError):
        return now - proposal.begun > _GIVEN_UP_AFTER
    return process.is_gone() or now - proposal.begun > _GIVEN_UP_AFTER
