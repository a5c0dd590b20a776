from __future__ import annotations

import json
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from tests import canaries
from tests.mcp.conftest import Assistant
from tests.mcp.corpus import MARK, texts, unseen_in
from tests.worlds import World
from tomo.mcp.resources import READABLE
from tomo.testing.dockerd.container import LogLine


async def read(client: Client, address: str) -> dict[str, Any]:
    contents = (await client.read_resource(address)).contents
    assert [each.mime_type for each in contents] == ["application/json"]
    canaries.now().saw(address, contents[0].text)  # type: ignore[union-attr]
    found = json.loads(contents[0].text)  # type: ignore[union-attr]
    assert list(found) == ["success", "data", "message", "error"]
    return dict(found)


def test_fleet_runs_proposals_pages_and_logs_can_be_read_by_address(world: World) -> None:
    world.nas.docker._find("web").log.append(LogLine(1, 1, f"\x1b[31m{MARK} at work"))

    async def work(client: Client) -> list[dict[str, Any]]:
        made = await client.call_tool("uninstall_app", {"name": "web", "why": "because"})
        assert isinstance(made.structured_content, dict)
        id_ = made.structured_content["data"]["id"]
        names = {"proposal_id": id_, "number": "0", "app": "jellyfin", "server": "nas", "container": "web"}
        return [await read(client, each.address.format(**names)) for each in READABLE]

    answers = Assistant(world).using(work)

    assert [each["success"] for each in answers] == [True] * len(READABLE)
    for text, marked in (found for answer in answers for found in texts(answer)):
        assert not unseen_in(text)
        assert marked or MARK not in text
    assert MARK in json.dumps(answers[-1])


def test_what_there_is_not_is_told_in_the_same_way(world: World) -> None:
    async def work(client: Client) -> list[dict[str, Any]]:
        return [await read(client, address) for address in ("tomo://runs/99", "tomo://catalog/nothing")]

    answers = Assistant(world).using(work)

    assert [each["error"]["code"] for each in answers] == ["version-not-found", "app-not-found"]


@pytest.mark.parametrize("address", ["tomo://fleet/../../etc/passwd", "tomo://secrets", "file:///etc/passwd"])
def test_nothing_else_can_be_read(world: World, address: str) -> None:
    async def work(client: Client) -> str:
        try:
            await client.read_resource(address)
        except MCPError as error:
            return str(error)
        return "it was read"

    assert "Resource not found" in Assistant(world).using(work)


def test_prompts_name_tools_that_there_are_and_leave_the_end_to_a_person(world: World) -> None:
    async def work(client: Client) -> dict[str, str]:
        listed = (await client.list_prompts()).prompts
        given = {prompt.name: {each.name: "it" for each in prompt.arguments or ()} for prompt in listed}
        made = {name: await client.get_prompt(name, arguments) for name, arguments in given.items()}
        return {name: each.messages[0].content.text for name, each in made.items()}  # type: ignore[union-attr]

    made = Assistant(world).using(work)

    assert set(made) >= {"add_a_server", "install_an_app", "look_into_a_failing_app", "review_drift"}
    for text in made.values():
        assert "`tomo approve ID`" in text
        assert "untrusted" in text
