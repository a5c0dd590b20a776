"""A fleet file before it is checked: what a glance says is what the checked fleet says, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds import FLEET, host_key
from tomo.service.hosts import declared_hosts, glanced_hosts
from tomo.spec.glance import glance_at
from tomo.spec.load import fleet_from_document
from tomo.spec.yaml import parse
from tomo.state.config import StackConfig

FILE = Path("fleet.yaml")


@pytest.mark.parametrize(
    "servers",
    [
        "  nas: {host: nas.example.org}",
        "  nas: {host: 192.0.2.1, port: 2222, user: root, identity: ~/.ssh/id, become: sudo}",
        "  nas: {host: 192.0.2.1, host_key: 'KEY  somebody@somewhere'}",
        "  nas: {host: 192.0.2.1, host_key: [KEY]}\n  pi: {host: 192.0.2.2, become: false}",
        "  here: {host: local}\n  pi: {host: 192.0.2.2, port: 0x16, proxy_jump: root@192.0.2.9}",
        "  nas: {host: 192.0.2.1, user: null, labels: {a: b}, docker: {channel: docker}}",
    ],
)
@pytest.mark.parametrize("defaults", ["", "defaults: {user: ops, port: 24, identity: /k, become: sudo}\n"])
def test_a_glance_at_an_ordinary_file_says_what_the_checked_fleet_says(servers: str, defaults: str) -> None:
    text = f"fleet: home\n{defaults}servers:\n{servers}\n".replace("KEY", host_key())
    document = parse(text, "fleet.yaml")

    glance = glance_at(document)

    fleet = fleet_from_document(document, FILE).fleet
    assert glance is not None
    assert (glance.fleet, glance.engine) == (fleet.fleet, fleet.engine)
    assert glanced_hosts(glance) == declared_hosts(fleet, StackConfig(FILE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- fleet",
        "fleet: 7\nservers: {}",
        "fleet: ../home\nservers: {}",
        "fleet: home\nservers: [nas]",
        "fleet: home\nservers: {nas: 192.0.2.1}",
        "fleet: home\nservers: {nas: {host: 192.0.2.1, port: ssh}}",
        "fleet: home\nservers: {nas: {host: 192.0.2.1, password: {secret: pw}}}",
        "fleet: home\ndefaults: {identity_password: {secret: pw}}\nservers: {nas: {host: 192.0.2.1}}",
        "fleet: home\nservers: {nas: {host: 192.0.2.1, become: doas}}",
    ],
)
def test_out_of_the_ordinary_there_is_no_glance(text: str) -> None:
    assert glance_at(parse(text, "fleet.yaml")) is None


def test_a_glance_finds_the_servers_of_a_whole_file() -> None:
    document = parse(FLEET.format(key=host_key()), "fleet.yaml")

    glance = glance_at(document)

    assert glance is not None
    assert glanced_hosts(glance) == declared_hosts(
        fleet_from_document(document, FILE).fleet, StackConfig(FILE)
    )
