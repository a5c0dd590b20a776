"""Long calls as tasks of the protocol, by the library's own client for them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp_tasks import call_tool_task

from tests.mcp.conftest import CLIENT
from tests.worlds import World
from tomo.mcp.discovery import found_tools
from tomo.mcp.serving import Terms, over_stdio
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants


def using(world: World, work: Any) -> Any:
    async def main() -> Any:
        doors = for_assistants(world.doors, world.place)
        built = over_stdio(
            Reading.of(doors, world.place), ProposalDesk(doors, world.place), Terms("0", "all")
        )
        async with Client(built.server, client_info=CLIENT) as client:
            return await work(client)

    return asyncio.run(main())


def test_a_proposal_can_be_made_as_a_task_that_is_asked_after(world: World) -> None:
    async def work(client: Client[Any]) -> tuple[Any, str]:
        given = {"name": "web", "why": "because", "inputs": {"GREETING": "hi"}}
        task = await call_tool_task(client, "update_app", given)
        result = await task.result()
        return result.structured_content, (await task.status()).status

    answer, status = using(world, work)

    assert status == "completed"
    assert answer["success"], answer
    assert answer["data"]["state"] == "proposed"
    assert answer["data"]["person"] == "tester"
    assert answer["data"]["says"]["value"]["assistant"] == "test-client 1.2"


def test_a_task_that_fails_ends_with_the_same_envelope(world: World) -> None:
    world.nas.faults.unreachable = True

    async def work(client: Client[Any]) -> Any:
        task = await call_tool_task(client, "list_containers", {"server": "nas"}, raise_on_error=False)
        return (await task.result()).structured_content

    answer = using(world, work)

    assert answer["error"]["code"] == "host-unreachable"
    assert answer["data"]["said"]["untrusted"] is True


def test_what_waits_for_hosts_may_be_a_task_and_what_does_not_may_not() -> None:
    long = {tool.name for tool in found_tools() if tool.declared.long}

    assert {
        "propose_plan",
        "detect_drift",
        "install_app",
        "get_container_logs",
        "test_server_connection",
    } <= long
    assert not {"list_servers", "whoami", "end_session", "list_proposals", "search_tools"} & long
