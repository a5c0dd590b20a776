from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import pytest

from tomo.errors import ToolsInvalid
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
    ["password", "secret", "api_key", "apikey", "token", "db_password", "passphrase", "private_key"],
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

    assert len(found) >= 27
    assert {tool.module for tool in found} >= {
        "server",
        "docker",
        "app",
        "deployment",
        "session",
        "auth",
        "logs",
    }
    assert output_schema()["required"] == ["success", "data", "message", "error"]
