"""Archives in a folder of a server, over SFTP: nothing runs there but sshd's own SFTP server."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from tomo.backup.destination import missing
from tomo.backup.streams import Reader, Writer
from tomo.errors import BackupError, ConnectionLost, TomoError
from tomo.model.connection import ByteStream, HostBook
from tomo.settings import Settings
from tomo.ssh import sftp
from tomo.ssh.pool import ConnectionPool
from tomo.ssh.sftp import Reply, Request, Sftp, SftpLost, Status
from tomo.ssh.store_address import StoreAddress

_AHEAD: Final = 16
"""How many pieces of 32 KiB are asked for, or sent, before an answer is waited for."""
_NEW: Final = sftp.WRITE | sftp.CREATE | 0x10
"""0x10 empties what is there (the draft, section 6.3)."""


class ServerFolder:
    """`open_stream` opens an SFTP session; `end` the connection it goes through."""

    def __init__(
        self, address: StoreAddress, open_stream: Callable[[], ByteStream], end: Callable[[], None]
    ) -> None:
        self._address, self._open_stream, self._end = address, open_stream, end
        self._session: Sftp | None = None
        self.location = address.url

    def names(self) -> list[str]:
        """The names of its files."""
        (opened,) = self._ask(sftp.open_folder(self._address.full()))
        if opened.status == Status.NO_SUCH_FILE:
            return []
        self._require(opened, "list")
        found: list[str] = []
        while True:
            (reply,) = self._ask(sftp.list_more(opened.raw))
            if not reply.ok:
                break
            found += [name for name, attributes in reply.names if attributes.is_file]
        self._ask(sftp.close(opened.raw))
        return sorted(found)

    @contextmanager
    def reading(self, name: str) -> Iterator[Reader]:
        """A file to read."""
        (opened,) = self._ask(sftp.open_file(self._path(name), sftp.READ))
        if opened.status == Status.NO_SUCH_FILE:
            raise missing(name, self.location)
        self._require(opened, "read")
        try:
            yield _Reading(self, opened.raw)
        finally:
            with suppress(TomoError):
                self._ask(sftp.close(opened.raw))

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        """A new file, under another name until it is whole."""
        part = self._path(f".{name}.part")
        (opened,) = self._ask(sftp.open_file(part, _NEW))
        if opened.status == Status.NO_SUCH_FILE:
            self._make_folders()
            (opened,) = self._ask(sftp.open_file(part, _NEW))
        self._require(opened, "write to")
        target = _Writing(self, opened.raw)
        try:
            yield target
            target.settle()
            if sftp.FSYNC in self._sftp.extensions:
                self._require(self._ask(sftp.flush(opened.raw))[0], "write to")
            self._require(self._ask(sftp.close(opened.raw))[0], "write to")
            self._rename(part, self._path(name))
        except BaseException:
            with suppress(TomoError):
                self._ask(sftp.close(opened.raw), sftp.remove(part))
            raise

    def remove(self, name: str) -> None:
        """Removes a file."""
        (reply,) = self._ask(sftp.remove(self._path(name)))
        if reply.status != Status.NO_SUCH_FILE:
            self._require(reply, "change")

    def close(self) -> None:
        """Ends the connection."""
        if self._session is not None:
            with suppress(SftpLost, OSError):
                self._session.close()
        self._end()

    # --- for its files ---

    def ask(self, *requests: Request) -> list[Reply]:
        """Asks the server; raises ConnectionLost."""
        return self._ask(*requests)

    def require(self, reply: Reply, what: str) -> None:
        """Raises BackupError where the server refused."""
        self._require(reply, what)

    # --- parts ---

    @property
    def _sftp(self) -> Sftp:
        if self._session is None:
            try:
                self._session = Sftp(self._open_stream())
            except SftpLost as error:
                raise self._lost(error) from error
        return self._session

    def _ask(self, *requests: Request) -> list[Reply]:
        try:
            return self._sftp.ask(*requests)
        except SftpLost as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> ConnectionLost:
        server = self._address.server
        return ConnectionLost(
            f"the connection to `{server}`, where backups lie, broke", host=server, hint="run it again",
            detail=str(error),
        )  # fmt: skip

    def _require(self, reply: Reply, what: str) -> None:
        if not reply.ok:
            raise BackupError(
                f"`{self._address.server}` refused to {what} `{self.location}`: "
                f"{reply.message or Status(reply.status).name.lower()}",
                hint=f"look at the folder there: `ssh {self._address.login} ls -ld {self._address.root}`",
            )

    def _make_folders(self) -> None:
        path = self._address.root
        above = []
        while path and path not in {"/", "."}:
            above.append(path)
            path = posixpath.dirname(path)
        self._ask(*(sftp.make_folder(self._bytes(each)) for each in reversed(above)))

    def _rename(self, old: bytes, new: bytes) -> None:
        if sftp.POSIX_RENAME in self._sftp.extensions:
            (reply,) = self._ask(sftp.rename_over(old, new))
        else:
            _, reply = self._ask(sftp.remove(new), sftp.rename_new(old, new))
        self._require(reply, "write to")

    def _path(self, name: str) -> bytes:
        return self._address.full(name)

    def _bytes(self, path: str) -> bytes:
        return path.encode("utf-8", "surrogateescape")


class _Reading:
    def __init__(self, folder: ServerFolder, handle: bytes) -> None:
        self._folder, self._handle = folder, handle
        self._offset, self._left, self._ended = 0, b"", False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or everything that is left."""
        if size < 0:
            parts = []
            while part := self.read(1 << 20):
                parts.append(part)
            return b"".join(parts)
        if not self._left and not self._ended:
            self._fill()
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def _fill(self) -> None:
        requests = [sftp.read(self._handle, self._offset + at * sftp.CHUNK) for at in range(_AHEAD)]
        parts = bytearray()
        for reply in self._folder.ask(*requests):
            if reply.status == Status.EOF:
                self._ended = True
                break
            self._folder.require(reply, "read")
            parts += reply.raw
            if len(reply.raw) < sftp.CHUNK:
                break  # what follows was read from further on; it is asked for again
        self._offset += len(parts)
        self._left = bytes(parts)


class _Writing:
    def __init__(self, folder: ServerFolder, handle: bytes) -> None:
        self._folder, self._handle = folder, handle
        self._offset, self._waiting = 0, bytearray()

    def write(self, data: bytes) -> int:
        """Takes all of them; they are sent in larger pieces."""
        self._waiting += data
        if len(self._waiting) >= _AHEAD * sftp.CHUNK:
            self.settle()
        return len(data)

    def flush(self) -> None:
        """The end of the file sends the rest."""

    def settle(self) -> None:
        """Sends what waits."""
        content, self._waiting = bytes(self._waiting), bytearray()
        if content:
            for reply in self._folder.ask(*sftp.write(self._handle, self._offset, content)):
                self._folder.require(reply, "write to")
            self._offset += len(content)


def open_server_folder(
    address: StoreAddress, settings: Settings, book: HostBook, ask: Callable[[str], str | None] | None
) -> ServerFolder:
    """The folder at an address, over a connection of its own; a server of the book has its pinned key."""
    pool = ConnectionPool(settings, book, ask)
    return ServerFolder(address, lambda: pool.link(address.spec).open_subsystem("sftp"), pool.close)
