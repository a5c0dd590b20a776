"""Tar archives that stream by: renamed, filtered, added up; never held, however large.

Format: POSIX.1-2001 (pax), as Docker gives and GNU tar reads it.
"""

from __future__ import annotations

import fnmatch
import io
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import IO, Final, cast

from tomo.backup.manifest import VolumeDigest
from tomo.backup.streams import CHUNK, Reader
from tomo.errors import BackupDamaged, BackupError

END: Final = bytes(2 * tarfile.BLOCKSIZE)
_FORM: Final = {"format": tarfile.PAX_FORMAT, "encoding": "utf-8", "errors": "surrogateescape"}


class TreeDigest:
    """Adds up the entries of a tree in the order they come, which is the same for the same tree.

    Times are left out, since a folder's own changes when it is put back, and so are set-id bits of files,
    which Docker takes from those with several names.
    """

    def __init__(self) -> None:
        self._total = sha256()
        self.entries = 0
        self.size = 0

    def add(self, member: tarfile.TarInfo, name: str, link: str, content: str) -> None:
        """Takes an entry; `content` is the SHA-256 of a file."""
        mode = member.mode & (0o7777 if member.isdir() else 0o1777)
        parts = (
            name, member.type.decode("ascii"), f"{mode:o}", str(member.uid), str(member.gid),
            link, str(member.size if member.isreg() else 0), content,
            f"{member.devmajor}:{member.devminor}" if member.isdev() else "",
        )  # fmt: skip
        self._total.update("\0".join(parts).encode("utf-8", "surrogateescape") + b"\n")
        self.entries += 1
        self.size += member.size if member.isreg() else 0

    @property
    def result(self) -> VolumeDigest:
        """What it adds up to."""
        return VolumeDigest(self._total.hexdigest(), self.entries, self.size)


class _Content:
    """A file of an archive, to read; raises BackupDamaged where it ends too early."""

    def __init__(self, source: IO[bytes], where: str) -> None:
        self._source, self._where = source, where

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or everything."""
        try:
            return self._source.read(size)
        except (tarfile.TarError, EOFError) as error:
            raise BackupDamaged(
                f"`{self._where}` is no whole archive: {error}", hint="run it again"
            ) from error


def members(source: Reader, where: str) -> Iterator[tuple[tarfile.TarInfo, Reader | None]]:
    """Every entry with its content to read; raises BackupDamaged for what is no whole archive."""
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|", bufsize=CHUNK) as archive:
            seen: list[tarfile.TarInfo] = archive.members  # type: ignore[attr-defined]
            while (member := archive.next()) is not None:
                # tarfile keeps every entry it has seen; of millions that would be all memory there is.
                seen.clear()
                content = archive.extractfile(member) if member.isreg() else None
                yield member, _Content(content, where) if content is not None else None
    except (tarfile.TarError, EOFError) as error:
        raise BackupDamaged(f"`{where}` is no whole archive: {error}", hint="run it again") from error


def volume_entries(
    source: Reader, volume: str, exclude: Sequence[str], digest: TreeDigest
) -> Iterator[bytes]:
    """The tar of a volume as Docker gives it, its entries below `volumes/VOLUME/`; without the end mark."""
    left_out: set[str] = set()
    for member, content in members(source, volume):
        name = inner_name(member.name)
        if is_excluded(name, exclude):
            left_out.add(name)
            continue
        link = inner_name(member.linkname) if member.islnk() else member.linkname
        if member.islnk() and link in left_out:
            raise BackupError(
                f"`{name}` of the volume `{volume}` is another name of `{link}`, which is left out",
                hint="have `exclude` match both of them, or neither",
            )
        yield from _renamed(member, content, f"volumes/{volume}", digest)


def restored_entries(
    source: Iterator[tuple[tarfile.TarInfo, Reader | None]],
    folder: str,
    digest: TreeDigest,
    set_ids: list[tuple[str, int]] | None = None,
) -> Iterator[bytes]:
    """A tar of entries below `volumes/VOLUME/`, for a volume: below `folder` there, with the end mark.

    `set_ids` gets names and modes of files with several names and a set-id bit, which Docker loses.
    """
    for member, content in source:
        member.name = _below_volume(member.name)
        if member.islnk() and member.mode & 0o6000 and set_ids is not None:
            set_ids.append((member.name, member.mode & 0o7777))
        if member.islnk():
            member.linkname = _below_volume(member.linkname)
        refuse_strange(member)
        yield from _renamed(member, content, folder, digest, whole=True)
    yield END


def _renamed(
    member: tarfile.TarInfo,
    content: Reader | None,
    folder: str,
    digest: TreeDigest,
    *,
    whole: bool = False,
) -> Iterator[bytes]:
    inner = member.name if whole else inner_name(member.name)
    link = member.linkname if whole or not member.islnk() else inner_name(member.linkname)
    header = tarfile.TarInfo(posixpath.join(folder, inner) if inner else folder or ".")
    header.mode, header.uid, header.gid, header.mtime = member.mode, member.uid, member.gid, member.mtime
    header.type, header.size = member.type, member.size if member.isreg() else 0
    header.devmajor, header.devminor = member.devmajor, member.devminor
    header.linkname = posixpath.join(folder, link) if member.islnk() else link
    header.pax_headers = {key: text for key, text in member.pax_headers.items() if key.startswith("SCHILY.")}
    if member.isreg():
        header.type = tarfile.REGTYPE
    yield header.tobuf(**_FORM)  # type: ignore[arg-type]
    total = sha256()
    if content is not None:
        while chunk := content.read(CHUNK):
            total.update(chunk)
            yield chunk
        yield bytes(-member.size % tarfile.BLOCKSIZE)
    digest.add(header, inner, link, total.hexdigest() if content is not None else "")


def file_entry(name: str, content: bytes, mode: int = 0o600) -> bytes:
    """A small file as an entry."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), mode
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    return header.tobuf(**_FORM) + content + padding  # type: ignore[arg-type]


def small_content(content: Reader | None, member: tarfile.TarInfo, where: str, most: int) -> bytes:
    """The content of an entry that is known to be small; raises BackupDamaged for a larger one."""
    if content is None or member.size > most:
        raise BackupDamaged(
            f"`{member.name}` of `{where}` is not what it should be", hint="choose another one"
        )
    return content.read()


def refuse_strange(member: tarfile.TarInfo) -> None:
    """Raises BackupDamaged for an entry that would be put outside of its volume."""
    for name in (member.name, member.linkname if member.islnk() else ""):
        if name.startswith("/") or ".." in name.split("/"):
            raise BackupDamaged(
                f"an entry reaches out of its volume: `{name[:200]}`", hint="trust no part of it"
            )


def inner_name(name: str) -> str:
    """An entry's name within the volume: Docker puts the folder's own before it. `""` is the folder."""
    return name.rstrip("/").partition("/")[2]


def _below_volume(name: str) -> str:
    """`volumes/VOLUME/a/b` as `a/b`."""
    parts = name.rstrip("/").split("/", 2)
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path within a volume, or a folder above it, matches; a pattern without `/` is any name."""
    parts = name.split("/")
    for pattern in patterns if name else ():
        wanted = pattern.strip("/")
        if "/" not in wanted and any(fnmatch.fnmatchcase(part, wanted) for part in parts if part):
            return True
        if any(fnmatch.fnmatchcase("/".join(parts[: end + 1]), wanted) for end in range(len(parts))):
            return True
    return False


def plain_reader(chunks: bytes) -> Reader:
    """Bytes as a file to read."""
    return io.BytesIO(chunks)
