"""A file of a store on a server that grows at its end."""

from __future__ import annotations

import posixpath
import threading
from contextlib import suppress

from tomo.errors import StateError
from tomo.ssh import sftp
from tomo.ssh.sftp import SftpLost
from tomo.ssh.store_reading import flushes, open_to_read
from tomo.ssh.store_server import StoreServer, Turn


class SshAppender:
    """A file of a server that grows at its end; pieces go to known places, so that one can be sent again."""

    def __init__(self, server: StoreServer, path: str) -> None:
        self._server, self._path, self._name = server, path, server.address.at(path)
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self._handle = b""
        self._end: int | None = None
        server.do(self._open, f"opening `{server.address.location(path)}`")

    def append(self, content: bytes) -> None:
        """Returns once the bytes are safely on the server's disk; one round trip."""
        with self._lock:
            self._server.do(
                lambda turn: self._write(turn, content),
                f"appending to `{self._server.address.location(self._path)}`",
            )

    def ready(self) -> None:
        """Returns: a server doesn't tell in time that its disk is full."""

    def close(self) -> None:
        """Closes the file."""
        with self._lock, suppress(SftpLost):
            if self._turn is not None:
                self._turn.tell(sftp.close(self._handle))
            self._turn = None

    def _write(self, turn: Turn, content: bytes) -> None:
        if self._turn is None or self._turn.session is not turn.session:
            self._open(turn)
        end = self._end or 0
        replies = turn.ask(*sftp.write(self._handle, end, content), sftp.flush(self._handle))
        bad = [reply for reply in replies if not reply.ok]
        if bad:
            error = self._server.refused(turn, bad[0], "append to", self._path, len(content))
            turn.ask(sftp.cut(self._handle, end))
            raise error
        self._end = end + len(content)

    def _open(self, turn: Turn) -> None:
        """Opens the file and learns where it ends; after a loss it must still hold what was written."""
        parts = posixpath.dirname(self._name).split(b"/")
        folders = [b"/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        flags = sftp.READ | sftp.WRITE | sftp.CREATE
        *_, opened, folder = turn.ask(
            *(sftp.make_folder(each) for each in folders if each),
            sftp.open_file(self._name, flags),
            open_to_read(posixpath.dirname(self._name)),
        )
        if not opened.ok:
            raise self._server.refused(turn, opened, "append to", self._path)
        look, *_ = turn.ask(sftp.look_at_open(opened.raw), *flushes([folder.raw]), sftp.flush(opened.raw))
        size = look.attributes.size
        if self._end is not None and size < self._end:
            raise StateError(
                f"`{self._server.address.location(self._path)}` was changed by somebody else: it holds "
                f"{size} bytes, not {self._end}",
                hint="is another run at work there? See `tomo doctor`",
            )
        self._end = size if self._end is None else self._end
        self._turn, self._handle = turn, opened.raw
