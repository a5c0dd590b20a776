"""The SFTP session to a store's server: opened again where it is lost, its refusals explained."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from tomo.errors import HostError, NotSupported, StateError, StateUnreachable
from tomo.frozen import frozen
from tomo.model.connection import ByteStream
from tomo.ssh import quote, sftp
from tomo.ssh.sftp import Reply, Request, Sftp, SftpLost, Status
from tomo.ssh.store_address import StoreAddress

_T = TypeVar("_T")
_NEEDED: Final = frozenset({sftp.POSIX_RENAME, sftp.FSYNC})
_ROOM: Final = 1 << 16
"""A disk with less than this left is full: folders and journals need some too."""


@frozen
class Turn:
    """One try at an act. `again` says that an earlier one was cut off; it may have been done all the same."""

    session: Sftp
    again: bool = False

    def ask(self, *requests: Request) -> list[Reply]:
        """Sends all requests, then waits for all answers: one round trip."""
        return self.session.ask(*requests)

    def tell(self, *requests: Request) -> None:
        """Sends requests whose answers nobody waits for."""
        self.session.tell(*requests)


class StoreServer:
    """The server of a store. `open_stream` opens an SFTP session, `end` ends its connection."""

    def __init__(
        self, address: StoreAddress, open_stream: Callable[[], ByteStream], end: Callable[[], None]
    ) -> None:
        self.address = address
        self.folders: set[str] = set()
        """Those known to be there."""
        self._open_stream, self._end = open_stream, end
        self._lock = threading.Lock()
        self._session: Sftp | None = None
        self._connected = False
        self._trips_before = 0

    @property
    def round_trips(self) -> int:
        """How often an answer was waited for so far."""
        current = self._session
        return self._trips_before + (current.round_trips if current is not None else 0)

    def do(self, act: Callable[[Turn], _T], doing: str) -> _T:
        """Does an act; once more, over a new connection, where the first was lost under it."""
        try:
            session = self._opened()
            return act(Turn(session))
        except SftpLost:
            self._forget(session)
        except HostError as error:
            if not self._connected:
                raise
            raise self._lost(doing, error) from error
        try:
            session = self._opened()
            return act(Turn(session, again=True))
        except (SftpLost, HostError) as error:
            self._forget(session)
            raise self._lost(doing, error) from error

    def close(self) -> None:
        """Ends session and connection."""
        with self._lock:
            session = self._session
        if session is not None:
            self._forget(session)
        self._end()

    def _opened(self) -> Sftp:
        with self._lock:
            if self._session is None:
                self._session = self._new()
                self._connected = True
                self.folders.clear()
            return self._session

    def _new(self) -> Sftp:
        stream = self._open_stream()
        try:
            session = Sftp(stream)
        except SftpLost as error:
            stream.close()
            raise self._no_sftp() from error
        lacking = _NEEDED - session.extensions
        if lacking:
            session.close()
            raise NotSupported(
                f"the SFTP server of `{self.address.server}` lacks `{min(lacking)}`, "
                "without which a state can't be written safely",
                hint="use OpenSSH's own SFTP server there: `Subsystem sftp internal-sftp`",
            )
        return session

    def _forget(self, session: Sftp) -> None:
        with self._lock:
            if self._session is not session:
                return
            self._trips_before += session.round_trips
            self._session = None
        session.close()

    # --- errors ---

    def refused(self, turn: Turn, reply: Reply, doing: str, path: str, size: int = 0) -> StateError:
        """The error for a request that the server did not do; SFTP's own words say little, so it looks."""
        why, hint = self._reason(turn, reply, path, size)
        return StateError(f"can't {doing} `{self.address.location(path)}`: {why}", hint=hint)

    def _reason(self, turn: Turn, reply: Reply, path: str, size: int) -> tuple[str, str]:
        folder, login = quote.join([self.address.root]), self.address.login
        if reply.status == Status.PERMISSION_DENIED:
            return "permission denied", f"check who owns it: `ssh {login} ls -la {folder}`"
        above = _ancestors(path)
        space, own, *looks = turn.ask(
            sftp.free_space(self.address.full()),
            sftp.look(self.address.at(path)),
            *(sftp.look(self.address.full(folder)) for folder in above),
        )
        for ancestor, look in zip(above, looks, strict=True):
            if look.ok and not look.attributes.is_folder:
                return f"`{self.address.location(ancestor)}` is no folder", "move that file away"
        if own.ok and own.attributes.is_folder:
            return "it is a folder", "move that folder away"
        free = sftp.bytes_free(space)
        if free is not None and free < size + _ROOM:
            hint = f"free some space (`ssh {login} df -h {folder}`) and run the command again"
            return "no space left on the server's disk", hint
        said = reply.message or f"SFTP status {reply.status}"
        return f"the server says `{said}`", f"is a quota used up? See `ssh {login} df -h {folder}`"

    def _no_sftp(self) -> HostError:
        server = self.address.server
        if self._connected:
            return HostError(f"`{server}` ended the new session", host=server)
        return HostError(
            f"`{server}` opens no SFTP session",
            host=server,
            hint="its sshd_config needs `Subsystem sftp internal-sftp`; "
            f"see what `sftp {self.address.login}` says",
        )

    def _lost(self, doing: str, error: Exception) -> StateUnreachable:
        said = error.message if isinstance(error, HostError) else "the new connection was lost too"
        return StateUnreachable(
            f"the connection to `{self.address.server}` was lost while {doing}: {said}",
            hint="no file there is half written; when the server answers again, run `tomo plan`, "
            "and `tomo state unlock` if this run is named as the lock's holder",
        )


def _ancestors(path: str) -> list[str]:
    """The folders above a file, the store's own first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts))]
