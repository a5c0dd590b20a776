"""Runs the server over stdio, where stdout is the protocol's alone, or over HTTP on loopback."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from typing import Final

import anyio
import fastmcp
import uvicorn

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.mcp.callers import Account, Reception, Tokens
from tomo.mcp.http import PATH, ByToken, Guard, PersonsToken, require_loopback
from tomo.mcp.profiles import DEFAULT
from tomo.mcp.server import Built, build
from tomo.model.log import Log
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading

STDIO: Final = "mcp"
HTTP: Final = "mcp-http"
_BACKLOG: Final = 128
_GRACE: Final = 2
"""Seconds that open streams get when the server is ended."""


@frozen
class Terms:
    """What the server is told at its start. `port` 0 takes a free one."""

    version: str
    profile: str = DEFAULT
    host: str = "127.0.0.1"
    port: int = 8765


def over_stdio(reading: Reading, desk: ProposalDesk, terms: Terms, log: Log | None = None) -> Built:
    """The server for the assistant that started this process."""
    reception = Reception(Account(reading.people), STDIO, reading.people, reading.secrets, log)
    return build(reception, [*reading.all, desk], version=terms.version, profile=terms.profile)


def over_http(reading: Reading, desk: ProposalDesk, terms: Terms, log: Log | None = None) -> Built:
    """The server for assistants that come with tokens."""
    reception = Reception(Tokens(), HTTP, reading.people, reading.secrets, log)
    auth = PersonsToken()
    services = [*reading.all, desk]
    return build(reception, services, version=terms.version, profile=terms.profile, auth=auth)


def run_stdio(built: Built) -> None:
    """Serves until stdin ends."""
    _quiet()
    anyio.run(lambda: built.server.run_stdio_async(show_banner=False))


def run_http(built: Built, by_token: ByToken, terms: Terms, tell: Callable[[str], None]) -> None:
    """Serves until the process is ended; `tell` hears the address once it is bound."""
    _quiet()
    anyio.run(serve_http, built, by_token, terms, tell)


async def serve_http(built: Built, by_token: ByToken, terms: Terms, tell: Callable[[str], None]) -> None:
    """The same within an event loop; raises UsageError for an address that others can reach."""
    # FastMCP takes settings from a `.env` where it is started, which a fleet's folder may have.
    fastmcp.settings.debug = False
    address = require_loopback(terms.host)
    shown = f"[{address}]" if ":" in address else address
    with _bound(address, terms.port) as bound:
        port = bound.getsockname()[1]
        tell(f"http://{shown}:{port}{PATH}")
        served = built.server.http_app(
            PATH,
            json_response=False,
            stateless_http=False,
            host_origin_protection=True,
            allowed_hosts=[],
            allowed_origins=[],
        )
        # The guard is outside of everything, and no header of a request says where it comes from.
        config = uvicorn.Config(
            Guard(served, port, by_token),
            lifespan="on",
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE,
        )
        await _served(uvicorn.Server(config), bound)


async def _served(server: uvicorn.Server, bound: socket.socket) -> None:
    """Serves; where that is cancelled, what is under way ends first."""
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


def _bound(address: str, port: int) -> socket.socket:
    """A socket that listens there; raises UsageError for a port that is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise UsageError(
            f"nothing can listen on `{address}`, port `{port}`: {error.strerror}",
            hint="take another port with `--port N`; 0 takes a free one",
        ) from error
    return made


def _quiet() -> None:
    """Leaves stderr to warnings, and has memory collected: a command is short, a server is not."""
    gc.freeze()
    gc.enable()
    for name in ("fastmcp", "mcp", "uvicorn", "docket"):
        logging.getLogger(name).setLevel(logging.WARNING)


__all__ = ["Built", "Terms", "over_http", "over_stdio", "run_http", "run_stdio", "serve_http"]
