from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from mcp.client import Client

from tests.mcp.conftest import CLIENT, envelope
from tests.worlds import World
from tomo.logs.lines import json_log
from tomo.mcp.serving import Terms, over_stdio
from tomo.model.log import LogLevel
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.servers import ServerReads
from tomo.service.read.services import Reading, for_assistants


def logged(world: World, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the log that calls leave."""
    lines: list[str] = []
    log = json_log(lines.append, LogLevel.DEBUG, lines.append)
    doors = for_assistants(replace(world.doors, log=log), world.place)
    built = over_stdio(
        Reading.of(doors, world.place), ProposalDesk(doors, world.place), Terms("0", "all"), log
    )

    async def work() -> None:
        async with Client(built.server._mcp_server, client_info=CLIENT) as client:
            for tool, arguments in calls:
                await envelope(client, tool, arguments)

    asyncio.run(work())
    return [json.loads(line) for line in lines]


def test_one_id_leads_from_a_tools_call_to_the_requests_on_a_host(world: World) -> None:
    lines = logged(world, ("list_containers", {"server": "nas"}), ("verify_docker", {"server": "nas"}))

    tools = {line["tool"]: line for line in lines if line["event"] == "tool"}
    asked = {line["path"]: line["correlation"] for line in lines if line["event"] == "docker"}
    listing = next(path for path in asked if "/containers/json" in path)
    assert tools["list_containers"]["correlation"] == asked[listing]
    assert tools["verify_docker"]["correlation"] != asked[listing]
    assert (tools["list_containers"]["person"], tools["list_containers"]["client"]) == (
        "tester",
        "test-client 1.2",
    )


def test_a_call_that_fails_stands_in_the_log_with_its_code(world: World) -> None:
    world.nas.faults.unreachable = True

    lines = logged(world, ("list_containers", {"server": "nas"}))

    found = next(line for line in lines if line["event"] == "tool")
    assert (found["error"], found["level"]) == ("host-unreachable", "warning")


def test_calls_that_come_to_nothing_stand_in_the_log_too(world: World) -> None:
    lines = logged(
        world,
        ("list_servers", {"bad": "hunter22"}),
        ("apply_plan", {"id": "p-1"}),
        ("get_server_status", {"name": "nax"}),
    )

    found = [line for line in lines if line["event"] == "tool"]
    assert [(line["tool"], line["error"], line["level"]) for line in found] == [
        ("list_servers", "invalid-arguments", "warning"),
        ("apply_plan", "unknown-tool", "warning"),
        ("get_server_status", "usage", "warning"),
    ]
    assert len({line["correlation"] for line in found}) == len(found)
    assert "hunter22" not in str(lines)


def test_a_defect_stands_in_the_log_under_the_id_that_the_assistant_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: ServerReads, _by: object) -> Any:
        raise RuntimeError("the password is hunter22")

    monkeypatch.setattr(ServerReads, "list", broken)

    lines = logged(world, ("list_servers", {}))

    (found,) = [line for line in lines if line["event"] == "tool"]
    assert (found["error"], found["level"], len(found["correlation"])) == ("RuntimeError", "error", 32)
    assert "hunter22" not in str(lines)
