"""Does what a proposal without a plan says, once a person has agreed: a command, a setting, a role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tomo.audit.retention import Policy
from tomo.model.connection import HostBook
from tomo.model.proposal import Output, Proposal
from tomo.service.audits import Audits, RetainAuditRequest
from tomo.service.configs import Configs, RemoveConfigRequest, SetConfigRequest
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.people import AddUserRequest, Identities
from tomo.service.propose.catalog_changes import AddRepository, RateApp, SyncRepository
from tomo.service.propose.other_changes import (
    AddUser,
    ChangeSetting,
    CreateBackup,
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
from tomo.service.wiring import Doors, LazyRedactor
from tomo.service.workspace import Place, Workspace

MOST_OUTPUT: Final = 64 * 1024
"""How many characters of each of a command's streams are kept."""


class CarryingOut:
    """What may be done without a plan, at a place. `clock` gives seconds since 1970."""

    def __init__(self, doors: Doors, clock: Callable[[], float], place: Place) -> None:
        self._doors, self._clock, self._place = doors, clock, place

    def do(self, proposal: Proposal, workspace: Workspace | None) -> Output | None:
        """Does it; gives what a command left. Raises TomoError where it can't be done."""
        match read_change(proposal.change):
            case RunCommand() as command:
                return self._run(command, workspace or self._doors.open(self._place))
            case ChangeSetting() as change:
                self._set(change)
            case RetainAudit() as change:
                Audits(self._doors).retain(RetainAuditRequest(Policy(change.days, change.entries)))
            case AddUser() as change:
                self._people.add(AddUserRequest(change.name, change.role, change.account))
            case SetUserRole() as change:
                self._people.change_role(change.name, change.role)
            case AddRepository() | SyncRepository() | RateApp() as change:
                from tomo.service.marketplace.proposed import carry_out as carried_out  # noqa: PLC0415  # as below

                carried_out(self._doors, self._clock, self._place, proposal.person, change)
            case CreateBackup() | VerifyBackup() | RestoreBackup() | PruneBackups() as change:
                from tomo.service.backups.proposed import carry_out  # noqa: PLC0415  # brings what seals

                return carry_out(self._doors, self._clock, self._place, proposal.id, change)
            case SetUserDisabled() as change:
                self._people.disable(change.name, disabled=change.disabled)
        return None

    @property
    def _people(self) -> Identities:
        return Identities(self._doors, self._clock)

    def _set(self, change: ChangeSetting) -> None:
        configs, place = Configs(self._doors), self._place
        if change.value is None:
            configs.remove(RemoveConfigRequest(place, change.key))
        else:
            configs.set(SetConfigRequest(place, change.key, change.value))

    def _run(self, command: RunCommand, workspace: Workspace) -> Output:
        """Runs exactly these arguments; what comes back has the stack's secrets taken out, then is cut."""
        config = workspace.config()
        server = server_of(fleet_of(workspace), command.server)
        spec = host_spec(command.server, server, fleet_secrets(config))
        redactor = LazyRedactor()
        for value in config.values.values():
            redactor.learn(value)
        with self._doors.open_connections(HostBook([spec])) as connections:
            ran = connections.get(spec).run(command.argv, timeout=command.timeout, check=False)
        texts = [redactor.redact(each.decode("utf-8", "replace")) for each in (ran.stdout, ran.stderr)]
        out, err = (text[:MOST_OUTPUT] for text in texts)
        return Output(ran.exit_code, out, err, cut=any(len(text) > MOST_OUTPUT for text in texts))
