from __future__ import annotations

import json

import pytest
from mcp.client import Client

from tests.mcp.conftest import Assistant
from tests.worlds import World
from tomo.errors import UsageError
from tomo.mcp.discovery import found_tools
from tomo.mcp.profiles import MOST_TOKENS, MOST_TOOLS, NAMES, profiles_of, shown_tools, tokens


async def listed(client: Client) -> list[dict[str, object]]:
    tools = (await client.list_tools()).tools
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]


def test_an_assistant_is_first_shown_few_tools_and_pays_little_for_them(world: World) -> None:
    definitions = Assistant(world, "default").using(listed)

    assert 10 <= len(definitions) <= MOST_TOOLS == 15
    assert tokens(definitions) <= MOST_TOKENS == 6000
    assert len(json.dumps(definitions)) <= MOST_TOKENS * 4


def test_the_tools_of_the_first_profile_are_all_there_are_of_it() -> None:
    shown = shown_tools("default", found_tools())

    assert {"search_tools", "propose_plan", "add_server", "install_app", "get_container_logs"} <= shown


def test_all_shows_all(world: World) -> None:
    definitions = Assistant(world, "all").using(listed)

    assert {each["name"] for each in definitions} == {tool.name for tool in found_tools()}


def test_a_profile_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no profile `most`") as refused:
        shown_tools("most", found_tools())

    assert "default" in refused.value.hint


def test_every_tool_is_shown_by_a_profile_beside_all() -> None:
    for tool in found_tools():
        assert set(profiles_of(tool)) - {"all"}, tool.name


def test_every_profile_shows_the_tool_that_finds_the_others() -> None:
    for name in NAMES:
        assert "search_tools" in shown_tools(name, found_tools())


def test_a_tool_that_is_not_shown_is_found_by_words_and_can_be_called(world: World) -> None:
    assistant = Assistant(world, "default")

    found, called = assistant.calls(("search_tools", {"words": "audit record"}), ("list_audit_entries", {}))

    first = found["data"][0]
    assert first["name"] in {"verify_audit", "list_audit_entries"}
    assert (first["shown"], first["effect"], first["role"]) == (False, "read", "admin")
    assert called["success"]
