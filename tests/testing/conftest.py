from __future__ import annotations

import io
import itertools
import os
import socket
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests.adapters
import urllib3
import urllib3.connection

from tomo.testing.fake_docker import FakeDocker, FakeRegistry, ImageDefinition


class _Connection(urllib3.connection.HTTPConnection):
    """A connection of urllib3 over any socket-like stream."""

    def __init__(self, dial: Callable[[], Any]) -> None:
        super().__init__("localhost", timeout=20)
        self._dial = dial

    def connect(self) -> None:
        self.sock = self._dial()


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, dial: Callable[[], Any]) -> None:
        super().__init__("localhost", timeout=20, maxsize=4)
        self._dial = dial

    def _new_conn(self) -> _Connection:
        return _Connection(self._dial)


class StreamAdapter(requests.adapters.HTTPAdapter):
    """Lets `requests`, and so the docker SDK, talk over streams."""

    def __init__(self, dial: Callable[[], Any]) -> None:
        self._pool = _Pool(dial)
        super().__init__()

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> _Pool:
        return self._pool

    def request_url(self, request: Any, _proxies: Any) -> str:
        return request.path_url

    def close(self) -> None:
        self._pool.close()


def sdk_client(dial: Callable[[], Any]) -> Any:
    """The docker SDK's low-level client over a stream."""
    import docker

    client = docker.APIClient(base_url="http://localhost:1", version="1.41")
    client.mount("http://", StreamAdapter(dial))
    return client


def unix_socket() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect("/var/run/docker.sock")
    return sock


def busybox_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "echo", "true", "false", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return buffer.getvalue()


_CONFIG = {
    "Env": ["FROM_IMAGE=1"],
    "ExposedPorts": {"7777/tcp": {}},
    "Volumes": {"/from-image": {}},
    "Labels": {"image": "yes"},
    "WorkingDir": "/",
    "Cmd": ["/bin/sleep", "1000"],
}
_CHANGES = [
    "ENV FROM_IMAGE=1",
    "EXPOSE 7777",
    "VOLUME /from-image",
    "LABEL image=yes",
    "WORKDIR /",
    'CMD ["/bin/sleep","1000"]',
]


@dataclass
class Engine:
    """A daemon under test and a prefix for every name; `real` tells which it is."""

    real: bool
    dial: Callable[[], Any]
    prefix: str
    image: str
    fake: FakeDocker | None = None
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(20000 + os.getpid() % 9000))

    def __post_init__(self) -> None:
        self.sdk = sdk_client(self.dial)

    def name(self, suffix: str) -> str:
        return f"{self.prefix}-{suffix}"

    def port(self) -> int:
        return next(self._ports)

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """One request; gives the status and the decoded body."""
        if body is not None:
            kwargs["json"] = body
        answer = self.sdk.request(method, f"http://localhost:1/v1.41{path}", **kwargs)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.content

    def create(self, suffix: str, **body: Any) -> str:
        status, answer = self.call(
            "POST",
            f"/containers/create?name={self.name(suffix)}",
            {"Image": self.image, "HostConfig": {}, **body},
        )
        assert status == 201, answer
        return answer["Id"]

    def run(self, suffix: str, **body: Any) -> str:
        key = self.create(suffix, **body)
        status, answer = self.call("POST", f"/containers/{key}/start")
        assert status == 204, answer
        return key

    def inspect(self, suffix: str) -> Any:
        status, answer = self.call("GET", f"/containers/{self.name(suffix)}/json")
        assert status == 200, answer
        return answer

    def clean(self) -> None:
        for entry in self.sdk.containers(all=True, filters={"name": self.prefix}):
            self.sdk.remove_container(entry["Id"], v=True, force=True)
        for entry in self.sdk.networks():
            if entry["Name"].startswith(self.prefix):
                self.sdk.remove_network(entry["Id"])
        for entry in self.sdk.volumes()["Volumes"] or []:
            if entry["Name"].startswith(self.prefix):
                self.sdk.remove_volume(entry["Name"])
        self.sdk.close()


def fake_engine(image: str = "contract/busybox:1", healthy_after: float = 0.02) -> Engine:
    docker = FakeDocker(FakeRegistry(), healthy_after=healthy_after)
    docker.add_image(ImageDefinition(image, {**_CONFIG, "Entrypoint": None}, layers=1))
    return Engine(False, docker.open, "contract", image, docker)


@pytest.fixture(scope="session")
def real_image() -> Iterator[str]:
    name = f"tomo-contract-{uuid.uuid4().hex[:8]}"
    client = sdk_client(unix_socket)
    client.import_image_from_data(busybox_tar(), repository=name, tag="1", changes=_CHANGES)
    yield f"{name}:1"
    client.remove_image(f"{name}:1", force=True)
    client.close()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "fake":
        found = fake_engine()
    else:
        image = request.getfixturevalue("real_image")
        found = Engine(True, unix_socket, f"tomo-{uuid.uuid4().hex[:8]}", image)
    yield found
    found.clean()


@pytest.fixture
def make_engines() -> Callable[[str, str], Iterator[tuple[Engine, Engine]]]:
    def make(image: str, prefix: str) -> Iterator[tuple[Engine, Engine]]:
        fake, real = fake_engine(image, healthy_after=60), Engine(True, unix_socket, prefix, image)
        fake.prefix = prefix
        yield fake, real
        real.clean()
        fake.sdk.close()

    return make


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker(FakeRegistry(names=["nginx:1.27", "redis:7"]))


@pytest.fixture
def sdk(docker: FakeDocker) -> Iterator[Any]:
    client = sdk_client(docker.open)
    yield client
    client.close()
