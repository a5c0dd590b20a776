"""What backups there are; nothing here can make, change or remove one."""

from __future__ import annotations

from tomo.backup.keep import Judged, Keep, judged
from tomo.backup.manifest import BEFORE_RESTORE, Manifest
from tomo.service.backups.places import Places, opened_places
from tomo.service.backups.requests import ListBackupsRequest
from tomo.service.backups.targets import keep_of, targets_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace


def listed_backups(doors: Doors, request: ListBackupsRequest) -> list[Manifest]:
    """Every backup of the fleet, or those of some apps, the oldest first."""
    workspace = doors.open(request.place)
    with opened_places(doors, workspace) as places:
        return places.manifests(frozenset(request.names))


def found_backup(doors: Doors, place: Place, name: str) -> Manifest:
    """A backup by its name, or the newest one of an app; raises BackupNotFound."""
    workspace = doors.open(place)
    with opened_places(doors, workspace) as places:
        return places.find(name)


def judged_backups(
    workspace: Workspace, places: Places, names: tuple[str, ...], given: Keep | None
) -> tuple[Judged, ...]:
    """Every backup with what becomes of it: by the rules given, or by each app's own."""
    own = {} if given is not None else _rules(workspace)
    groups: dict[tuple[str, str, bool], list[Manifest]] = {}
    for each in places.manifests(frozenset(names)):
        groups.setdefault((each.instance, each.kind, each.reason == BEFORE_RESTORE), []).append(each)
    keep = given or keep_of(places.settings.keep)
    return tuple(
        row
        for (instance, *_), found in sorted(groups.items())
        for row in judged(found, own.get(instance, keep))
    )


def _rules(workspace: Workspace) -> dict[str, Keep]:
    return {each.instance: each.keep for each in targets_of(workspace, workspace.config())}


def prunable(doors: Doors, place: Place, names: tuple[str, ...], keep: Keep | None) -> tuple[Judged, ...]:
    """What a prune would remove and keep; removes nothing."""
    workspace = doors.open(place)
    with opened_places(doors, workspace) as places:
        return judged_backups(workspace, places, names, keep)
