"""Does what a proposal says about backups, once a person has agreed."""

from __future__ import annotations

from collections.abc import Callable

from tomo.backup.destination import remove_archive
from tomo.errors import BackupDamaged
from tomo.model.proposal import Output
from tomo.service.backups.cases import Backups
from tomo.service.backups.places import opened_places
from tomo.service.backups.requests import (
    CreateBackupRequest,
    RestoreBackupRequest,
    VerifyBackupRequest,
)
from tomo.service.propose.other_changes import (
    CreateBackup,
    DataChange,
    PruneBackups,
    RestoreBackup,
    VerifyBackup,
)
from tomo.service.recording import recorded
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


def carry_out(
    doors: Doors, clock: Callable[[], float], place: Place, proposal: str, change: DataChange
) -> Output:
    """Does it; gives what became of it in words. Raises TomoError where it can't be done."""
    backups = Backups(doors, clock)
    match change:
        case CreateBackup():
            made = backups.create(CreateBackupRequest(place, change.apps, change.incremental))
            failed = "".join(f"{each.instance}: {each.error.message}\n" for each in made.failed)
            told = "".join(f"{each.name}\n" for each in made.made)
            return Output(int(made.exit_code), told, failed)
        case VerifyBackup():
            found = backups.verify(VerifyBackupRequest(place, change.backup))
            if not found.is_whole:
                raise BackupDamaged(f"`{change.backup}` is not whole", hint="see it: `tomo backup verify`")
            return Output(0, f"{change.backup} is whole\n", "")
        case RestoreBackup():
            request = RestoreBackupRequest(
                place, change.backup, lambda _plan: True, volumes=change.volumes, first=change.first,
                proposal=proposal,
            )  # fmt: skip
            restored = backups.restore(request)
            before = f"; what was there before is in {restored.before}" if restored.before else ""
            return Output(0, f"{change.backup} is restored{before}\n", "")
        case PruneBackups():
            _remove(doors, place, proposal, change)
            return Output(0, f"{len(change.backups)} backups are removed\n", "")


def _remove(doors: Doors, place: Place, proposal: str, change: PruneBackups) -> None:
    workspace = doors.open(place)
    details = {"proposal": proposal, "removed": ", ".join(change.backups)}
    with (
        recorded(doors, "backup.prune", workspace.name, details=details),
        opened_places(doors, workspace) as places,
    ):
        found = [each for each in places.manifests() if each.name in change.backups]
        for each in found:
            if each.kind == "full":
                remove_archive(places.full, each.name)
        if snapshots := [each.snapshot for each in found if each.kind != "full"]:
            places.require_restic().forget(snapshots)
