"""The reading half of the service, put together for one place: what a surface for assistants is given."""

from __future__ import annotations

from dataclasses import replace

from tomo.frozen import frozen
from tomo.service.read.apps import AppReads
from tomo.service.read.backups import BackupReads
from tomo.service.read.marketplace import MarketplaceReads
from tomo.service.read.people import PeopleReads
from tomo.service.read.records import RecordReads
from tomo.service.read.secrets import SecretMask
from tomo.service.read.servers import ServerReads
from tomo.service.read.stacks import StackReads
from tomo.service.read.system import SystemReads
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


@frozen
class Reading:
    """Every reading service."""

    servers: ServerReads
    apps: AppReads
    records: RecordReads
    people: PeopleReads
    stacks: StackReads
    system: SystemReads
    backups: BackupReads
    marketplace: MarketplaceReads
    secrets: SecretMask

    @classmethod
    def of(cls, doors: Doors, place: Place) -> Reading:
        """The services of a place, through the doors of `for_assistants`."""
        secrets = SecretMask(doors, place)
        return cls(
            ServerReads(doors, place, secrets),
            AppReads(doors, place),
            RecordReads(doors, place),
            PeopleReads(doors, place),
            StackReads(doors, place),
            SystemReads(doors, place),
            BackupReads(doors, place),
            MarketplaceReads(doors, place),
            secrets,
        )

    @property
    def all(self) -> tuple[object, ...]:
        """Every service, to be given to who asks for its type."""
        found = (self.servers, self.apps, self.records, self.people, self.stacks, self.system)
        return (*found, self.backups, self.marketplace)


def for_assistants(doors: Doors, place: Place) -> Doors:
    """Doors through which hosts can only be looked at, and nobody is asked for anything.

    The keys of the place's secrets are derived once, not at every call. Raises UsageError where there is no
    fleet or program, and SpecError for one with mistakes.
    """
    alone = replace(doors, ask=None, ask_passphrase=None).looking_only()
    workspace = alone.open(place)
    if alone.secrets is not None:
        return alone
    return replace(alone, secrets=workspace.secrets)
