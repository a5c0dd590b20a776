"""One request to a registry: bounded in time and size, over TLS but on this machine itself."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from tomo.errors import RegistryError, RegistryUnreachable, Transient
from tomo.frozen import frozen
from tomo.registry.access import Endpoint, host_of
from tomo.spec.shown import shown

SECONDS: Final = 15.0
MOST_BYTES: Final = 4 * 2**20
"""A manifest's and a list's; registries refuse greater manifests themselves."""
_CHUNK: Final = 64 * 1024
_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@frozen
class Answer:
    """What was answered; names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@frozen
class Ask:
    """One request to what answers for a registry: its method, whole address and headers."""

    method: str
    url: str
    headers: Mapping[str, str]
    endpoint: Endpoint

    @property
    def registry(self) -> str:
        """What messages name."""
        return self.endpoint.address


def ask(request: Ask) -> Answer:
    """Sends a request, following redirects; raises RegistryUnreachable, or RegistryError for a bad answer.

    Another host than the one that was asked never gets the login.
    """
    url, headers = request.url, dict(request.headers)
    for _ in range(_REDIRECTS + 1):
        parts = _checked(url, request)
        answer = _exchange(parts, replace(request, url=url, headers=headers))
        if answer.status not in _MOVED or not answer.headers.get("location"):
            return answer
        url = urljoin(url, answer.headers["location"])
        if urlsplit(url).netloc != parts.netloc:
            headers.pop("Authorization", None)
    raise RegistryError(f"the registry `{request.registry}` answers with one redirect after another")


def _checked(url: str, request: Ask) -> SplitResult:
    """An address that may be asked: with TLS, or on a host that is asked without it anyway."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", SplitResult("", "", "", "", "")
    plain = request.endpoint.plain and host == host_of(request.endpoint.address)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and plain)):
        raise RegistryError(
            f"the registry `{request.registry}` names an address that isn't asked: `{shown(url)}`",
            hint="only addresses that begin with https:// are",
        )
    return parts


def _exchange(parts: SplitResult, request: Ask) -> Answer:
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts)
        try:
            connection.request(request.method, path, headers={"User-Agent": "tomo", **request.headers})
            return _read(connection.getresponse(), request)
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        raise RegistryUnreachable(
            f"the certificate of the registry `{request.registry}` isn't trusted: {error.verify_message}",
            hint="name its authority's file in `SSL_CERT_FILE`",
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise unreachable(request.registry, _reason(error)) from error


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    trusted = ssl.create_default_context()
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=trusted)


def _read(response: http.client.HTTPResponse, request: Ask) -> Answer:
    """The answer, read in pieces: a registry that sends a byte now and then holds nobody for long."""
    until = time.monotonic() + SECONDS
    body = bytearray()
    while piece := response.read1(_CHUNK):
        body += piece
        if len(body) > MOST_BYTES:
            raise RegistryError(f"the registry `{request.registry}` sends more than {MOST_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise unreachable(request.registry, "it sends too slowly")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, bytes(body))


def unreachable(registry: str, reason: str) -> RegistryUnreachable:
    """The error for a registry that gives no answer of use now."""
    error = RegistryUnreachable(
        f"the registry `{registry}` doesn't answer: {shown(reason)}",
        hint="check its name and the network, and run the command again",
    )
    error.transient = Transient.REGISTRY
    return error


def refused(status: int) -> str:
    """A status in words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"not within {SECONDS:g} seconds"
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
