"""The servers and what runs on them, as recorded or as the hosts say it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tomo.errors import DockerError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import Connections, HostBook, HostSpec
from tomo.model.values import Value
from tomo.service.hosts import declared_hosts
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.service.read.secrets import SecretMask
from tomo.service.server_edits import fleet_of, server_of
from tomo.service.servers import (
    ListServersRequest,
    LoginTests,
    Servers,
    ServerView,
    TestServersRequest,
    view_of,
)
from tomo.service.status import ServerStatus, Status, Statuses, StatusRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown


@frozen
class SeenContainer:
    """A container as a Docker host lists it: all texts are the host's."""

    name: str
    image: str
    state: str
    status: str
    ports: tuple[str, ...]
    labels: Mapping[str, str]


@frozen
class SeenDocker:
    """What a Docker daemon says of itself; `reachable` False with the reason where none answers."""

    reachable: bool
    version: str = ""
    api: str = ""
    problem: str = ""
    hint: str = ""


class ServerReads(Reader):
    """The use cases that look at servers."""

    def __init__(self, doors: Doors, place: Place, secrets: SecretMask) -> None:
        super().__init__(doors, place)
        self._secrets = secrets

    def list(self, by: Asker) -> tuple[ServerView, ...]:
        """Every server of the fleet file, with what the last run found there."""
        return Servers(self._for(by)).list(ListServersRequest(self._place))

    def show(self, by: Asker, name: str, *, live: bool) -> tuple[ServerView, ServerStatus]:
        """One of them, and what runs there, from the state or from the host; the state is read once."""
        loaded = fleet_of(self._open(by))
        server = server_of(loaded, name)
        [status] = self.status(by, live=live, names=(name,)).servers
        return view_of(loaded.fleet, name, server, status.facts), status

    def test(self, by: Asker, name: str) -> LoginTests:
        """Logs in and looks what is there."""
        return Servers(self._for(by)).test(TestServersRequest(self._place, (name,)))

    def status(self, by: Asker, *, live: bool, names: Sequence[str] = ()) -> Status:
        """What runs on the named servers, or on all, from the state or from the hosts."""
        return Statuses(self._for(by)).status(StatusRequest(self._place, live, tuple(names)))

    def containers(self, by: Asker, name: str) -> tuple[SeenContainer, ...]:
        """Every container on a server, also those that are not Tomo's."""
        spec, book = self._spec(by, name)
        with self._for(by).open_connections(book) as connections:
            answer = _asked(connections, spec, "/containers/json", "listing containers", {"all": "1"})
        rows = [row for row in answer if isinstance(row, Mapping)] if isinstance(answer, list) else []
        return tuple(sorted((_container(row) for row in rows), key=lambda each: each.name))

    def docker(self, by: Asker, name: str) -> SeenDocker:
        """Whether Docker answers on a server, and which."""
        spec, book = self._spec(by, name)
        with self._for(by).open_connections(book) as connections:
            try:
                said = _asked(connections, spec, "/version", "telling its version", {})
            except DockerError as error:
                return SeenDocker(False, problem=error.message, hint=error.hint)  # noqa: FBT003
        found = said if isinstance(said, Mapping) else {}
        return SeenDocker(True, _text(found.get("Version")), _text(found.get("ApiVersion")))  # noqa: FBT003

    def logs(self, by: Asker, name: str, container: str, lines: int) -> str:
        """The last lines of a container's log, with timestamps.

        Raises PassphraseMissing where the stack has secrets that can't be told from other text.
        """
        from tomo.providers.docker.container_life import demultiplexed  # noqa: PLC0415  # for logs only
        from tomo.providers.docker.daemon import Daemon  # noqa: PLC0415
        from tomo.providers.docker.http import segment  # noqa: PLC0415

        self._secrets.require_open()
        spec, book = self._spec(by, name)
        wanted = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(lines)}
        with self._for(by).open_connections(book) as connections:
            daemon = Daemon(connections.get(spec), spec.label, streams=1)
            try:
                path = f"/containers/{segment(container)}/logs"
                answer = daemon.get(path, f"reading the log of `{shown(container)}`", wanted)
            finally:
                daemon.close()
        return demultiplexed(answer.body).decode("utf-8", "replace")

    def _spec(self, by: Asker, name: str) -> tuple[HostSpec, HostBook]:
        workspace = self._open(by)
        specs = {spec.name: spec for spec in declared_hosts(fleet_of(workspace).fleet, workspace.config())}
        if name not in specs:
            hint = did_you_mean(name, specs, "`tomo server list` shows all")
            raise UsageError(f"the fleet has no server `{shown(name)}`", hint=hint)
        return specs[name], HostBook(specs.values())


def _asked(
    connections: Connections, spec: HostSpec, path: str, doing: str, query: Mapping[str, str]
) -> Value:
    from tomo.providers.docker.daemon import Daemon  # noqa: PLC0415  # only a live look asks Docker

    daemon = Daemon(connections.get(spec), spec.label, streams=1)
    try:
        found: Value = daemon.get(path, doing, query).json()
    finally:
        daemon.close()
    return found


def _container(row: Mapping[str, Value]) -> SeenContainer:
    names = row.get("Names")
    labels = row.get("Labels")
    ports = row.get("Ports")
    return SeenContainer(
        name=str(names[0]).removeprefix("/") if isinstance(names, list) and names else "",
        image=_text(row.get("Image")),
        state=_text(row.get("State")),
        status=_text(row.get("Status")),
        ports=tuple(_port(port) for port in ports if isinstance(port, Mapping))
        if isinstance(ports, list)
        else (),
        labels={str(key): _text(value) for key, value in labels.items()}
        if isinstance(labels, Mapping)
        else {},
    )


def _port(port: Mapping[str, Value]) -> str:
    inside = f"{_number(port.get('PrivatePort'))}/{_text(port.get('Type')) or 'tcp'}"
    outside = port.get("PublicPort")
    return inside if outside is None else f"{_text(port.get('IP')) or '*'}:{_number(outside)}→{inside}"


def _number(value: Value) -> str:
    return str(int(value)) if isinstance(value, float) else _text(value)


def _text(value: Value) -> str:
    return "" if value is None else str(value)
