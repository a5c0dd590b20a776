"""Verifies a backup: unpacks it into scratch volumes of a server, reads them back, and compares."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tomo.backup.archive import FilePart, VolumePart
from tomo.backup.manifest import Manifest, VolumeDigest
from tomo.backup.streams import CHUNK, Pulled
from tomo.backup.tar import TreeDigest, restored_entries, volume_entries
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.volume_data import VolumeData, make_volume, remove_volume, volume_data
from tomo.service.backups.opening import OpenBackup
from tomo.service.backups.requests import VerifiedBackup, VerifiedVolume

_CONTENT = "content"
_NOTHING = VolumeDigest("", 0, 0)


def verified(
    backup: OpenBackup, manifest: Manifest, daemon: Daemon, tell: Callable[[str], None]
) -> VerifiedBackup:
    """What a look into a backup found; its scratch volumes are gone at the end."""
    volumes: list[VerifiedVolume] = []
    files = 0
    for part in backup.archive.parts():
        if isinstance(part, FilePart):
            files += 1
            while part.content.read(CHUNK):
                pass
            continue
        tell(f"volume {part.name}: unpacking and reading back")
        with scratch_volume(daemon) as (name, data):
            # Docker leaves the mode of a volume's own folder alone, so one is made in it.
            data.write(name, restored_entries(part.members, _CONTENT, TreeDigest()))
            found = digest_of(data, name, _CONTENT)
        volumes.append(VerifiedVolume(part.name, "", found.sha256, found.entries, found.size))
    digests = backup.archive.digests
    compared = tuple(replace(each, expected=digests.get(each.name, _NOTHING).sha256) for each in volumes)
    gone = [name for name in digests if name not in {each.name for each in volumes}]
    lost = tuple(VerifiedVolume(name, digests[name].sha256, "") for name in gone)
    return VerifiedBackup(manifest, (*compared, *lost), files, backup.seal())


@contextmanager
def scratch_volume(daemon: Daemon) -> Iterator[tuple[str, VolumeData]]:
    """An empty volume, removed at the end."""
    name = f"tomo-scratch-{secrets.token_hex(6)}"
    make_volume(daemon, name)
    try:
        with volume_data(daemon, [name], read_only=False) as data:
            yield name, data
    finally:
        remove_volume(daemon, name)


def digest_of(data: VolumeData, volume: str, folder: str = "") -> VolumeDigest:
    """What a volume, or a folder in it, adds up to as it is on the host."""
    digest = TreeDigest()
    for _ in volume_entries(Pulled(data.read(volume, folder)), volume, (), digest):
        pass
    return digest.result


def volume_parts(backup: OpenBackup) -> Iterator[VolumePart]:
    """The volumes of a backup alone."""
    for part in backup.archive.parts():
        if isinstance(part, VolumePart):
            yield part
