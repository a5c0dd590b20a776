from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import pytest

from tomo.errors import ToolsInvalid
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.discovery import found_tools, made, name_mistakes
from tomo.mcp.envelope import output_schema

TOOL = """\
from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.model.people import Role

class Tools:
    {declared}
    def {name}(self, call: Call{arguments}) -> Answer:
        {words}
        return Answer("done")
"""
DECLARED = "@tool(role=Role.READONLY, effect=ToolEffect.READ)"
WORDS = '"""Does nothing."""'
Package = Callable[..., ModuleType]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package of tools: `package(first={...}, second={...})`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**modules: dict[str, str]) -> ModuleType:
        root = tmp_path / "some_tools"
        for name, parts in modules.items():
            folder = root / name
            folder.mkdir(parents=True)
            given = {"declared": DECLARED, "name": "look", "arguments": "", "words": WORDS, **parts}
            (folder / "__init__.py").touch()
            (folder / "tools.py").write_text(given.get("text") or TOOL.format(**given))
        (root / "__init__.py").touch()
        for loaded in [name for name in sys.modules if name.startswith("some_tools")]:
            monkeypatch.delitem(sys.modules, loaded)
        invalidate_caches()
        return import_module("some_tools")

    return write


def test_a_declared_tool_is_found_with_its_module(package: Package) -> None:
    found = found_tools(package(server={}))

    assert [(tool.module, tool.name, tool.description) for tool in found] == [
        ("server", "look", "Does nothing.")
    ]


def test_a_tool_without_role_and_effect_stops_the_server(package: Package) -> None:
    with pytest.raises(ToolsInvalid, match="neither role nor effect"):
        found_tools(package(server={"declared": "# nothing"}))


def test_a_tool_cannot_be_declared_without_a_role_or_an_effect(package: Package) -> None:
    with pytest.raises(TypeError, match="effect"):
        found_tools(package(server={"declared": "@tool(role=Role.ADMIN)"}))


@pytest.mark.parametrize(
    "name",
    ["apply", "apply_plan", "approve_proposal", "exec_command", "run", "run_command", "Execute", "APPLY_it"],
)
def test_a_name_as_if_it_acted_stops_the_server(package: Package, name: str) -> None:
    with pytest.raises(ToolsInvalid, match="as if it acted"):
        found_tools(package(server={"name": name}))


def test_getting_a_run_is_no_running() -> None:
    assert [*name_mistakes("get_run")] == []


@pytest.mark.parametrize("name", ["größe", "x" * 65])
def test_a_name_that_clients_refuse_stops_the_server(package: Package, name: str) -> None:
    with pytest.raises(ToolsInvalid, match="no name for a tool"):
        found_tools(package(server={"name": name}))


def test_the_same_name_twice_stops_the_server(package: Package) -> None:
    with pytest.raises(ToolsInvalid, match="`app` and in `server`"):
        found_tools(package(server={}, app={}))


def test_a_tool_that_says_nothing_stops_the_server(package: Package) -> None:
    with pytest.raises(ToolsInvalid, match="says nothing"):
        found_tools(package(server={"words": "pass"}))


@pytest.mark.parametrize(
    "argument",
    ["password", "secret", "api_key", "apikey", "token", "db_password", "passphrase", "private_key", "pwd"],
)
def test_an_argument_that_looks_like_a_secrets_value_stops_the_server(
    package: Package, argument: str
) -> None:
    with pytest.raises(ToolsInvalid, match="looks like a secret's value"):
        found_tools(package(server={"arguments": f", {argument}: str"}))


@pytest.mark.parametrize("argument", ["secret_name", "secret_names", "token_id", "password_secret_name"])
def test_an_argument_may_name_a_secret(package: Package, argument: str) -> None:
    assert found_tools(package(server={"arguments": f", {argument}: str"}))


def test_a_module_without_tools_stops_the_server(package: Package) -> None:
    with pytest.raises(ToolsInvalid, match="no class `Tools`"):
        found_tools(package(server={"text": "x = 1"}))


def test_tools_are_given_the_services_that_they_ask_for(package: Package) -> None:
    text = TOOL.format(declared=DECLARED, name="look", arguments="", words=WORDS)
    asking = text.replace(
        "class Tools:",
        "class Tools:\n    def __init__(self, number: int) -> None:\n        self.number = number",
    )
    found = found_tools(package(server={"text": asking}))

    tools = made(found[0].owner, ["a service", 7])

    assert vars(tools) == {"number": 7}
    with pytest.raises(ToolsInvalid, match="no such service"):
        made(found[0].owner, ["a service"])


def test_every_tool_of_tomo_is_declared_rightly() -> None:
    found = found_tools()

    assert len(found) == len({tool.name for tool in found})
    assert all(tool.declared.role and tool.declared.effect for tool in found)
    assert output_schema()["required"] == ["success", "data", "message", "error"]


TOOLS = {
    "server": "add_server remove_server list_servers prepare_server test_server_connection get_server_status "
    "full_cleanup",
    "docker": "install_docker verify_docker list_containers",
    "app": "search_apps get_app_details install_app uninstall_app update_app list_apps check_app_status",
    "deployment": "propose_plan propose_command get_plan list_proposals explain_change show_program "
    "detect_drift get_outputs get_run",
    "session": "list_sessions end_session",
    "auth": "whoami list_tokens revoke_token",
    "logs": "get_container_logs list_runs",
    "audit": "list_audit_entries verify_audit",
    "settings": "get_settings propose_setting",
    "retention": "preview_retention propose_retention",
    "health": "check_health check_fleet",
    "system": "get_system_info search_tools",
}
"""What people write down in their clients' settings: these names stay."""


@pytest.mark.parametrize("module", TOOLS)
def test_a_module_has_the_tools_that_people_know_it_by(module: str) -> None:
    found = {tool.name for tool in found_tools() if tool.module == module}

    assert found >= set(TOOLS[module].split())


def test_what_changes_something_is_a_proposal_by_its_effect() -> None:
    """Every other effect is told apart by its name, and there are no more than these three."""
    changing = re.compile(
        r"(add|remove|prepare|install|uninstall|update|roll|full|create|restore|rate|propose|sync)_"
    )
    by_effect = {
        effect: {tool.name for tool in found_tools() if tool.declared.effect is effect}
        for effect in ToolEffect
    }

    assert by_effect[ToolEffect.OWN_SESSION] == {"end_session", "revoke_token"}
    assert {name for name in by_effect[ToolEffect.READ] if changing.match(name)} == set()
    assert {name for name in by_effect[ToolEffect.PROPOSE] if not changing.match(name)} == {"verify_backup"}


def test_asking_for_the_removal_of_data_and_for_a_cleanup_has_words_of_its_own() -> None:
    arguments = {tool.name: tool.arguments.schema for tool in found_tools()}

    assert "confirm" in arguments["full_cleanup"]["required"]
    assert arguments["uninstall_app"]["properties"]["remove_data"]["default"] is False
