"""Each rule of the catalog, broken once."""

from __future__ import annotations

import pytest

from tomo.catalog.lint import lint
from tomo.errors import SpecError
from tomo.spec.app import AppDefinition
from tomo.spec.risk import grants_of, risk_of
from tomo.spec.yaml import parse

APP = """\
schema: tomo.app/v1
id: notes
title: Notes
tagline: Notes in a browser
description: Keeps notes.
notes: {after_install: Open it.}
categories: [productivity]
links: {website: https://notes.example}
version: "1.2.0"
architectures: [amd64]
requirements: {memory: 64M}
inputs:
  - {name: TITLE, label: Title, description: The title., default: Notes}
  - {name: PASSWORD, label: Password, description: Of the database., type: secret, required: true, generate: {kind: hex}}
services:
  server:
    image: notes:1.2.0
    env:
      TITLE: {input: TITLE}
    ports:
      - {name: web, container: 80}
    depends_on: {db: healthy}
    healthcheck: {http: {port: 80, tool: wget}}
  db:
    image: postgres:17.2
    env:
      POSTGRES_PASSWORD: {input: PASSWORD}
    mounts:
      - {volume: db, path: /var/lib/postgresql/data}
    healthcheck: {test: [CMD, pg_isready]}
volumes:
  db: {}
web: {service: server, port: 80}
backup: {stop: true}
"""

# What replaces what in an app that keeps every rule; the line and words of the message.
CASES = {
    "latest": ("image: notes:1.2.0", "image: notes:latest", 17, "names no version"),
    "no tag": ("image: notes:1.2.0", "image: notes", 17, "names no version"),
    "a moving tag": ("image: postgres:17.2", "image: postgres:17", 25, "moves with every release"),
    "another version": ('version: "1.2.0"', 'version: "1.3.0"', 9, "is the one of none of the images"),
    "a foreign category": ("[productivity]", "[games]", 7, "none of Tomo's"),
    "no tagline": ("tagline: Notes in a browser\n", "", 1, "`tagline` is missing"),
    "no word for afterwards": ("notes: {after_install: Open it.}\n", "", 1, "what to do once the app runs"),
    "no home": ("links: {website: https://notes.example}\n", "", 1, "where the app comes from"),
    "no memory": ("requirements: {memory: 64M}\n", "", 1, "the memory it needs"),
    "no architectures": ("architectures: [amd64]\n", "", 1, "architectures of its images"),
    "an input without words": ("label: Title, ", "", 13, "no label or description"),
    "an input for nothing": ("TITLE: {input: TITLE}", "TITLE: x", 13, "input `TITLE` changes nothing"),
    "a default secret": (
        "POSTGRES_PASSWORD: {input: PASSWORD}", "POSTGRES_PASSWORD: hunter2", 27, "a secret that everybody knows",
    ),
    "a default of a secret input": ("generate: {kind: hex}", "default: x", 14, "has a default"),
    "a stack's secret": ("TITLE: {input: TITLE}", "TITLE: {secret: x}", 19, "knows no stack's secrets"),
    "a copy of a running database": ("backup: {stop: true}\n", "", 24, "backed up while it is written"),
    "data on no volume": ("path: /var/lib/postgresql/data", "path: /data", 24, "is on no volume"),
    "a volume for nothing": ("  db: {}\n", "  db: {}\n  more: {}\n", 33, "no service mounts the volume `more`"),
    "no health check": ("    healthcheck: {http: {port: 80, tool: wget}}\n", "", 16, "`server` has no health check"),
    "health switched off": ("{http: {port: 80, tool: wget}}", "{test: [NONE]}", 23, "switched off"),
    "no restart": ("depends_on: {db: healthy}", "depends_on: {db: healthy}\n    restart: 'no'", 23, "stays down"),
    "a public port": ("container: 80}", "container: 80, expose: public}", 21, "public by default"),
    "a page nobody reaches": ("container: 80}", "container: 80, expose: none}", 33, "is not published"),
    "a page's port by another name": ("{name: web,", "{name: http,", 33, "is called `http`"),
    "a missing grant": (
        "depends_on: {db: healthy}", "depends_on: {db: healthy}\n    security: {cap_add: [NET_ADMIN]}", 1,
        "the grant `cap:NET_ADMIN` is missing",
    ),
    "a needless grant": ("web: {", "grants: [privileged]\nweb: {", 33, "nothing needs the grant `privileged`"),
    "a risk made small": ("depends_on: {db: healthy}", "security: {privileged: true}", 1, "the risk is high, not low"),
    "HTML": ("description: Keeps notes.", "description: <b>Keeps</b> notes.", 5, "holds HTML"),
    "an unknown input": ("{input: TITLE}", "{input: TITEL}", 19, "no input `TITEL`"),
    "an unknown reference": ("{input: TITLE}", "${title}", 19, "refers to nothing"),
    "an unknown volume": ("volume: db", "volume: bd", 29, "no volume `bd`"),
    "an unknown service": ("depends_on: {db: healthy}", "depends_on: {bd: healthy}", 22, "no service `bd`"),
    "health of one without a check": (
        "    healthcheck: {test: [CMD, pg_isready]}\n", "", 22, "`db` has no `healthcheck` to become healthy by",
    ),
    "a page of no service": ("web: {service: server", "web: {service: sever", 33, "no service `sever`"),
    "a page of no port": ("port: 80}\n", "port: 81}\n", 33, "has no port 81"),
    "a circle": ("image: postgres:17.2", "image: postgres:17.2\n    depends_on: {server: started}", 15, "wait for one"),
    "a pattern that is none": (
        "default: Notes", "default: Notes, validate: {pattern: '['}", 13, "no regular expression",
    ),
    "a default against its rule": (
        "default: Notes", "default: Notes, validate: {max: 2}", 13, "the default of `TITLE` must be at most 2",
    ),
    "two inputs of one name": ("name: PASSWORD", "name: TITLE", 12, "declared 2 times"),
    "a value that may be missing in a text": (
        "default: Notes}", "required: false}", 13, "may have no value",
    ),
    "not supported": ("depends_on: {db: healthy}", "env_files: [a]", 22, "does not support `env_files`"),
    "a file of no service": (
        "web: {", "files: [{path: /a, content: b, service: sever}]\nweb: {", 33, "no service `sever`",
    ),
    "two at once that write": (
        "image: postgres:17.2", "image: postgres:17.2\n    update_order: start-first", 26, "two of `db` would write",
    ),
    "two at once without a page": (
        "image: postgres:17.2", "image: postgres:17.2\n    update_order: start-first", 26, "`db` serves no page",
    ),
    "two at once that nobody checks": (
        "healthcheck: {http: {port: 80, tool: wget}}", "update_order: start-first", 23, "a second `server` may take",
    ),
    "no order": ("image: postgres:17.2", "image: postgres:17.2\n    update_order: both", 26, "not one of"),
    "a condition on a secret": (
        "depends_on: {db: healthy}", "when: {input: PASSWORD, equals: x}", 22, "depends on the secret",
    ),
    "a condition on nothing": ("depends_on: {db: healthy}", "when: {input: X}", 22, "no input `X`"),
    "a condition that never holds": (
        "TITLE, label: Title, description: The title., default: Notes}",
        "TITLE, label: Title, description: The title., type: boolean, default: 'true'}\n  - {name: Y, default: a}",
        14, "input `Y`",
    ),
}  # fmt: skip


def test_an_app_that_keeps_every_rule_has_no_mistake() -> None:
    assert lint(parse(APP, "notes.yaml"), "notes") == []


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule_is_told_with_its_line(case: str) -> None:
    old, new, line, message = CASES[case]
    assert old in APP
    text = APP.replace(old, new, 1)
    if case == "a value that may be missing in a text":
        text = text.replace("TITLE: {input: TITLE}", 'TITLE: "a ${input.TITLE}"')

    try:
        found = lint(parse(text, "notes.yaml"), "notes")
    except SpecError as error:
        found = list(error.problems)

    matching = [problem for problem in found if message in problem.message]
    assert matching, found
    assert matching[0].line == line
    assert matching[0].hint


def test_the_files_name_is_the_id() -> None:
    (problem,) = lint(parse(APP, "other.yaml"), "other")

    assert (problem.line, problem.hint) == (2, "call the file `notes.yaml`")


def app(**service: object) -> AppDefinition:
    """An app of one service."""
    parts = {"schema": "tomo.app/v1", "id": "a", "title": "A", "version": "1"}
    return AppDefinition.model_validate({**parts, "services": {"s": {"image": "a:1", **service}}})


@pytest.mark.parametrize(
    ("service", "grants", "risk"),
    [
        ({}, (), "low"),
        ({"network_mode": "host"}, ("host_network",), "medium"),
        ({"security": {"cap_add": ["CAP_NET_ADMIN"]}}, ("cap:NET_ADMIN",), "medium"),
        ({"security": {"cap_add": ["SYS_ADMIN"]}}, ("cap:SYS_ADMIN",), "high"),
        ({"security": {"pid": "host", "ipc": "host"}}, ("host_ipc", "host_pid"), "high"),
        ({"devices": [{"path": "/dev/dri"}]}, ("device:/dev/dri",), "medium"),
        ({"mounts": [{"host": "/var/run/docker.sock", "path": "/s"}]}, ("docker_socket",), "high"),
        ({"mounts": [{"host": "/etc/ssl", "path": "/s"}]}, ("host_path:/etc/ssl",), "high"),
        ({"mounts": [{"host": "/srv/x", "path": "/s"}]}, ("host_path:/srv/x",), "medium"),
        ({"mounts": [{"host": {"input": "X"}, "path": "/s"}]}, (), "low"),
        ({"security": {"opts": ["seccomp=unconfined"]}}, ("security_opt:seccomp=unconfined",), "medium"),
    ],
)
def test_rights_make_the_risk(service: dict[str, object], grants: tuple[str, ...], risk: str) -> None:
    definition = app(**service)

    assert (grants_of(definition), risk_of(definition)) == (grants, risk)


WORKER = "  worker:\n    image: notes:1.2.0\n"


@pytest.mark.parametrize(
    ("above", "told"),
    [("", True), ("  # It answers nobody.\n", False), ("\n", True)],
    ids=["", "why", "blank"],
)
def test_a_service_without_a_check_says_why(above: str, told: bool) -> None:
    text = APP.replace("volumes:\n", f"{above}{WORKER}volumes:\n", 1)

    found = [problem.message for problem in lint(parse(text, "notes.yaml"), "notes")]

    assert any("`worker` has no health check, and nothing says why" in each for each in found) == told
    assert len(found) == told
