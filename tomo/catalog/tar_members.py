"""The members of a tar file, read by header alone and in order: nothing is unpacked, nothing is trusted.

Format: POSIX.1-2001 `pax` and GNU's long names, as Docker's `save` and Go's `archive/tar` write them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from tomo.errors import BundleDamaged
from tomo.frozen import frozen

BLOCK: Final = 512
_MOST_MEMBERS: Final = 100_000
_LONGEST_HEADER: Final = 64 * 1024
_PAX: Final = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}
_FILES: Final = {tarfile.REGTYPE, tarfile.AREGTYPE}


@frozen
class Member:
    """One member: its name, whether it is a plain file, and how many bytes follow its header."""

    name: str
    is_file: bool
    size: int


class TarReader:
    """Goes through a stream member by member. What of a member is not read is skipped."""

    def __init__(self, stream: BinaryIO, what: str) -> None:
        self._stream, self._what = stream, what
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Each member; its bytes are had by `read` until the next one is asked for."""
        for _ in range(_MOST_MEMBERS):
            member = self._next()
            if member is None:
                return
            yield member
        raise self._damaged(f"more than {_MOST_MEMBERS} members")

    def read(self, size: int) -> bytes:
        """At most `size` further bytes of the member; `b""` at its end."""
        data = self._exactly(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data

    def _next(self) -> Member | None:
        name, size = "", -1
        while True:
            self._skip()
            header = self._header()
            if header is None:
                return None
            self._left = header.size
            self._padding = -header.size % BLOCK
            if header.type in _PAX:
                pax = _pax(self._whole(header.size))
                name, size = pax.get("path", name), int(pax.get("size", size))
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                name = self._whole(header.size).rstrip(b"\0").decode("utf-8", "replace")
            elif header.type not in {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK}:
                return self._member(header, name, size)

    def _member(self, header: tarfile.TarInfo, name: str, size: int) -> Member:
        is_file = header.type in _FILES
        self._left = (size if size >= 0 else header.size) if is_file else 0
        self._padding = -self._left % BLOCK
        return Member(name or header.name, is_file, self._left)

    def _header(self) -> tarfile.TarInfo | None:
        block = self._stream.read(BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._damaged("a part that is no tar header") from error
        if header.size < 0:
            raise self._damaged("a member of a negative size")
        return header

    def _whole(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise self._damaged("a header without an end")
        return self.read(size)

    def _skip(self) -> None:
        """Goes to the next header."""
        while self._left:
            self.read(1 << 20)
        if self._padding:
            self._exactly(self._padding)
        self._padding = 0

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise self._damaged("an end before its time")
        return data

    def _damaged(self, why: str) -> BundleDamaged:
        return BundleDamaged(f"{self._what} has {why}", hint="make it anew with `tomo bundle create`")


def header_of(name: str, size: int) -> bytes:
    """The header of a plain file."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.GNU_FORMAT)


def _pax(body: bytes) -> dict[str, str]:
    """The records of a pax header, each its length, a space, `KEY=VALUE` and a line feed."""
    found: dict[str, str] = {}
    while body:
        length, _, _ = body.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(body):
            break
        record, body = body[: int(length)], body[int(length) :]
        key, _, value = record[len(length) + 1 : -1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    if not found.get("size", "0").isdigit():
        del found["size"]
    return found
