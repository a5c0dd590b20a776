"""A fleet with a proxy, from the file to a host in memory and back."""

from __future__ import annotations

import pytest

from tests.worlds import World
from tomo.model.plan import Plan
from tomo.service.exposure import newly_open
from tomo.service.interruptions import interruptions
from tomo.service.present import hosts_of
from tomo.service.status import Statuses, StatusRequest

CADDYFILE = "/var/lib/tomo/home/tomo-proxy/caddy/Caddyfile"


def changes(plan: Plan) -> list[str]:
    return [f"{step.op.pulumi_name} {step.urn.name}" for step in plan.changes]


@pytest.fixture
def named(world: World) -> World:
    """The world's app behind a proxy, applied."""
    world.edit("servers:\n  nas:\n", "servers:\n  nas:\n    proxy: {}\n")
    world.edit("    server: nas\n", "    server: nas\n    hostnames: [web.example.org]\n")
    assert world.apply().exit_code == 0
    return world


def test_a_proxy_is_applied_and_then_nothing_is_left_to_do(named: World) -> None:
    again, from_state = named.plan(), named.plan(look=False)

    assert changes(again.plan) == changes(from_state.plan) == []
    assert named.nas.docker.container_names == ["tomo-proxy", "web"]
    assert named.nas.docker.network_names.count("tomo-proxy") == 1
    assert b"reverse_proxy web:80" in named.nas.read_file(CADDYFILE)
    assert named.nas.ran.count("tomo-script proxy-reload") == 1


def test_a_name_more_touches_no_container_and_is_told(named: World) -> None:
    named.edit("[web.example.org]", "[web.example.org, www.example.org]")
    shown = named.plan().plan

    ended = named.apply()

    assert changes(shown) == ["update tomo-proxy:/etc/caddy/Caddyfile@nas", "update tomo-proxy-reload@nas"]
    [told] = newly_open(shown, hosts_of(shown))
    assert (told.host, told.address, told.reach) == ("nas", "www.example.org", "every network of the host")
    assert (ended.exit_code, named.nas.ran.count("tomo-script proxy-reload")) == (0, 2)


def test_an_edited_configuration_shows_and_is_put_back(named: World) -> None:
    wanted = named.nas.read_file(CADDYFILE)
    named.nas.write_file(CADDYFILE, b"edited")

    shown = named.plan().plan
    named.apply()

    assert changes(shown) == ["update tomo-proxy:/etc/caddy/Caddyfile@nas"]
    assert named.nas.read_file(CADDYFILE) == wanted


def test_a_replaced_container_is_told_to_be_interrupted_and_why(named: World) -> None:
    named.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    shown = named.plan().plan

    [told] = interruptions(shown, hosts_of(shown))

    assert told.host == "nas"
    assert told.message.startswith(
        "`web` on `nas` stops before its new container is well: it writes to `web-data`"
    )


def test_the_status_shows_the_name_and_the_proxy(named: World) -> None:
    [server] = Statuses(named.doors).status(StatusRequest(named.place, live=True)).servers

    urls = {app.name: app.url for app in server.apps}

    assert urls == {"web": "https://web.example.org", "tomo-proxy": ""}


def test_without_the_proxy_its_container_goes_and_its_certificates_stay(named: World) -> None:
    named.edit("    proxy: {}\n", "")
    named.edit("    hostnames: [web.example.org]\n", "")

    ended = named.apply()

    assert ended.exit_code == 0
    assert named.nas.docker.container_names == ["web"]
    assert "tomo-proxy" not in named.nas.docker.network_names
    assert "tomo-proxy-data" in named.nas.docker.volume_names
    assert changes(named.plan().plan) == []
