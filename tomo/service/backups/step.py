"""The step of a run that puts data at risk, as an update: back it up first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tomo.backup.manifest import BEFORE_UPDATE, Manifest
from tomo.errors import BackupError
from tomo.model.connection import Connections
from tomo.model.update import BackupFirst
from tomo.service.backups.making import Making
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import nobody
from tomo.service.backups.targets import targets_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace


def back_up_first(
    doors: Doors,
    workspace: Workspace,
    connections: Connections,
    wanted: Iterable[BackupFirst],
    tell: Callable[[str], None] = nobody,
) -> tuple[Manifest, ...]:
    """Backs up to the fleet's destination what a plan says; apps run as before at the end.

    A full backup where the fleet names recipients, else an incremental one. Whoever calls holds the stack's
    lock and has recorded the act. Raises TomoError of the first that fails: then nothing that rests on the
    backup may begin.
    """
    config = workspace.config()
    targets = {(each.app, each.server): each for each in targets_of(workspace, config)}
    made: list[Manifest] = []
    with opened_places(doors, workspace) as places:
        making = Making(workspace, connections, places, config, tell)
        for first in wanted:
            target = targets.get((first.app, first.server))
            held = target.volumes if target is not None else ()
            volumes = tuple(each for each in held if each.docker_name in first.volumes)
            if target is None or len(volumes) != len(first.volumes):
                raise BackupError(
                    f"`{first.app}` on `{first.server}` no longer has the data that was to be backed up",
                    hint="make a new plan: `tomo plan`",
                )
            as_it_is = replace(target, volumes=volumes, version=first.version)
            made.append(
                making.app(as_it_is, incremental=not places.settings.recipients, reason=BEFORE_UPDATE)
            )
    return tuple(made)
