"""What runs where: servers, apps and containers from the state, or as the hosts say it now; outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace
from typing import ClassVar, Final

from tomo.errors import ExitCode, NotSupported, StackNotFound, TomoError
from tomo.frozen import frozen
from tomo.model.connection import Connections, HostBook, HostSpec
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE, Urn, split_provider_ref
from tomo.model.values import Properties, Secret, Unknown, Value, masked, reveal
from tomo.resources.tokens import APP, CONTAINER, DOCKER_PROVIDER, SERVER
from tomo.service.effect import Effect
from tomo.service.engines import EngineName
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace

_RECORDED: Final = "recorded"
_HEALTH: Final = re.compile(r"\((healthy|unhealthy|health: starting)\)")
_MOST_AT_ONCE: Final = 16


@frozen
class StatusRequest:
    """What runs where? From the state; with `live` the hosts are asked, and nothing is written.

    `names` are the servers that are meant; none means all.
    """

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    live: bool = False
    names: tuple[str, ...] = ()


@frozen
class OutputsRequest:
    """The stack's outputs; secrets are opened only where `show_secrets` asks for it."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    show_secrets: bool = False


@frozen
class ContainerStatus:
    """One container. `state` is `recorded`, or live Docker's own word, or `gone`."""

    name: str
    image: str
    ports: tuple[str, ...]
    state: str = _RECORDED
    health: str = ""
    detail: str = ""

    @property
    def word(self) -> str:
        """State and health in a word or two."""
        return self.health if self.health and self.state == "running" else self.state

    @property
    def is_well(self) -> bool:
        """Whether nothing is known against it."""
        return self.state in {_RECORDED, "running"} and self.health != "unhealthy"


@frozen
class AppStatus:
    """An app on one server; `""` as its name stands for containers that belong to none."""

    name: str
    version: str = ""
    url: str = ""
    containers: tuple[ContainerStatus, ...] = ()


@frozen
class ServerStatus:
    """One server or Docker host; `problem` says why it could not be asked."""

    name: str
    address: str
    facts: Properties = field(default_factory=dict)
    apps: tuple[AppStatus, ...] = ()
    problem: str = ""
    hint: str = ""
    code: str = ""


@frozen
class Status:
    """A stack as a whole; `pending` counts operations that were begun and never finished."""

    project: str
    stack: str
    time: str
    live: bool
    servers: tuple[ServerStatus, ...]
    pending: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """OK, unless a host could not be asked."""
        codes = {server.code for server in self.servers if server.problem}
        if codes & {"host-key", "host-key-unknown", "host-key-changed", "login-refused"}:
            return ExitCode.LOGIN
        return ExitCode.FAILED if codes else ExitCode.OK


class Statuses:
    """The use cases that look at a stack."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def status(self, request: StatusRequest) -> Status:
        """Servers with their apps and containers."""
        workspace = self._doors.open(request.place)
        stored = workspace.stored()
        snapshot = stored.snapshot if stored else Snapshot()
        every = _recorded(snapshot, _declared_servers(workspace))
        recorded = [each for each in every if not request.names or each.name in request.names]
        servers = self._asked(workspace, snapshot, recorded) if request.live else recorded
        return Status(
            workspace.project,
            workspace.stack,
            stored.time if stored else "",
            request.live,
            tuple(servers),
            len(snapshot.pending_operations),
        )

    def outputs(self, request: OutputsRequest) -> dict[str, Value]:
        """The recorded outputs by name; raises NotSupported where only Pulumi's CLI reads the state."""
        workspace = self._doors.open(request.place)
        if workspace.engine is EngineName.PULUMI:
            raise NotSupported(
                "the outputs of a stack on the `pulumi` engine are read by its CLI",
                hint="ask at a terminal: `tomo outputs`",
            )
        return recorded_outputs(workspace, show_secrets=request.show_secrets)

    def _asked(
        self, workspace: Workspace, snapshot: Snapshot, recorded: list[ServerStatus]
    ) -> list[ServerStatus]:
        specs = _docker_hosts(snapshot, self._doors)
        with (
            self._doors.open_connections(_book(workspace)) as connections,
            ThreadPoolExecutor(_MOST_AT_ONCE) as pool,
        ):
            return list(pool.map(lambda one: _live(one, specs.get(one.name), connections), recorded))


def recorded_outputs(workspace: Workspace, *, show_secrets: bool) -> dict[str, Value]:
    """The outputs that a stack's state holds; raises StackNotFound where there is none."""
    stored = workspace.stored()
    if stored is None:
        raise StackNotFound(f"`{workspace.stack}` has no state yet", hint="run `tomo apply` first")
    found = next((e.outputs for e in stored.snapshot.resources if e.type == STACK_TYPE), {})
    shown = reveal(found) if show_secrets else found
    plain = masked(shown)
    return dict(plain) if isinstance(plain, Mapping) else {}


# --- from the state ----------------------------------------------------------------------------------


def _declared_servers(workspace: Workspace) -> Mapping[str, str]:
    """The fleet file's servers with their addresses: also those that no run has reached yet."""
    fleet = workspace.fleet.fleet if workspace.fleet else None
    return {name: server.host for name, server in fleet.servers.items()} if fleet else {}


def _recorded(snapshot: Snapshot, declared: Mapping[str, str]) -> list[ServerStatus]:
    found: dict[str, ServerStatus] = {name: ServerStatus(name, address) for name, address in declared.items()}
    for entry in snapshot.resources:
        if entry.type == SERVER:
            name = entry.urn.name
            found[name] = ServerStatus(name, _text(entry.inputs.get("host")), entry.outputs)
        elif entry.type == DOCKER_PROVIDER and entry.urn.name not in found:
            name = entry.urn.name
            found[name] = ServerStatus(name, _text(entry.inputs.get("host")) or "this machine")
    apps = _apps(snapshot)
    used = {server for server, _ in apps}
    servers = [replace(server, apps=_sorted(apps, name)) for name, server in found.items()]
    # A default provider that serves no container is the engine's own affair.
    return [s for s in servers if s.name in used or not s.name.startswith("default")]


def _sorted(apps: Mapping[tuple[str, str], AppStatus], server: str) -> tuple[AppStatus, ...]:
    return tuple(app for (place, _), app in sorted(apps.items()) if place == server)


def _apps(snapshot: Snapshot) -> Mapping[tuple[str, str], AppStatus]:
    """Apps by server and name."""
    components = {entry.urn: entry for entry in snapshot.resources if entry.type == APP}
    images = {entry.urn: _text(entry.inputs.get("name")) for entry in snapshot.resources}
    found: dict[tuple[str, str], AppStatus] = {}
    for entry in components.values():
        name, _, server = entry.urn.name.rpartition("@")
        version, url = _text(entry.outputs.get("version")), _text(entry.outputs.get("url"))
        found[server, name] = AppStatus(name, version, url)
    for entry in snapshot.resources:
        if entry.type != CONTAINER or entry.delete:
            continue
        key = _place_of(entry, components)
        app = found.get(key, AppStatus(key[1]))
        found[key] = replace(app, containers=(*app.containers, _container(entry, images)))
    return found


def _place_of(entry: ResourceState, components: Mapping[Urn, ResourceState]) -> tuple[str, str]:
    """The server and app of a container."""
    parent = components.get(entry.parent) if entry.parent else None
    if parent is not None:
        name, _, server = parent.urn.name.rpartition("@")
        return server, name
    provider = split_provider_ref(entry.provider)[0].name if entry.provider else ""
    return provider, ""


def _container(entry: ResourceState, images: Mapping[Urn, str]) -> ContainerStatus:
    sources = entry.property_dependencies.get("image", ())
    image = next((images[urn] for urn in sources if images.get(urn)), _text(entry.inputs.get("image")))
    return ContainerStatus(_docker_name(entry), image, tuple(_ports(entry.inputs.get("ports"))))


def _docker_name(entry: ResourceState) -> str:
    return _text(entry.outputs.get("name")) or _text(entry.inputs.get("name")) or entry.urn.name


def _ports(ports: Value) -> Iterator[str]:
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, Mapping) and port.get("external") is not None:
            address = _text(port.get("ip")) or "*"
            host = f"[{address}]" if ":" in address else address
            protocol = _text(port.get("protocol")) or "tcp"
            yield f"{host}:{_number(port['external'])}→{_number(port.get('internal'))}/{protocol}"


def _number(value: Value) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _text(value: Value) -> str:
    return "" if value is None or isinstance(value, Secret | Unknown) else str(value)


# --- from the hosts ----------------------------------------------------------------------------------


def _book(workspace: Workspace) -> HostBook:
    if workspace.fleet is None:
        return HostBook()
    secrets = fleet_secrets(workspace.config())
    servers = workspace.fleet.fleet.servers
    return HostBook(host_spec(name, server, secrets) for name, server in servers.items())


def _docker_hosts(snapshot: Snapshot, doors: Doors) -> Mapping[str, HostSpec]:
    """How to reach each recorded Docker host, by its provider's name."""
    from tomo.providers.docker.config import opened  # noqa: PLC0415  # only a live status asks Docker
    from tomo.ssh.docker_host import spec_for_docker  # noqa: PLC0415

    found: dict[str, HostSpec] = {}
    for entry in snapshot.resources:
        if entry.type == DOCKER_PROVIDER:
            config = opened(entry.inputs, doors.settings.docker_host or "")
            found[entry.urn.name] = spec_for_docker(config.host, list(config.ssh_opts), doors.settings)
    return found


def _live(server: ServerStatus, spec: HostSpec | None, connections: Connections) -> ServerStatus:
    if spec is None:
        return server
    try:
        seen = _containers(connections, spec)
    except TomoError as error:
        return replace(server, problem=error.message, hint=error.hint, code=error.code)
    apps = tuple(
        replace(app, containers=tuple(_now(container, seen) for container in app.containers))
        for app in server.apps
    )
    return replace(server, apps=apps)


def _containers(connections: Connections, spec: HostSpec) -> Mapping[str, Mapping[str, Value]]:
    """Every container of a Docker host by name."""
    from tomo.providers.docker.daemon import Daemon  # noqa: PLC0415  # only a live status asks Docker

    daemon = Daemon(connections.get(spec), spec.label, streams=1)
    try:
        answer = daemon.get("/containers/json", "list containers", {"all": "1"}).json()
    finally:
        daemon.close()
    rows = [row for row in answer if isinstance(row, Mapping)] if isinstance(answer, list) else []
    return {str(name).removeprefix("/"): row for row in rows for name in _names(row)}


def _names(row: Mapping[str, Value]) -> list[Value]:
    names = row.get("Names")
    return names if isinstance(names, list) else []


def _now(container: ContainerStatus, seen: Mapping[str, Mapping[str, Value]]) -> ContainerStatus:
    row = seen.get(container.name)
    if row is None:
        return replace(container, state="gone")
    detail = _text(row.get("Status"))
    health = _HEALTH.search(detail)
    word = health.group(1).removeprefix("health: ") if health else ""
    return replace(container, state=_text(row.get("State")) or "unknown", health=word, detail=detail)
