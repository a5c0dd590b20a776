"""Puts the rooms together for one run: connections, providers, redaction."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from tomo.engine.retries import Patience
from tomo.errors import SecretsError
from tomo.frozen import frozen
from tomo.model.connection import Connections, HostBook, HostSpec
from tomo.model.images import ImageArchive
from tomo.model.log import Log
from tomo.model.provider import ProviderSource
from tomo.model.values import Properties, Secret, Value, leaves
from tomo.providers.plugin import PluginHost
from tomo.secrets.passphrase import PassphraseManagers
from tomo.secrets.redaction import Redactor
from tomo.service.logs import learning
from tomo.service.recording import Trail
from tomo.service.stores import AskPassphrase, Stores
from tomo.service.workspace import Means, Place, Workspace
from tomo.settings import Settings
from tomo.ssh.hostkeys import HostKey, scan
from tomo.state.clock import rfc3339

if TYPE_CHECKING:
    from tomo.ssh.accepted import AcceptedHosts

ScanKeys = Callable[[HostSpec, Settings], Sequence[HostKey]]
MakeConnections = Callable[[Settings, HostBook, AskPassphrase | None], Connections]


def ssh_connections(settings: Settings, book: HostBook, ask: AskPassphrase | None) -> Connections:
    """Connections over SSH and to this machine."""
    from tomo.ssh.pool import ConnectionPool  # noqa: PLC0415  # not paid by commands that reach no host

    return ConnectionPool(settings, book, ask)


def shown_keys(spec: HostSpec, settings: Settings) -> Sequence[HostKey]:
    """Every host key that a host shows; sends it no credential."""
    return scan(spec, settings)


def _nothing() -> None:
    """There is nothing to be done."""


@frozen
class Doors:
    """What differs between a real run, `tomo try` and tests: how hosts are reached, who can be asked."""

    settings: Settings
    connections: MakeConnections = ssh_connections
    ask: Callable[[str], str] | None = None
    ask_passphrase: AskPassphrase | None = None
    scan: ScanKeys = shown_keys
    secrets: PassphraseManagers | None = None
    """Keys shared by several use cases of one stack in one process; None derives them each time."""
    stores: Stores = field(default_factory=Stores)
    """Where states are kept; what was reached once is shared by every use case."""
    patience: Patience = Patience()
    """How a run waits before it tries a step again."""
    trail: Trail | None = None
    """Where acts are recorded; None in `tomo try`, which does nothing that lasts."""
    log: Log | None = None
    """What is told as it happens, under the trail's correlation id; None where nobody asked for it."""
    meanwhile: Callable[[], None] = _nothing
    """Done while a look waits for hosts: a surface loads what it will show with."""

    def open(self, place: Place) -> Workspace:
        """The workspace of a place."""
        keys = learning(self.ask_passphrase, self.log)
        means = Means(learning(self.ask, self.log), keys, self.stores, self.log)
        return Workspace.open(place, self.settings, means, self.secrets)

    def looking_only(self, accepted: AcceptedHosts | None = None) -> Doors:
        """Doors through which hosts can be looked at only; with `accepted` no other host is dialled."""
        from tomo.service.looking import looking_only  # noqa: PLC0415  # it opens these very doors

        return looking_only(self, accepted)

    @contextmanager
    def open_connections(self, book: HostBook) -> Iterator[Connections]:
        """The connections of one run; closed at its end."""
        made = self.connections(self.settings, book, learning(self.ask_passphrase, self.log))
        if self.log is not None:
            from tomo.logs.watched import WatchedConnections  # noqa: PLC0415  # few have a log

            made = WatchedConnections(made, self.log)
        try:
            yield made
        finally:
            made.close()

    def providers(self, connections: Connections, program: ProgramFacts) -> ProviderSource:
        """The providers of one run."""
        from tomo.providers.registry import ProviderRegistry  # noqa: PLC0415  # as above
        from tomo.ssh.docker_host import spec_for_docker  # noqa: PLC0415

        def docker_host(url: str, options: list[str]) -> HostSpec:
            return program.book.complete(spec_for_docker(url, options, self.settings))

        return ProviderRegistry(
            connections,
            self.settings,
            docker_host,
            stack_outputs=program.stack_outputs,
            project=program.project,
            config=program.config,
            root=program.root,
            plugins=program.plugins,
            images=program.images,
        )


@frozen
class ProgramFacts:
    """What providers are told about the program. `stack_outputs` gives another stack's, None without it."""

    project: str
    root: Path
    book: HostBook
    config: Mapping[str, str]
    stack_outputs: Callable[[str], Properties | None]
    plugins: PluginHost | None = None
    images: ImageArchive | None = None


@dataclass(slots=True)
class LazyRedactor:
    """Hides every secret it was shown; they're opened only when there is a text to hide them in."""

    _redactor: Redactor = field(default_factory=Redactor)
    _waiting: list[Secret] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    log: Log | None = None

    def learn(self, value: Value) -> None:
        """Takes note of every secret in a value, for the log too."""
        if self.log is not None:
            self.log.learn(value)
        found = [leaf for leaf in leaves(value) if isinstance(leaf, Secret)]
        with self._lock:
            self._waiting.extend(found)

    def redact(self, text: str) -> str:
        """The text with every known secret in it replaced."""
        if not text:
            return text
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for secret in waiting:
            try:
                self._redactor.learn(secret)
            except SecretsError:
                # One that can't be opened was not opened for anybody else in this process either.
                continue
        return self._redactor.redact(text)


def now() -> str:
    """The time, as states and events write it."""
    return rfc3339(time.time_ns())


def new_id() -> str:
    """A provider's id."""
    return str(uuid.uuid4())
