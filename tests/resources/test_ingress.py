"""A server's proxy, as a fleet declares it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tomo.model.declaration import OutputRef
from tomo.model.values import Secret
from tomo.resources.compile import compile_fleet
from tomo.resources.registration import register
from tomo.resources.standalone import standalone_program
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet
from tomo.spec.proxy import PROXY_IMAGE

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
OWN = {"tls": {"certificate": {"secret": "CERT"}, "key": {"secret": "KEY"}}}
ACME = {"email": "me@example.org", "acme_directory": "https://ca.lan/dir", "acme_root": PEM}
WIKI = {
    "services": {
        "page": {"image": "wiki:1.0", "ports": [{"name": "web", "container": 8080}]},
        "db": {"image": "pg:17"},
    },
    "web": {"service": "page", "port": 8080, "path": "/home"},
}


def server(**proxy: Any) -> dict[str, Any]:
    return {"host": "192.168.1.2", "user": "root", "proxy": proxy}


def of(compiled: Any, proxy: dict[str, Any], **wiki: Any) -> Any:
    apps = {"wiki": {"hostnames": ["wiki.example.org"], **wiki}}
    secrets = {"CERT": "the certificate", "KEY": "the key"}
    return compiled(apps, {"wiki": WIKI}, servers={"nas": server(**proxy)}, secrets=secrets)


def config(fleet: Any) -> str:
    return str(fleet.inputs("app/tomo-proxy@nas/file/Caddyfile")["content"])


def test_a_name_leads_to_the_service_with_the_page_which_needs_no_port(compiled: Any) -> None:
    fleet = of(compiled, {})

    page, db = (fleet.inputs(f"app/wiki@nas/container/{name}") for name in ("page", "db"))

    assert "ports" not in page
    assert "https://wiki.example.org {\n\treverse_proxy wiki-page:8080 {" in config(fleet)
    names = [network["name"].key for network in page["networksAdvanced"]]
    assert names == ["app/wiki@nas/network/default", "network/tomo-proxy@nas"]
    assert [network["name"].key for network in db["networksAdvanced"]] == ["app/wiki@nas/network/default"]
    assert fleet.outputs["urls"] == {"wiki": "https://wiki.example.org/home"}


def test_a_port_that_the_fleet_names_stays_open_beside_the_name(compiled: Any) -> None:
    fleet = of(compiled, {}, ports={"web": {"host": 8081, "expose": "local"}})

    [port] = fleet.inputs("app/wiki@nas/container/page")["ports"]

    assert (port["ip"], port["external"]) == ("127.0.0.1", 8081)


def test_the_proxy_is_a_container_with_ports_and_its_configuration_in_a_folder(compiled: Any) -> None:
    fleet = of(compiled, {"expose": "local", "http_port": 8080, "https_port": 8443})

    proxy = fleet.inputs("app/tomo-proxy@nas/container/caddy")

    published = [
        (port["internal"], port["external"], port["ip"], port["protocol"]) for port in proxy["ports"]
    ]
    assert published == [
        (8080, 8080, "127.0.0.1", "tcp"), (8443, 8443, "127.0.0.1", "tcp"), (8443, 8443, "127.0.0.1", "udp"),
    ]  # fmt: skip
    folder = {
        "containerPath": "/etc/caddy",
        "hostPath": "/var/lib/tomo/home/tomo-proxy/caddy",
        "readOnly": True,
    }
    assert folder in proxy["volumes"]
    assert "\thttp_port 8080\n\thttps_port 8443\n" in config(fleet)
    assert fleet.outputs["urls"] == {"wiki": "https://wiki.example.org:8443/home"}


def test_the_container_comes_after_its_files_and_is_told_of_new_ones_without_a_restart(compiled: Any) -> None:
    before, after = of(compiled, {}), of(compiled, {}, hostnames=["wiki.example.org", "notes.example.org"])

    container = "app/tomo-proxy@nas/container/caddy"
    assert before.inputs(container) == after.inputs(container)
    assert before.resources[container].depends_on == ("app/tomo-proxy@nas/file/Caddyfile",)
    reload = after.resources["app/tomo-proxy@nas/reload"]
    environment = reload.inputs["environment"]
    assert environment["TOMO_PROXY_FILE_0"] == OutputRef("app/tomo-proxy@nas/file/Caddyfile", "sha256")
    names = [route["name"] for route in json.loads(environment["TOMO_PROXY_ROUTES"])]
    assert names == ["notes.example.org", "wiki.example.org"]
    assert reload.depends_on == (container,)


def test_a_certificate_of_ones_own_comes_from_secrets(compiled: Any) -> None:
    fleet = of(compiled, OWN)

    certificate, key = (
        fleet.resources[f"app/tomo-proxy@nas/file/{name}.pem"] for name in ("certificate", "key")
    )

    assert "\ttls /etc/caddy/certificate.pem /etc/caddy/key.pem\n" in config(fleet)
    assert (key.inputs["content"], key.inputs["mode"]) == (Secret("the key"), "0600")
    assert certificate.additional_secret_outputs == key.additional_secret_outputs == ("sha256",)


@pytest.mark.parametrize(
    ("proxy", "lines"),
    [
        (
            ACME,
            ["email me@example.org", "acme_ca https://ca.lan/dir", "acme_ca_root /etc/caddy/acme-root.pem"],
        ),
        ({"tls": "internal"}, ["tls internal", "skip_install_trust"]),
        ({"tls": "off"}, ["auto_https off", "http://wiki.example.org {"]),
    ],
)
def test_where_certificates_come_from_is_said_to_the_proxy(
    compiled: Any, proxy: Any, lines: list[str]
) -> None:
    written = [line.strip() for line in config(of(compiled, proxy)).splitlines()]

    assert [line for line in lines if line not in written] == []


def test_without_tls_there_is_no_port_for_it(compiled: Any) -> None:
    fleet = of(compiled, {"tls": "off"})

    ports = fleet.inputs("app/tomo-proxy@nas/container/caddy")["ports"]

    assert [port["internal"] for port in ports] == [80]
    assert fleet.outputs["urls"] == {"wiki": "http://wiki.example.org/home"}


def test_each_server_serves_its_own_apps_alone(compiled: Any) -> None:
    servers = {"nas": server(), "attic": {**server(), "host": "192.168.1.3"}, "bare": {"host": "192.168.1.4"}}
    apps = {
        "wiki": {"server": None, "servers": ["nas", "attic"], "hostnames": ["wiki.example.org"]},
        "notes": {"server": "attic", "hostnames": ["notes.example.org"]},
        "old": {"server": "nas", "hostnames": ["old.example.org"], "state": "absent"},
    }
    fleet = compiled(apps, {"wiki": WIKI, "notes": WIKI, "old": WIKI}, servers=servers)

    written = {
        name: str(fleet.inputs(f"app/tomo-proxy@{name}/file/Caddyfile")["content"])
        for name in ("nas", "attic")
    }

    assert [name for name, text in written.items() if "notes.example.org" in text] == ["attic"]
    assert all("wiki.example.org" in text and "old.example.org" not in text for text in written.values())
    assert "app/tomo-proxy@bare" not in fleet.resources


@pytest.mark.parametrize("proxy", [OWN, ACME, {"tls": "off"}])
@pytest.mark.parametrize("dry_run", [True, False])
def test_both_ways_give_the_same_goals(
    compiled: Any, run_declared: Any, run_program: Any, proxy: Any, dry_run: bool
) -> None:
    fleet = of(compiled, proxy)

    declared = run_declared(fleet.declarations, dry_run=dry_run)
    through_sdk = run_program(lambda: register(fleet.declarations) and None, dry_run=dry_run)

    assert declared.by_urn() == through_sdk.by_urn()
    assert declared.outputs == through_sdk.outputs


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_program_of_its_own_asks_for_the_same(
    tmp_path: Path, run_declared: Any, run_program: Any, dry_run: bool
) -> None:
    definition = AppDefinition.model_validate({"id": "wiki", "title": "Wiki", "version": "1", **WIKI})
    servers = {
        "nas": server(**OWN),
        "here": {"host": "local", "become": "sudo", "proxy": {"tls": "internal"}},
    }
    apps = {"wiki": {"app": "wiki", "servers": ["nas", "here"], "hostnames": ["wiki.example.org"]}}
    fleet = Fleet.model_validate({"fleet": "home", "servers": servers, "apps": apps})
    for name, text in standalone_program(fleet, {"wiki": definition}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    values = FleetValues({"CERT": Secret("the certificate"), "KEY": Secret("the key")})

    declared = run_declared(compile_fleet(fleet, {"wiki": definition}, values).declarations, dry_run=dry_run)
    program = run_program(
        Path("__main__.py"),
        folder=tmp_path,
        dry_run=dry_run,
        config={"tomo:CERT": "the certificate", "tomo:KEY": "the key"},
    )

    assert declared.by_urn() == program.by_urn()


def test_the_image_is_the_one_that_the_catalog_pins() -> None:
    entry = yaml.safe_load(Path("catalog/apps/caddy.yaml").read_text(encoding="utf-8"))

    assert entry["services"]["server"]["image"] == PROXY_IMAGE
