"""The connections of one run: one TCP connection for each host, user and credential."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tomo.errors import HostError
from tomo.model.connection import LOCAL, Connection, HostBook, HostSpec
from tomo.model.log import Log, LogLevel, told
from tomo.settings import Settings
from tomo.ssh.config import resolve
from tomo.ssh.link import Link, NotUnasked
from tomo.ssh.local import LocalConnection
from tomo.ssh.session import SshConnection

if TYPE_CHECKING:
    from tomo.ssh.transport import SshTransport


class ConnectionPool:
    """Hands out connections; nothing is dialled, nor paramiko imported, before one is used."""

    def __init__(
        self,
        settings: Settings,
        book: HostBook | None = None,
        ask_passphrase: Callable[[str], str | None] | None = None,
    ) -> None:
        self._settings = settings
        self._book = book or HostBook()
        self._ask = ask_passphrase
        self._lock = threading.Lock()
        self._links: dict[tuple[str | None, str, int | None], list[Link]] = {}
        self._connections: dict[tuple[str | None, str, int | None], list[Connection]] = {}
        self._log: Log | None = None

    def get(self, spec: HostSpec) -> Connection:
        """The connection for a spec, completed by the book; equal specs get the same one."""
        spec = self._book.completed(spec)
        with self._lock:
            of_host = self._connections.setdefault(_place(spec), [])
            for connection in of_host:
                if connection.spec == spec:
                    return connection
            of_host.append(self._new(spec))
            return of_host[-1]

    def prepare(self, spec: HostSpec) -> None:
        """Begins to dial a host in the background, so that its first use waits less."""
        connection = self.get(spec)
        if isinstance(connection, SshConnection):
            connection.prepare()

    def redial(self, error: HostError | None = None) -> None:
        """Has what could not be dialled, as this error tells, be dialled again at its next use; else all."""
        with self._lock:
            links = [link for of_host in self._links.values() for link in of_host]
        for link in links:
            link.redial(error)

    def link(self, spec: HostSpec) -> Link:
        """The link to a jump host, which every host behind it shares."""
        spec = self._book.completed(spec)
        with self._lock:
            return self._link(spec)

    def listen(self, log: Log) -> None:
        """Has every dial from now on told to a log."""
        self._log = log

    def close(self) -> None:
        """Ends every connection, those to jump hosts last."""
        with self._lock:
            links = [link for of_host in self._links.values() for link in of_host]
            self._links.clear()
            self._connections.clear()
        for link in sorted(links, key=lambda link: -link.depth):
            link.close()

    def _new(self, spec: HostSpec) -> Connection:
        if spec.host == LOCAL.host:
            return LocalConnection(spec, self._settings)
        return SshConnection(spec, self._link(spec))

    def _link(self, spec: HostSpec) -> Link:
        """The link of a spec; what does not concern the connection itself does not make another."""
        wanted = _road(spec)
        of_host = self._links.setdefault(_place(spec), [])
        for link in of_host:
            if _road(link.spec) == wanted:
                return link
        link = Link(spec, partial(self._dial, spec))
        of_host.append(link)
        return link

    def _dial(self, spec: HostSpec, *, may_ask: bool) -> SshTransport:
        from tomo.ssh.dial import connect  # noqa: PLC0415  # brings paramiko, which costs 0.2 s

        if may_ask or self._ask is None:
            ask = self._ask
        elif resolve(spec, self._settings).jump is not None:  # that link would ask by itself
            raise NotUnasked
        else:
            ask = _ask_nobody
        address, port = spec.host, spec.port or 22
        with told(self._log, "dial", LogLevel.INFO, host=spec.label, address=address, port=port):
            return connect(spec, self._settings, self, ask)


def _ask_nobody(_file: str) -> str | None:
    raise NotUnasked


def _place(spec: HostSpec) -> tuple[str | None, str, int | None]:
    return (spec.user, spec.host, spec.port or 22)


def _road(spec: HostSpec) -> HostSpec:
    return replace(spec, name="", become=False, docker_socket=None, port=spec.port or 22, connect_timeout=0.0)
