"""A Docker host under test: the fake one, and the machine's own dockerd (marker `docker`)."""

from __future__ import annotations

import io
import itertools
import json
import os
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest

from tomo.errors import HostError
from tomo.model.connection import LOCAL, Connection, HostSpec
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    SwapRequest,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.urn import Urn
from tomo.providers.docker.daemon import Daemon, container_path
from tomo.providers.docker.provider import DockerProvider
from tomo.providers.docker.resource import Pace
from tomo.settings import Settings
from tomo.ssh.local import LocalConnection
from tomo.testing.fake_host import FakeHost
from tomo.testing.registry import FakeRegistry, ImageDefinition

TYPES = {
    "Container": "docker:index/container:Container",
    "Image": "docker:index/image:Image",
    "Network": "docker:index/network:Network",
    "RegistryImage": "docker:index/registryImage:RegistryImage",
    "RemoteImage": "docker:index/remoteImage:RemoteImage",
    "Tag": "docker:index/tag:Tag",
    "Volume": "docker:index/volume:Volume",
}
CONFIG = {
    "Env": ["FROM_IMAGE=1"],
    "Labels": {"image": "yes"},
    "Volumes": {"/from-image": {}},
    "Cmd": ["/bin/sleep", "1000"],
}
CHANGES = [
    "ENV FROM_IMAGE=1",
    "LABEL image=yes",
    "VOLUME /from-image",
    'CMD ["/bin/sleep","1000"]',
]
Json = dict[str, Any]


def busybox_tar(marker: str = "1") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "echo", "true", "false", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        archive.addfile(tarfile.TarInfo(f"marker-{marker}"))
        for folder in ("etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return buffer.getvalue()


class OneHost:
    """A pool with one connection, whatever is asked for."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked: list[HostSpec] = []

    def get(self, spec: HostSpec) -> Connection:
        self.asked.append(spec)
        return self.connection

    def prepare(self, spec: HostSpec) -> None:
        pass

    def redial(self, error: HostError | None = None) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class Bench:
    """A provider over a connection, a prefix for every name, and a hand on the daemon itself."""

    connection: Connection
    image: str
    prefix: str
    fake: FakeHost | None = None
    said: list[str] = field(default_factory=list)
    config: Mapping[str, Any] = field(default_factory=dict)
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(21000 + os.getpid() % 8000))

    def __post_init__(self) -> None:
        self.hand = Daemon(self.connection, "bench")
        self.provider = self.new_provider(self.config)

    def new_provider(
        self, config: Mapping[str, Any], now: Callable[[], float] = time.monotonic
    ) -> DockerProvider:
        provider = DockerProvider(
            OneHost(self.connection),
            lambda _url, _opts: replace(LOCAL, name="bench"),
            Settings(),
            pace=Pace(now=now, settle=0.2 if self.fake is None else 0.0, poll=0.02),
        )
        provider.configure(config)
        return provider

    def name(self, suffix: str) -> str:
        return f"{self.prefix}-{suffix}"

    def port(self) -> int:
        return next(self._ports)

    # --- the provider's verbs, with the engine's manners --------------------------------------

    def urn(self, kind: str, name: str = "it") -> Urn:
        return Urn.make("dev", "bench", None, TYPES[kind], name)

    def checked(self, kind: str, inputs: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> Json:
        result = self.provider.check(
            CheckRequest(self.urn(kind), olds or {}, inputs, seed=b"\x3a\xfc\xae\xf0")
        )
        assert not result.failures, result.failures
        return dict(result.inputs)

    def create(self, kind: str, inputs: Mapping[str, Any], **options: Any) -> tuple[Json, CreateResult]:
        checked = self.checked(kind, inputs)
        result = self.provider.create(
            CreateRequest(self.urn(kind), checked, report=self.said.append, **options)
        )
        return checked, result

    def container(self, suffix: str, **inputs: Any) -> tuple[Json, CreateResult]:
        return self.create(
            "Container", {"image": self.image, "name": self.name(suffix), "stopSignal": "SIGKILL", **inputs}
        )

    def read(self, kind: str, id_: str, inputs: Any = None, outputs: Any = None) -> ReadResult:
        return self.provider.read([ReadRequest(self.urn(kind), id_, inputs or {}, outputs or {})])[0]

    def diff(self, kind: str, old: Any, new: Any, outputs: Any = None, id_: str = "") -> DiffResult:
        return self.provider.diff(DiffRequest(self.urn(kind), id_, old, outputs or {}, new))

    def update(self, kind: str, id_: str, old: Any, outputs: Any, new: Any) -> UpdateResult:
        return self.provider.update(
            UpdateRequest(self.urn(kind), id_, old, outputs, new, report=self.said.append)
        )

    def swap(self, old_id: str, old: Any, outputs: Any, new: Any) -> CreateResult:
        return self.provider.swap(
            SwapRequest(self.urn("Container"), old_id, old, outputs, new, report=self.said.append)
        )

    def delete(self, kind: str, id_: str, inputs: Any, outputs: Any = None) -> None:
        self.provider.delete(DeleteRequest(self.urn(kind), id_, inputs, outputs or {}))

    # --- by hand --------------------------------------------------------------------------------

    def inspect(self, id_: str) -> Json | None:
        return self.hand.find(container_path(id_), "inspecting")

    def by_hand(self, method: str, path: str, body: Json | None = None, **query: str) -> Any:
        return self.hand.send(method, path, "working by hand", query=query, body=body).json()

    def run_by_hand(self, name: str, **body: Any) -> str:
        made = self.by_hand("POST", "/containers/create", {"Image": self.image, **body}, name=name)
        self.by_hand("POST", f"/containers/{made['Id']}/start")
        return str(made["Id"])

    def another_image(self, suffix: str, marker: str = "2") -> str:
        """A further image on the host, by name."""
        name = f"{self.prefix}/{suffix}:1"
        self.add_image(name, marker)
        return name

    def add_image(self, name: str, marker: str) -> None:
        if self.fake is not None:
            self.fake.docker.add_image(
                ImageDefinition(name, {**CONFIG, "Entrypoint": None}, revision=int(marker))
            )
            return
        repository, _, tag = name.rpartition(":")
        import_image(self.hand, repository, tag, marker)

    def hurry(self) -> None:
        """Lets time pass by itself, so that nobody waits for what won't change."""
        ticks = itertools.count(step=10)
        self.provider.close()
        self.provider = self.new_provider(self.config, now=lambda: float(next(ticks)))

    def clean(self) -> None:
        filters = json.dumps({"name": [self.prefix]})
        for entry in self.hand.get("/containers/json", "x", {"all": "1", "filters": filters}).json():
            self.by_hand("DELETE", f"/containers/{entry['Id']}", force="1", v="1")
        for entry in self.hand.get("/networks", "x").json():
            if entry["Name"].startswith(self.prefix):
                self.by_hand("DELETE", f"/networks/{entry['Id']}")
        for entry in self.hand.get("/volumes", "x").json()["Volumes"] or []:
            if entry["Name"].startswith(self.prefix):
                self.by_hand("DELETE", f"/volumes/{entry['Name']}")
        for entry in self.hand.get("/images/json", "x").json():
            for tag in entry["RepoTags"] or []:
                if self.prefix in tag:
                    self.by_hand("DELETE", f"/images/{tag}", force="1")
        self.hand.close()
        self.provider.close()


@pytest.fixture(scope="session")
def real_image() -> Iterator[str]:
    name = f"tomo-test-{uuid.uuid4().hex[:8]}"
    hand = Daemon(LocalConnection(), "local")
    import_image(hand, name, "1", "1")
    yield f"{name}:1"
    hand.send("DELETE", f"/images/{name}:1", "removing", query={"force": "1"})
    hand.close()


def import_image(hand: Daemon, repository: str, tag: str, marker: str) -> None:
    query = [("fromSrc", "-"), ("repo", repository), ("tag", tag), *(("changes", line) for line in CHANGES)]
    hand.send("POST", f"/images/create?{urlencode(query)}", "importing", raw=busybox_tar(marker))


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.docker)])
def docker_connection(request: pytest.FixtureRequest) -> Connection:
    if request.param == "real":
        return LocalConnection()
    host = FakeHost("bench", docker_installed=True, registry=FakeRegistry())
    host.docker.add_image(ImageDefinition("bench/busybox:1", {**CONFIG, "Entrypoint": None}, layers=1))
    return host


@pytest.fixture
def bench(docker_connection: Connection, request: pytest.FixtureRequest) -> Iterator[Bench]:
    if isinstance(docker_connection, FakeHost):
        made = Bench(docker_connection, "bench/busybox:1", "tomo-test", docker_connection)
    else:
        image = request.getfixturevalue("real_image")
        made = Bench(docker_connection, image, f"tomo-test-{uuid.uuid4().hex[:6]}")
    yield made
    made.clean()
