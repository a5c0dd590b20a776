"""A server for assistants over a fleet in memory, and the official client for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp.client import Client
from mcp_types import Implementation

from tests import canaries
from tests.worlds import World, empty_fleet, make_world
from tomo.mcp.serving import Terms, over_stdio
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants

T = TypeVar("T")
CLIENT = Implementation(name="test-client", version="1.2")


@dataclass
class Assistant:
    """An assistant of the account's person: `call` gives the envelope of a tool."""

    world: World
    profile: str = "all"
    client: Implementation = field(default_factory=lambda: CLIENT)

    @property
    def server(self) -> Any:
        place = self.world.place
        doors = for_assistants(self.world.doors, place)
        built = over_stdio(Reading.of(doors, place), ProposalDesk(doors, place), Terms("0", self.profile))
        return built.server._mcp_server

    def using(self, work: Callable[[Client], Awaitable[T]], **options: Any) -> T:
        """Does something with one client."""

        async def main() -> T:
            async with Client(self.server, client_info=self.client, **options) as client:
                return await work(client)

        return asyncio.run(main())

    def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The envelope of one call."""
        return self.calls((tool, arguments))[0]

    def calls(self, *wanted: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The envelopes of several calls of one session."""

        async def work(client: Client) -> list[dict[str, Any]]:
            return [await envelope(client, *each) for each in wanted]

        return self.using(work)


async def envelope(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The envelope that a call is answered with; what else the answer says agrees with it."""
    result = await client.call_tool(tool, arguments)
    canaries.now().saw(f"the tool {tool}", result.model_dump_json())
    found = result.structured_content
    assert isinstance(found, dict), result
    assert result.is_error is not found["success"]
    assert json.loads(result.content[0].text) == found
    return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fleet with one server and one app, applied."""
    world = make_world(tmp_path)
    world.apply()
    return world


@pytest.fixture
def bare(tmp_path: Path) -> World:
    """A fleet with one server and no apps."""
    return make_world(tmp_path, empty_fleet())


@pytest.fixture
def nothing(tmp_path: Path) -> World:
    """An empty folder."""
    return make_world(tmp_path, None)


@pytest.fixture
def assistant(world: World) -> Assistant:
    """An assistant that is shown every tool."""
    return Assistant(world)
