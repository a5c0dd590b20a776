"""The seam for runs that put data at risk, as an update: back an app up first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tomo.backup.manifest import Manifest
from tomo.frozen import frozen
from tomo.model.connection import Connections
from tomo.service.backups.making import BEFORE_UPDATE, Making
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import nobody
from tomo.service.backups.targets import targets_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace


@frozen
class BackupTerms:
    """Where an app would be backed up to, and of what; told in a plan before anything is done."""

    location: str
    instances: tuple[str, ...]
    volumes: tuple[str, ...]
    stops: bool


def backup_terms(workspace: Workspace, app: str) -> BackupTerms | None:
    """What a backup of an app would be; None where there is no place for it, or no data of the app's.

    Reads the fleet file alone: no host, no destination.
    """
    fleet = workspace.fleet
    if fleet is None or fleet.fleet.backup is None:
        return None
    found = [each for each in targets_of(workspace, workspace.config()) if each.app == app]
    if not found:
        return None
    return BackupTerms(
        fleet.fleet.backup.to,
        tuple(each.instance for each in found),
        tuple(dict.fromkeys(volume.docker_name for each in found for volume in each.volumes)),
        any(each.around.stop for each in found),
    )


def back_up_app(
    doors: Doors,
    workspace: Workspace,
    connections: Connections,
    app: str,
    *,
    servers: Sequence[str] = (),
    reason: str = BEFORE_UPDATE,
    tell: Callable[[str], None] = nobody,
) -> tuple[Manifest, ...]:
    """Backs up an app's volumes to the fleet's destination, on each of its servers or on those named.

    A full backup where the fleet names recipients, else an incremental one. Whoever calls holds the stack's
    lock and has recorded the act. The app runs as before at the end. Raises TomoError of the first that
    fails: then nothing that rests on the backup may begin.
    """
    config = workspace.config()
    found = [each for each in targets_of(workspace, config, (app,)) if not servers or each.server in servers]
    with opened_places(doors, workspace) as places:
        making = Making(workspace, connections, places, config, tell)
        incremental = not places.settings.recipients
        return tuple(making.app(each, incremental=incremental, reason=reason) for each in found)
