"""Portainer templates of every version, with the quirks of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.importers.copies import app_in, env, only, outcomes, reason
from tomo.catalog.importers.formats import format_of


def templates(tmp_path: Path, *entries: dict[str, Any], top: str = "list") -> Path:
    whole = list(entries) if top == "list" else {"version": top, "templates": list(entries)}
    (tmp_path / "templates.json").write_text(json.dumps(whole))
    return tmp_path


def template(**fields: Any) -> dict[str, Any]:
    return {"type": 1, "title": "Note Pad", "description": "Notes. More.", "image": "notes:1.0", **fields}


@pytest.mark.parametrize("top", ["list", "2", "3"])
@pytest.mark.parametrize("kind", [1, "1", "container"])
def test_lists_and_mappings_with_types_of_either_kind(tmp_path: Path, top: str, kind: object) -> None:
    copy = templates(tmp_path, template(type=kind, id=7), top=top)

    app = app_in(only(copy))

    assert format_of(copy) == format_of(copy / "templates.json") == "portainer"
    assert (app.id, app.title, app.tagline, app.version) == (
        "portainer-note-pad",
        "Note Pad",
        "Notes.",
        "1.0",
    )


def test_variables_of_both_versions(tmp_path: Path) -> None:
    variables = [
        {"name": "A", "set": "fixed"},
        {"name": "B", "label": "Bee", "default": "b$c"},
        {"name": "C", "default": "hidden", "preset": True},
        {"name": "DB_PASSWORD", "label": "Password", "default": "changeme"},
        {
            "name": "E ",
            "select": [{"text": "One", "value": "1"}, {"text": "Two", "value": "2", "default": True}],
        },
        {"name": "F G", "default": 5},
        {"name": "PUID"},
        {"name": "TZ"},
    ]

    app = app_in(only(templates(tmp_path, template(env=variables))))

    assert env(app, "note-pad") == {
        "A": "fixed", "B": "<B>", "C": "hidden", "DB_PASSWORD": "<DB_PASSWORD>", "E": "<E>", "F_G": "<F_G>",
        "PUID": "<PUID>", "TZ": "${host.timezone}",
    }  # fmt: skip
    defaults = {entry.name: entry.default for entry in app.inputs}
    assert defaults == {"B": "b$c", "DB_PASSWORD": None, "E": "2", "F_G": "5", "PUID": "1000"}
    assert [option.value for option in app.inputs[2].options] == ["1", "2"]


@pytest.mark.parametrize(
    ("written", "host", "container", "protocol"),
    [
        ("80/tcp", "80", "80", "tcp"),
        (":80/tcp", "80", "80", "tcp"),
        ("8080:80", "8080", "80", "tcp"),
        ("53:53/UDP", "53", "53", "udp"),
        ("8000-8002:9000-9002/tcp", "8000-8002", "9000-9002", "tcp"),
    ],
)
def test_ports(tmp_path: Path, written: str, host: str, container: str, protocol: str) -> None:
    app = app_in(only(templates(tmp_path, template(ports=[written]))))

    ((_, port),) = app.ports()
    assert (port.host, port.container, port.protocol) == (host, container, protocol)


def test_volumes_of_every_version(tmp_path: Path) -> None:
    volumes = [
        "/old",
        {"container": "/anonymous"},
        {"container": "/config", "bind": "/portainer/Files/AppData/Config/Notes"},
        {"container": "/films", "bind": "/portainer/Films", "readonly": True},
        {"container": "/named", "bind": "named"},
        {"container": "/sock:ro", "bind": "/var/run/docker.sock"},
    ]

    app = app_in(only(templates(tmp_path, template(volumes=volumes))))

    mounts = {mount.path: mount for mount in app.services["note-pad"].mounts}
    assert {path: mount.volume for path, mount in mounts.items() if mount.volume} == {
        "/old": "old", "/anonymous": "anonymous", "/config": "notes", "/named": "named",
    }  # fmt: skip
    assert mounts["/films"].read_only
    assert app.inputs[0].type == "path"
    assert mounts["/sock"].host == "/var/run/docker.sock"


def test_the_rest_of_a_template(tmp_path: Path) -> None:
    entry = template(
        title="letsencrypt / SWAG",
        note="See <a href='https://example.org/x'>the page</a>.<br><ul><li>one</li></ul>",
        command="run --name 'a b' $HOME",
        interactive=True,
        privileged=True,
        restart_policy="always",
        network="own",
        labels=[{"name": "a.b", "value": "c"}],
        categories=["Media", "Other"],
        logo="https://example.org/logo.png",
        devices={"path to device": ""},
        hostname="pad",
    )

    outcome = only(templates(tmp_path, entry))

    app = app_in(outcome)
    service = app.services["letsencrypt-swag"]
    assert service.command == ("run", "--name", "a b", "$HOME")
    assert (service.tty, service.stdin_open, service.restart, service.hostname) == (
        True,
        True,
        "always",
        "pad",
    )
    assert app.notes.after_install == "See [the page](https://example.org/x).\n\n- one"
    assert (app.categories, app.grants) == (("media", "other"), ("privileged",))
    assert "devices" in outcome.ledger.needs_person[0]
    assert "`own`" in outcome.ledger.dropped[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": 2, "repository": {"url": "https://example.org/r", "stackfile": "s.yml"}}, "Swarm stack"),
        (
            {"type": 3, "repository": {"url": "https://example.org/r", "stackfile": "s.yml"}},
            "https://example.org/r/s.yml",
        ),
        ({"type": 4, "stackfile": "https://example.org/k.yml"}, "https://example.org/k.yml"),
        ({"type": "stack"}, "lies elsewhere"),
        ({"platform": "windows"}, "Windows"),
    ],
)
def test_what_holds_no_app_is_refused_with_where_it_lies(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    first, second = outcomes(templates(tmp_path, template(**fields), template(title="Other")))

    assert words in reason(first)
    assert second.id == "portainer-other"


def test_two_templates_of_a_name_get_ids_of_their_own(tmp_path: Path) -> None:
    found = outcomes(templates(tmp_path, template(), template(image="notes:2.0")))

    assert [outcome.id for outcome in found] == ["portainer-note-pad", "portainer-note-pad-2"]
