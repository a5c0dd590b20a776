"""The road that only looks: what passes, what is refused, and that a refusal sends nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomo.errors import LookOnly
from tomo.model.connection import HostBook, HostSpec
from tomo.resources.scripts import facts_script
from tomo.service.looking import only_looks
from tomo.ssh.looking import LookingConnection, LookingConnections, LookingStream
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.registry import FakeRegistry

NAS = "192.0.2.10"
END = b"\r\n\r\n"


class Wire:
    """A stream that writes down what it is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, _size: int) -> bytes:
        return b"answer"

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def stream(wire: Wire) -> LookingStream:
    return LookingStream(wire, "nas")


@pytest.fixture
def nas() -> FakeHost:
    host = FakeHost(NAS, registry=FakeRegistry())
    host.install_docker()
    return host


@pytest.fixture
def connection(nas: FakeHost) -> LookingConnection:
    made = LookingConnections(FakeConnections({NAS: nas}), HostBook(), only_looks).get(HostSpec(NAS))
    assert isinstance(made, LookingConnection)
    return made


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: docker", *fields]).encode() + END


@pytest.mark.parametrize(
    "path",
    [
        "/_ping", "/v1.41/version", "/info", "/v1.41/containers/json?all=1", "/v1.41/containers/web/json",
        "/containers/web/logs?stdout=1&tail=50", "/containers/web/top", "/images/json",
        "/v1.41/images/registry.lan:5000/a/b%40sha256%3Aff/json", "/networks", "/networks/front",
        "/volumes", "/volumes/data", "/system/df",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_looks_passes_as_it_is(stream: LookingStream, wire: Wire, method: str, path: str) -> None:
    stream.sendall(head(f"{method} {path}"))

    assert wire.sent == head(f"{method} {path}")
    assert stream.recv(99) == b"answer"


@pytest.mark.parametrize(
    "line",
    [
        "POST /containers/web/stop", "DELETE /containers/web", "PUT /containers/web/archive", "get /_ping",
        "GET /containers/web/archive?path=/etc/shadow", "GET /containers/web/export", "GET /images/get",
        "GET /images/a/get", "GET /containers/web/attach/ws", "GET /distribution/a/json", "GET /events",
        "GET /exec/1/json", "GET /containers/../images/a/json", "GET /images/a/..%2f..%2fget/json",
        "GET /v1.41/secrets", "GET http://elsewhere/_ping", "GET /_ping HTTP/1.1 GET", "CONNECT docker:80",
    ],
)  # fmt: skip
def test_what_could_change_or_copy_anything_is_not_sent(stream: LookingStream, wire: Wire, line: str) -> None:
    with pytest.raises(LookOnly, match="may only look at `nas`"):
        stream.sendall(head(line))

    assert wire.sent == b""


@pytest.mark.parametrize(
    "field",
    [
        "Content-Length: 5",
        "transfer-encoding: chunked",
        "Upgrade: tcp",
        "Expect: 100-continue",
        "A: b\nPOST / ",
    ],
)
def test_a_look_has_no_body_and_becomes_nothing_else(stream: LookingStream, wire: Wire, field: str) -> None:
    with pytest.raises(LookOnly):
        stream.sendall(head("GET /_ping", field))

    assert wire.sent == b""


def test_one_act_among_looks_stops_all_of_them(stream: LookingStream, wire: Wire) -> None:
    with pytest.raises(LookOnly):
        stream.sendall(head("GET /_ping") + head("POST /containers/create") + head("GET /info"))

    assert wire.sent == b""


def test_an_act_in_pieces_is_an_act(stream: LookingStream, wire: Wire) -> None:
    stream.sendall(b"PO")
    stream.sendall(b"ST /containers/create HTTP/1.1\r\nHost: docker\r\n")

    with pytest.raises(LookOnly):
        stream.sendall(b"\r\n")

    assert wire.sent == b""


@given(st.lists(st.integers(1, 40), max_size=20))
def test_looks_in_any_pieces_arrive_whole(cuts: list[int]) -> None:
    wire = Wire()
    stream, text = LookingStream(wire, "nas"), head("GET /_ping") + head("GET /info") + head("GET /version")

    rest = text
    for cut in cuts:
        stream.sendall(rest[:cut])
        rest = rest[cut:]
    stream.sendall(rest)

    assert wire.sent == text


def test_a_request_without_an_end_is_not_kept_for_ever(stream: LookingStream) -> None:
    with pytest.raises(LookOnly, match="without an end"):
        stream.sendall(b"GET /_ping HTTP/1.1\r\nA: " + b"x" * 70_000)


@pytest.mark.parametrize(
    "argv", [["rm", "-rf", "/"], ["sh", "-c", "true"], ["docker", "ps"], ["true", "x"], ["sh", "-s", "x"], []]
)
def test_no_other_command_is_run(connection: LookingConnection, nas: FakeHost, argv: list[str]) -> None:
    with pytest.raises(LookOnly):
        connection.run(argv)

    assert nas.ran == []


def test_the_facts_script_runs_and_no_other_one(connection: LookingConnection, nas: FakeHost) -> None:
    known = connection.run(["sh", "-s"], stdin=facts_script().encode())

    assert "end" in known.text
    with pytest.raises(LookOnly):
        connection.run(["sh", "-s"], stdin=facts_script().encode() + b"reboot\n")


@pytest.mark.parametrize("argument", ["pin=27.3.*", "pin=*", "pin=20.*"])
def test_the_facts_script_may_be_given_a_pin(connection: LookingConnection, argument: str) -> None:
    known = connection.run(["sh", "-s", argument], stdin=facts_script().encode())

    assert known.text.endswith("end=yes")


@pytest.mark.parametrize(
    "argument", ["27.3.*", "pin=27.3", "pin=", "pin=$(id)", "$(id)", "-c", "pin=27.*; id", "pin=27.*\n*", ""]
)
def test_the_facts_script_is_given_nothing_else(connection: LookingConnection, argument: str) -> None:
    with pytest.raises(LookOnly):
        connection.run(["sh", "-s", argument], stdin=facts_script().encode())
    with pytest.raises(LookOnly):
        connection.run(["true"], stdin=b"anything")


def test_files_are_compared_and_never_read_or_written(connection: LookingConnection) -> None:
    assert connection.stat_files(["/nowhere"]) == [None]
    for refused in (
        lambda: connection.read_file("/etc/shadow"),
        lambda: connection.write_file("/etc/x", b""),
        lambda: connection.remove_file("/etc/x"),
        lambda: connection.run_text("true"),
    ):
        with pytest.raises(LookOnly):
            refused()
