"""The servers of a fleet file: add, list, show, test, remove."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from tomo.errors import ExitCode, TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import Connection, HostBook, HostSpec
from tomo.model.snapshot import Snapshot
from tomo.model.values import Properties
from tomo.resources.tokens import SERVER
from tomo.service.addresses import Address
from tomo.service.effect import Effect
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.recording import audited
from tomo.service.server_edits import NewServer, fleet_of, refuse_in_use, refuse_installed, server_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec import edit
from tomo.spec.fleet import Fleet, Server
from tomo.spec.load import LoadedFleet
from tomo.ssh.hostkeys import HostKey, parse_host_key

_MOST_AT_ONCE: Final = 16


# --- requests and results ----------------------------------------------------------------------------


@frozen
class ScanRequest:
    """Which host keys does an address show? Dials, and sends no credential."""

    effect: ClassVar[Effect] = Effect.READ
    address: Address
    identity: str | None = None


@frozen
class ShownKey:
    """A key that a host showed."""

    kind: str
    text: str
    fingerprint: str


@frozen
class AddServerRequest:
    """Write a server into the fleet file, its key pinned."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    server: NewServer


@frozen
class ReplaceKeyRequest:
    """Pin other keys for a server of the fleet file."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str
    host_keys: tuple[str, ...]


@frozen
class RemoveServerRequest:
    """Take a server out of the fleet file; refused while apps name it."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str


@frozen
class ListServersRequest:
    """The servers of the fleet file, with the facts of the state. Dials nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class TestServersRequest:
    """Log in to servers and say what they are; changes nothing on them. No name means all."""

    __test__: ClassVar[bool] = False
    effect: ClassVar[Effect] = Effect.READ
    place: Place
    names: tuple[str, ...] = ()


@frozen
class ServerView:
    """A server as the fleet file has it, and what the last run found there."""

    name: str
    address: str
    user: str | None
    identity: str | None
    fingerprints: tuple[str, ...]
    become: bool
    docker: bool
    lan: str | None
    labels: Mapping[str, str]
    apps: tuple[str, ...]
    facts: Properties


@frozen
class FleetChange:
    """A fleet file after an edit."""

    file: Path
    name: str


@frozen
class LoginTest:
    """How a login went; `facts` is empty where it failed."""

    name: str
    seconds: float
    facts: Properties
    error: TomoError | None = None
    become: bool = False

    @property
    def warning(self) -> str:
        """What will stop an apply although the login works."""
        if self.error is not None or self.facts.get("root") == "yes":
            return ""
        if self.facts.get("root") == "sudo" and not self.become:
            return "the login is not root; write `become: sudo` for this server"
        return "the login is not root and sudo wants a password; allow it `NOPASSWD` in sudoers"


@frozen
class LoginTests:
    """The tests of several servers, in the fleet file's order."""

    tests: tuple[LoginTest, ...]

    @property
    def exit_code(self) -> ExitCode:
        """OK where every login worked; a refused key or login counts more than any other failure."""
        codes = {test.error.exit_code for test in self.tests if test.error is not None}
        if ExitCode.LOGIN in codes:
            return ExitCode.LOGIN
        return ExitCode.FAILED if codes else ExitCode.OK


# --- use cases ---------------------------------------------------------------------------------------


class Servers:
    """The use cases over a fleet's servers."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def scan(self, request: ScanRequest) -> tuple[ShownKey, ...]:
        """Every key of a host, the best first."""
        address = request.address
        spec = HostSpec(address.host, address.user, address.port, identity=request.identity)
        return tuple(_shown_key(key) for key in self._doors.scan(spec, self._doors.settings))

    def require_new(self, place: Place, name: str) -> None:
        """Raises UsageError where the fleet has a server of that name, before anybody is asked anything."""
        _, loaded = self._fleet(place)
        edit.add_server(loaded.file.read_text("utf-8"), name, {"host": "localhost"})

    @audited("server.add")
    def add(self, request: AddServerRequest) -> FleetChange:
        """Writes the server into the fleet file."""
        _, loaded = self._fleet(request.place)
        server = request.server
        entry = server.entry()
        edit.edit_fleet(loaded.file, lambda text: edit.add_server(text, server.name, entry))
        return FleetChange(loaded.file, server.name)

    @audited("server.replace_key")
    def replace_key(self, request: ReplaceKeyRequest) -> FleetChange:
        """Writes the keys in place of the pinned ones."""
        _, loaded = self._fleet(request.place)
        server_of(loaded, request.name)
        keys = [parse_host_key(text).text for text in request.host_keys]
        value: object = keys[0] if len(keys) == 1 else keys
        path = ("servers", request.name, "host_key")
        edit.edit_fleet(loaded.file, lambda text: edit.set_value(text, path, value))
        return FleetChange(loaded.file, request.name)

    def address_of(self, place: Place, name: str) -> Address:
        """Where the fleet file says that a server is."""
        server = server_of(self._fleet(place)[1], name)
        return Address(server.host, server.user, server.port)

    def list(self, request: ListServersRequest) -> tuple[ServerView, ...]:
        """Every server, in the file's order."""
        workspace, loaded = self._fleet(request.place)
        facts = facts_by_server(workspace.snapshot())
        servers = loaded.fleet.servers
        return tuple(
            view_of(loaded.fleet, name, server, facts.get(name, {})) for name, server in servers.items()
        )

    def show(self, request: ListServersRequest, name: str) -> ServerView:
        """One server."""
        workspace, loaded = self._fleet(request.place)
        facts = facts_by_server(workspace.snapshot())
        return view_of(loaded.fleet, name, server_of(loaded, name), facts.get(name, {}))

    def test(self, request: TestServersRequest) -> LoginTests:
        """Logs in to the named servers, or all, side by side."""
        workspace, loaded = self._fleet(request.place)
        names = request.names or tuple(loaded.fleet.servers)
        if not names:
            raise UsageError("the fleet has no servers yet", hint="add one: `tomo server add NAME USER@HOST`")
        servers = {name: server_of(loaded, name) for name in names}
        secrets = fleet_secrets(workspace.config())
        specs = [host_spec(name, server, secrets) for name, server in servers.items()]
        book = HostBook(specs)
        with self._doors.open_connections(book) as connections, ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
            tests = list(pool.map(lambda spec: _login(connections.get(spec)), specs))
        return LoginTests(
            tuple(
                replace(test, name=name, become=server.become == "sudo")
                for test, (name, server) in zip(tests, servers.items(), strict=True)
            )
        )

    @audited("server.remove")
    def remove(self, request: RemoveServerRequest) -> FleetChange:
        """Takes the server out of the fleet file; apply then forgets it and leaves the machine alone."""
        workspace, loaded = self._fleet(request.place)
        server = server_of(loaded, request.name)
        refuse_in_use(loaded.fleet, request.name, server)
        refuse_installed(workspace.snapshot(), request.name)
        edit.edit_fleet(loaded.file, lambda text: edit.remove_server(text, request.name))
        return FleetChange(loaded.file, request.name)

    def _fleet(self, place: Place) -> tuple[Workspace, LoadedFleet]:
        workspace = self._doors.open(place)
        return workspace, fleet_of(workspace)


def facts_by_server(snapshot: Snapshot) -> Mapping[str, Properties]:
    """What the last run found on each server."""
    return {entry.urn.name: entry.outputs for entry in snapshot.resources if entry.type == SERVER}


# --- parts -------------------------------------------------------------------------------------------


def _shown_key(key: HostKey) -> ShownKey:
    return ShownKey(key.kind, key.text, key.fingerprint)


def view_of(fleet: Fleet, name: str, server: Server, facts: Properties) -> ServerView:
    """A server of a fleet, with what a run found there."""
    apps = tuple(app for app, spec in fleet.apps.items() if spec.present and name in fleet.servers_of(spec))
    return ServerView(
        name=name,
        address=str(Address(server.host, port=server.port)),
        user=server.user,
        identity=server.identity,
        fingerprints=tuple(_fingerprint(text) for text in server.host_key),
        become=server.become == "sudo",
        docker=server.docker_options is not None,
        lan=server.lan_address,
        labels=server.labels,
        apps=apps,
        facts=facts,
    )


def _fingerprint(text: str) -> str:
    """The fingerprint with its type; a security key's is not one that Tomo computes."""
    kind = text.partition(" ")[0]
    try:
        return f"{kind} {parse_host_key(text).fingerprint}"
    except UsageError:
        return kind


def _login(connection: Connection) -> LoginTest:
    from tomo.providers.dynamic.facts import look  # noqa: PLC0415  # not paid by edits of the file

    begun = time.monotonic()
    try:
        facts = look(connection)
    except TomoError as error:
        return LoginTest("", time.monotonic() - begun, {}, error)
    return LoginTest("", time.monotonic() - begun, facts.outputs())


def warnings_of(tests: Iterable[LoginTest]) -> list[str]:
    """One line for each server that an apply could not work on."""
    return [f"{test.name}: {test.warning}" for test in tests if test.warning]
