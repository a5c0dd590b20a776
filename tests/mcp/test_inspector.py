"""The MCP inspector's command line, a client that somebody else wrote, over stdio and HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.office import make_office
from tests.mcp.test_processes import ROOT, command, environment
from tests.worlds import World

pytestmark = pytest.mark.inspector

_PASSED_ON = ("HOME", "XDG_DATA_HOME", "TOMO_PASSPHRASE", "PYTHONPATH")
"""It gives the server no variable that it isn't told to."""
_SECONDS = 120


@pytest.fixture(scope="session")
def inspector() -> str:
    """The inspector that scripts/inspector installs into .cache."""
    path = subprocess.run(
        [ROOT / "scripts" / "inspector", "--path"], capture_output=True, text=True, check=True
    )
    if not Path(path.stdout.strip()).exists():
        pytest.skip("there is no MCP inspector; scripts/inspector installs it, given npm")
    return path.stdout.strip()


def asked(
    inspector: str, world: World, *arguments: str, server: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One run of it."""
    variables = environment(world)
    passed = [part for name in _PASSED_ON for part in ("-e", f"{name}={variables[name]}")]
    target = ["--", *(server or command(world, "--profile", "all"))]
    if server is not None:
        passed, target = [], server
    return subprocess.run(
        [inspector, "--cli", *passed, *arguments, *target],
        env=variables,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def answered(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The envelope in what it prints."""
    found = json.loads(ran.stdout)
    assert json.loads(found["content"][0]["text"]) == found["structuredContent"]
    return dict(found["structuredContent"])


def test_it_lists_tools_whose_schemas_it_has_nothing_against(inspector: str, world: World) -> None:
    ran = asked(inspector, world, "--method", "tools/list", "--strict")

    assert ran.returncode == 0, ran.stderr
    names = {tool["name"] for tool in json.loads(ran.stdout)["tools"]}
    assert {"add_server", "install_app", "propose_plan", "get_container_logs"} <= names


def test_it_reads_and_proposes_and_finds_nothing_that_applies(inspector: str, world: World) -> None:
    call = ("--method", "tools/call", "--tool-name")
    file = world.file.read_bytes()

    listed = answered(asked(inspector, world, *call, "list_servers"))
    made = answered(
        asked(
            inspector,
            world,
            *call,
            "propose_command",
            "--tool-arg",
            "server=nas",
            'argv=["uptime"]',
            "why=because",
        )
    )
    applied = asked(inspector, world, *call, "apply_plan", "--tool-arg", f"id={made['data']['id']}")

    assert [each["name"] for each in listed["data"]] == ["nas"]
    assert made["data"]["state"] == "proposed"
    assert applied.returncode != 0
    assert "not found" in applied.stderr
    assert world.file.read_bytes() == file


def test_it_reads_resources_and_prompts(inspector: str, world: World) -> None:
    resource = asked(inspector, world, "--method", "resources/read", "--uri", "tomo://fleet")
    prompt = asked(inspector, world, "--method", "prompts/get", "--prompt-name", "review_drift")

    assert json.loads(json.loads(resource.stdout)["contents"][0]["text"])["success"] is True
    assert "detect_drift" in prompt.stdout


def test_it_comes_over_http_with_a_token_and_not_without(inspector: str, tmp_path: Path) -> None:
    office = make_office(tmp_path)

    async def work(address: str) -> list[subprocess.CompletedProcess[str]]:
        token = ("--header", f"Authorization: Bearer {office.tokens['bob']}")
        call = ("--method", "tools/call", "--tool-name", "whoami")
        return [
            await asyncio.to_thread(asked, inspector, office.world, *more, *call, server=[address])
            for more in (("--transport", "http", *token), ("--transport", "http"))
        ]

    let_in, refused = office.serving(work)

    assert answered(let_in)["data"]["person"] == "bob"
    assert refused.returncode != 0
