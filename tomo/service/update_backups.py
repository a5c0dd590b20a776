"""Which backups a plan has before its first step: of the data that its updates put at risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tomo.model.snapshot import Snapshot
from tomo.model.update import AppUpdate, BackupFirst
from tomo.resources.tokens import VOLUME
from tomo.service.workspace import Workspace


def backups_first(
    workspace: Workspace, updates: Sequence[AppUpdate], snapshot: Snapshot
) -> tuple[BackupFirst, ...]:
    """The backups; none where the fleet names no place for them. Reads the fleet file and the state alone."""
    fleet = workspace.fleet.fleet if workspace.fleet is not None else None
    if fleet is None or fleet.backup is None or not any(each.risks_data for each in updates):
        return ()
    return tuple(_backups(workspace, fleet.backup.to, updates, snapshot))


def _backups(
    workspace: Workspace, to: str, updates: Sequence[AppUpdate], snapshot: Snapshot
) -> Iterator[BackupFirst]:
    from tomo.service.backups.targets import targets_of  # noqa: PLC0415  # for plans that have one

    recorded = {entry.urn.name for entry in snapshot.resources if entry.type == VOLUME and not entry.delete}
    targets = {(each.app, each.server): each for each in targets_of(workspace, workspace.config())}
    for update in updates:
        for server in update.servers if update.risks_data else ():
            target = targets.get((update.app, server))
            # What the new version adds isn't there yet.
            held = [each.docker_name for each in target.volumes] if target is not None else []
            there = tuple(name for name in held if f"{name}@{server}" in recorded)
            if target is not None and there:
                yield BackupFirst(update.app, server, there, update.before, to, target.around.stop)
