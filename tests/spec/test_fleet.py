"""What a fleet means once it is read: defaults, servers of an app, addresses, the fleet's settings over an app."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tomo.spec import template
from tomo.spec.app import AppDefinition, HttpCheck, Port, in_language
from tomo.spec.base import SecretRef, seconds
from tomo.spec.fleet import Expose, Fleet, Server
from tomo.spec.inputs import generated_inputs, input_values
from tomo.spec.load import LoadedFleet
from tomo.spec.overlay import app_url, bindings, overlaid
from tomo.spec.shown import shown
from tomo.spec.size import size_in_bytes
from tomo.spec.template import Reference

Load = Callable[[str], LoadedFleet]


def fleet(**parts: object) -> Fleet:
    return Fleet.model_validate({"fleet": "home", **parts})


def test_defaults_reach_every_server_that_says_nothing_else() -> None:
    servers = {"a": {"host": "a"}, "b": {"host": "b", "user": "bob"}, "c": {"host": "local"}}

    found = fleet(defaults={"user": "root", "docker": False}, servers=servers).servers

    assert [server.user for server in found.values()] == ["root", "bob", None]
    assert [server.docker_options for server in found.values()] == [None, None, None]


def test_an_app_runs_on_the_servers_it_names_or_whose_labels_fit() -> None:
    servers = {
        name: {"host": name, "labels": {"room": room}} for name, room in [("a", 1), ("b", 2), ("c", 1)]
    }
    apps = {
        "one": {"app": "x", "server": "b"},
        "two": {"app": "x", "servers": ["c", "a"]},
        "three": {"app": "x", "labels": {"room": "1"}},
    }

    found = fleet(servers=servers, apps=apps)

    assert [found.servers_of(app) for app in found.apps.values()] == [("b",), ("a", "c"), ("a", "c")]


@pytest.mark.parametrize(
    ("host", "lan", "expose", "address"),
    [
        ("192.168.1.10", None, "lan", "192.168.1.10"),
        ("nas.example", "10.0.0.2", "lan", "10.0.0.2"),
        ("nas.example", None, "lan", "127.0.0.1"),
        ("8.8.8.8", None, "lan", "127.0.0.1"),
        ("192.168.1.10", None, "public", "0.0.0.0"),
        ("192.168.1.10", None, "local", "127.0.0.1"),
        ("192.168.1.10", None, "none", None),
    ],
)
def test_ports_bind_no_further_than_they_may(
    host: str, lan: str | None, expose: Expose, address: str | None
) -> None:
    server = Server.model_validate({"host": host, "lan": lan} if lan else {"host": host})

    assert server.bind_address(expose) == address


def test_a_host_key_may_be_one_or_several_and_loses_its_comment() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIRhHbBiPvE5aQ0G0TtVg0Z3nXQkz5lAQWxmVhU3oW8z"

    assert Server.model_validate({"host": "a", "host_key": f"{key} me@home"}).host_key == (key,)
    assert Server.model_validate({"host": "a", "host_key": [key, key]}).host_key == (key, key)


def test_docker_options_come_from_either_form() -> None:
    options = Server.model_validate(
        {"host": "a", "docker": {"version": 27.5, "registry_mirrors": ["http://m"]}}
    )

    assert options.docker_options is not None
    assert options.docker_options.registry_mirrors == ("http://m",)
    assert Server.model_validate({"host": "a"}).docker_options is not None
    assert Server.model_validate({"host": "a", "docker": False}).docker_options is None


# --- inputs and overlay


@pytest.fixture
def notes(catalog: dict[str, AppDefinition]) -> AppDefinition:
    return catalog["notes"]


def test_inputs_have_the_fleets_value_the_default_or_a_generated_secret(
    notes: AppDefinition, load: Load, fleet_text: str
) -> None:
    app = load(fleet_text.replace("ADMIN: me", "ADMIN: me\n      TITLE: 1.10")).fleet.apps["notes"]

    values = input_values("notes", notes, app)

    assert values["TITLE"] == "1.10"
    assert values["WORKERS"] == "2"
    assert values["PASSWORD"] == SecretRef(secret="notes.PASSWORD")
    assert "API_KEY" not in values
    assert list(generated_inputs("notes", notes, app)) == ["notes.PASSWORD"]


def test_a_fleets_settings_lie_over_the_definition(notes: AppDefinition, load: Load, fleet_text: str) -> None:
    settings = """server: nas
    exposure: lan
    ports: {web: 8000, sync: {expose: none}}
    env: {EXTRA: "1", TITLE: mine}
    mounts: [{host: /srv/notes, path: /data}, {kind: tmpfs, path: /tmp}]
    resources: {memory: 1G}
    services: {search: {env: {A: b}}, server: {labels: {a: b}}}"""
    loaded = load(fleet_text.replace("server: nas", settings))
    app = loaded.fleet.apps["notes"]

    found = overlaid("notes", notes, app)

    server = found.services["server"]
    assert list(found.services) == ["server"]
    assert server.depends_on == {}
    assert (server.env["EXTRA"], server.env["TITLE"]) == ("1", "mine")
    assert "API_KEY" not in server.env
    assert [(mount.source_kind, mount.path) for mount in server.mounts] == [
        ("bind", "/data"),
        ("tmpfs", "/tmp"),
    ]
    assert server.labels == {"a": "b"}
    assert server.resources is not None
    assert server.resources.memory == "1G"
    nas = loaded.fleet.servers["nas"]
    assert [(each.address, each.host, each.container) for each in bindings(found, nas)] == [
        ("192.168.1.10", 8000, 80)
    ]
    assert app_url(found, app, nas) == "http://192.168.1.10:8000"


def test_an_optional_service_comes_with_its_input(notes: AppDefinition, load: Load, fleet_text: str) -> None:
    app = load(fleet_text.replace("ADMIN: me", "ADMIN: me\n      SEARCH: true")).fleet.apps["notes"]

    found = overlaid("notes", notes, app)

    assert list(found.services) == ["server", "search"]
    assert found.services["server"].depends_on == {"search": "started"}


def test_a_range_of_ports_is_spread_out(notes: AppDefinition, load: Load, fleet_text: str) -> None:
    loaded = load(fleet_text.replace("server: nas", "server: nas\n    ports: {sync: 7000-7002}"))

    found = bindings(overlaid("notes", notes, loaded.fleet.apps["notes"]), loaded.fleet.servers["nas"])

    pairs = [(each.host, each.container, each.protocol) for each in found if each.port == "sync"]
    assert pairs == [(7000, 9000, "udp"), (7001, 9001, "udp"), (7002, 9002, "udp")]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("exposure: none", ""),
        ("exposure: local", "http://127.0.0.1:8080"),
        ("exposure: public", "http://192.168.1.10:8080"),
        ("url: https://notes.example/", "https://notes.example"),
    ],
)
def test_the_address_people_open(
    settings: str, url: str, notes: AppDefinition, load: Load, fleet_text: str
) -> None:
    loaded = load(fleet_text.replace("server: nas", f"server: nas\n    {settings}"))
    app = loaded.fleet.apps["notes"]

    assert app_url(overlaid("notes", notes, app), app, loaded.fleet.servers["nas"]) == url


# --- small things


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("", ()),
        ("${app.name}", (Reference("app.name"),)),
        ("a${input.X}b", ("a", Reference("input.X"), "b")),
        ("$${x}", ("${x}",)),
        ("$ $$ $a $2a$10", ("$ $$ $a $2a$10",)),
        ("${a", (Reference("a"),)),
        ("${}", (Reference(""),)),
    ],
)
def test_references_are_found_in_texts(text: str, parts: tuple[object, ...]) -> None:
    assert template.parse(text) == parts


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5m", 90)]
)
def test_durations_are_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("512M", 512 << 20), ("2G", 2 << 30), ("1.5GiB", 3 << 29), ("100", 100)]
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert size_in_bytes(text) == expected


def test_a_page_check_becomes_a_command_of_the_tool_the_image_has() -> None:
    assert HttpCheck(port=80, tool="curl").command() == (
        "CMD",
        "curl",
        "-fsS",
        "-o",
        "/dev/null",
        "http://127.0.0.1:80/",
    )
    assert HttpCheck(port=80, tool="wget").command()[1] == "wget"


def test_ports_are_pairs_of_server_and_container() -> None:
    assert Port(name="a", container="80").pairs() == [(80, 80)]
    assert Port(name="a", container="80-81", host="90-91").pairs() == [(90, 80), (91, 81)]


def test_texts_are_found_in_a_persons_language() -> None:
    assert in_language({"de": "Hallo", "en": "Hello"}, "de") == "Hallo"
    assert in_language({"de": "Hallo", "en": "Hello"}, "fr") == "Hello"
    assert in_language({"de": "Hallo"}) == "Hallo"
    assert in_language("Hello", "de") == "Hello"


def test_hostile_texts_are_shown_on_one_line() -> None:
    assert shown("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert len(shown("x" * 500)) < 100
