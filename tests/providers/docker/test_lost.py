"""A connection that is lost at any instant of a replacement: nothing is lost, and the next run finishes it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tomo.errors import HostError, HostUnreachable
from tomo.model.connection import LOCAL, HostSpec
from tomo.model.provider import CreateRequest, ReadRequest, ReadStatus, SwapRequest, UpdateRequest
from tomo.model.urn import Urn
from tomo.providers.docker.provider import DockerProvider
from tomo.providers.docker.resource import Pace
from tomo.settings import Settings
from tomo.testing.fake_host import FakeHost
from tomo.testing.registry import FakeRegistry, ImageDefinition

URN = Urn.make("dev", "p", None, "docker:index/container:Container", "web")
OLD = {"image": "app:1", "name": "web", "envs": ["A=1"], "ports": [{"internal": 80, "external": 8080}]}
NEW = {**OLD, "envs": ["A=2"]}
INSTANTS = range(1, 22)


class OneHost:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def get(self, spec: HostSpec) -> Any:
        return self.connection

    def prepare(self, spec: HostSpec) -> None:
        pass

    def redial(self, error: HostError | None = None) -> None:
        pass

    def close(self) -> None:
        pass


class Doomed:
    """A connection that dies for good at its n-th request, before or after the request was carried out."""

    def __init__(self, host: FakeHost, instant: int, *, carried_out: bool) -> None:
        self.host, self.left, self.carried_out, self.dead = host, instant, carried_out, False

    def open_docker(self) -> Any:
        if self.dead:
            raise HostUnreachable("no answer from `web1`", host="web1")
        return DoomedStream(self, self.host.open_docker())


class DoomedStream:
    def __init__(self, doom: Doomed, stream: Any) -> None:
        self.doom, self.stream = doom, stream

    def sendall(self, data: bytes) -> None:
        self.doom.left -= 1
        if self.doom.left <= 0:
            if self.doom.carried_out and not self.doom.dead:
                self.stream.sendall(data)
                self.stream.recv(1)
            self.doom.dead = True
            raise ConnectionResetError(104, "Connection reset by peer")
        self.stream.sendall(data)

    def recv(self, size: int) -> bytes:
        return b"" if self.doom.dead else self.stream.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        self.stream.settimeout(seconds)

    def close(self) -> None:
        self.stream.close()


def provider(host: Any) -> DockerProvider:
    pace = Pace(settle=0.0, poll=0.001)
    made = DockerProvider(OneHost(host), lambda _u, _o: replace(LOCAL, name="web1"), Settings(), pace=pace)
    made.configure({})
    return made


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost("web1", docker_installed=True, registry=FakeRegistry())
    made.docker.add_image(ImageDefinition("app:1", {"Cmd": ["/bin/sleep", "1000"]}))
    return made


def interrupted(host: FakeHost, instant: int, *, carried_out: bool) -> tuple[Any, bool]:
    """A replacement during which the connection is lost; the old container and whether it failed."""
    old = provider(host).create(CreateRequest(URN, OLD))
    runner = provider(Doomed(host, instant, carried_out=carried_out))
    try:
        runner.swap(SwapRequest(URN, old.id, OLD, old.outputs, NEW))
    except HostError:
        return old, True
    return old, False


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_the_same_replacement_can_be_finished(host: FakeHost, instant: int, carried_out: bool) -> None:
    old, failed = interrupted(host, instant, carried_out=carried_out)
    if not failed:
        return
    again = provider(host)

    seen = again.read([ReadRequest(URN, old.id, OLD, old.outputs)])[0]
    swapped = again.swap(SwapRequest(URN, seen.id, seen.inputs, seen.outputs, NEW))

    assert host.docker.container_names == ["web"]
    assert host.docker.inspect("web")["State"]["Running"]
    assert again.read([ReadRequest(URN, swapped.id, NEW, swapped.outputs)])[0].drift == ()


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_the_old_one_can_be_brought_back(host: FakeHost, instant: int, carried_out: bool) -> None:
    old, failed = interrupted(host, instant, carried_out=carried_out)
    if not failed:
        return
    again = provider(host)

    seen = again.read([ReadRequest(URN, old.id, OLD, old.outputs)])[0]
    if seen.drift:
        again.update(UpdateRequest(URN, seen.id, seen.inputs, seen.outputs, OLD))

    found = again.read([ReadRequest(URN, old.id, OLD, old.outputs)])[0]
    assert (found.status, found.drift, found.id) == (ReadStatus.FOUND, (), old.id)
    assert host.docker.container_names == ["web"]
    assert host.docker.inspect("web")["State"]["Running"]


def test_every_instant_of_a_replacement_was_tried(host: FakeHost) -> None:
    _, failed = interrupted(host, max(INSTANTS), carried_out=False)

    assert not failed


@pytest.mark.parametrize("instant", range(1, 9))
def test_an_interrupted_create_leaves_nothing_in_its_own_way_before_it_ran(
    host: FakeHost, instant: int
) -> None:
    runner = provider(Doomed(host, instant, carried_out=True))
    with suppress(HostError):
        runner.create(CreateRequest(URN, OLD))
    names = host.docker.container_names
    if names and host.docker.inspect("web")["State"]["Running"]:
        return

    provider(host).create(CreateRequest(URN, OLD))

    assert host.docker.container_names == ["web"]


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", range(1, 9))
def test_an_interrupted_create_forgets_no_container(host: FakeHost, instant: int, carried_out: bool) -> None:
    runner = provider(Doomed(host, instant, carried_out=carried_out))
    made = None
    with suppress(HostError):
        made = runner.create(CreateRequest(URN, OLD))
    if made is None or not made.init_errors:
        return

    again = provider(host)
    seen = again.read([ReadRequest(URN, made.id, OLD, made.outputs)])[0]
    again.update(UpdateRequest(URN, seen.id, seen.inputs, seen.outputs, OLD))

    found = again.read([ReadRequest(URN, made.id, OLD, made.outputs)])[0]
    assert "web1" in made.init_errors[0]
    assert (found.status, found.drift, found.id) == (ReadStatus.FOUND, (), made.id)
    assert host.docker.container_names == ["web"]
    assert host.docker.inspect("web")["State"]["Running"]


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", range(1, 9))
def test_a_lost_creation_may_be_repeated_only_while_nothing_was_sent(
    host: FakeHost, instant: int, carried_out: bool
) -> None:
    doomed = provider(Doomed(host, instant, carried_out=carried_out))
    before = len(host.docker.writes)

    error: HostError | None = None
    try:
        doomed.create(CreateRequest(URN, OLD))
    except HostError as raised:
        error = raised

    if error is not None and error.transient is not None:
        assert len(host.docker.writes) == before
