"""`host: local`: the machine Tomo runs on, and the Docker that runs on it already."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.docker import docker, try_docker
from lab.images import page_image
from lab.lab import Lab
from tests.hosts.terminal import Shown, Terminal

pytestmark = [pytest.mark.hosts, pytest.mark.docker]


@dataclass
class Local:
    """A fleet of this machine alone; all it makes has a name of its own."""

    folder: Path
    name: str
    terminal: Terminal

    def write(self, greeting: str = "hello", **options: object) -> None:
        main = {
            "image": f"{self.name}:1",
            "env": {"MESSAGE": greeting},
            "mounts": [{"volume": "data", "path": "/data"}],
            "healthcheck": {"test": ["CMD", "/bin/busybox", "true"], "interval": "1s", "retries": 3},
            "stop": {"grace": "1s"},
        }
        told = {"title": "Page", "tagline": "A page", "description": "A page.", "categories": ["networking"]}
        parts = {"services": {"main": main}, "volumes": {"data": {}}}
        definition = {"schema": "tomo.app/v1", "id": "page", "version": "1", **told, **parts}
        apps = {self.name: {"server": "here", "definition": definition, **options}}
        servers = {"here": {"host": "local", "docker": False}}
        fleet = {"fleet": self.name, "servers": servers, "apps": apps}
        (self.folder / "fleet.yaml").write_text(json.dumps(fleet, indent=1))

    def done(self, *arguments: str) -> Shown:
        shown = self.terminal.tomo(self.folder, *arguments)
        assert shown.code == 0, shown.text
        return shown

    def page(self) -> str:
        return docker("exec", self.name, "/bin/busybox", "wget", "-qO-", "http://127.0.0.1/")


@pytest.fixture
def local(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Local]:
    made = Local(tmp_path, f"tomolocal{secrets.token_hex(3)}", Terminal(capsys, monkeypatch, tmp_path))
    docker("tag", page_image(lab.images, "one"), f"{made.name}:1")
    yield made
    try_docker("rm", "--force", "--volumes", made.name)
    try_docker("volume", "rm", "--force", f"{made.name}-data")
    try_docker("image", "rm", "--no-prune", f"{made.name}:1")


def test_an_app_on_this_machine_from_the_first_plan_to_its_end(local: Local) -> None:
    local.write()

    local.done("plan")
    local.done("apply", "--yes")
    local.done("plan", "--detailed-exitcode")
    first = local.page()
    local.write("good morning")
    local.done("apply", "--yes")
    local.done("plan", "--detailed-exitcode", "--no-refresh")
    second = local.page()
    live = local.done("status", "--live").text
    local.done("destroy", "--yes")

    assert (first, second) == ("hello", "good morning")
    assert local.name in live
    assert try_docker("container", "inspect", local.name).code != 0
    assert try_docker("volume", "inspect", f"{local.name}-data").code == 0


def test_drift_on_this_machine_is_seen_and_repaired(local: Local) -> None:
    local.write()
    local.done("apply", "--yes")
    docker("stop", "--time", "0", local.name)

    told = local.terminal.tomo(local.folder, "drift", "--detailed-exitcode")
    local.done("apply", "--yes")

    assert (told.code, local.name in told.text) == (2, True)
    assert local.page() == "hello"


def test_drift_that_is_let_be_stays_and_what_is_adopted_goes_along(local: Local) -> None:
    rules = {"running": "ignore", "restart": "adopt", "resources": "adopt"}
    local.write(drift=rules)
    local.done("apply", "--yes")
    docker("update", "--restart", "on-failure:2", "--memory", "96m", "--memory-swap", "192m", local.name)
    docker("stop", "--time", "0", local.name)

    adopting = local.done("plan").text
    local.done("apply", "--yes")
    local.done("plan", "--detailed-exitcode")
    local.done("drift")
    local.write("good morning", drift=rules)
    local.done("apply", "--yes")
    local.done("plan", "--detailed-exitcode")

    assert all(f"~ {name}: " in adopting for name in ("maxRetryCount", "memory", "restart"))
    assert "adopted as it is on the" in adopting
    assert local.page() == "good morning"
    kept = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}}"
    assert docker("inspect", "--format", kept, local.name).strip() == f"on-failure {96 << 20}"
