"""A whole fleet from nothing to applied, drift and repair, on a host in memory."""

from __future__ import annotations

import json
from typing import Any

from tomo.model.step import Op

WEB = {
    "definition": {
        "id": "web", "title": "Web", "version": "1.0",
        "inputs": [{"name": "TOKEN", "type": "secret", "generate": {"kind": "password"}}],
        "services": {"web": {"image": "nginx:1.27", "mounts": [{"volume": "data", "path": "/data"}], "secrets": [{"input": "TOKEN", "path": "/run/token"}]}},
        "volumes": {"data": {}},
        "files": [{"path": "/etc/web.conf", "content": "name=${app.name}", "service": "web"}],
    }
}  # fmt: skip
CONF = "/var/lib/tomo/home/web/web/etc/web.conf"
MIRRORS = {"docker": {"registry_mirrors": ["http://192.168.1.9"]}}


def test_a_bare_server_gets_docker_and_the_app_and_then_nothing_more(stack: Any) -> None:
    fleet = stack.compiled({"web": WEB}, **MIRRORS)

    planned = stack.plan(fleet)
    written = list(stack.host.files.paths()) if hasattr(stack.host.files, "paths") else None
    stack.up(fleet)

    assert (Op.CREATE, "nas-docker") in planned
    assert (Op.CREATE, "web@nas") in planned
    assert written is None or CONF not in written
    assert stack.host.docker_installed
    assert stack.host.docker.container_names == ["web"]
    assert json.loads(stack.host.read_file("/etc/docker/daemon.json")) == {
        "registry-mirrors": ["http://192.168.1.9"]
    }
    assert stack.plan(fleet) == []
    assert stack.plan(fleet, look=False) == []


def test_a_removed_docker_shows_and_is_put_back(stack: Any) -> None:
    fleet = stack.compiled({"web": WEB})
    stack.up(fleet)
    stack.host.remove_docker_by_hand()

    planned = stack.plan(fleet)
    stack.up(fleet)

    assert (Op.UPDATE, "nas-docker") in planned
    assert stack.host.docker_installed
    assert stack.outputs("nas")["dockerDrift"] == "1: docker is not installed"
    assert stack.plan(fleet) == []


def test_an_edited_daemon_json_shows_and_is_repaired(stack: Any) -> None:
    fleet = stack.compiled({}, **MIRRORS)
    stack.up(fleet)
    stack.host.write_file("/etc/docker/daemon.json", b'{"debug": true}')

    planned = stack.plan(fleet)
    stack.up(fleet)

    assert planned == [(Op.UPDATE, "nas-docker")]
    assert json.loads(stack.host.read_file("/etc/docker/daemon.json")) == {
        "debug": True,
        "registry-mirrors": ["http://192.168.1.9"],
    }
    assert stack.plan(fleet) == []


def test_an_edited_file_shows_and_is_written_again_without_a_new_container(stack: Any) -> None:
    fleet = stack.compiled({"web": WEB})
    stack.up(fleet)
    stack.host.write_file(CONF, b"edited")

    planned = stack.plan(fleet)
    stack.up(fleet)

    assert planned == [(Op.UPDATE, "web:/etc/web.conf@nas")]
    assert stack.host.read_file(CONF) == b"name=web"
    assert stack.plan(fleet) == []


def test_another_content_makes_a_new_container(stack: Any) -> None:
    stack.up(stack.compiled({"web": WEB}))
    changed = json.loads(json.dumps(WEB).replace("name=", "title="))

    planned = stack.plan(stack.compiled({"web": changed}))

    assert (Op.UPDATE, "web:/etc/web.conf@nas") in planned
    assert (Op.REPLACE, "web@nas") in planned


def test_data_stays_until_it_is_removed_by_name(stack: Any) -> None:
    stack.up(stack.compiled({"web": WEB}))

    stack.up(stack.compiled({"web": {**WEB, "state": "absent"}}))
    kept = list(stack.host.docker.volume_names)
    stack.up(stack.compiled({"web": {**WEB, "state": "absent", "remove_data": True}}))

    assert stack.host.docker.container_names == []
    assert stack.host.read_file(CONF) is None
    assert kept == ["web-data"]
    assert stack.host.docker.volume_names == []


def test_an_app_that_is_put_back_finds_its_data(stack: Any) -> None:
    stack.up(stack.compiled({"web": WEB}))
    stack.up(stack.compiled({"web": {**WEB, "state": "absent"}}))

    stack.up(stack.compiled({"web": WEB}))

    assert stack.host.docker.volume_names == ["web-data"]
    assert stack.plan(stack.compiled({"web": WEB})) == []


def test_no_secret_is_in_the_open_in_the_state(stack: Any) -> None:
    stack.up(stack.compiled({"web": WEB}))

    assert stack.host.read_file("/var/lib/tomo/home/web/web/run/token") == b"web.TOKEN-secret"
    assert "web.TOKEN-secret" not in repr(stack.snapshot)
