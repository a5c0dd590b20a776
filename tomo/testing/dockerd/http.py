"""HTTP/1.1 as dockerd speaks it, over bytes that are fed in and taken out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from tomo.frozen import frozen
from tomo.testing.dockerd.refused import ApiError

Json: TypeAlias = dict[str, Any]
"""A JSON object as it is on the wire."""

_HEAD_END: Final = b"\r\n\r\n"
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
# Go's server answers longer JSON in chunks, which clients must be able to read.
_CHUNKED_FROM: Final = 2048


@frozen
class Request:
    """One request; header names are lower case, query values the first of each name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    queries: Mapping[str, list[str]] = field(default_factory=dict)

    def json(self) -> Json:
        """The body as a JSON object."""
        if not self.body.strip():
            return {}
        kind = self.headers.get("content-type", "")
        if kind.split(";")[0].strip() != "application/json":
            raise ApiError(400, f"Content-Type specified ({kind}) must be 'application/json'")
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise ApiError(500, f"invalid JSON in the body: {error}") from error
        return value if isinstance(value, dict) else {}

    def flag(self, name: str) -> bool:
        """A query value as dockerd reads booleans."""
        return self.query.get(name, "").strip().lower() not in {"", "0", "no", "false", "none"}

    def filters(self) -> dict[str, list[str]]:
        """The `filters` query: name to values, both of its forms read."""
        text = self.query.get("filters", "")
        if not text:
            return {}
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ApiError(400, f"invalid filters: {error}") from error
        return {name: list(values) for name, values in found.items()}


@frozen
class Response:
    """One answer: a body, or chunks, or (`raw`) bytes until the connection closes.

    Chunks that are empty mean: nothing yet, ask again.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None
    raw: bool = False

    @classmethod
    def of_json(cls, value: object, status: int = 200) -> Response:
        """A JSON answer as Go writes it: one line."""
        body = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        return cls(status, body, "application/json")


class RequestParser:
    """Takes bytes as they come and gives whole requests; bodies by length or in chunks."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> Iterator[Request]:
        """Every request that is complete now."""
        self._buffer += data
        while (self._head is not None or self._read_head()) and self._read_body():
            yield self._finish()

    def _read_head(self) -> bool:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return False
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + len(_HEAD_END)]
        method, target, _version = lines[0].split(" ", 2)
        pairs = (line.split(":", 1) for line in lines[1:])
        self._head = (method, target, {name.strip().lower(): value.strip() for name, value in pairs})
        return True

    def _read_body(self) -> bool:
        headers = self._head[2] if self._head else {}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = int(headers.get("content-length", "0"))
        if len(self._buffer) < length:
            return False
        self._body += self._buffer[:length]
        del self._buffer[:length]
        return True

    def _read_chunks(self) -> bool:
        while True:
            line_end = self._buffer.find(b"\r\n")
            if line_end < 0:
                return False
            size = int(bytes(self._buffer[:line_end]).split(b";")[0], 16)
            end = line_end + 2 + size
            if len(self._buffer) < end + 2:
                return False
            self._body += self._buffer[line_end + 2 : end]
            del self._buffer[: end + 2]
            if size == 0:
                return True

    def _finish(self) -> Request:
        method, target, headers = self._head or ("", "", {})
        parts = urlsplit(target)
        queries = parse_qs(parts.query, keep_blank_values=True)
        body = bytes(self._body)
        self._head, self._body = None, bytearray()
        first = {name: values[0] for name, values in queries.items()}
        return Request(method, unquote(parts.path), first, headers, body, queries)


def head_of(response: Response, request: Request, version: str) -> bytes:
    """The status line and headers of an answer."""
    if response.raw:
        upgrade = request.headers.get("upgrade")
        head = "101 UPGRADED" if upgrade else "200 OK"
        extra = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
        return f"HTTP/1.1 {head}\r\nContent-Type: {response.content_type}\r\n{extra}\r\n".encode()
    fields = {
        "Api-Version": "1.41",
        "Docker-Experimental": "false",
        "Ostype": "linux",
        "Server": f"Docker/{version} (linux)",
        "Date": formatdate(usegmt=True),
        **({"Content-Type": response.content_type} if response.content_type else {}),
        **response.headers,
        **_length(response),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{lines}\r\n".encode()


def body_of(response: Response, request: Request) -> Iterator[bytes]:
    """The bytes after the head, framed."""
    if request.method == "HEAD" or response.status in _NO_BODY:
        return
    if response.raw:
        yield from response.chunks or iter([response.body])
    elif _is_chunked(response):
        for chunk in response.chunks or iter([response.body]):
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
        yield b"0\r\n\r\n"
    else:
        yield response.body


def _is_chunked(response: Response) -> bool:
    return response.chunks is not None or len(response.body) > _CHUNKED_FROM


def _length(response: Response) -> dict[str, str]:
    if response.status in _NO_BODY:
        return {}
    if _is_chunked(response):
        return {"Transfer-Encoding": "chunked"}
    return {"Content-Length": str(len(response.body))}
