"""Opens a backup, of whichever kind, with the keys that a person has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tomo.backup.archive import ArchiveReader
from tomo.backup.manifest import SUFFIX, Manifest
from tomo.backup.sealing import identities_in, opened
from tomo.backup.streams import CountedReader
from tomo.errors import BackupDamaged, UsageError
from tomo.service.backups.places import Places
from tomo.settings import Settings


def keys_for(manifest: Manifest, files: Sequence[Path], settings: Settings) -> list[Any]:
    """The keys that a full backup is opened with; none are needed for an incremental one."""
    if manifest.kind != "full":
        return []
    named = files or ((settings.backup_identity,) if settings.backup_identity is not None else ())
    if not named:
        raise UsageError(
            f"`{manifest.name}` is sealed, and no key was named",
            hint="name the file that `age-keygen` wrote: `--identity FILE`, or `TOMO_BACKUP_IDENTITY`",
        )
    return [key for file in named for key in identities_in(file)]


class OpenBackup:
    """A backup that is being read. `require_seal` says at its end whether it is the one that was written."""

    def __init__(self, archive: ArchiveReader, counted: CountedReader | None, manifest: Manifest) -> None:
        self.archive = archive
        self._counted, self._manifest = counted, manifest

    def seal(self) -> str:
        """`""`, or how the sealed file differs from the one that was written; read it to its end before."""
        if self._counted is None:
            return ""
        self._counted.drain()
        if self._counted.sha256 == self._manifest.sha256:
            return ""
        return f"its digest is {self._counted.sha256[:16]}…, and was {self._manifest.sha256[:16]}…"

    def require_same(self) -> None:
        """Raises BackupDamaged where what is sealed is another backup than its manifest beside says."""
        if self.archive.manifest.name != self._manifest.name:
            raise BackupDamaged(
                f"`{self._manifest.name}` holds another backup, `{self.archive.manifest.name}`",
                hint="somebody has renamed it; trust no part of it",
            )


@contextmanager
def opened_backup(places: Places, manifest: Manifest, keys: Sequence[Any]) -> Iterator[OpenBackup]:
    """A backup to read, from its beginning to its end; raises BackupDamaged, BackupKeyRefused."""
    if manifest.kind != "full":
        with places.require_restic().reading(manifest) as source:
            made = OpenBackup(ArchiveReader(source, manifest.name), None, manifest)
            made.require_same()
            yield made
        return
    with places.full.reading(f"{manifest.name}{SUFFIX}") as file:
        counted = CountedReader(file)
        with opened(counted, keys, manifest.name) as plain:
            made = OpenBackup(ArchiveReader(plain, manifest.name), counted, manifest)
            made.require_same()
            yield made
