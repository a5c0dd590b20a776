"""People with tokens, and the server over real HTTP for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.mcp.conftest import CLIENT, envelope
from tests.worlds import World, make_world
from tomo.mcp.serving import Terms, over_http, serve_http
from tomo.model.people import Permission, Role
from tomo.model.values import Secret
from tomo.service.people import AddUserRequest, Identities, LoginRequest, NewTokenRequest
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants
from tomo.service.wiring import Doors

PASSWORD = "ravine 71 teapot mellow quartz"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@dataclass
class Office:
    """A fleet whose installation knows an admin, a user and somebody who only reads, each with a token."""

    world: World
    tokens: dict[str, str]
    tokens_narrow: dict[str, str]
    sessions: dict[str, str]
    token_ids: dict[str, str]

    def serving(self, work: Callable[[str], Awaitable[Any]], profile: str = "all") -> Any:
        """Does something while the server listens; `work` is given its address."""

        async def main() -> Any:
            place = self.world.place
            doors = for_assistants(self.world.doors, place)
            terms = Terms("0", profile, port=0)
            reading = Reading.of(doors, place)
            built = over_http(reading, ProposalDesk(doors, place), terms)
            bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            server = asyncio.create_task(serve_http(built, reading.people.by_token, terms, bound.set_result))
            try:
                return await work(await bound)
            finally:
                server.cancel()
                await asyncio.gather(server, return_exceptions=True)

        return asyncio.run(main())

    def calls(
        self, who: str, *wanted: tuple[str, dict[str, Any]], mode: str = "auto"
    ) -> list[dict[str, Any]]:
        """The envelopes of calls with somebody's token."""

        async def work(address: str) -> list[dict[str, Any]]:
            async with connected(address, self.tokens[who], mode) as client:
                return [await envelope(client, *each) for each in wanted]

        found: list[dict[str, Any]] = self.serving(work)
        return found

    def post(self, token: str | None = None, **headers: str) -> httpx2.Response:
        """The answer to one request as some program sends it."""

        async def work(address: str) -> httpx2.Response:
            given = {**HEADERS, **headers}
            if token is not None:
                given["Authorization"] = f"Bearer {token}"
            async with httpx2.AsyncClient() as http:
                return await http.post(address, json=LIST, headers=given)

        found: httpx2.Response = self.serving(work)
        return found


class connected:  # noqa: N801  # used as a function
    """The official client over HTTP, with a token."""

    def __init__(self, address: str, token: str, mode: str = "auto") -> None:
        self.http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)
        transport = streamable_http_client(address, http_client=self.http)
        self.client = Client(transport, client_info=CLIENT, mode=mode)

    async def __aenter__(self) -> Client:
        await self.http.__aenter__()
        return await self.client.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(*error)
        await self.http.__aexit__(*error)


@contextmanager
def as_account(doors: Doors, account: str) -> Iterator[Identities]:
    settings = replace(doors.settings, account=account)
    yield Identities(replace(doors, settings=settings), time.time, rounds=4)


def make_office(folder: Path) -> Office:
    """Three people: anna is an admin, bob a user, carl reads."""
    world = make_world(folder)
    tokens, narrow, sessions, ids = {}, {}, {}, {}
    with as_account(world.doors, "anna") as people:
        code = people.first_code()
        for name, role in (("anna", Role.ADMIN), ("bob", Role.USER), ("carl", Role.READONLY)):
            people.add(AddUserRequest(name, role, name, Secret(PASSWORD), code))
            _, tokens[name] = people.create_token(NewTokenRequest("assistant", name))
            token, narrow[name] = people.create_token(NewTokenRequest("narrow", name, (Permission.OWN,)))
            sessions[name] = people.login(LoginRequest(name, Secret(PASSWORD)))
            ids[name] = token.id
    return Office(world, tokens, narrow, sessions, ids)
