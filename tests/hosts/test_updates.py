"""An app of a catalog on two real servers: another version, a failed one, the way back, a canary that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.terminal import Terminal
from tests.hosts.test_failures import container_id, containers
from tests.hosts.test_failures import server as server_entry

pytestmark = pytest.mark.hosts

ENTRY = """\
schema: tomo.app/v1
id: page
title: A page
tagline: A page
description: A page.
categories: [networking]
version: "{version}"
release_notes: What is new in {version}.
services:
  main:
    image: {image}
    env: {{VERSION: "{version}"}}
    mounts: [{{volume: data, path: {path}}}]
    healthcheck: {{test: [CMD, /bin/busybox, {check}], interval: 1s, retries: 2}}
    stop: {{grace: 1s}}
volumes: {{data: {{}}}}
upgrade: {{data_migration: automatic, from: ["1", "2"]}}
"""


@pytest.fixture(scope="module")
def pair(lab: Lab, registry: Registry) -> Iterator[list[Host]]:
    hosts = lab.hosts("upsilon", "phi", docker_installed=True, mirrors=[registry.mirror])
    yield hosts
    lab.remove(*hosts)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(capsys, monkeypatch, tmp_path)


def entry(folder: Path, version: str, *, well: bool = True, path: str = "/data") -> None:
    (folder / "own").mkdir(exist_ok=True)
    check = '"true"' if well else '"false"'
    text = ENTRY.format(version=version, image="tomo-test/web:1", check=check, path=path)
    (folder / "own" / "page.yaml").write_text(text)


def inspected(host: Host) -> dict[str, object]:
    (seen,) = json.loads(host.ssh("docker", "inspect", "web").out)
    mounts = sorted((each.get("Name"), each["Destination"]) for each in seen["Mounts"])
    return {"image": seen["Image"], "env": sorted(seen["Config"]["Env"]), "mounts": mounts}


def test_an_app_is_updated_and_rolled_back_and_a_failed_canary_touches_no_other_server(
    pair: list[Host], registry: Registry, terminal: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("updates")
    servers = {host.name: server_entry(host, registry.mirror) for host in pair}
    apps = {"web": {"app": "page", "servers": [host.name for host in pair], "version": "1.0"}}
    key = pyrage.x25519.Identity.generate().to_public()
    backup = {"to": "backups", "recipients": [str(key)]}
    fleet = {"fleet": "updates", "catalogs": ["own"], "backup": backup, "servers": servers, "apps": apps}
    file = folder / "fleet.yaml"
    file.write_text(json.dumps(fleet, indent=1))
    entry(folder, "1.0")
    applied = terminal.tomo(folder, "apply", "--yes")
    assert applied.code == 0, applied.text
    first = [inspected(host) for host in pair]
    assert pair[0].ssh("docker", "exec", "web", "/bin/busybox", "touch", "/data/kept").code == 0

    entry(folder, "2.0", path="/var/data")
    updated = terminal.tomo(folder, "app", "update", "web", "--canary", "1", "--yes")

    assert updated.code == 0, updated.text
    for told in (
        "web 1.0 → 2.0",
        "What is new in 2.0",
        "was at /data",
        "In stages",
        "First, before any step",
    ):
        assert told in updated.text
    assert len(list((folder / "backups").glob("*.age"))) == len(pair)
    assert terminal.tomo(folder, "plan", "--expect-no-changes").code == 0
    assert [inspected(host)["mounts"] for host in pair] == [[("web-data", "/var/data")]] * 2

    entry(folder, "3.0", well=False)
    before, text = [container_id(host, "web") for host in pair], file.read_text()
    failed = terminal.tomo(folder, "app", "update", "web", "--canary", "1", "--no-backup", "--yes")

    assert failed.code == 1, failed.text
    assert f"Not begun, as the stage before failed: {pair[1].name}." in failed.text
    assert "run again" in failed.text
    assert file.read_text() == text
    assert container_id(pair[1], "web") == before[1]
    assert container_id(pair[0], "web").split()[0] == before[0].split()[0]
    assert [containers(host) for host in pair] == [["web"], ["web"]]

    back = terminal.tomo(folder, "app", "rollback", "web", "--to", "1", "--serial", "1", "--yes")

    assert back.code == 0, back.text
    assert "web 2.0 → 1.0" in back.text
    assert [inspected(host) for host in pair] == first
    assert pair[0].ssh("docker", "exec", "web", "/bin/busybox", "ls", "/data").out.split() == ["kept"]
    for look in ((), ("--no-refresh",)):
        assert terminal.tomo(folder, "plan", "--expect-no-changes", *look).code == 0
    assert terminal.tomo(folder, "destroy", "--yes").code == 0
