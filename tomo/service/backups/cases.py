"""The use cases of backups that change something: make, verify, put back, remove."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tomo.backup.destination import remove_archive
from tomo.backup.manifest import BEFORE_RESTORE, Manifest
from tomo.errors import TomoError, UsageError
from tomo.model.audit import AuditOutcome
from tomo.model.connection import HostBook
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.volume_data import volume_data
from tomo.service.backups.agreeing import require_agreed
from tomo.service.backups.installation import installation_files
from tomo.service.backups.listing import judged_backups
from tomo.service.backups.making import Making, daemon_of
from tomo.service.backups.opening import keys_for, opened_backup
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import (
    CreateBackupRequest,
    CreatedBackups,
    NotBackedUp,
    PruneBackupsRequest,
    PrunedBackups,
    RestoreBackupRequest,
    RestoredBackup,
    VerifiedBackup,
    VerifyBackupRequest,
)
from tomo.service.backups.restoring import Restoring, require_of_an_app, restore_plan
from tomo.service.backups.targets import Target, targets_of
from tomo.service.backups.verifying import verified
from tomo.service.hosts import declared_hosts, fleet_secrets, host_spec
from tomo.service.propose.other_changes import PruneBackups, RestoreBackup
from tomo.service.recording import recorded
from tomo.service.server_edits import fleet_of, server_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace


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

    def verify(self, request: VerifyBackupRequest) -> VerifiedBackup:
        """Unpacks a backup into scratch volumes of a server, reads them back, and compares."""
        workspace = self._doors.open(request.place)
        with (
            recorded(self._doors, "backup.verify", workspace.name, long=True) as act,
            opened_places(self._doors, workspace) as places,
        ):
            manifest = places.find(request.backup)
            keys = keys_for(manifest, request.identities, self._doors.settings)
            act.details["backup"] = manifest.name
            with (
                self._some_daemon(workspace, manifest, request.server) as daemon,
                opened_backup(places, manifest, keys) as backup,
            ):
                found = verified(backup, manifest, daemon, request.tell)
            if not found.is_whole:
                act.outcome = AuditOutcome.FAILED
            return found

    def restore(self, request: RestoreBackupRequest) -> RestoredBackup:
        """Shows what would be overwritten, asks, and does it; on any failure the old data is back."""
        workspace = self._doors.open(request.place)
        with (
            recorded(self._doors, "backup.restore", workspace.name, long=True) as act,
            opened_places(self._doors, workspace) as places,
        ):
            manifest = places.find(request.backup)
            require_of_an_app(manifest)
            act.details |= {"backup": manifest.name, **_of_proposal(request.proposal)}
            change = RestoreBackup(manifest.name, request.volumes, request.first)
            require_agreed(workspace, change, request.proposal)
            keys = keys_for(manifest, request.identities, self._doors.settings)
            config = workspace.config()
            (target,) = targets_of(workspace, config, (manifest.instance,), empty=True)
            hosts = HostBook(declared_hosts(fleet_of(workspace).fleet, config))
            with (
                workspace.lock(request.lock),
                self._doors.open_connections(hosts) as connections,
                daemon_of(connections, target) as daemon,
            ):
                plan = restore_plan(manifest, target, request.volumes, daemon, first=request.first)
                connection = connections.get(target.spec)
                restoring = Restoring(target, plan, connection, daemon, request.tell)
                restoring.require_ready()
                if not request.confirm(plan):
                    act.outcome = AuditOutcome.DECLINED
                    return RestoredBackup(plan, declined=True)
                making = Making(workspace, connections, places, config, request.tell, self._clock)
                made: list[Manifest] = []

                def before() -> None:
                    if request.first:
                        made.append(_present(making, target, daemon))

                with opened_backup(places, manifest, keys) as backup:
                    restoring.restore(backup, before)
            act.details["before"] = made[0].name if made else ""
            return RestoredBackup(plan, before=made[0].name if made else "")

    def prune(self, request: PruneBackupsRequest) -> PrunedBackups:
        """Removes what no rule keeps, after every backup was shown with what becomes of it."""
        workspace = self._doors.open(request.place)
        with (
            recorded(self._doors, "backup.prune", workspace.name) as act,
            opened_places(self._doors, workspace) as places,
        ):
            found = judged_backups(workspace, places, request.names, request.keep)
            goes = [each.manifest for each in found if each.goes]
            if not goes:
                return PrunedBackups(found)
            change = PruneBackups(tuple(each.name for each in goes))
            require_agreed(workspace, change, "")
            if not request.confirm(found):
                act.outcome = AuditOutcome.DECLINED
                return PrunedBackups(found)
            for each in goes:
                if each.kind == "full":
                    remove_archive(places.full, each.name)
            snapshots = [each.snapshot for each in goes if each.kind != "full"]
            if snapshots:
                places.require_restic().forget(snapshots)
            act.details["removed"] = ", ".join(each.name for each in goes)
            return PrunedBackups(found, done=True)

    @contextmanager
    def _some_daemon(self, workspace: Workspace, manifest: Manifest, server: str) -> Iterator[Daemon]:
        """Docker where a backup can be unpacked: on the server that is named, or the app's own."""
        loaded, config = fleet_of(workspace), workspace.config()
        name = server or manifest.server or next(iter(loaded.fleet.servers), "")
        if not server and name not in loaded.fleet.servers:
            raise UsageError(
                f"the fleet has no server `{name}` any more", hint="name another one: `--server NAME`"
            )
        spec = host_spec(name, server_of(loaded, name), fleet_secrets(config))
        hosts = HostBook(declared_hosts(loaded.fleet, config))
        with self._doors.open_connections(hosts) as connections:
            daemon = Daemon(connections.get(spec), spec.label)
            try:
                yield daemon
            finally:
                daemon.close()


def _present(making: Making, target: Target, daemon: Daemon) -> Manifest:
    """A backup of what a restore is about to overwrite; the app has stopped."""
    whole = replace(target, volumes=target.every_volume)
    incremental = not making.places.settings.recipients
    with volume_data(daemon, [each.docker_name for each in whole.volumes]) as data:
        return making.app_at_rest(whole, data, incremental=incremental, reason=BEFORE_RESTORE)


def _of_proposal(id_: str) -> dict[str, str]:
    return {"proposal": id_} if id_ else {}
