"""One archive as a row of bytes: the manifest, small files, volumes, and last what the volumes add up to."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from tomo.backup.manifest import (
    Manifest,
    VolumeDigest,
    digests_text,
    manifest_text,
    read_digests,
    read_manifest,
)
from tomo.backup.streams import CHUNK, Pulled, Reader
from tomo.backup.tar import (
    END,
    TreeDigest,
    file_entry,
    members,
    small_content,
    volume_entries,
)
from tomo.errors import BackupDamaged
from tomo.frozen import frozen

MANIFEST: Final = "manifest.json"
DIGESTS: Final = "digests.json"
_VOLUMES: Final = "volumes/"
_MOST: Final = 64 << 20

Member: TypeAlias = tuple[tarfile.TarInfo, Reader | None]


@frozen
class PlainFile:
    """A file of the archive: its content, or the file of this machine that holds it."""

    name: str
    content: bytes = b""
    path: Path | None = None


@frozen
class VolumeSource:
    """A volume to archive; `read` begins its tar as Docker gives it."""

    name: str
    read: Callable[[], Iterator[bytes]]
    exclude: tuple[str, ...] = ()


@frozen
class ArchiveSource:
    """What goes into an archive."""

    manifest: Manifest
    files: Sequence[PlainFile] = ()
    volumes: Sequence[VolumeSource] = ()
    tell: Callable[[str], None] = field(default=lambda _line: None)


def archive_chunks(source: ArchiveSource, digests: dict[str, VolumeDigest]) -> Iterator[bytes]:
    """The archive's bytes, not compressed; `digests` is filled on the way."""
    yield file_entry(MANIFEST, manifest_text(source.manifest))
    for file in source.files:
        yield from _file_chunks(file)
    for volume in source.volumes:
        source.tell(f"volume {volume.name}")
        digest = TreeDigest()
        yield from volume_entries(Pulled(volume.read()), volume.name, volume.exclude, digest)
        digests[volume.name] = digest.result
    yield file_entry(DIGESTS, digests_text(digests))
    yield END


def _file_chunks(file: PlainFile) -> Iterator[bytes]:
    if file.path is None:
        yield file_entry(file.name, file.content)
        return
    header = tarfile.TarInfo(file.name)
    header.size, header.mode = file.path.stat().st_size, 0o600
    yield header.tobuf(tarfile.PAX_FORMAT)
    with file.path.open("rb") as content:
        while chunk := content.read(CHUNK):
            yield chunk
    yield bytes(-header.size % tarfile.BLOCKSIZE)


@frozen
class FilePart:
    """A small file of an archive."""

    name: str
    content: Reader
    size: int


@frozen
class VolumePart:
    """A volume of an archive: its entries, to be taken before the next part."""

    name: str
    members: Iterator[Member]


class ArchiveReader:
    """An archive that is read once, from its beginning to its end."""

    def __init__(self, source: Reader, name: str) -> None:
        self._name = name
        self._rows = members(source, name)
        first = next(self._rows, None)
        if first is None or first[0].name != MANIFEST:
            raise BackupDamaged(f"`{name}` is no backup of Tomo's", hint="choose one of `tomo backup list`")
        content = small_content(first[1], first[0], name, _MOST)
        self.manifest = read_manifest(content, f"{MANIFEST} of {name}")
        self.digests: Mapping[str, VolumeDigest] = {}
        self._ended = False

    def parts(self) -> Iterator[FilePart | VolumePart]:
        """Its files and volumes in order; raises BackupDamaged where its end is missing."""
        waiting: list[Member] = []
        while (row := waiting.pop() if waiting else next(self._rows, None)) is not None:
            member, content = row
            if member.name == DIGESTS:
                self.digests = read_digests(small_content(content, member, self._name, _MOST), self._name)
                self._ended = True
            elif member.name.startswith(_VOLUMES):
                name = member.name.split("/")[1]
                group = self._group(name, (member, content), waiting)
                yield VolumePart(name, group)
                for _ in group:
                    pass  # what nobody wanted
            elif content is not None:
                yield FilePart(member.name, content, member.size)
        if not self._ended:
            raise BackupDamaged(f"`{self._name}` is cut off", hint="choose another one: `tomo backup list`")

    def _group(self, name: str, first: Member, waiting: list[Member]) -> Iterator[Member]:
        for member, content in chain([first], self._rows):
            if member.name != f"{_VOLUMES}{name}" and not member.name.startswith(f"{_VOLUMES}{name}/"):
                waiting.append((member, content))
                return
            yield member, content
