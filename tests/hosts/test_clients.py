"""Clients that others wrote, over stdio and HTTP: each brings a server and an app to a real host, by a person."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests import canaries
from tests.hosts.conftest import PASSPHRASE, Site
from tests.hosts.test_assistants import PAGE, applied, apply, approve, change_a_byte, running
from tests.mcp.conftest import envelope
from tests.mcp.office import as_account, connected
from tests.mcp.test_inspector import inspector
from tomo.db.address import FILE_NAME
from tomo.errors import PlanRefused
from tomo.model.people import Role
from tomo.model.values import Secret
from tomo.service.people import AddUserRequest, NewTokenRequest
from tomo.service.wiring import Doors

pytestmark = pytest.mark.hosts

__all__ = ["inspector"]

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "ravine 71 teapot mellow quartz"
SECONDS = 120

Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Calls a tool and gives its envelope."""


class AnnasSite(Site):
    """A fleet whose installation knows one person, who may do everything."""

    @property
    def doors(self) -> Doors:
        doors = super().doors
        return replace(doors, settings=replace(doors.settings, account="anna"))

    def token(self) -> str:
        with as_account(super().doors, "anna") as people:
            people.add(AddUserRequest("anna", Role.ADMIN, "anna", Secret(PASSWORD), people.first_code()))
            _, token = people.create_token(NewTokenRequest("assistant", "anna"))
        canaries.now().learn(token, PASSWORD)
        return token


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    """A server with Docker, which no fleet knows yet."""
    [host] = lab.hosts("xi", docker_installed=True, mirrors=[registry.mirror])
    return host


def site_in(folder: Path, host: Host, registry: Registry, kind: type[Site] = Site) -> Site:
    """A fleet of no servers, with a catalog of its own."""
    (folder / "ours" / "apps").mkdir(parents=True)
    (folder / "ours" / "apps" / "page.yaml").write_text(PAGE)
    (folder / "fleet.yaml").write_text("fleet: clients\ncatalogs: [ours]\nservers: {}\napps: {}\n")
    return kind(folder, [host], registry)


def serving(site: Site, *options: str) -> list[str]:
    """The server's command line."""
    command = "from tomo_cli.main import main; main()"
    return [sys.executable, "-c", command, "mcp", "--profile", "all", "-C", str(site.folder), *options]


def variables(site: Site) -> dict[str, str]:
    """Its environment, and no more of this process's than it needs."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    own = {"HOME": str(site.folder), "TOMO_PASSPHRASE": PASSPHRASE, "PYTHONPATH": paths}
    return {"PATH": os.environ["PATH"], **own}


@contextmanager
def over_http(site: Site) -> Iterator[str]:
    """The address of a server that runs meanwhile."""
    with subprocess.Popen(
        serving(site, "--http", "--port", "0"), env=variables(site), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[-1]
        finally:
            process.terminate()
            canaries.now().saw("stderr of the server", process.stderr.read())


def inspected(command: list[str], tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The envelope that the inspector prints."""
    given = [f"{name}={json.dumps(value)}" for name, value in arguments.items()]
    words = ["--method", "tools/call", "--tool-name", tool, "--tool-arg", *given]
    at = command.index("--") if "--" in command else len(command)
    ran = subprocess.run(
        [*command[:at], *words, *command[at:]],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    canaries.now().saw("the inspector", ran.stdout + ran.stderr)
    if "not found" in ran.stderr:
        return {"success": False, "error": {"code": "unknown-tool"}}
    assert ran.stdout, ran.stderr
    found = json.loads(ran.stdout)
    assert json.loads(found["content"][0]["text"]) == found["structuredContent"]
    return dict(found["structuredContent"])


@contextmanager
def by_the_inspector_over_stdio(site: Site, inspector: str) -> Iterator[Call]:
    given = variables(site)
    passed = [part for name in given for part in ("-e", f"{name}={given[name]}")]
    command = [inspector, "--cli", *passed, "--", *serving(site)]
    yield lambda tool, arguments: inspected(command, tool, arguments)


@contextmanager
def by_the_inspector_over_http(site: Site, inspector: str) -> Iterator[Call]:
    assert isinstance(site, AnnasSite)
    token = site.token()
    with over_http(site) as address:
        way = ["--transport", "http", "--header", f"Authorization: Bearer {token}"]
        command = [inspector, "--cli", address, *way]
        yield lambda tool, arguments: inspected(command, tool, arguments)


@contextmanager
def by_the_sdk_over_http(site: Site) -> Iterator[Call]:
    assert isinstance(site, AnnasSite)
    token = site.token()
    with over_http(site) as address:

        async def called(tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            async with connected(address, token) as client:
                return await envelope(client, tool, dict(arguments))

        yield lambda tool, arguments: asyncio.run(called(tool, arguments))


def story(site: Site, host: Host, call: Call) -> None:
    """An assistant adds a server and an app; a person approves; what was changed since is refused."""

    def proposes(tool: str, **arguments: Any) -> Mapping[str, Any]:
        answer = call(tool, {"why": "because", **arguments})
        assert answer["success"], answer
        return dict(answer["data"])

    address = f"{host.user}@{host.address}:{host.port}"
    server = proposes(
        "add_server",
        name="xi",
        address=address,
        host_key=host.host_key,
        identity=str(host.identity),
        docker=False,
    )
    before = site.file.read_bytes()
    assert call("apply_plan", {"id": server["id"]})["error"]["code"] == "unknown-tool"
    assert apply(site, server["id"]).declined
    assert site.file.read_bytes() == before
    applied(site, server["id"])

    app = proposes("install_app", app="page", servers=["xi"])
    page = call("get_plan", {"proposal_id": app["id"]})["data"]
    assert "create Container page" in page["plan"]["text"]
    assert running(host) == []
    applied(site, app["id"])
    assert running(host) == ["page"]

    changed = proposes("update_app", name="page", inputs={"GREETING": "hei"})
    approve(site, changed["id"])
    change_a_byte(site.doors.settings.data_folder / FILE_NAME, changed["id"])
    with pytest.raises(PlanRefused, match="changed after it was made"):
        apply(site, changed["id"])
    assert "GREETING=hello" in host.ssh("docker", "inspect", "--format", "{{.Config.Env}}", "page").out


@pytest.fixture
def emptied(host: Host) -> Iterator[Host]:
    """The server, without what the test before put on it."""
    yield host
    host.ssh("docker", "rm", "-f", "page")


def test_the_official_client_over_http_does_it(tmp_path: Path, emptied: Host, registry: Registry) -> None:
    site = site_in(tmp_path, emptied, registry, AnnasSite)

    with by_the_sdk_over_http(site) as call:
        story(site, emptied, call)


@pytest.mark.inspector
@pytest.mark.parametrize(
    ("road", "kind"),
    [(by_the_inspector_over_stdio, Site), (by_the_inspector_over_http, AnnasSite)],
    ids=["stdio", "http"],
)
def test_the_inspector_does_it(
    tmp_path: Path,
    emptied: Host,
    registry: Registry,
    inspector: str,
    road: Callable[[Site, str], AbstractContextManager[Call]],
    kind: type[Site],
) -> None:
    site = site_in(tmp_path, emptied, registry, kind)

    with road(site, inspector) as call:
        story(site, emptied, call)
