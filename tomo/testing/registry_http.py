"""A registry in memory, answering over HTTP on loopback as the distribution API wants it."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tomo.frozen import frozen
from tomo.testing.registry import FakeRegistry, ImageDefinition, Reference

_MANIFEST: Final = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<wanted>[^/]+)")
_TAGS: Final = re.compile(r"/v2/(?P<name>.+)/tags/list")
_JSON: Final = "application/json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


@frozen
class Manners:
    """What a registry does that others don't.

    `login` is `user:password`, asked for as `scheme` says (`bearer` or `basic`); `names_digests` is whether
    answers name the digest of what they hold; `status` answers everything with a status of its own.
    """

    scheme: str = ""
    login: str = ""
    names_digests: bool = True
    status: int = 0
    page: int = 1000
    realm: str = ""


class RegistryServer:
    """A running registry; `asked` has each request that came, as `METHOD PATH`."""

    def __init__(self, registry: FakeRegistry, manners: Manners) -> None:
        self.registry, self.manners = registry, manners
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def address(self) -> str:
        """Its host and port, as they stand in an image's name."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def image(self, repository: str, tag: str) -> ImageDefinition | None:
        """The image of a tag or digest: under the registry's own address, or as a mirror has it."""
        for prefix in (f"{self.address}/", ""):
            name = (
                f"{prefix}{repository}@{tag}" if tag.startswith("sha256:") else f"{prefix}{repository}:{tag}"
            )
            found = self.registry.find(Reference.parse(name))
            if found is not None:
                return found
        return None

    @contextmanager
    def running(self) -> Iterator[RegistryServer]:
        """Answers until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def serve_registry(registry: FakeRegistry, manners: Manners | None = None) -> RegistryServer:
    """A server over a registry in memory; `with server.running():` starts it."""
    return RegistryServer(registry, manners or Manners())


def manifest_of(image: ImageDefinition) -> bytes:
    """Bytes that stand for the image's manifest: their digest is the image's."""
    return json.dumps(["manifest", image.id], sort_keys=True).encode()


@frozen
class _Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _handler(server: RegistryServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

        def _answer(self) -> None:
            server.asked.append(f"{self.command} {self.path}")
            reply = _reply(server, self.path, self.headers.get("Authorization", ""))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    return Handler


def _reply(server: RegistryServer, target: str, authorization: str) -> _Reply:
    parts, manners = urlsplit(target), server.manners
    if parts.path == "/token":
        return _token(manners, authorization)
    if manners.status:
        return _Reply(manners.status)
    if manners.scheme and authorization != _expected(manners):
        realm = manners.realm or f"http://{server.address}/token"
        asks = (
            f'Bearer realm="{realm}",service="fake"' if manners.scheme == "bearer" else 'Basic realm="fake"'
        )
        return _Reply(401, headers={"WWW-Authenticate": asks})
    if match := _MANIFEST.fullmatch(parts.path):
        return _manifest(server, match["name"], match["wanted"])
    if match := _TAGS.fullmatch(parts.path):
        return _tags(server, match["name"], parse_qs(parts.query))
    return _Reply(404)


def _expected(manners: Manners) -> str:
    return "Bearer of-the-fake" if manners.scheme == "bearer" else _basic(manners)


def _basic(manners: Manners) -> str:
    return "Basic " + base64.b64encode(manners.login.encode()).decode()


def _token(manners: Manners, authorization: str) -> _Reply:
    if manners.login and authorization != _basic(manners):
        return _Reply(401)
    return _Reply(200, b'{"token": "of-the-fake"}', {"Content-Type": _JSON})


def _manifest(server: RegistryServer, name: str, wanted: str) -> _Reply:
    image = server.image(name, wanted)
    if image is None:
        return _Reply(404)
    named = {"Docker-Content-Digest": image.digest} if server.manners.names_digests else {}
    return _Reply(200, manifest_of(image), {"Content-Type": _INDEX, **named})


def _tags(server: RegistryServer, name: str, query: dict[str, list[str]]) -> _Reply:
    names = {Reference.parse(f"{prefix}{name}").repository for prefix in (f"{server.address}/", "")}
    known = sorted(tag for repository in names for tag in server.registry.tags(repository))
    if not known:
        return _Reply(404)
    last, size = query.get("last", [""])[0], server.manners.page
    rest = [tag for tag in known if tag > last]
    page = rest[:size]
    link = f'</v2/{name}/tags/list?n={size}&last={page[-1]}>; rel="next"' if len(rest) > size else ""
    body = json.dumps({"name": name, "tags": page}).encode()
    return _Reply(200, body, {"Content-Type": _JSON} | ({"Link": link} if link else {}))
