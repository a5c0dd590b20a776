"""The use cases of backups that change something: make, verify, put back, remove."""

from __future__ import annotations

import time
from collections.abc import Callable

from tomo.errors import TomoError
from tomo.model.audit import AuditOutcome
from tomo.model.connection import HostBook
from tomo.service.backups.installation import installation_files
from tomo.service.backups.making import Making
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import (
    CreateBackupRequest,
    CreatedBackups,
    NotBackedUp,
)
from tomo.service.backups.targets import targets_of
from tomo.service.hosts import declared_hosts
from tomo.service.recording import recorded
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors


class Backups:
    """What people have done with backups. `clock` gives seconds since 1970."""

    def __init__(self, doors: Doors, clock: Callable[[], float] = time.time) -> None:
        self._doors, self._clock = doors, clock

    def create(self, request: CreateBackupRequest) -> CreatedBackups:
        """Backs up apps one after the other; what fails of one does not keep the others from it."""
        workspace = self._doors.open(request.place)
        kind = "incremental" if request.incremental else "full"
        config = workspace.config()
        targets = targets_of(workspace, config, request.names)
        with (
            recorded(self._doors, "backup.create", workspace.name, long=True, details={"kind": kind}) as act,
            workspace.lock(request.lock),
            opened_places(self._doors, workspace) as places,
        ):
            hosts = declared_hosts(fleet_of(workspace).fleet, config)
            made, failed = [], []
            with self._doors.open_connections(HostBook(hosts)) as connections:
                making = Making(workspace, connections, places, config, request.tell, self._clock)
                for target in targets:
                    try:
                        made.append(making.app(target, incremental=request.incremental))
                    except TomoError as error:
                        failed.append(NotBackedUp(target.instance, error))
                if not request.names:
                    with installation_files(self._doors, workspace) as (files, contents):
                        made.append(making.installation(files, contents, incremental=request.incremental))
            act.details["backups"] = ", ".join(each.name for each in made)
            if failed:
                act.outcome = AuditOutcome.FAILED
                act.details["failed"] = ", ".join(each.instance for each in failed)
            return CreatedBackups(tuple(made), tuple(failed))
