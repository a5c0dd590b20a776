"""What backups there are; nothing here can make, change or remove one."""

from __future__ import annotations

from tomo.backup.manifest import Manifest
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import ListBackupsRequest
from tomo.service.wiring import Doors


def listed_backups(doors: Doors, request: ListBackupsRequest) -> list[Manifest]:
    """Every backup of the fleet, or those of some apps, the oldest first."""
    workspace = doors.open(request.place)
    with opened_places(doors, workspace) as places:
        return places.manifests(frozenset(request.names))
