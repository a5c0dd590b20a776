"""`tomo mcp` as a process of its own, spoken to as clients do; and many clients at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from tests.mcp.conftest import CLIENT, envelope
from tests.mcp.office import connected, make_office
from tests.worlds import PASSPHRASE, World

pytestmark = pytest.mark.slow  # processes are started

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 50
START = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "plain", "version": "0"},
    },
}


def command(world: World, *options: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from tomo_cli.main import main; main()",
        "mcp",
        "-C",
        str(world.folder),
        *options,
    ]


def environment(world: World) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    home = str(world.settings.home)
    return {
        **os.environ,
        "HOME": home,
        "XDG_DATA_HOME": f"{home}/.local/share",
        "TOMO_PASSPHRASE": PASSPHRASE,
        "PYTHONPATH": path,
    }


def with_process(world: World, work: Callable[[Client], Awaitable[Any]], *options: str, **how: Any) -> Any:
    first, *arguments = command(world, *options)

    async def main() -> Any:
        process = StdioServerParameters(command=first, args=arguments, env=environment(world))
        async with Client(process, client_info=CLIENT, **how) as client:
            return await work(client)

    return asyncio.run(main())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_client_works_over_stdio(world: World, mode: str) -> None:
    async def work(client: Client) -> list[Any]:
        tools = (await client.list_tools()).tools
        calls = [await envelope(client, name, {}) for name in ("list_servers", "list_apps", "whoami")]
        return [len(tools), *calls]

    count, servers, apps, who = with_process(world, work, mode=mode)

    assert count == 15
    assert [each["name"] for each in servers["data"]] == ["nas"]
    assert [each["name"] for each in apps["data"]] == ["web"]
    assert who["data"]["assistant"] == "test-client 1.2"


def test_progress_arrives_over_stdio_in_both_forms_of_the_protocol(world: World) -> None:
    told: list[str | None] = []

    async def hear(_done: float, _of: float | None, message: str | None) -> None:
        told.append(message)

    async def work(client: Client) -> None:
        await client.call_tool("check_health", {}, progress_callback=hear)

    with_process(world, work)
    with_process(world, work, mode="legacy")

    assert told == ["checking this machine and folder"] * 2


def test_stdout_is_the_protocols_alone_and_the_process_ends_with_its_input(world: World) -> None:
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "nothing", "arguments": {}}}
    broken = "this is no message\n"
    lines = "".join(
        json.dumps(each) + "\n"
        for each in (START, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
    )

    ran = subprocess.run(
        command(world),
        input=lines + broken,
        env=environment(world),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0
    assert all(each["jsonrpc"] == "2.0" for each in answers)
    assert answers[0]["result"]["serverInfo"]["name"] == "tomo"
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_profile_or_an_address_that_there_is_not_is_refused_before_the_first_word(world: World) -> None:
    for options, words in (
        (["--profile", "most"], "no profile"),
        (["--http", "--host", "0.0.0.0"], "no loopback"),
    ):
        ran = subprocess.run(
            command(world, *options),
            input="",
            env=environment(world),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert ran.returncode == 64
        assert words in ran.stderr
        assert ran.stdout == ""


def serving(world: World) -> subprocess.Popen[str]:
    """`tomo mcp --http`, begun on a free port."""
    return subprocess.Popen(
        command(world, "--http", "--port", "0"),
        env=environment(world),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_over_http_until_it_is_ended(tmp_path: Path, ending: signal.Signals) -> None:
    office = make_office(tmp_path)

    async def work(address: str) -> dict[str, Any]:
        async with connected(address, office.tokens["bob"]) as client:
            return await envelope(client, "list_servers", {})

    with serving(office.world) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = asyncio.run(work(said.split()[-1]))
        process.send_signal(ending)
        out, err = process.communicate(timeout=30)

    assert [each["name"] for each in found["data"]] == ["nas"]
    assert said.startswith("Serving assistants at http://127.0.0.1:")
    assert out == ""
    assert "Traceback" not in err


def test_a_server_that_nobody_has_a_token_for_says_so(world: World) -> None:
    with serving(world) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert said[0].startswith("Serving assistants at")
    assert "`tomo token create NAME` makes one" in said[1]


def test_fifty_clients_at_once_lose_nothing(tmp_path: Path) -> None:
    office = make_office(tmp_path)
    names = [("anna", "bob")[number % 2] for number in range(CLIENTS)]

    async def one(address: str, number: int) -> list[dict[str, Any]]:
        async with connected(
            address, office.tokens[names[number]], "legacy" if number % 3 else "auto"
        ) as client:
            argv = ["echo", f"number-{number}"]
            return [
                await envelope(client, "whoami", {}),
                await envelope(client, "list_servers", {}),
                await envelope(client, "propose_command", {"server": "nas", "argv": argv, "why": "because"}),
                await envelope(client, "get_server_status", {"name": "nas", "live": False}),
            ]

    async def work(address: str) -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(one(address, number) for number in range(CLIENTS)))

    answers = office.serving(work)

    assert all(answer["success"] for each in answers for answer in each), answers
    assert [each[0]["data"]["person"] for each in answers] == names
    assert [each[2]["data"]["person"] for each in answers] == names
    assert len({each[2]["data"]["id"] for each in answers}) == CLIENTS
    listed = office.calls("anna", ("list_proposals", {"count": 50}))[0]["data"]
    assert {each["id"] for each in listed} == {each[2]["data"]["id"] for each in answers}
