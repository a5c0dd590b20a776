"""One id leads from the call of a tool to what was asked of a host for it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from mcp.client import Client

from tests.mcp.conftest import CLIENT, envelope
from tests.worlds import World
from tomo.mcp.serving import Terms, over_stdio
from tomo.service.logs import open_log
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_tool_call_and_its_requests_to_docker_have_one_id(world: World) -> None:
    text = io.StringIO()
    log = open_log(replace(world.settings, log="debug"), text, pytest.fail)
    doors = for_assistants(replace(world.doors, log=log), world.place)
    reading, desk = Reading.of(doors, world.place), ProposalDesk(doors, world.place)
    server: Any = over_stdio(reading, desk, Terms("0", "all"), log).server._mcp_server

    async with Client(server, client_info=CLIENT) as client:
        answers = [await envelope(client, "list_containers", {"server": "nas"}) for _ in range(2)]

    assert all(answer["success"] for answer in answers)
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    tools = [line for line in lines if line["event"] == "tool"]
    assert [line["tool"] for line in tools] == ["list_containers", "list_containers"]
    ids = [line["correlation"] for line in tools]
    assert len(set(ids)) == 2
    for id_ in ids:
        paths = [line["path"] for line in lines if line["event"] == "docker" and line["correlation"] == id_]
        assert any(path.endswith("/containers/json") for path in paths), lines
