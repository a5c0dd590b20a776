"""The door over HTTP: loopback only, a token for every request, and no browser's page as a go-between."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

import anyio.to_thread
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.dependencies import get_http_request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tomo.errors import LoginFailed, TomoError, TooManyAttempts, UsageError
from tomo.mcp.callers import token_of
from tomo.model.people import Permission, Person

_LOG: Final = logging.getLogger(__name__)
PATH: Final = "/mcp"
_LOCAL: Final = "localhost"
_PERSON: Final = "tomo.person"
_KEY_DIGITS: Final = 16
ByToken = Callable[[str, str], Person]
"""Whose token a text is, shown from an address."""


def require_loopback(host: str) -> str:
    """The address to listen on; raises UsageError for one that others can reach."""
    if host == _LOCAL:
        return "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(
            f"`{host}` is no loopback address, and the server listens on no other",
            hint="listen on 127.0.0.1; from elsewhere come through SSH: `ssh -L 8765:127.0.0.1:8765 HOST`",
        )
    return str(address)


class PersonsToken(TokenVerifier):
    """Takes the person that the guard found; a token without the scope `read` is let in nowhere."""

    def __init__(self) -> None:
        super().__init__(required_scopes=[Permission.READ.value])

    async def verify_token(self, token: str) -> AccessToken | None:
        """The person of a token; None for a text that is none."""
        request = get_http_request()
        person = request.scope.get(_PERSON)
        if not isinstance(person, Person):
            return None
        key = hashlib.sha256(token.encode()).hexdigest()[:_KEY_DIGITS]
        return token_of(token, person, _address(request.scope), key)


class Guard:
    """Stands before everything else: no name that was made to point here is answered, and nobody guesses on.

    Answers 421 to a foreign Host, 403 to a foreign Origin, 429 to an address that guesses tokens, and 503
    where nobody can say whose one is.
    """

    def __init__(self, app: ASGIApp, port: int, by_token: ByToken) -> None:
        self._app, self._by_token = app, by_token
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "[::1]", _LOCAL))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            answer = self._refusal(headers) or await self._known(headers, scope)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _answer(421, "host", "this server answers to its own address only")
        if any(
            origin not in {f"http://{host}" for host in self._hosts} for origin in headers.getlist("origin")
        ):
            return _answer(403, "origin", "pages of other origins may not call this server")
        return None

    async def _known(self, headers: Headers, scope: Scope) -> JSONResponse | None:
        """Notes whose token a request has; one that is nobody's is refused further inside."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return None
        try:
            scope[_PERSON] = await anyio.to_thread.run_sync(self._by_token, token.strip(), _address(scope))
        except LoginFailed:
            return None
        except TooManyAttempts as error:
            return _answer(429, error.code, error.message, {"Retry-After": str(error.seconds)})
        except TomoError as error:
            # Its words may name the database: they are for who runs this, not for who knocks.
            _LOG.warning("nobody can say whose token a request has: %s", error)
            return _answer(503, error.code, "nobody can say now whose token this is")
        return None


def _address(scope: Scope) -> str:
    """Where a request comes from, as the system says it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": code, "error_description": message}, status, headers)
