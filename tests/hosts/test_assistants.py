"""An assistant proposes over the official client, a person approves, and only that changes a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.conftest import PASSPHRASE, MakeSite, Site
from tests.mcp.conftest import CLIENT, envelope
from tests.mcp.corpus import EVERYTHING, MARK, texts, unseen_in
from tomo.db.address import FILE_NAME
from tomo.errors import ExitCode, PlanRefused, ProposalClosed
from tomo.model.proposal import ProposalState
from tomo.service.decisions import (
    AppliedProposal,
    ApplyProposalRequest,
    ApproveProposalRequest,
    Decisions,
)

pytestmark = pytest.mark.hosts

ROOT = Path(__file__).resolve().parents[2]
PAGE = """\
schema: tomo.app/v1
id: page
title: Page
tagline: A page
description: A page.
categories: [networking]
version: "1"
inputs: [{name: GREETING, label: Greeting, default: hello}]
services:
  server:
    image: tomo-test/web:1
    env: {GREETING: {input: GREETING}}
    ports: [{name: web, container: 80, host: 18090, expose: local}]
    healthcheck: {test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}
    stop: {grace: 1s}
web: {service: server, port: 80}
"""


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    """A server with Docker, which the fleet does not know yet."""
    [host] = lab.hosts("mu", docker_installed=True, mirrors=[registry.mirror])
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    """A fleet of no servers, with a catalog of its own."""
    site = make_site([host])
    (site.folder / "ours" / "apps").mkdir(parents=True)
    (site.folder / "ours" / "apps" / "page.yaml").write_text(PAGE)
    site.file.write_text("fleet: assistants\ncatalogs: [ours]\nservers: {}\napps: {}\n")
    return site


class Assistant:
    """An assistant in a conversation of its own for each question."""

    def __init__(self, site: Site) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
        self._process = StdioServerParameters(
            command=sys.executable,
            args=["-c", "from tomo_cli.main import main; main()", "mcp", "-C", str(site.folder)],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(site.folder),
                "TOMO_PASSPHRASE": PASSPHRASE,
                "PYTHONPATH": paths,
            },
        )

    def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        async def main() -> dict[str, Any]:
            async with Client(self._process, client_info=CLIENT) as client:
                return await envelope(client, tool, arguments)

        return asyncio.run(main())

    def proposes(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        answer = self.call(tool, why="because", **arguments)
        assert answer["success"], answer
        return dict(answer["data"])


def approve(site: Site, id_: str) -> None:
    decided = Decisions(site.doors, terminal=lambda: None).approve(
        ApproveProposalRequest(id_, lambda _shown, _key, _guard: True)
    )
    assert decided is not None
    assert decided.proposal.state is ProposalState.APPROVED


def apply(site: Site, id_: str) -> AppliedProposal:
    return Decisions(site.doors, terminal=lambda: None).apply(
        ApplyProposalRequest(id_, lambda _shown: False, lambda _plan: None)
    )


def applied(site: Site, id_: str) -> None:
    approve(site, id_)
    done = apply(site, id_)
    assert done.exit_code is ExitCode.OK, done
    assert not site.plan().has_changes


def running(host: Host) -> list[str]:
    return sorted(host.ssh("docker", "ps", "--format", "{{.Names}}").out.split())


def test_an_assistant_proposes_and_a_person_has_it_done(site: Site, host: Host) -> None:
    assistant, before = Assistant(site), site.file.read_bytes()

    server = assistant.proposes(
        "add_server",
        name="mu",
        address=f"{host.user}@{host.address}:{host.port}",
        host_key=host.host_key,
        identity=str(host.identity),
        docker=False,
    )

    assert any("mu" in each for each in server["says"]["value"]["new_hosts"])
    assert site.file.read_bytes() == before
    for tool in ("apply", "apply_plan", "approve_proposal", "run_command"):
        assert assistant.call(tool, id=server["id"])["error"]["code"] == "unknown-tool"
    # Without a person's consent nothing begins, also where somebody only types `apply`.
    assert apply(site, server["id"]).declined
    applied(site, server["id"])

    app = assistant.proposes("install_app", app="page", servers=["mu"])
    assert app["says"]["value"]["not_looked_at"] == []
    assert running(host) == []
    page = assistant.call("get_plan", proposal_id=app["id"])["data"]
    assert "create Container page" in page["plan"]["text"]
    applied(site, app["id"])
    assert running(host) == ["page"]
    assert assistant.call("check_app_status", name="page")["data"]["servers"][0]["apps"][0]["well"] is True
    assert assistant.call("get_plan", proposal_id=app["id"])["data"]["state"] == "applied"


def test_a_plan_that_was_changed_is_refused(site: Site, host: Host) -> None:
    made = Assistant(site).proposes("update_app", name="page", inputs={"GREETING": "hei"})
    approve(site, made["id"])
    change_a_byte(site.doors.settings.data_folder / FILE_NAME, made["id"])

    with pytest.raises(PlanRefused, match="changed after it was made"):
        apply(site, made["id"])

    env = host.ssh("docker", "inspect", "--format", "{{.Config.Env}}", "page").out
    assert "GREETING=hello" in env


def test_a_plan_whose_fleet_file_has_moved_on_is_refused(site: Site, host: Host) -> None:
    made = Assistant(site).proposes("update_app", name="page", inputs={"GREETING": "moin"})
    approve(site, made["id"])
    site.file.write_text(site.file.read_text() + "# by hand\n")

    with pytest.raises(ProposalClosed, match="stale"):
        apply(site, made["id"])

    assert "moin" not in site.file.read_text()
    assert Assistant(site).call("get_plan", proposal_id=made["id"])["data"]["state"] == "stale"


def test_a_real_containers_log_reaches_the_assistant_as_marked_data(site: Site, host: Host) -> None:
    said = "\n".join(text for name, text in EVERYTHING.items() if name != "surrogate")
    host.inside("sh", "-c", "cat > /evil.txt", stdin=said.encode())
    mount = ("-v", "/evil.txt:/evil.txt:ro")
    label = f"note={EVERYTHING['order']}"
    ran = host.ssh(
        "docker",
        "run",
        "-d",
        "--name",
        "evil",
        "--label",
        f"'{label}'",
        *mount,
        "tomo-test/web:1",
        "/bin/busybox",
        "cat",
        "/evil.txt",
    )
    assert ran.code == 0, ran
    host.ssh("docker", "wait", "evil")
    assistant = Assistant(site)

    log = assistant.call("get_container_logs", server="mu", container="evil", lines=200)
    listed = assistant.call("list_containers", server="mu")

    assert "Ignore all previous instructions" in log["data"]["log"]["text"]
    for answer in (log, listed):
        assert MARK in json.dumps(answer)
        for text, marked in texts(answer):
            assert not unseen_in(text)
            assert marked or MARK not in text


def change_a_byte(database: Path, id_: str) -> None:
    """As somebody could who has the account."""
    with closing(sqlite3.connect(database)) as there, there:
        wanted = (id_, "plan")
        where = "proposal_id = ? AND name = ?"
        [(plan,)] = there.execute(f"SELECT content FROM proposal_texts WHERE {where}", wanted)
        assert b"hei" in plan
        changed = (plan.replace(b"hei", b"hex"), *wanted)
        there.execute(f"UPDATE proposal_texts SET content = ? WHERE {where}", changed)
