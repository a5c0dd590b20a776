"""A Docker Engine in memory: API 1.41 as Docker 20.10 answers it, over HTTP on a stream in memory.

`tests/testing/test_docker_contract.py` runs one set of tests on it and on a real dockerd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tomo.frozen import frozen
from tomo.testing.clock import Clock, SystemClock
from tomo.testing.dockerd.container import Container
from tomo.testing.dockerd.containers import Containers
from tomo.testing.dockerd.core import Core, Route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.images import Images
from tomo.testing.dockerd.networks import Networks
from tomo.testing.dockerd.refused import ApiError, not_served
from tomo.testing.dockerd.saved import SavedImages
from tomo.testing.dockerd.stream import MemoryStream
from tomo.testing.dockerd.system import System
from tomo.testing.dockerd.volumes import Volumes
from tomo.testing.files import FileTree
from tomo.testing.registry import (
    Behaviour,
    FakeRegistry,
    ImageDefinition,
    Reference,
    exits,
    unhealthy,
)

__all__ = [
    "Behaviour",
    "Call",
    "FakeDocker",
    "FakeRegistry",
    "ImageDefinition",
    "Reference",
    "exits",
    "unhealthy",
]

VERSION: Final = "20.10.24+dfsg1"
_VERSIONED: Final = re.compile(r"^/v(\d+)\.(\d+)(?=/)")
_LEAST, _MOST = (1, 12), (1, 41)
# Parts of the API that Docker has and the double leaves out: told apart from what Docker lacks too.
_UNSERVED: Final = re.compile(
    r"^/(containers/.+/(top|stats|changes|export|attach|resize)|containers/prune|commit"
    r"|images/(search|prune|load|get|.+/(history|get))|networks/prune|volumes/prune|system/df"
    r"|build/.+|plugins.*|swarm.*|nodes.*|services.*|tasks.*|secrets.*|configs.*|session|grpc)$"
)


@frozen
class Call:
    """One request that the daemon answered."""

    method: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in {"GET", "HEAD"}


@dataclass
class _Fault:
    method: str
    path: re.Pattern[str]
    error: ApiError
    times: int


class FakeDocker:
    """One daemon. Safe for several threads; every request runs under one lock.

    `healthy_after` is how many seconds after its start a container's health is known. `disk` is the host's
    file tree: bind mounts look there. The methods named `*_by_hand` do what someone at the machine would do.
    """

    def __init__(
        self,
        registry: FakeRegistry | None = None,
        *,
        clock: Clock | None = None,
        seed: str = "docker",
        host_name: str = "fake",
        healthy_after: float = 0.02,
        disk: FileTree | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._core = Core(clock or SystemClock(), seed, host_name, VERSION, disk, dict(settings or {}))
        self.registry = registry if registry is not None else FakeRegistry.of_catalog()
        self._images = Images(self._core, self.registry)
        self._networks = Networks(self._core)
        self._volumes = Volumes(self._core)
        self._containers = Containers(
            self._core, self._images, self._networks, self._volumes, healthy_after=healthy_after
        )
        self._routes = self._all_routes()
        self._faults: list[_Fault] = []
        self._running = True
        self.calls: list[Call] = []

    # --- the socket --------------------------------------------------------------------------------

    def open(self, before: Callable[[Request], None] | None = None) -> MemoryStream:
        """A new connection; `before` is called ahead of each request and may raise OSError."""
        if not self._running:
            raise ConnectionRefusedError("Cannot connect to the Docker daemon. Is the docker daemon running?")

        def serve(request: Request) -> Response:
            if before is not None:
                before(request)
            return self.answer(request)

        return MemoryStream(serve, lambda: self._running, self.version)

    def answer(self, request: Request) -> Response:
        """Answers one request."""
        with self._core.changed:
            try:
                response = self._routed(request)
            except ApiError as error:
                response = Response.of_json({"message": error.message}, error.status)
            self.calls.append(Call(request.method, request.path, response.status))
            return response

    def _routed(self, request: Request) -> Response:
        path = _unversioned(request.path)
        for fault in self._faults:
            if fault.times and fault.method == request.method and fault.path.search(path):
                fault.times -= 1
                raise fault.error
        candidates = self._routes.get((request.method, path.split("/", 2)[1]), [])
        for route in candidates:
            match = route.pattern.match(path)
            if match:
                return route.handler(request, **match.groupdict())
        if _UNSERVED.match(path):
            raise not_served(f"{request.method} {path}")
        raise ApiError(404, "page not found")

    def _all_routes(self) -> dict[tuple[str, str], list[Route]]:
        """The endpoints by method and first part of the path."""
        parts = (
            self._containers,
            self._images,
            SavedImages(self._images),
            self._networks,
            self._volumes,
            System(self._core, self._containers, self._images),
        )
        table: dict[tuple[str, str], list[Route]] = {}
        for part in parts:
            for route in part.routes():
                first = route.pattern.pattern.removeprefix("^/").split("/")[0].rstrip("$")
                table.setdefault((route.method, first), []).append(route)
        return table

    # --- the daemon itself -------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the daemon answers."""
        return self._running

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its daemon.json."""
        return self._core.settings

    @property
    def version(self) -> str:
        """The version it says it is; the API stays that of 20.10."""
        return self._core.version

    def set_version(self, version: str) -> None:
        """Lets it say that it is another version."""
        self._core.version = version

    def stop_daemon(self) -> None:
        """Ends the daemon, its containers and every connection; what is on disk stays."""
        with self._core.changed:
            for container in self._containers.all():
                if container.running:
                    self._containers.halt(container, 0, by_hand=False)
            self._running = False
            self._core.changed.notify_all()

    def start_daemon(self, settings: Mapping[str, Any] | None = None) -> None:
        """Starts the daemon, and the containers whose restart policy says so."""
        with self._core.changed:
            self._running = True
            if settings is not None:
                self._core.settings = dict(settings)
            for container in reversed(self._containers.all()):
                wanted = container.restart == "always" or (
                    container.restart == "unless-stopped" and not container.stopped_by_hand
                )
                if wanted and container.started and not container.running:
                    self._containers.start(container)

    def fill_disk(self, *, full: bool = True) -> None:
        """Makes writes fail with `no space left on device`, or ends that."""
        self._core.disk_full = full

    def fail_next(self, method: str, path: str, status: int, message: str, *, times: int = 1) -> None:
        """Refuses the next requests of a method whose path, without version, matches the expression."""
        self._faults.append(_Fault(method, re.compile(path), ApiError(status, message), times))

    # --- looking in --------------------------------------------------------------------------------

    @property
    def container_names(self) -> list[str]:
        """Names of all containers, sorted."""
        with self._core.changed:
            return sorted(container.name for container in self._containers.all())

    @property
    def volume_names(self) -> list[str]:
        """Names of all volumes, sorted."""
        with self._core.changed:
            return self._volumes.names()

    @property
    def network_names(self) -> list[str]:
        """Names of all networks, Docker's own three included, sorted."""
        with self._core.changed:
            return self._networks.names()

    @property
    def image_names(self) -> list[str]:
        """Tags of all images on the host, sorted."""
        with self._core.changed:
            return sorted(tag for image in self._images.all() for tag in image.tags)

    @property
    def writes(self) -> list[Call]:
        """The requests so far that may have changed something."""
        return [call for call in self.calls if call.writes]

    def inspect(self, name: str) -> Json:
        """A container as `docker inspect` shows it."""
        with self._core.changed:
            return self._find(name).inspected(self._core.settings)

    def file_in(self, name: str, path: str) -> bytes | None:
        """A file in a container, its volumes included."""
        with self._core.changed:
            tree, inside = self._find(name).tree_of(path)
            return tree.read(inside)

    def volume_files(self, name: str) -> FileTree:
        """What is in a volume."""
        with self._core.changed:
            volume = self._volumes.find(name)
            if volume is None:
                raise KeyError(name)
            return volume.files

    # --- changes by hand ---------------------------------------------------------------------------

    def add_image(self, definition: ImageDefinition) -> str:
        """Puts an image on the host without a registry, as `docker load` does; gives its id."""
        with self._core.changed:
            return self._images.install(definition).id

    def run_by_hand(self, name: str, image: str, **body: Any) -> str:
        """`docker run -d`: pulls, creates and starts; gives the id. `body` is the API's create body."""
        with self._core.changed:
            if self._images.find(image) is None:
                definition = self.registry.find(Reference.parse(image))
                if definition is None:
                    raise KeyError(image)
                self._images.install(definition, pulled=True)
            container = self._containers.create(name, {"Image": image, "HostConfig": {}, **body})
            self._containers.start(container)
            return container.id

    def remove_by_hand(self, name: str) -> None:
        """`docker rm -f`."""
        with self._core.changed:
            container = self._find(name)
            if container.running:
                self._containers.halt(container, 137)
            self._containers.remove(container)

    def stop_by_hand(self, name: str, exit_code: int = 0) -> None:
        """`docker stop`."""
        with self._core.changed:
            self._containers.halt(self._find(name), exit_code)

    def pause_by_hand(self, name: str) -> None:
        """`docker pause`."""
        with self._core.changed:
            self._containers.pause(self._find(name))

    def edit_restart_by_hand(self, name: str, policy: str, retries: int = 0) -> None:
        """`docker update --restart`."""
        with self._core.changed:
            container = self._find(name)
            restart = {"Name": policy, "MaximumRetryCount": retries}
            container.host_config = {**container.host_config, "RestartPolicy": restart}

    def replace_by_hand(self, name: str, **changes: Any) -> str:
        """Removes a container and runs another under its name, with changes to its Config; gives the id."""
        with self._core.changed:
            old = self._find(name)
            config = {key: value for key, value in old.config.items() if key != "Hostname"}
            body = {**config, "HostConfig": old.host_config, **changes}
            automatic = {old.short, old.config["Hostname"]}
            joined = {
                key: [alias for alias in endpoint.aliases or [] if alias not in automatic]
                for key, endpoint in old.endpoints.items()
            }
            self.remove_by_hand(name)
            container = self._containers.create(name, body)
            for network, aliases in joined.items():
                if network != "host":
                    container.endpoints.pop(network, None)
                    self._containers.connect(self._networks.need(network), container, {"Aliases": aliases})
            self._containers.start(container)
            return container.id

    def remove_volume_by_hand(self, name: str) -> None:
        """Removes a volume and, as Docker insists on it, the containers that use it."""
        with self._core.changed:
            for user in self._volumes.users(name):
                self.remove_by_hand(user)
            self._volumes.remove(name)

    def remove_network_by_hand(self, name: str) -> None:
        """Removes a network after disconnecting everyone from it."""
        with self._core.changed:
            network = self._networks.need(name)
            for container in self._containers.all():
                if network.name in container.endpoints:
                    self._containers.disconnect(network, container)
            self._networks.remove(name)

    def disconnect_by_hand(self, network: str, container: str) -> None:
        """`docker network disconnect`."""
        with self._core.changed:
            self._containers.disconnect(self._networks.need(network), self._find(container))

    def retag_by_hand(self, tag: str, definition: ImageDefinition | None = None) -> str:
        """Points a tag of the host to another image, a new build of the same by default; gives its id."""
        with self._core.changed:
            old = self._images.need(tag).definition
            new = definition or ImageDefinition(
                tag, old.config, old.behaviour, old.files, old.revision + 1, old.size
            )
            image = self._images.install(new, tag=False)
            self._images.point(str(Reference.parse(tag)), image)
            return image.id

    def remove_image_by_hand(self, name: str) -> None:
        """`docker rmi -f`."""
        with self._core.changed:
            self._images.remove(name, force=True)

    def age_image(self, name: str) -> None:
        """Has an image been on the host since the epoch."""
        self._images.need(name).tagged = 1

    def prune_by_ids(self, listed: str) -> str:
        """Removes the images whose ids stand in a text, as `docker-prune.sh` does; used ones stay."""
        removed = 0
        with self._core.changed:
            for id_ in re.findall(r"sha256:[0-9a-f]{64}", listed):
                image = self._images.find(id_)
                if image is not None and not self._images.users(image.id):
                    self._images.remove(image.id, force=True)
                    removed += 1
        return f"{removed} images removed\n"

    def crash_by_hand(self, name: str, exit_code: int = 1, stderr: str = "") -> None:
        """Ends a container's command as if it had failed, and lets it fail from now on."""
        with self._core.changed:
            container = self._find(name)
            container.behaviour = exits(exit_code, stderr=stderr)
            self._containers.halt(container, exit_code, by_hand=False)

    def set_health(self, name: str, status: str, output: str = "") -> None:
        """Lets a container's health check find `healthy` or `unhealthy` from now on."""
        with self._core.changed:
            container = self._find(name)
            container.behaviour = Behaviour(health=status, health_output=output)
            container.note_health(status, output, self._core.now())

    def occupy_port(self, port: int, address: str = "0.0.0.0", protocol: str = "tcp") -> None:  # noqa: S104
        """Lets a process of the host listen on a port."""
        with self._core.changed:
            self._containers.ports.occupy(port, address, protocol)

    def vacate_port(self, port: int) -> None:
        """Ends the host's process on a port."""
        with self._core.changed:
            self._containers.ports.vacate(port)

    def _find(self, name: str) -> Container:
        container = self._containers.find(name)
        if container is None:
            raise KeyError(name)
        return container


def _unversioned(path: str) -> str:
    """The path without its version, which must be one that the daemon speaks."""
    match = _VERSIONED.match(path)
    if match is None:
        return path
    version = (int(match[1]), int(match[2]))
    text = f"{match[1]}.{match[2]}"
    if version > _MOST:
        raise ApiError(400, f"client version {text} is too new. Maximum supported API version is 1.41")
    if version < _LEAST:
        raise ApiError(
            400,
            f"client version {text} is too old. Minimum supported API version is 1.12, please upgrade your "
            "client to a newer version",
        )
    return path[match.end() :]
