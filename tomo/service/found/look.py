"""Everything Docker has on a server, in the form in which a program writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from tomo.frozen import frozen
from tomo.model.connection import Connection
from tomo.model.values import Properties, Value
from tomo.providers.docker.container_seen import compared
from tomo.providers.docker.daemon import Daemon, container_path, document, image_path
from tomo.providers.docker.http import Response
from tomo.providers.docker.inspected import (
    Inspected,
    config,
    host_config,
    listed,
    name_of,
    part,
    state,
    text_of,
)
from tomo.providers.docker.units import is_image_id, same_image
from tomo.resources import tokens
from tomo.service.adoption import Ids

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"


@frozen
class Running:
    """A container: `inputs` are what a program would write, `raw` is the inspection.

    `image` is the name that leads to its image now, `""` where none does; `made_from` is that inspected.
    """

    id: str
    name: str
    image: str
    inputs: Properties
    raw: Inspected
    made_from: Inspected = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether it runs and isn't paused."""
        return bool(state(self.raw).get("Running")) and not state(self.raw).get("Paused")

    @property
    def labels(self) -> Mapping[str, str]:
        """All its labels, those of its image too."""
        return {key: str(value) for key, value in part(config(self.raw), "Labels").items()}

    @property
    def project(self) -> str:
        """The compose project it belongs to; `""` for none."""
        return self.labels.get(_PROJECT, "")

    @property
    def service(self) -> str:
        """The compose service it is; `""` for none."""
        return self.labels.get(_SERVICE, "")

    @property
    def image_id(self) -> str:
        """The id of its image."""
        return text_of(self.raw, "Image")

    @property
    def endpoints(self) -> Mapping[str, Inspected]:
        """How it stands in each network, by the network's name."""
        every = part(self.raw, "NetworkSettings", "Networks")
        return {name: part(every, name) for name in sorted(every)}

    def blocks(self, name: str) -> list[Mapping[str, Value]]:
        """The elements of a list of its inputs."""
        return [item for item in listed(self.inputs, name) if isinstance(item, Mapping)]

    def given(self, name: str) -> Value:
        """What Docker was told about the host's side, by Docker's name for it."""
        return host_config(self.raw).get(name)


@frozen
class Found:
    """What a server has; networks and volumes by name, `files` are paths that are files and no folders."""

    server: str
    containers: tuple[Running, ...]
    networks: Mapping[str, Inspected]
    volumes: Mapping[str, Inspected]
    files: frozenset[str] = field(default_factory=frozenset)

    def ids(self, containers: Sequence[Running]) -> Ids:
        """What these containers are and rest on, by resource type and name in Docker."""
        made: dict[tuple[str, str], str] = {(tokens.CONTAINER, c.name): c.id for c in containers}
        made |= {(tokens.NETWORK, name): text_of(net, "Id") for name, net in self.networks.items()}
        made |= {(tokens.VOLUME, name): name for name in self.volumes}
        made |= {(tokens.REMOTE_IMAGE, str(same_image(c.image))): c.image_id for c in containers if c.image}
        return made


def look_at(connection: Connection, server: str) -> Found:
    """One look at a server; reads only. Raises HostError where it or its Docker does not answer."""
    daemon = Daemon(connection, server, streams=1)
    try:
        containers = tuple(_containers(daemon))
        networks = daemon.get("/networks", "listing networks").json()
        volumes = document(daemon.get("/volumes", "listing volumes")).get("Volumes")
    finally:
        daemon.close()
    return Found(
        server,
        containers,
        {text_of(each, "Name"): each for each in _objects(networks)},
        {text_of(each, "Name"): each for each in _objects(volumes)},
        _files(connection, containers),
    )


def _containers(daemon: Daemon) -> Iterator[Running]:
    rows = daemon.get("/containers/json", "listing containers", {"all": "1"}).json()
    paths = [container_path(text_of(row, "Id")) for row in _objects(rows)]
    inspected = [document(answer) for answer in daemon.look(paths).values() if answer.ok]
    names = {name for raw in inspected for name in (text_of(raw, "Image"), text_of(config(raw), "Image"))}
    images = _images(daemon, names)
    own = [tag for each in images.values() for tag in _names_of(each)]
    images |= _images(daemon, set(own) - images.keys())
    for raw in sorted(inspected, key=name_of):
        image = images.get(text_of(raw, "Image"), {})
        name = _image_name(raw, image, images)
        yield Running(text_of(raw, "Id"), name_of(raw), name, compared({}, raw, image), raw, image)


def _images(daemon: Daemon, names: set[str]) -> dict[str, Inspected]:
    paths = {name: image_path(name) for name in sorted(names) if name}
    answers: Mapping[str, Response] = daemon.look(list(dict.fromkeys(paths.values())))
    return {name: document(answers[path]) for name, path in paths.items() if answers[path].ok}


def _names_of(image: Inspected) -> list[str]:
    return [str(name) for key in ("RepoTags", "RepoDigests") for name in listed(image, key)]


def _image_name(raw: Inspected, image: Inspected, known: Mapping[str, Inspected]) -> str:
    """The name it was made from, or another one of its image, where that still is this very image."""
    asked = text_of(config(raw), "Image")
    candidates = [*([] if is_image_id(asked) else [asked]), *_names_of(image)]
    id_ = text_of(raw, "Image")
    return next((name for name in candidates if text_of(known.get(name, {}), "Id") == id_), "")


def _files(connection: Connection, containers: Sequence[Running]) -> frozenset[str]:
    """Which of the host paths that containers mount are files."""
    paths = {str(each.get("hostPath") or "") for c in containers for each in c.blocks("volumes")}
    paths |= {str(m.get("source") or "") for c in containers for m in c.blocks("mounts")}
    asked = sorted(path for path in paths if path.startswith("/"))
    found = connection.stat_files(asked) if asked else []
    pairs = zip(asked, found, strict=True)
    return frozenset(path for path, stat in pairs if stat is not None and not stat.is_directory)


def _objects(values: object) -> list[Inspected]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []
