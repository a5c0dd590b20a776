"""HTTP over a byte stream: framing, pipelining, what a broken stream means."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tomo.errors import ConnectionLost, DockerError
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.http import HttpStream, Request, StreamBroken


class Scripted:
    """A stream that answers with given bytes, a few at a time, and keeps what was sent."""

    def __init__(self, answer: bytes, *, step: int = 7, refuse: bool = False, slow: bool = False) -> None:
        self.answer, self.step, self.sent, self.refuse, self.slow = answer, step, b"", refuse, slow
        self.closed = False

    def sendall(self, data: bytes) -> None:
        self.sent += data
        if self.refuse:
            raise BrokenPipeError(32, "Broken pipe")

    def recv(self, size: int) -> bytes:
        if self.slow:
            raise TimeoutError
        part, self.answer = self.answer[: self.step], self.answer[self.step :]
        return part

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def answer(body: Any, status: int = 200, version: str = "1.41") -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nApi-Version: {version}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def chunked(*parts: bytes) -> bytes:
    body = b"".join(f"{len(part):x};x=y\r\n".encode() + part + b"\r\n" for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nTrailer: x\r\n\r\n"


GET = Request("GET", "/x")


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_bodies_are_read_however_they_arrive(step: int) -> None:
    stream = HttpStream(
        Scripted(chunked(b"one ", b"two") + answer([1]) + b"HTTP/1.1 204 No\r\n\r\n", step=step)
    )

    found = list(stream.pipeline([GET, GET, GET], None))

    assert [item.body for item in found] == [b"one two", b"[1]", b""]
    assert not stream.broken


def test_requests_are_sent_ahead_of_their_answers() -> None:
    wire = Scripted(b"".join(answer(n) for n in range(200)), step=4096)
    answers = HttpStream(wire).pipeline([Request("GET", f"/{n}") for n in range(200)], None)

    first = next(iter(answers))

    assert first.json() == 0
    assert 10 < wire.sent.count(b"GET /") < 100
    assert [item.json() for item in answers] == list(range(1, 200))
    assert wire.sent.count(b"GET /") == 200


def test_a_body_without_length_lasts_to_the_end() -> None:
    stream = HttpStream(Scripted(b"HTTP/1.0 200 OK\r\n\r\nall of it"))

    assert stream.call(GET, None).body == b"all of it"


def test_interim_answers_are_passed_over() -> None:
    stream = HttpStream(Scripted(b"HTTP/1.1 100 Continue\r\n\r\n" + answer("x")))

    assert stream.call(GET, None).json() == "x"


def test_an_early_refusal_is_read_although_sending_failed() -> None:
    stream = HttpStream(Scripted(answer({"message": "too large"}, 413), refuse=True))

    found = stream.call(Request("POST", "/x", body=b"xxx"), None)

    assert (found.status, found.message) == (413, "too large")
    assert stream.broken


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"SSH-2.0-x\r\n\r\n"]
)
def test_a_stream_that_ends_or_talks_nonsense_is_broken(data: bytes) -> None:
    with pytest.raises(StreamBroken):
        HttpStream(Scripted(data)).call(GET, None)


def test_a_message_is_found_in_any_answer() -> None:
    plain = HttpStream(Scripted(b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops")).call(GET, None)
    empty = HttpStream(Scripted(b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n")).call(GET, None)

    assert (plain.message, empty.message) == ("oops", "HTTP status 502")


# --- the daemon over it ------------------------------------------------------------------------------


class Roads:
    """A connection that hands out given streams, one after the other."""

    def __init__(self, *streams: Scripted) -> None:
        self.streams = list(streams)
        self.opened = 0

    def open_docker(self) -> Scripted:
        self.opened += 1
        return self.streams.pop(0)


def daemon(*streams: Scripted) -> tuple[Daemon, Roads]:
    roads = Roads(*streams)
    return Daemon(roads, "web1"), roads  # type: ignore[arg-type]


@pytest.mark.parametrize(("spoken", "used"), [("1.41", "1.41"), ("1.40", "1.40"), ("1.52", "1.47")])
def test_the_api_version_is_the_daemons_or_the_newest_known(spoken: str, used: str) -> None:
    wire = Scripted(answer({}, version=spoken) + answer({"Id": "x"}, version=spoken))
    host, _ = daemon(wire)

    assert host.find("/containers/x/json", "looking") == {"Id": "x"}
    assert f"GET /v{used}/containers/x/json".encode() in wire.sent


def test_a_daemon_that_is_too_old_is_refused() -> None:
    host, _ = daemon(Scripted(answer({}, version="1.30")))

    with pytest.raises(DockerError, match=r"older than 1\.40"):
        host.find("/x", "looking")


def test_one_stream_serves_call_after_call() -> None:
    host, roads = daemon(Scripted(answer({}) + answer({"a": 1}) + answer({"b": 2})))

    host.find("/a", "looking")
    host.find("/b", "looking")

    assert roads.opened == 1


def test_an_idle_stream_that_died_is_replaced_for_a_look_only() -> None:
    host, roads = daemon(Scripted(answer({}) + answer({"a": 1})), Scripted(answer({"b": 2})))
    host.find("/a", "looking")

    assert host.find("/b", "looking") == {"b": 2}
    assert roads.opened == 2


def test_a_write_is_never_repeated() -> None:
    host, roads = daemon(Scripted(answer({}) + answer({"a": 1})), Scripted(answer({})))
    host.find("/a", "looking")

    with pytest.raises(ConnectionLost, match="web1"):
        host.send("POST", "/b", "writing")

    assert roads.opened == 1


def test_a_daemon_that_does_not_answer_in_time_is_told() -> None:
    host, _ = daemon(Scripted(b"", slow=True))

    with pytest.raises(DockerError, match="did not answer within 120 s"):
        host.find("/x", "looking")


def test_a_stream_that_died_while_idle_is_found_out_before_a_write() -> None:
    dead, alive = Scripted(answer({}) + answer({"a": 1})), Scripted(answer({"b": 2}))
    ticks = itertools.count(step=5)
    roads = Roads(dead, alive)
    host = Daemon(roads, "web1", now=lambda: float(next(ticks)))  # type: ignore[arg-type]
    host.find("/a", "looking")

    host.send("POST", "/b", "writing")

    assert b"GET /_ping" in dead.sent
    assert (b"POST" in dead.sent, b"POST" in alive.sent) == (False, True)


def test_closing_ends_idle_streams() -> None:
    wire = Scripted(answer({}) + answer({}))
    host, _ = daemon(wire)
    host.find("/x", "looking")

    host.close()

    assert wire.closed
