"""Containers: creation, lifecycle, and the endpoints about them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tomo.testing.clock import rfc3339
from tomo.testing.dockerd.archive import Archives
from tomo.testing.dockerd.config import (
    check_name,
    command_of,
    container_config,
    host_config,
    started_host_config,
    updated_host_config,
)
from tomo.testing.dockerd.container import Container, Endpoint, LogLine, Mount
from tomo.testing.dockerd.core import (
    POLL_SECONDS,
    ROOT,
    Core,
    Route,
    check_filters,
    matches_labels,
    route,
)
from tomo.testing.dockerd.execs import Execs
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.images import Image, Images
from tomo.testing.dockerd.networks import PREDEFINED, Network, Networks
from tomo.testing.dockerd.ports import Ports
from tomo.testing.dockerd.refused import ApiError, name_in_use, no_such_container, not_running, not_served
from tomo.testing.dockerd.volumes import Volumes
from tomo.testing.files import FileTree

_SECOND: Final = 1_000_000_000
_KILLED: Final = 137
_STATES: Final = frozenset({"created", "running", "paused", "restarting", "removing", "exited", "dead"})
_FILTERS: Final = frozenset(
    {"ancestor", "exited", "health", "id", "label", "name", "network", "status", "volume"}
)
_UNSERVED: Final = frozenset({"before", "since", "publish", "expose", "isolation", "is-task"})
_NAMES: Final = ("brave", "calm", "eager", "gentle", "keen", "lucid", "noble", "quiet")
_HOST_NETWORK: Final = "container cannot be disconnected from host network or connected to host network"
_FIRST_BACKOFF: Final = 0.1
_LONGEST_BACKOFF: Final = 60.0


class Containers:
    """All containers. `healthy_after` is how many seconds a first health check takes."""

    def __init__(
        self,
        core: Core,
        images: Images,
        networks: Networks,
        volumes: Volumes,
        *,
        healthy_after: float,
    ) -> None:
        self._core, self._images, self._networks = core, images, networks
        self._volumes, self.ports = volumes, Ports()
        self.healthy_after = healthy_after
        self._containers: dict[str, Container] = {}
        self._names: dict[str, str] = {}
        self._archives = Archives(core, self.need)
        self._execs = Execs(core, self.need)
        images.users = self._users_of_image
        volumes.users = self._users_of_volume

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("GET", "/containers/json", self._list),
            route("POST", "/containers/create", self._create),
            route("GET", "/containers/{name}/json", self._inspect),
            route("POST", "/containers/{name}/start", self._start),
            route("POST", "/containers/{name}/stop", self._stop),
            route("POST", "/containers/{name}/restart", self._restart),
            route("POST", "/containers/{name}/kill", self._kill),
            route("POST", "/containers/{name}/pause", self._pause),
            route("POST", "/containers/{name}/unpause", self._unpause),
            route("POST", "/containers/{name}/rename", self._rename),
            route("POST", "/containers/{name}/update", self._update),
            route("POST", "/containers/{name}/wait", self._wait),
            route("GET", "/containers/{name}/logs", self._logs),
            *self._archives.routes(),
            *self._execs.routes(),
            route("DELETE", "/containers/{name}", self._delete),
            route("POST", "/networks/{name}/connect", self._connect),
            route("POST", "/networks/{name}/disconnect", self._disconnect),
        ]

    # --- lookups -----------------------------------------------------------------------------------

    def all(self) -> list[Container]:
        """Every container, the newest first, each as it is at this moment."""
        found = [self._settled(container) for container in list(self._containers.values())]
        return [container for container in reversed(found) if container.id in self._containers]

    def find(self, name: str) -> Container | None:
        """The container of an id, a name, or the beginning of an id."""
        bare = name.removeprefix("/")
        container = self._containers.get(bare) or self._containers.get(self._names.get(bare, ""))
        if container is None and bare:
            beginning = [other for other in self._containers.values() if other.id.startswith(bare)]
            container = beginning[0] if len(beginning) == 1 else None
        return self._settled(container) if container else None

    def need(self, name: str) -> Container:
        """The container, or Docker's 404."""
        container = self.find(name)
        if container is None:
            raise no_such_container(name)
        return container

    def _users_of_image(self, image_id: str) -> list[tuple[str, bool]]:
        return [(one.id, one.running) for one in self._containers.values() if one.image.id == image_id]

    def _users_of_volume(self, name: str) -> list[str]:
        return [
            container.id
            for container in self._containers.values()
            if any(mount.volume is not None and mount.volume.name == name for mount in container.mounts)
        ]

    # --- creation ----------------------------------------------------------------------------------

    def create(self, name: str, body: Mapping[str, Any]) -> Container:
        """A new container, not yet started."""
        if not body:
            raise ApiError(400, "Config cannot be empty in order to create a container")
        name = check_name(name) if name else self._free_name()
        image = self._images.need(body.get("Image") or "")
        config = container_config(body, image.config)
        host = host_config(body.get("HostConfig"))
        argv = command_of(config)
        self._need_free(name)
        self._core.need_space(f"{ROOT}/overlay2")
        endpoints = self._endpoints(host, (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {})
        key = self._core.new_id("container")
        config["Hostname"] = config["Hostname"] or self._hostname(host, key)
        mounts = self._mounts(host, config)
        files = _image_files(image)
        for mount in mounts:
            files.make_directory(mount.target)
        behaviour = image.definition.behaviour
        container = Container(
            key, name, self._core.now(), image, config, host, argv, mounts, endpoints, files, behaviour
        )
        self._containers[key] = container
        self._names[name] = key
        self._emit(container, "create")
        return container

    def _need_free(self, name: str) -> None:
        if name in self._names:
            raise name_in_use(name, self._names[name])

    def _free_name(self) -> str:
        word = _NAMES[len(self._containers) % len(_NAMES)]
        return f"{word}_{self._core.new_id('name')[:6]}"

    def _hostname(self, host: Json, container_id: str) -> str:
        if host["NetworkMode"] == "host":
            return self._core.host_name
        if host["NetworkMode"].startswith("container:"):
            return str(self.need(host["NetworkMode"].split(":", 1)[1]).config["Hostname"])
        return container_id[:12]

    def _endpoints(self, host: Json, given: Mapping[str, Any]) -> dict[str, Endpoint]:
        """The networks it will join; the mode's own one where none is given."""
        mode = host["NetworkMode"]
        if mode.startswith("container:"):
            host["NetworkMode"] = f"container:{self.need(mode.split(':', 1)[1]).id}"
            return {}
        if len(given) > 1:
            names = ", ".join(sorted(given))
            raise ApiError(400, f"Container cannot be connected to network endpoints: {names}")
        if given:
            return {self._network_name(name): _endpoint(settings or {}) for name, settings in given.items()}
        return {self._network_name(mode): Endpoint()}

    def _network_name(self, name: str) -> str:
        if name == "default":
            return "bridge"
        network = self._networks.find(name)
        return network.name if network else name

    def _mounts(self, host: Json, config: Json) -> list[Mount]:
        """Binds, then mounts, then the anonymous volumes that neither covers."""
        mounts = [self._bind_mount(text) for text in host["Binds"] or []]
        mounts += [self._typed_mount(spec) for spec in host.get("Mounts", [])]
        covered = {mount.target for mount in mounts} | set(host.get("Tmpfs", {}))
        if len(covered) < len(mounts):
            raise ApiError(400, "Duplicate mount point")
        for target in config["Volumes"] or {}:
            if target not in covered:
                mounts.append(Mount("volume", target, volume=self._volumes.ensure("")))
        return mounts

    def _bind_mount(self, text: str) -> Mount:
        source, target, *modes = text.split(":")
        mode = modes[0] if modes else ""
        writable = "ro" not in mode.split(",")
        if not source.startswith("/"):
            return Mount("volume", target, "", self._volumes.ensure(source), mode or "z", writable)
        if self._core.disk is not None and self._core.disk.get(source) is None:
            self._core.disk.make_directory(source)
        return Mount("bind", target, source, None, mode, writable)

    def _typed_mount(self, spec: Mapping[str, Any]) -> Mount:
        kind, target = spec.get("Type", ""), spec.get("Target", "")
        source, writable = spec.get("Source", ""), not spec.get("ReadOnly", False)
        if kind == "tmpfs":
            return Mount("tmpfs", target, writable=writable)
        if kind == "volume":
            options = spec.get("VolumeOptions") or {}
            driver = (options.get("DriverConfig") or {}).get("Options")
            volume = self._volumes.ensure(source, options.get("Labels"), driver)
            return Mount("volume", target, "", volume, "z", writable)
        if kind == "bind":
            if self._core.disk is not None and self._core.disk.get(source) is None:
                message = f'invalid mount config for type "bind": bind source path does not exist: {source}'
                raise ApiError(400, message)
            return Mount("bind", target, source, None, "", writable)
        raise ApiError(400, f'invalid mount config for type "{kind}": mount type unknown')

    # --- lifecycle ---------------------------------------------------------------------------------

    def start(self, container: Container) -> None:
        """Starts it: networks, ports, then its command."""
        container.host_config = started_host_config(container.host_config)
        container.sandbox = self._core.new_id("sandbox") if self._has_sandbox(container) else ""
        try:
            self._join_all(container)
            _refuse_bad_command(container)
        except ApiError as error:
            self._leave_all(container)
            container.exit_code = 127 if container.behaviour.start_error else 128
            container.error = error.message
            raise
        container.stopped_by_hand = False
        self._run(container)

    def _has_sandbox(self, container: Container) -> bool:
        return not container.host_config["NetworkMode"].startswith("container:")

    def _run(self, container: Container) -> None:
        """Begins the command; one that ends at once is dealt with at once."""
        container.status, container.error, container.exit_code = "running", "", 0
        container.started = self._core.now()
        container.pid = 1000 + int(self._core.new_id("pid")[:4], 16)
        container.begin_health()
        self._emit(container, "start")
        outcome = container.outcome()
        if outcome is not None:
            container.write_log(outcome, container.started)
            self._ended(container, outcome.exit_code)

    def _ended(self, container: Container, exit_code: int) -> None:
        """The command ended by itself: rest, start again later, or go."""
        container.exit_code, container.pid = exit_code, 0
        container.finished = self._core.now()
        container.end_health()
        self._emit(container, "die", exitCode=str(exit_code))
        if self._restarts(container):
            container.status = "restarting"
            return
        container.status = "exited"
        self._leave_all(container)
        if container.host_config["AutoRemove"]:
            self.remove(container, volumes=True)

    def _restarts(self, container: Container) -> bool:
        if container.restart == "on-failure":
            most = container.host_config["RestartPolicy"]["MaximumRetryCount"]
            return container.exit_code != 0 and (most == 0 or container.restarts < most)
        return container.restart in {"always", "unless-stopped"}

    def halt(self, container: Container, exit_code: int, *, by_hand: bool = True) -> None:
        """Ends a running container from outside."""
        container.status, container.exit_code, container.pid = "exited", exit_code, 0
        container.finished = self._core.now()
        container.stopped_by_hand = by_hand
        container.end_health()
        self._leave_all(container)
        self._emit(container, "die", exitCode=str(exit_code))
        if container.host_config["AutoRemove"]:
            self.remove(container, volumes=True)

    def remove(self, container: Container, *, volumes: bool = False) -> None:
        """Forgets a container, and its anonymous volumes where asked."""
        self._leave_all(container)
        self._containers.pop(container.id, None)
        self._names.pop(container.name, None)
        for mount in container.mounts:
            if volumes and mount.volume is not None and mount.volume.anonymous:
                self._volumes.remove(mount.volume.name, force=True)
        self._emit(container, "destroy")

    def _settled(self, container: Container) -> Container:
        """The container after what time alone has brought about."""
        elapsed = (self._core.now() - container.started) / _SECOND
        health = container.health
        if container.status == "running" and health is not None and health["Status"] == "starting":
            if elapsed >= self.healthy_after:
                container.probe(self._core.now())
        elif container.status == "restarting":
            self._start_again(container)
        return container

    def _start_again(self, container: Container) -> None:
        """Counts the restarts that fell due; each waits twice as long as the one before."""
        while container.status == "restarting":
            wait = min(_FIRST_BACKOFF * 2**container.restarts, _LONGEST_BACKOFF)
            if (self._core.now() - container.finished) / _SECOND < wait:
                return
            container.restarts += 1
            self._run(container)

    # --- networks ----------------------------------------------------------------------------------

    def _join_all(self, container: Container) -> None:
        for name in sorted(container.endpoints):
            self._join(container, name, container.endpoints[name])
        self._publish(container)

    def _join(self, container: Container, name: str, endpoint: Endpoint) -> None:
        network = self._networks.need(name)
        wanted = (endpoint.ipam or {}).get("IPv4Address") or ""
        endpoint.lease = self._networks.lease(network, container.id, container.name, wanted)
        endpoint.network_id = network.id
        if network.name not in PREDEFINED:
            endpoint.aliases = _aliases(endpoint, container, hostname=True)

    def _publish(self, container: Container) -> None:
        exposed = sorted(container.config.get("ExposedPorts", {}))
        leases = [one.lease for one in container.endpoints.values() if one.lease and one.lease.address]
        if not leases:
            container.ports = {}
            return
        host = container.host_config
        wanted: dict[str, list[Json]] = {}
        for port in exposed:
            bindings = (host["PortBindings"] or {}).get(port) or []
            if bindings or host["PublishAllPorts"]:
                wanted[port] = bindings or [{}]
        published = self.ports.publish(container.id, container.name, leases[0].endpoint_id, wanted)
        container.ports = {port: published.get(port) for port in exposed}

    def _leave_all(self, container: Container) -> None:
        self.ports.release(container.id)
        container.ports = {}
        for endpoint in container.endpoints.values():
            network = self._networks.find(endpoint.network_id) if endpoint.network_id else None
            if network is not None:
                self._networks.release(network, container.id)
            endpoint.lease = None

    def connect(self, network: Network, container: Container, settings: Mapping[str, Any]) -> None:
        """Adds a network to a container, now if it runs."""
        if container.host_config["NetworkMode"] == "host":
            raise ApiError(403, _HOST_NETWORK)
        endpoint = _endpoint(settings)
        if (endpoint.ipam or {}).get("IPv4Address") and not network.user_subnet:
            message = "user specified IP address is supported only when connecting to networks with user"
            raise ApiError(400, f"{message} configured subnets")
        if container.running and container.id in network.leases:
            message = f"endpoint with name {container.name} already exists in network {network.name}"
            raise ApiError(403, message)
        container.endpoints[network.name] = endpoint
        if container.running:
            self._join(container, network.name, endpoint)
        elif network.name not in PREDEFINED:
            endpoint.aliases = _aliases(endpoint, container, hostname=False)

    def disconnect(self, network: Network, container: Container) -> None:
        """Takes a network from a container."""
        if network.name not in container.endpoints:
            raise ApiError(500, f"container {container.id} is not connected to network {network.name}")
        if network.name == "host":
            raise ApiError(403, _HOST_NETWORK)
        self._networks.release(network, container.id)
        del container.endpoints[network.name]

    # --- endpoints of the API ----------------------------------------------------------------------

    def _create(self, request: Request) -> Response:
        container = self.create(request.query.get("name", ""), request.json())
        return Response.of_json({"Id": container.id, "Warnings": []}, 201)

    def _inspect(self, _request: Request, name: str) -> Response:
        return Response.of_json(self.need(name).inspected(self._core.settings))

    def _list(self, request: Request) -> Response:
        filters = check_filters(request, _FILTERS | _UNSERVED)
        for unserved in _UNSERVED & filters.keys():
            raise not_served(f"the filter `{unserved}` of GET /containers/json")
        for status in filters.get("status", []):
            if status not in _STATES:
                raise ApiError(400, f"Invalid filter 'status={status}'")
        # Clients send -1 for no limit.
        limit = max(0, int(request.query.get("limit") or 0))
        everything = request.flag("all") or "status" in filters or limit > 0
        found = [one for one in self.all() if (everything or one.running) and self._matches(one, filters)]
        now = self._core.now()
        return Response.of_json([one.listed(now, self._image_name(one)) for one in found[: limit or None]])

    def _image_name(self, container: Container) -> str:
        """The name it was made from, while that still means the same image."""
        name = str(container.config["Image"])
        image = self._images.find(name)
        return name if image is None or image.id == container.image.id else container.image.id

    def _matches(self, container: Container, filters: Mapping[str, list[str]]) -> bool:
        if not matches_labels(container.config["Labels"], filters.get("label", [])):
            return False
        checks: dict[str, Callable[[str], bool]] = {
            "id": container.id.startswith,
            "name": lambda text: any(
                re.search(text, name) for name in (container.name, f"/{container.name}")
            ),
            "status": lambda text: text == container.status,
            "health": lambda text: text == (container.health or {"Status": "none"})["Status"],
            "exited": lambda text: container.status == "exited" and container.exit_code == int(text),
            "network": lambda text: any(
                text in {name, endpoint.network_id} for name, endpoint in container.endpoints.items()
            ),
            "volume": lambda text: any(
                text in {mount.target, mount.volume.name if mount.volume else mount.source}
                for mount in container.mounts
            ),
            "ancestor": lambda text: self._images.find(text) is container.image,
        }
        return all(any(checks[name](text) for text in filters[name]) for name in checks if name in filters)

    def _start(self, _request: Request, name: str) -> Response:
        container = self.need(name)
        if container.status == "paused":
            raise ApiError(409, "cannot start a paused container, try unpause instead")
        if container.running:
            return Response(304)
        self.start(container)
        return Response(204)

    def _stop(self, request: Request, name: str) -> Response:
        container = self.need(name)
        if not container.running:
            return Response(304)
        self.halt(container, _stop_code(request))
        self._emit(container, "stop")
        return Response(204)

    def _restart(self, request: Request, name: str) -> Response:
        container = self.need(name)
        if container.running:
            self.halt(container, _stop_code(request))
        self.start(container)
        self._emit(container, "restart")
        return Response(204)

    def _kill(self, request: Request, name: str) -> Response:
        container = self.need(name)
        if not container.running:
            inner = not_running(container.id).message
            raise ApiError(409, f"Cannot kill container: {name}: {inner}")
        signal = (request.query.get("signal") or "SIGKILL").upper().removeprefix("SIG")
        self._emit(container, "kill", signal=signal)
        if signal in {"KILL", "9", "TERM", "15", "INT", "2", "QUIT", "3"}:
            self.halt(container, _KILLED if signal in {"KILL", "9"} else 0)
        return Response(204)

    def _pause(self, _request: Request, name: str) -> Response:
        container = self.need(name)
        if container.status == "paused":
            raise ApiError(409, f"Container {container.id} is already paused")
        if not container.running:
            raise not_running(container.id)
        self.pause(container)
        return Response(204)

    def pause(self, container: Container) -> None:
        """Freezes it; nobody probes it then."""
        container.status = "paused"
        container.end_health()
        self._emit(container, "pause")

    def _unpause(self, _request: Request, name: str) -> Response:
        container = self.need(name)
        if container.status != "paused":
            raise ApiError(500, f"Container {container.id} is not paused")
        container.status = "running"
        container.probe(self._core.now())
        self._emit(container, "unpause")
        return Response(204)

    def _rename(self, request: Request, name: str) -> Response:
        container = self.need(name)
        new = request.query.get("name", "").removeprefix("/")
        if not new:
            raise ApiError(400, "Neither old nor new names may be empty")
        if new == container.name:
            raise ApiError(400, "Renaming a container with the same name as its current name")
        try:
            check_name(f"/{new}")
            self._need_free(new)
        except ApiError as error:
            raise ApiError(error.status, f"Error when allocating new name: {error.message}") from error
        self._names[new] = self._names.pop(container.name)
        container.name = new
        self._emit(container, "rename")
        return Response(204)

    def _update(self, request: Request, name: str) -> Response:
        container = self.need(name)
        container.host_config = updated_host_config(container.host_config, request.json(), container.id)
        self._emit(container, "update")
        return Response.of_json({"Warnings": None})

    def _wait(self, request: Request, name: str) -> Response:
        container = self.need(name)
        condition = request.query.get("condition") or "not-running"
        if condition not in {"not-running", "next-exit", "removed"}:
            raise ApiError(400, f'invalid condition: "{condition}"')
        chunks = self._awaited(container, condition, container.finished)
        return Response(content_type="application/json", chunks=chunks)

    def _awaited(self, container: Container, condition: str, last_exit: int) -> Iterator[bytes]:
        while not self._has_come(container, condition, last_exit):
            with self._core.changed:
                self._core.changed.wait(POLL_SECONDS)
            yield b""
        yield json.dumps({"Error": None, "StatusCode": container.exit_code}).encode() + b"\n"

    def _has_come(self, container: Container, condition: str, last_exit: int) -> bool:
        with self._core.changed:
            gone = container.id not in self._containers
            if gone or condition == "removed":
                return gone
            settled = self._settled(container)
            return not settled.running and (condition == "not-running" or settled.finished != last_exit)

    def _logs(self, request: Request, name: str) -> Response:
        container = self.need(name)
        if not (request.flag("stdout") or request.flag("stderr")):
            raise ApiError(400, "Bad parameters: you must choose at least one stream")
        return Response(chunks=self._log_chunks(container, request))

    def _log_chunks(self, container: Container, request: Request) -> Iterator[bytes]:
        shown, done = 0, False
        tail = request.query.get("tail", "all")
        while not done:
            with self._core.changed:
                done = not (request.flag("follow") and self._settled(container).running)
                lines = container.log[shown:]
                shown += len(lines)
                if not lines and not done:
                    self._core.changed.wait(POLL_SECONDS)
            chosen = _chosen(lines, request)
            if tail.isdigit():
                chosen, tail = chosen[len(chosen) - min(int(tail), len(chosen)) :], "all"
            yield b"".join(_framed(line, container, request) for line in chosen)

    def _delete(self, request: Request, name: str) -> Response:
        container = self.need(name)
        if container.running and not request.flag("force"):
            what = "paused container" if container.status == "paused" else "running container"
            advice = "Unpause and then stop" if container.status == "paused" else "Stop"
            raise ApiError(
                409,
                f"You cannot remove a {what} {container.id}. {advice} the container before attempting "
                "removal or force remove",
            )
        if container.running:
            container.host_config = {**container.host_config, "AutoRemove": False}
            self.halt(container, _KILLED)
        self.remove(container, volumes=request.flag("v"))
        return Response(204)

    def _connect(self, request: Request, name: str) -> Response:
        body = request.json()
        container = self.need(body.get("Container") or "")
        network = self._networks.need(name)
        self.connect(network, container, body.get("EndpointConfig") or {})
        return Response()

    def _disconnect(self, request: Request, name: str) -> Response:
        body = request.json()
        network = self._networks.need(name)
        self.disconnect(network, self.need(body.get("Container") or ""))
        return Response()

    def _emit(self, container: Container, action: str, **more: str) -> None:
        attributes = {"image": str(container.config["Image"]), "name": container.name, **more}
        self._core.emit("container", action, container.id, attributes)


def _refuse_bad_command(container: Container) -> None:
    """Raises what the runtime says where it can't start the command."""
    if container.behaviour.start_error:
        raise ApiError(400, container.behaviour.start_error)


def _endpoint(settings: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        aliases=list(settings["Aliases"]) if settings.get("Aliases") else None,
        ipam=settings.get("IPAMConfig"),
        links=settings.get("Links"),
        driver_opts=settings.get("DriverOpts"),
    )


def _aliases(endpoint: Endpoint, container: Container, *, hostname: bool) -> list[str]:
    """The names it is found under: those given, its short id, and its host name once it runs."""
    names = list(endpoint.aliases or [])
    extra = [container.short, container.config["Hostname"]] if hostname else [container.short]
    return names + [name for name in dict.fromkeys(extra) if name not in names]


def _image_files(image: Image) -> FileTree:
    files = FileTree()
    for path, content in image.definition.files.items():
        files.write(path, content)
    return files


def _stop_code(request: Request) -> int:
    """A command that is given no time is killed; otherwise it ends well."""
    return _KILLED if request.query.get("t") == "0" else 0


def _chosen(lines: list[LogLine], request: Request) -> list[LogLine]:
    since = float(request.query.get("since") or 0) * _SECOND
    wanted = {number for number, name in ((1, "stdout"), (2, "stderr")) if request.flag(name)}
    return [line for line in lines if line.stream in wanted and line.moment >= since]


def _framed(line: LogLine, container: Container, request: Request) -> bytes:
    stamp = f"{rfc3339(line.moment)} " if request.flag("timestamps") else ""
    content = f"{stamp}{line.text}".encode()
    if container.config["Tty"]:
        return content.replace(b"\n", b"\r\n")
    return bytes([line.stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content
