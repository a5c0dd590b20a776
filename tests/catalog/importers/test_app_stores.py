"""CasaOS, Runtipi and Umbrel apps, with the quirks of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.catalog.importers.copies import app_in, copy_of, env, only, outcomes, reason
from tomo.catalog.importers.formats import format_of

# --- CasaOS ------------------------------------------------------------------------------------------

CASAOS = """
name: pad
services:
  pad:
    image: example/pad:2.1
    network_mode: bridge
    environment: {PUID: $PUID, TZ: $TZ, WHERE: $AppID, OTHER: "${OTHER:-x}"}
    ports:
      - {target: 80, published: "8097", protocol: tcp}
      - {target: 90, published: 8098, protocol: tcp}
    volumes:
      - {type: bind, source: /DATA/AppData/$AppID/config, target: /config}
      - {type: bind, source: "/DATA/AppData/pad/data", target: /data}
      - {type: bind, source: /DATA/Media, target: /media}
    x-casaos:
      envs: [{container: TZ, description: {en_us: Zone}}]
      ports: [{container: "80", description: {en_us: The page, de_de: Die Seite}}]
      volumes: [{container: /config, description: {en_us: Settings}}]
x-casaos:
  main: pad
  index: /start
  port_map: "8097"
  architectures: [amd64, arm64, arm, strange]
  title: {en_us: Pad, de_de: Block}
  tagline: {en_us: Notes}
  description: {en_US: "Keeps <b>notes</b>"}
  category: Media
  screenshot_link: null
  tips: {before_install: {en_us: Mind this}, custom: "Then that"}
  release_notes: {en_us: New}
  volumes: [{container: /data, description: {en_us: Wrong level}}]
"""


def test_a_casaos_app(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, {"Apps/Pad/docker-compose.yml": CASAOS})

    outcome = only(copy)

    app = app_in(outcome)
    assert format_of(copy) == format_of(copy / "Apps" / "Pad") == "casaos"
    assert (app.id, app.version, app.architectures) == ("casaos-pad", "2.1", ("amd64", "arm64", "arm/v7"))
    assert app.title == {"en": "Pad", "de-de": "Block"}
    assert (app.description, app.release_notes) == ("Keeps notes", "New")
    assert app.notes.before_install == "Mind this"
    assert app.web is not None
    assert (app.web.service, app.web.port, app.web.path) == ("pad", 80, "/start")
    assert [(port.name, port.host) for _, port in app.ports()] == [("web", "8097"), ("port-90", "8098")]
    assert env(app, "pad") == {"PUID": "1000", "TZ": "${host.timezone}", "WHERE": "pad", "OTHER": "<OTHER>"}
    mounts = app.services["pad"].mounts
    assert [(mount.path, mount.volume) for mount in mounts] == [
        ("/config", "config"),
        ("/data", "data"),
        ("/media", None),
    ]
    assert [mount.description for mount in mounts] == ["Settings", "Wrong level", None]
    assert next(app.ports())[1].description == {"en": "The page", "de-de": "Die Seite"}
    assert "Then that" in outcome.ledger.needs_person[0]


def test_release_notes_and_texts_may_be_plain(tmp_path: Path) -> None:
    text = CASAOS.replace("release_notes: {en_us: New}", "release_notes: New").replace(
        "title: {en_us: Pad, de_de: Block}", "title: Pad"
    )

    app = app_in(only(copy_of(tmp_path, {"docker-compose.yml": text})))

    assert (app.title, app.release_notes) == ("Pad", "New")


# --- Runtipi -----------------------------------------------------------------------------------------

CONFIG: dict[str, Any] = {
    "$schema": "../schema.json", "id": "pad", "name": "Pad", "available": True, "port": 8111, "version": 1.10,
    "categories": ["books"], "short_desc": "Notes", "description": "Long", "author": "me", "source": "https://example.org",
    "exposable": True, "dynamic_config": True, "url_suffix": "/start", "supported_architectures": ["amd64"],
    "created_at": 1691943801422, "form_fields": [],
}  # fmt: skip


def runtipi(
    tmp_path: Path, *services: dict[str, Any], fields: list[dict[str, Any]] | None = None, **config: Any
) -> Path:
    folder = tmp_path / "apps" / "pad"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "form_fields": fields or [], **config}))
    (folder / "docker-compose.json").write_text(json.dumps({"services": services}))
    (tmp_path / "apps" / "__tests__").mkdir()
    return tmp_path


def main(**fields: Any) -> dict[str, Any]:
    return {"name": "pad", "image": "pad:1.0", "isMain": True, "internalPort": 3000, **fields}


def test_a_runtipi_app(tmp_path: Path) -> None:
    database = {
        "name": "pad-db",
        "image": "postgres:17.2",
        "environment": {"POSTGRES_PASSWORD": "${PAD_SECRET}"},
    }
    service = main(
        environment=[
            {"key": "URL", "value": "${APP_PROTOCOL:-http}://${APP_DOMAIN}"},
            {"key": "N", "value": 5},
        ],
        volumes=[
            {"hostPath": "${APP_DATA_DIR}/data/config", "containerPath": "/config"},
            {"hostPath": "${ROOT_FOLDER_HOST}/media/data/books", "containerPath": "/books", "readOnly": True},
        ],
        dependsOn={"pad-db": {"condition": "service_started"}},
        addPorts=[{"hostPort": 53, "containerPort": 53, "tcp": True, "udp": True}],
        healthCheck={"test": "curl localhost", "interval": "5s", "startPeriod": "1m"},
    )
    fields = [{"type": "random", "label": "Secret", "env_variable": "PAD_SECRET", "min": 40}]
    copy = runtipi(tmp_path, service, database, fields=fields)

    outcome = only(copy)

    app = app_in(outcome)
    assert format_of(copy) == format_of(copy / "apps" / "pad") == "runtipi"
    assert (app.id, app.version, app.categories) == ("runtipi-pad", "1.1", ("media", "books"))
    assert app.web is not None
    assert (app.web.port, app.web.path) == (3000, "/start")
    assert {(port.name, port.host, port.protocol) for _, port in app.ports()} == {
        ("web", "8111", "tcp"), ("port-53", "53", "tcp"), ("port-53-udp", "53", "udp"),
    }  # fmt: skip
    assert env(app, "pad") == {"URL": "${app.url}", "N": "5"}
    assert env(app, "pad-db") == {"POSTGRES_PASSWORD": "<PAD_SECRET>"}
    check = app.services["pad"].healthcheck
    assert check is not None
    assert (check.test, check.start) == (("CMD-SHELL", "curl localhost"), "1m")
    made = app.input("PAD_SECRET")
    assert made is not None
    assert made.generate is not None
    assert made.generate.length == 40
    assert [mount.volume for mount in app.services["pad"].mounts] == ["config", None]


def test_form_fields_become_inputs(tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [
        {
            "type": "text",
            "label": "A",
            "env_variable": "A",
            "required": True,
            "hint": "say",
            "placeholder": "x",
        },
        {
            "type": "text",
            "label": "B",
            "env_variable": "B",
            "options": [{"label": "One", "value": "1"}],
            "default": "1",
        },
        {"type": "boolean", "label": "C", "env_variable": "C", "default": True},
        {"type": "number", "label": "D", "env_variable": "D", "default": 5, "min": 1, "max": 9},
        {"type": "password", "label": "E", "env_variable": "E", "required": True},
        {"type": "fqdnip", "label": "F", "env_variable": "F"},
        {"type": "text", "label": "G", "env_variable": "G", "regex": "(?<x>a)", "pattern_error": "no"},
        {"type": "random", "label": "H", "env_variable": "H", "min": 32, "encoding": "hex"},
        {"type": "email", "label": "I", "env_variable": "I", "default": "not an address"},
    ]
    environment = [{"key": name, "value": f"${{{name}}}"} for name in "ABCDEFGHI"]

    outcome = only(runtipi(tmp_path, main(environment=environment), fields=fields))

    found = {entry.name: entry for entry in app_in(outcome).inputs}
    assert [found[name].type for name in "ABCDEFGHI"] == [
        "string", "enum", "boolean", "integer", "secret", "string", "string", "secret", "string",
    ]  # fmt: skip
    assert (found["A"].required, found["A"].placeholder, found["C"].default) == (True, "x", "true")
    assert found["D"].validate_ is not None
    assert found["D"].validate_.max == 9
    assert (found["E"].generate, found["E"].required) == (None, True)
    assert found["G"].validate_ is None
    assert found["H"].generate is not None
    assert (found["H"].generate.kind, found["H"].generate.length) == ("hex", 16)
    assert any("`G`" in each for each in outcome.ledger.dropped)


def test_quirks_of_compose_json(tmp_path: Path) -> None:
    service = main(
        **{"network-mode": "host"},
        environment=[
            {"key": "A", "value": "$$HOME"},
            {"key": "B", "value": "${X-8080}"},
            {"key": "C", "value": "${P:-${Q}}"},
        ],
        dependsOn=["pad-db"],
        internalPort="${APP_PORT}",
    )
    copy = runtipi(
        tmp_path, service, {"name": "pad-db", "image": "redis:7.4.1"}, deprecated=True, exposable=False
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert app.services["pad"].network_mode == "host"
    assert env(app, "pad") == {"A": "$HOME", "B": "<X>", "C": "<Q>"}
    assert app.services["pad"].depends_on == {"pad-db": "started"}
    assert (app.status, app.exposure.allowed) == ("deprecated", False)
    assert app.web is not None
    assert app.web.port == 8111
    assert "network-mode" in " ".join(outcome.ledger.mapped)


def test_the_newer_of_two_compose_files_counts(tmp_path: Path) -> None:
    copy = runtipi(tmp_path, main())
    marked = """
    services:
      pad:
        image: pad:2.0
        environment: [A=1]
        x-runtipi: {internal_port: 4000, is_main: true}
    x-runtipi: {schema_version: 2}
    """
    copy_of(copy / "apps" / "pad", {"docker-compose.yml": marked})

    app = app_in(only(copy))

    assert app.web is not None
    assert (app.services["pad"].image, app.web.port) == ("pad:2.0", 4000)


def test_an_old_compose_file_beside_the_json_does_not_count(tmp_path: Path) -> None:
    copy = runtipi(tmp_path, main())
    copy_of(copy / "apps" / "pad", {"docker-compose.yml": "services: {pad: {image: 'old:0.1'}}"})

    assert app_in(only(copy)).services["pad"].image == "pad:1.0"


def test_keys_that_tomo_cannot_make_are_left_to_a_person(tmp_path: Path) -> None:
    environment = [{"key": "K", "value": "${VAPID_PRIVATE_KEY}"}]

    outcome = only(runtipi(tmp_path, main(environment=environment), generate_vapid_keys=True))

    entry = app_in(outcome).inputs[0]
    assert (entry.generate, entry.required) == (None, True)
    assert any("VAPID_PRIVATE_KEY" in each for each in outcome.ledger.needs_person)


# --- Umbrel ------------------------------------------------------------------------------------------

MANIFEST = """
manifestVersion: 1.1
id: pad
category: files
name: Pad
version: "1.10"
tagline: Notes
description: >-
  Keeps notes
developer: 42
submitter: 7
port: 3456
path: ""
dependencies: [other]
permissions: [GPU, STORAGE_DOWNLOADS]
defaultUsername: admin
deterministicPassword: true
torOnly: false
backupIgnore: [cache]
disabled: false
"""
UMBREL = """
version: "3.7"
services:
  app_proxy:
    environment: {APP_HOST: pad_web_1, APP_PORT: 3000, PROXY_AUTH_ADD: "false"}
  web:
    image: pad:1.10@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    user: "1000:1000"
    environment:
      DB_HOST: pad_db_1
      URL: "http://pad_db_1:5432/x"
      SEED: ${APP_SEED}
      PASSWORD: ${APP_PASSWORD}
      NUMBER: 5
      PORTS: 10025:25
      HOST: ${DEVICE_DOMAIN_NAME}
      OTHER: ${APP_OTHER_NODE_IP}
    volumes: ["${APP_DATA_DIR}/data:/data", "${UMBREL_ROOT}/data/storage/downloads:/downloads"]
  db: {image: "postgres:17.2", volumes: ["${APP_DATA_DIR}/data/pg:/var/lib/postgresql/data"]}
"""


def test_an_umbrel_app(tmp_path: Path) -> None:
    copy = copy_of(
        tmp_path, {"pad/umbrel-app.yml": MANIFEST, "pad/docker-compose.yml": UMBREL, "README.md": "x"}
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert format_of(copy) == format_of(copy / "pad") == "umbrel"
    assert (app.id, app.version, app.developer, app.requirements.gpu) == (
        "umbrel-pad",
        "1.10",
        "42",
        "optional",
    )
    assert [each.app for each in app.dependencies] == ["umbrel-other"]
    assert app.web is not None
    assert (app.web.service, app.web.port) == ("web", 3000)
    assert [(port.name, port.host) for _, port in app.ports()] == [("web", "3456")]
    assert env(app, "web") == {
        "DB_HOST": "db", "URL": "http://db:5432/x", "SEED": "<APP_SEED>", "PASSWORD": "<PASSWORD>", "NUMBER": "5",
        "PORTS": "10025:25", "HOST": "${host.address}", "OTHER": "<APP_OTHER_NODE_IP>",
    }  # fmt: skip
    other = app.input("APP_OTHER_NODE_IP")
    assert other is not None
    assert other.required
    assert "generated" in str(app.notes.after_install)
    assert set(app.services) == {"web", "db"}
    assert "lies in" in " ".join(outcome.ledger.needs_person)


def test_manifest_versions_are_numbers_of_any_kind(tmp_path: Path) -> None:
    for version in ("1", "1.1", "1.2"):
        text = MANIFEST.replace("manifestVersion: 1.1", f"manifestVersion: {version}")
        copy_of(tmp_path / version, {"umbrel-app.yml": text, "docker-compose.yml": UMBREL})

    assert [outcome.file is not None for outcome in outcomes(tmp_path)] == [True, True, True]


def test_a_login_in_front_is_told(tmp_path: Path) -> None:
    text = UMBREL.replace(', PROXY_AUTH_ADD: "false"', "")

    outcome = only(copy_of(tmp_path, {"umbrel-app.yml": MANIFEST, "docker-compose.yml": text}))

    assert "own login" in " ".join(outcome.ledger.needs_person)


def test_an_app_that_cannot_be_mapped_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = UMBREL.replace('image: "postgres:17.2"', "network_mode: 'service:web', image: 'a:1'")
    copy = copy_of(
        tmp_path,
        {
            "a/umbrel-app.yml": MANIFEST, "a/docker-compose.yml": bad,
            "b/umbrel-app.yml": MANIFEST.replace("id: pad", "id: other"), "b/docker-compose.yml": UMBREL,
        },
    )  # fmt: skip

    first, second = outcomes(copy)

    assert "shares another service's network" in reason(first)
    assert second.id == "umbrel-other"


def test_addresses_and_secrets_of_a_script_are_read_from_its_text(tmp_path: Path) -> None:
    compose = """
    services:
      app_proxy: {environment: {APP_HOST: $APP_PAD_IP, APP_PORT: $APP_PAD_PORT}}
      web:
        image: pad:1.10
        environment: {KEY: $APP_PAD_KEY, DB: "$APP_PAD_DB_IP:5432", LONG: $APP_PAD_LONG}
        networks: {default: {ipv4_address: $APP_PAD_IP}}
      db: {image: "postgres:17.2", networks: {default: {ipv4_address: $APP_PAD_DB_IP}}}
    """
    script = """
    export APP_PAD_IP="10.21.22.5"
    export APP_PAD_PORT="3000"
    export APP_PAD_KEY=$(derive_entropy "env-${app_entropy_identifier}-KEY" | head -c32)
    export APP_PAD_LONG="$(derive_entropy "long")"
    """
    files = {"umbrel-app.yml": MANIFEST, "docker-compose.yml": compose, "exports.sh": script}

    app = app_in(only(copy_of(tmp_path, files)))

    assert app.web is not None
    assert (app.web.service, app.web.port) == ("web", 3000)
    assert env(app, "web") == {"KEY": "<APP_PAD_KEY>", "DB": "db:5432", "LONG": "<APP_PAD_LONG>"}
    made = {
        entry.name: (entry.generate.kind, entry.generate.length) for entry in app.inputs if entry.generate
    }
    assert made == {"APP_PAD_KEY": ("hex", 16), "APP_PAD_LONG": ("hex", 32)}


def test_a_token_that_a_form_asks_for_is_a_persons_to_give(tmp_path: Path) -> None:
    fields = [{"type": "text", "label": "Token", "env_variable": "API_TOKEN", "required": True}]
    environment = [{"key": "TOKEN", "value": "${API_TOKEN}"}]

    entry = app_in(only(runtipi(tmp_path, main(environment=environment), fields=fields))).inputs[0]

    assert (entry.type, entry.generate, entry.required) == ("secret", None, True)
