"""What an assistant waits for: the start, lists, looks and proposals, by the official client over stdio.

`python -m bench.assistants FOLDER`: serves a fleet of 100 apps whose servers are in memory, since what is
measured is this program and not a network. The start is measured with the real command.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from bench.fleets import IMAGE
from bench.report import Row, Samples
from bench.states import host_key
from bench.timing import PASSPHRASE, BenchError, environment
from tomo.errors import ExitCode
from tomo.mcp.serving import Terms, over_stdio, run_stdio
from tomo.model.connection import HostBook
from tomo.service.deployments import Deployments
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants
from tomo.service.runs import ApplyRequest
from tomo.service.wiring import AskPassphrase, Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.registry import FakeRegistry, ImageDefinition

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
APPS, SERVERS = 100, 4
READS: Mapping[str, Mapping[str, Any]] = {
    "list_servers": {},
    "list_apps": {},
    "get_server_status": {"name": "node-0", "live": False},
    "search_apps": {"words": "photos"},
    "list_runs": {},
    "list_proposals": {},
    "whoami": {},
}
_CALLS = 40
_PAGE = f"""\
schema: tomo.app/v1
id: page
title: Page
tagline: A page
description: A page.
categories: [networking]
version: "1"
inputs:
  - {{name: ROUND, label: Round, default: one}}
  - {{name: TOKEN, type: secret, label: Token, generate: {{kind: password, length: 24}}}}
services:
  server:
    image: "{IMAGE}"
    env: {{ROUND: {{input: ROUND}}, TOKEN: {{input: TOKEN}}}}
    mounts: [{{volume: data, path: /data}}]
volumes: {{data: {{}}}}
"""


def make_fleet(folder: Path) -> None:
    """The files of a fleet of so many apps, with a secret and a volume each."""
    (folder / "ours" / "apps").mkdir(parents=True)
    (folder / "ours" / "apps" / "page.yaml").write_text(_PAGE)
    servers = [
        f"  node-{n}: {{host: 192.0.2.{n + 1}, user: root, docker: false, host_key: {host_key()}}}"
        for n in range(SERVERS)
    ]
    apps = [f"  app-{n:02}: {{app: page, server: node-{n % SERVERS}}}" for n in range(APPS)]
    lines = ["fleet: bench", "catalogs: [ours]", "servers:", *servers, "apps:", *apps, ""]
    (folder / "fleet.yaml").write_text("\n".join(lines))


def serve(folder: Path) -> None:
    """Applies the fleet to hosts in memory, then serves it."""
    registry = FakeRegistry()
    registry.add(ImageDefinition(IMAGE))
    addresses = [f"192.0.2.{number + 1}" for number in range(SERVERS)]
    hosts = {each: FakeHost(each, registry=registry, docker_installed=True) for each in addresses}

    def connections(_settings: Settings, _book: HostBook, _ask: AskPassphrase | None) -> FakeConnections:
        return FakeConnections(hosts)

    settings = replace(Settings.from_environment(), passphrase=PASSPHRASE, state_url=None)
    doors, place = Doors(settings, connections), Place(folder)
    applied = Deployments(doors).apply(ApplyRequest(place, lambda _plan: True))
    if applied.exit_code is not ExitCode.OK:
        raise BenchError(f"the fleet could not be made: {applied.program_error or applied.failures}")
    through = for_assistants(doors, place)
    run_stdio(over_stdio(Reading.of(through, place), ProposalDesk(through, place), Terms("0", "all")))


def assistants(tomo: Path, folder: Path, rounds: int) -> list[Row]:
    """The rows, of one fleet in a folder that isn't there yet."""
    make_fleet(folder)
    env = environment(
        HOME=str(folder),
        TOMO_PASSPHRASE=PASSPHRASE,
        PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "cli")]),
    )
    served = StdioServerParameters(
        command=sys.executable, args=["-m", "bench.assistants", str(folder)], env=env
    )
    taken = asyncio.run(_with(served, lambda client: _times(client, rounds)))
    real = StdioServerParameters(command=str(tomo), args=["mcp", "-C", str(folder)], env=env)
    asyncio.run(_started(real))
    starts = [asyncio.run(_started(real)) for _ in range(rounds)]
    what = f"fleet of {APPS} apps"
    reads = [seconds for name in READS for seconds in taken[name]]
    slowest = max(READS, key=lambda name: Samples(name, taken[name]).median)
    return [
        Row("`tomo mcp`: start to first answer", Samples("tools/list", starts), limit=1.5),
        Row("`tools/list`, warm", _milliseconds("tools/list", taken["tools/list"]), limit=50, unit="ms"),
        Row(f"tools that read, {what}, warm", _milliseconds("all", reads), limit=50, unit="ms"),
        Row(f"the slowest of them, `{slowest}`", _milliseconds(slowest, taken[slowest]), limit=50, unit="ms"),
        Row(
            f"a proposal, {what}, with a look at hosts in memory",
            Samples("update_app", taken["update_app"]),
            limit=2.0,
        ),
    ]


async def _times(client: Client, rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, after one that warms up."""

    async def call(name: str, arguments: Mapping[str, Any]) -> float:
        begun = time.perf_counter()
        found = await client.call_tool(name, dict(arguments))
        took = time.perf_counter() - begun
        if found.is_error:
            raise BenchError(f"`{name}` failed: {found.structured_content}")
        return took

    async def list_tools() -> float:
        begun = time.perf_counter()
        await client.session.list_tools()
        return time.perf_counter() - begun

    taken: dict[str, list[float]] = {"tools/list": [await list_tools() for _ in range(_CALLS + 1)][1:]}
    for name, arguments in READS.items():
        taken[name] = [await call(name, arguments) for _ in range(_CALLS + 1)][1:]
    change = {"name": "app-50", "why": "the bench", "inputs": {"ROUND": "two"}}
    taken["update_app"] = [await call("update_app", change) for _ in range(rounds + 1)][1:]
    return taken


async def _started(process: StdioServerParameters) -> float:
    """Seconds from the start of the process to its first answer."""
    begun = time.perf_counter()

    async def first(client: Client) -> float:
        await client.list_tools()
        return time.perf_counter() - begun

    return await _with(process, first)


async def _with(process: StdioServerParameters, work: Callable[[Client], Awaitable[T]]) -> T:
    async with Client(process) as client:
        return await work(client)


def _milliseconds(name: str, seconds: list[float]) -> Samples:
    return Samples(name, [each * 1000 for each in seconds])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
