"""Long calls as tasks of the protocol, by the library's own client for them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp_tasks import call_tool_task
from fastmcp_tasks.client import ToolTask
from mcp.shared.exceptions import MCPError

from tests.mcp.conftest import CLIENT
from tests.mcp.office import make_office
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


class Slow(World):
    """A world whose roads to hosts open when they are told to."""

    asked: threading.Event
    go_on: threading.Event

    def connections(self, settings: Any, book: Any, ask: object) -> Any:
        self.asked.set()
        assert self.go_on.wait(60)
        return super().connections(settings, book, ask)


def test_a_task_says_how_far_it_is_while_it_is_at_work(world: World) -> None:
    slow = Slow(**vars(world))
    slow.asked, slow.go_on = threading.Event(), threading.Event()

    async def work(client: Client[Any]) -> tuple[str, str | None, Any]:
        task = await call_tool_task(client, "test_server_connection", {"name": "nas"})
        await asyncio.to_thread(slow.asked.wait, 60)
        meanwhile = await task.status()
        slow.go_on.set()
        return meanwhile.status, meanwhile.status_message, (await task.result()).structured_content

    status, told, answer = using(slow, work)

    assert (status, told) == ("working", "logging in to nas")
    assert answer["success"], answer


def test_a_task_is_its_persons_alone_over_http(tmp_path: Path) -> None:
    office = make_office(tmp_path)

    def client(address: str, name: str) -> Client[Any]:
        headers = {"Authorization": f"Bearer {office.tokens[name]}"}
        return Client(StreamableHttpTransport(address, headers=headers), client_info=CLIENT)

    async def work(address: str) -> tuple[str, list[str]]:
        async with client(address, "bob") as bob, client(address, "anna") as anna:
            made = await call_tool_task(bob, "test_server_connection", {"name": "nas"})
            result = (await made.result()).structured_content
            refusals = []
            taken = ToolTask(anna, "test_server_connection", made.create_result)
            for ask in (taken.status, taken.result, taken.cancel):
                with pytest.raises(MCPError) as refused:
                    await ask()
                refusals.append(str(refused.value))
            return result["message"], refusals

    said, refusals = office.serving(work)

    assert said == "the login to `nas` works"
    assert all("not found" in each for each in refusals)


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
