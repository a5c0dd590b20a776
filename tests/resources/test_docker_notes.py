"""What a plan says of Docker on servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn
from tomo.resources import tokens
from tomo.resources.docker_notes import docker_notes
from tomo.spec.fleet import Fleet


def entry(type_: str, name: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> ResourceState:
    urn = Urn.make("home", "tomo", None, type_, name)
    return ResourceState(urn=urn, type=type_, custom=True, id=name, inputs=inputs, outputs=outputs)


def snapshot(
    *,
    version: str = "27.3.1",
    firewall: str = "",
    ports: tuple[Any, ...] = (),
    prune: str = "",
    **environment: str,
) -> Snapshot:
    facts = {"dockerVersion": version, "firewall": firewall}
    docker = {tokens.DAEMON_VARIABLE: "{}", **environment}
    listed = [{"external": port, "ip": ip, "protocol": "tcp"} for port, ip in ports]
    return Snapshot(
        resources=(
            entry(tokens.SERVER, "nas", {}, facts),
            entry(tokens.REMOTE_COMMAND, "nas-docker", {"environment": docker}, {}),
            entry(tokens.REMOTE_COMMAND, "nas-prune", {"environment": {tokens.PRUNE_VARIABLE: prune}}, {}),
            entry(tokens.CONTAINER, "site@nas", {"ports": listed}, {}),
        )
    )


def notes(before: Snapshot, after: Snapshot, **docker: Any) -> list[tuple[bool, str]]:
    fleet = Fleet.model_validate(
        {"fleet": "home", "servers": {"nas": {"host": "192.0.2.1", "docker": docker}}}
    )
    return [(each.blocks, each.message) for each in docker_notes(fleet, before, after)]


@pytest.mark.parametrize(
    ("running", "wanted", "refused"),
    [
        ("27.3.1", "26.*", True),
        ("27.3.1", "27.2.*", True),
        ("27.3.1", "5:27.3.0-1~debian.12", True),
        ("27.3.1", "27.3.*", False),
        ("27.3.1", "27.4.*", False),
        ("20.10.24+dfsg1", "20.10.24+dfsg1-1", False),
        ("", "26.*", False),
        ("27.3.1", "*", False),
    ],
)
def test_a_downgrade_is_refused_by_name(running: str, wanted: str, refused: bool) -> None:
    seen = snapshot(version=running)

    found = notes(seen, seen, version=wanted)

    assert [blocks for blocks, _ in found] == [True] * refused
    assert all("is not downgraded" in told and wanted in told for _, told in found)


def test_an_upgrade_is_told_from_where_to_where_and_what_stops() -> None:
    before = snapshot(TOMO_DOCKER_TARGET="27.3.1-1")
    after = snapshot(TOMO_DOCKER_TARGET="27.3.2-1")

    [(blocks, told)] = notes(before, after, version="27.3.*")
    [(_, alive)] = notes(before, after, version="27.3.*", live_restore=True)

    assert not blocks
    assert "from 27.3.1 to 27.3.2-1, within `27.3.*`; its containers stop meanwhile" in told
    assert "stop" not in alive


def test_a_restart_for_settings_is_told_and_a_reload_is_not() -> None:
    old = snapshot(TOMO_DOCKER_DAEMON="{}")
    reloaded = snapshot(TOMO_DOCKER_DAEMON=json.dumps({"registry-mirrors": ["https://m"]}))
    restarted = snapshot(TOMO_DOCKER_DAEMON=json.dumps({"log-driver": "local"}))

    assert notes(old, reloaded) == []
    assert notes(old, old) == []
    assert notes(old, restarted) == [
        (False, "Docker on `nas` is restarted for its new log-driver; its containers stop meanwhile")
    ]


def test_a_port_past_ufw_is_told_and_one_on_loopback_is_not() -> None:
    ports = ((8080, "0.0.0.0"), (9090, "127.0.0.1"), (53, "192.168.1.2"), (7070, "::1"))
    guarded, open_ = snapshot(firewall="ufw", ports=ports), snapshot(ports=ports)

    [(blocks, told)] = notes(guarded, guarded)

    assert not blocks
    assert told == (
        "ufw on `nas` does not guard 53/tcp (site), 8080/tcp (site): Docker publishes ports past it"
    )
    assert notes(open_, open_) == []


def test_images_that_go_are_told_once_with_their_size() -> None:
    images = f"a:1 10.5MB sha256:{'a' * 64}; untagged 2.0MB sha256:{'b' * 64}"
    before, after = snapshot(), snapshot(prune=images)

    assert notes(before, after) == [(False, "2 unused images of 12.5 MB go from `nas`: a:1, untagged")]
    assert notes(after, after) == []
