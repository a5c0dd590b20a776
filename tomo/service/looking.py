"""Doors that only look: for assistants, for proposals and for plans of pull requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tomo.model.connection import Argv, Connections, HostBook, HostSpec
from tomo.model.snapshot import Snapshot
from tomo.resources.scripts import PIN, facts_script
from tomo.service.hosts import declared_hosts
from tomo.service.plans.basis import host_of
from tomo.service.stores import AskPassphrase
from tomo.service.wiring import Doors
from tomo.settings import Settings
from tomo.ssh.accepted import AcceptedHosts
from tomo.ssh.looking import LookingConnections
from tomo.state.config import StackConfig

if TYPE_CHECKING:
    from tomo.spec.fleet import Fleet

_COMMANDS: Final = frozenset({("true",), ("docker", "--version")})
_FACTS: Final = ("sh", "-s")


def looking_only(doors: Doors, accepted: AcceptedHosts | None = None) -> Doors:
    """The same doors, but that hosts can be looked at only, and with `accepted` only those.

    Without it every host that the stack's own fleet file declares counts as accepted.
    """

    def connections(settings: Settings, book: HostBook, ask: AskPassphrase | None) -> Connections:
        return LookingConnections(doors.connections(settings, book, ask), book, only_looks, accepted)

    return replace(doors, connections=connections)


def only_looks(argv: Argv, stdin: bytes) -> bool:
    """Whether a command is one that Tomo looks at hosts with."""
    if tuple(argv[:2]) == _FACTS and (len(argv) == 2 or _asks_for_versions(argv)):  # noqa: PLR2004
        return stdin == facts_script().encode()
    return tuple(argv) in _COMMANDS and not stdin


def _asks_for_versions(argv: Argv) -> bool:
    from tomo.spec.docker import VERSION_PIN  # noqa: PLC0415  # made where a server's Docker is Tomo's

    if len(argv) != 3 or not argv[2].startswith(PIN):  # noqa: PLR2004
        return False
    return VERSION_PIN.fullmatch(argv[2].removeprefix(PIN)) is not None


def accepted_hosts(
    fleet: Fleet | None, config: StackConfig, recorded: Snapshot, settings: Settings
) -> AcceptedHosts:
    """What people have accepted: the hosts of the base's fleet file, and those that were applied before.

    Without a fleet the state alone tells. It holds no credential of a fleet's servers, so one that names
    another than the default counts as new.
    """
    declared = declared_hosts(fleet, config) if fleet is not None else ()
    return AcceptedHosts([*declared, *_recorded(recorded, settings)], HostBook(declared), settings)


def _recorded(recorded: Snapshot, settings: Settings) -> Iterator[HostSpec]:
    for entry in recorded.resources:
        spec = host_of(entry, settings)
        if spec is not None:
            yield spec
