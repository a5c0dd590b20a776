"""What backups there are, for whoever asks; nothing here can make, change or remove one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tomo.backup.manifest import Manifest
from tomo.model.people import Permission
from tomo.service.backups.listing import found_backup, listed_backups
from tomo.service.backups.requests import ListBackupsRequest
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader


class BackupReads(Reader):
    """The use cases that look at backups. They need no key but restic's, where there are incremental ones."""

    def list(self, by: Asker, app: str, count: int) -> tuple[Sequence[Mapping[str, object]], int]:
        """The newest backups by the names of their fields, newest first, and how many there are in all."""
        by.require(Permission.READ)
        names = (app,) if app else ()
        found = listed_backups(self._for(by), ListBackupsRequest(self._place, names))
        return [_view(each) for each in found[: -count - 1 : -1]], len(found)

    def find(self, by: Asker, name: str) -> str:
        """The name of a backup, by that or of an app's newest one; raises BackupNotFound."""
        by.require(Permission.READ)
        return found_backup(self._for(by), self._place, name).name


def _view(manifest: Manifest) -> Mapping[str, object]:
    return {
        "name": manifest.name,
        "app": manifest.app,
        "server": manifest.server,
        "time": manifest.time,
        "kind": manifest.kind,
        "reason": manifest.reason,
        "version": manifest.version,
        "volumes": [each.name for each in manifest.volumes],
        "size": manifest.size,
    }
