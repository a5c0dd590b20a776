"""HTTP/1.1 over a byte stream, as much of it as the Docker Engine API speaks; GETs may be pipelined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final
from urllib.parse import quote, urlencode

from tomo.frozen import frozen
from tomo.model.connection import ByteStream
from tomo.model.values import Value

_CHUNK: Final = 65536
_HEAD_LIMIT: Final = 256 * 1024
# Few enough that requests and first answers fit any socket buffer, so neither side can block the other.
_PIPELINE: Final = 48
_NO_BODY: Final = {204, 304}


class StreamBroken(Exception):
    """The stream ended or answered something that isn't HTTP; `answered` says whether bytes had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


@frozen
class Request:
    """One call; `body` is sent as it is, `content_type` goes with it."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode_head(self, more: Mapping[str, str]) -> bytes:
        """The head on the wire of a request whose body follows in chunks."""
        target = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        lines = [f"{self.method} {target} HTTP/1.1", "Host: docker", "User-Agent: tomo"]
        lines += [f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **more}.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def encode(self) -> bytes:
        """The bytes on the wire."""
        target = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        lines = [f"{self.method} {target} HTTP/1.1", "Host: docker", "User-Agent: tomo"]
        if self.body or self.method != "GET":
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


@frozen
class Response:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the daemon did what was asked; 304 means it was so already."""
        return self.status < 400  # noqa: PLR2004

    def json(self) -> Value:
        """The body as JSON; None where it is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def message(self) -> str:
        """What the daemon says about a failure."""
        try:
            said = self.json()
        except ValueError:
            said = None
        if isinstance(said, Mapping) and isinstance(said.get("message"), str):
            return str(said["message"]).strip()
        return self.body.decode("utf-8", "replace").strip() or f"HTTP status {self.status}"


def segment(text: str) -> str:
    """A name or id as one part of a path."""
    return quote(text, safe="")


class HttpStream:
    """One kept-alive stream. Not for several threads at once."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._buffer = b""
        self._ended = False
        self.used = False
        self.broken = False
        self.answered_at = 0.0

    def close(self) -> None:
        """Ends the stream."""
        self.broken = True
        self._stream.close()

    def call(self, request: Request, timeout: float | None) -> Response:
        """Sends one request and reads its answer, also one that came before all was sent."""
        self.broken = True
        self._stream.settimeout(timeout)
        try:
            self._send(request.encode(), answered=False)
        except StreamBroken:
            # A daemon that refuses a long body answers and hangs up while it is still being sent.
            return self._answer(request.method, first=True)
        answer = self._answer(request.method, first=True)
        self.broken = self._ended or answer.headers.get("connection", "").lower() == "close"
        self.used = True
        return answer

    def streamed(self, request: Request, timeout: float | None) -> tuple[Response, Iterator[bytes]]:
        """Sends one request; gives the answer's head, and its body as it comes. A refusal is read whole.

        The stream is of no further use. `timeout` bounds each wait for more.
        """
        self.broken = True
        self._stream.settimeout(timeout)
        self._send(request.encode(), answered=False)
        status, headers = self._head(answered=False)
        if status >= 400:  # noqa: PLR2004
            return Response(status, headers, self._body(headers)), iter(())
        return Response(status, headers, b""), self._body_parts(headers)

    def sent(self, request: Request, chunks: Iterable[bytes], timeout: float | None) -> Response:
        """Sends one request whose body comes in chunks, and reads its answer, also an early one."""
        self.broken = True
        self._stream.settimeout(timeout)
        try:
            self._send(request.encode_head({"Transfer-Encoding": "chunked"}), answered=False)
            for chunk in chunks:
                if chunk:
                    self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk), answered=False)
            self._send(b"0\r\n\r\n", answered=False)
        except StreamBroken:
            # A daemon that refuses what it is sent answers and hangs up in between.
            return self._answer(request.method, first=True)
        return self._answer(request.method, first=True)

    def pipeline(self, requests: Sequence[Request], timeout: float | None) -> Iterator[Response]:
        """Sends the requests ahead of their answers and yields the answers in order."""
        if len(requests) == 1:
            yield self.call(requests[0], timeout)
            return
        self.broken = True
        self._stream.settimeout(timeout)
        sent = 0
        for done in range(len(requests)):
            if sent - done <= _PIPELINE // 2 and sent < len(requests):
                ahead = requests[sent : done + _PIPELINE]
                self._send(b"".join(request.encode() for request in ahead), answered=done > 0)
                sent += len(ahead)
            yield self._answer(requests[done].method, first=done == 0)
        self.broken = False
        self.used = True

    def _send(self, data: bytes, *, answered: bool) -> None:
        try:
            self._stream.sendall(data)
        except TimeoutError:
            raise
        except (OSError, EOFError) as error:
            raise StreamBroken(str(error), answered=answered) from error

    def _receive(self, *, answered: bool = True) -> bytes:
        try:
            data = self._stream.recv(_CHUNK)
        except TimeoutError:
            raise
        except (OSError, EOFError) as error:
            raise StreamBroken(str(error), answered=answered) from error
        if not data:
            raise StreamBroken("the stream ended", answered=answered)
        return data

    def _answer(self, method: str, *, first: bool) -> Response:
        status, headers = self._head(answered=not first)
        while status < 200:  # noqa: PLR2004  # 100-continue and its like
            status, headers = self._head(answered=True)
        if method == "HEAD" or status in _NO_BODY:
            return Response(status, headers, b"")
        return Response(status, headers, self._body(headers))

    def _head(self, *, answered: bool) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _HEAD_LIMIT:
                raise StreamBroken("the answer's head has no end", answered=True)
            self._buffer += self._receive(answered=answered or bool(self._buffer))
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code = rest.split(" ", 1)[0]
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise StreamBroken(f"not an HTTP answer: `{first[:80]}`", answered=True)
        pairs = (line.partition(":") for line in lines)
        return int(code), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self._rest()

    def _body_parts(self, headers: Mapping[str, str]) -> Iterator[bytes]:
        """The body as it comes, never more of it at once than a chunk."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
            return
        left = int(headers["content-length"]) if "content-length" in headers else None
        while left is None or left > 0:
            try:
                part = self._buffer or self._receive()
            except StreamBroken:
                if left is None:
                    return
                raise
            self._buffer = b""
            left = None if left is None else left - len(part)
            yield part

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().split(b";", 1)[0], 16):
            yield self._exactly(size)
            self._line()
        while self._line():
            pass

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._buffer += self._receive()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        if len(self._buffer) < size:
            parts, have = [self._buffer], len(self._buffer)
            while have < size:
                parts.append(self._receive())
                have += len(parts[-1])
            self._buffer = b"".join(parts)
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _rest(self) -> bytes:
        self._ended = True
        parts, self._buffer = [self._buffer], b""
        try:
            while True:
                parts.append(self._receive())
        except StreamBroken:
            return b"".join(parts)
