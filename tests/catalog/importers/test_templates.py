"""Dokploy and Coolify templates, with the quirks of real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.importers.copies import app_in, copy_of, env, only
from tomo.catalog.importers.formats import format_of

# --- Dokploy -----------------------------------------------------------------------------------------

DOKPLOY = {
    "blueprints/pad/meta.json": """
    {"id": "pad", "name": "Pad", "version": "1.0", "description": "Keeps notes. And more.", "logo": "l.svg",
     "links": {"github": "https://example.org/src", "website": "https://example.org"}, "tags": ["backup", "notes"]}
    """,
    "blueprints/pad/template.toml": """
    [variables]
    main_domain = "${domain}"
    api_domain = "${domain}"
    db_password = "${password:40}"
    key = "${base64:32}"
    sig = "${hash:16}"
    username = "${username}"

    [config]
    env = [
      "DOMAIN=${main_domain}",
      "API=https://${api_domain}/v1",
      "DB_PASSWORD=${db_password}",
      "DB_URL=postgres://pad:${db_password}@db:5432/pad",
      "KEY=${key}",
      "SIG=${sig}",
      "ID=${uuid}",
      "MAIL=${email}",
      "NAME=${username}",
      "TOKEN=${jwt:db_password:payload}",
      "WHEN=${timestamps:2030-01-01T00:00:00Z}",
      "# a note",
      "",
      "PLAIN='some text'",
    ]

    [[config.domains]]
    serviceName = "web"
    port = 3_000
    host = "${main_domain}"

    [[config.domains]]
    serviceName = "api"
    port = 80
    host = "${api_domain}"

    [[config.mounts]]
    filePath = "/nginx/nginx.conf"
    content = '''
    server_name ${main_domain}; proxy_set_header Host $host; key "${key}";
    '''
    """,
    "blueprints/pad/docker-compose.yml": """
    version: "3.8"
    services:
      web:
        image: pad:1.0
        env_file: [.env]
        environment: ["DOMAIN=https://${DOMAIN}", "ALSO=${PLAIN}"]
        volumes: ["../files/nginx/nginx.conf:/etc/nginx/nginx.conf", "../files/data:/data"]
        networks: [dokploy-network]
      api: {image: "api:1.0", environment: {URL: "${DB_URL}"}}
    networks: {dokploy-network: {external: true}}
    """,
}


def test_a_dokploy_template(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, DOKPLOY)

    outcome = only(copy)

    app = app_in(outcome)
    assert format_of(copy) == format_of(copy / "blueprints" / "pad") == "dokploy"
    assert (app.id, app.tagline, app.categories) == (
        "dokploy-pad",
        "Keeps notes.",
        ("storage", "backup", "notes"),
    )
    assert app.web is not None
    assert (app.web.service, app.web.port) == ("web", 3000)
    assert {(port.name, port.host, port.container) for _, port in app.ports()} == {
        ("web", "3000", "3000"), ("port-80", "8080", "80"),
    }  # fmt: skip
    variables = env(app, "web")
    assert variables["DOMAIN"] == "${app.url}"
    assert variables["API"] == "https://${input.API_DOMAIN}/v1"
    assert variables["DB_URL"] == env(app, "api")["URL"] == "postgres://pad:${input.DB_PASSWORD}@db:5432/pad"
    assert (variables["WHEN"], variables["ALSO"]) == ("1893456000", "<PLAIN>")
    made = {
        entry.name: (entry.generate.kind, entry.generate.length) for entry in app.inputs if entry.generate
    }
    assert made == {
        "DB_PASSWORD": ("password", 40), "KEY": ("base64", 32), "SIG": ("hex", 8), "ID": ("uuid", 32),
        "USERNAME": ("username", 12),
    }  # fmt: skip
    required = {entry.name: entry.type for entry in app.inputs if entry.required}
    assert required == {"API_DOMAIN": "hostname", "MAIL": "email", "TOKEN": "secret"}
    (file,) = app.files
    assert file.path == "/etc/nginx/nginx.conf"
    assert 'server_name ${host.address}; proxy_set_header Host $host; key "${input.KEY}";' in file.content
    assert [mount.volume for mount in app.services["web"].mounts] == ["data"]
    assert "signed with another secret" in " ".join(outcome.ledger.needs_person)


@pytest.mark.parametrize(
    "written", ['env = {A = "1", B = 2}', 'env = ["A=1", "B=2"]', '[config.env]\nA = "1"\nB = 2']
)
def test_variables_stand_in_a_list_or_a_table(tmp_path: Path, written: str) -> None:
    toml = written if written.startswith("[") else f"[config]\n{written}"
    compose = "services: {web: {image: 'a:1.0', environment: {X: '${A}', Y: '${B}'}}}"
    (tmp_path / "template.toml").write_text(toml)
    (tmp_path / "docker-compose.yml").write_text(compose)

    app = app_in(only(tmp_path))

    assert [(entry.name, entry.default) for entry in app.inputs] == [("A", "1"), ("B", "2")]


# --- Coolify -----------------------------------------------------------------------------------------

COOLIFY = """
# documentation: https://example.org/docs
# slogan: "Keeps notes for you."
# category: backup
# tags: notes, text
# logo: svgs/pad.svg
# port: 3000

services:
  pad:
    image: pad:1.0
    environment:
      - SERVICE_URL_PAD_3000
      - SERVICE_URL_PAD_80=/api
      - URL=$SERVICE_URL_PAD
      - HOST=${SERVICE_FQDN_PAD}
      - API=${SERVICE_URL_API}
      - DB_PASSWORD=${SERVICE_PASSWORD_64_DB}
      - DB_USER=${SERVICE_USER_DB:-pad}
      - KEY=${SERVICE_REALBASE64_32_KEY}
      - WORD=$SERVICE_BASE64_KEY
      - HEX=${SERVICE_HEX_32_KEY}
      - ANON=${SERVICE_SUPABASEANON_KEY}
      - MUST=${S3_KEY:?}
      - EMPTY=${NOTHING}
    volumes:
      - type: bind
        source: ./nginx.conf
        target: /etc/nginx.conf
        content: |
          proxy $host; pass ${SERVICE_PASSWORD_64_DB};
      - type: bind
        source: ./data.conf
        target: /srv/data.conf
        is_directory: true
    healthcheck: {test: ["CMD", "wget", "http://127.0.0.1:3000"], interval: 5s}
  api:
    image: api:1.0
    environment: [SERVICE_FQDN_API_80]
    exclude_from_hc: true
"""


def test_a_coolify_template(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, {"templates/compose/pad.yaml": COOLIFY})

    outcome = only(copy)

    app = app_in(outcome)
    assert format_of(copy) == format_of(copy / "templates" / "compose" / "pad.yaml") == "coolify"
    assert (app.id, app.tagline, app.links.docs) == (
        "coolify-pad",
        "Keeps notes for you.",
        "https://example.org/docs",
    )
    assert app.web is not None
    assert (app.web.service, app.web.port) == ("pad", 3000)
    assert {(port.name, port.host) for _, port in app.ports()} == {("web", "3000"), ("port-80", "8080")}
    assert env(app, "pad") == {
        "URL": "${app.url}", "HOST": "${host.address}", "API": "http://${host.address}:8080",
        "DB_PASSWORD": "<SERVICE_PASSWORD_64_DB>", "DB_USER": "<SERVICE_USER_DB>", "KEY": "<SERVICE_REALBASE64_32_KEY>",
        "WORD": "<SERVICE_BASE64_KEY>", "HEX": "<SERVICE_HEX_32_KEY>", "ANON": "<SERVICE_SUPABASEANON_KEY>",
        "MUST": "<S3_KEY>", "EMPTY": "<NOTHING>",
    }  # fmt: skip
    made = {
        entry.name: (entry.generate.kind, entry.generate.length) for entry in app.inputs if entry.generate
    }
    assert made == {
        "SERVICE_PASSWORD_64_DB": ("password", 64), "SERVICE_USER_DB": ("username", 16),
        "SERVICE_REALBASE64_32_KEY": ("base64", 32), "SERVICE_BASE64_KEY": ("password", 32),
        "SERVICE_HEX_32_KEY": ("hex", 16),
    }  # fmt: skip
    assert {entry.name for entry in app.inputs if entry.required} == {"S3_KEY", "SERVICE_SUPABASEANON_KEY"}
    (file,) = app.files
    assert file.content == "proxy $host; pass ${input.SERVICE_PASSWORD_64_DB};\n"
    assert [mount.volume for mount in app.services["pad"].mounts] == ["data-conf"]


def test_a_template_that_coolify_leaves_out_is_marked(tmp_path: Path) -> None:
    app = app_in(
        only(copy_of(tmp_path, {"compose/pad.yaml": "# ignore: true\n" + COOLIFY.lstrip()}), "coolify")
    )

    assert app.status == "beta"


def test_a_task_that_ends_by_itself_is_a_oneshot(tmp_path: Path) -> None:
    text = """
    # slogan: Notes
    services:
      pad: {image: "pad:1.0"}
      buckets: {image: "mc:1.0", restart: no, exclude_from_hc: true}
      other: {image: "mc:1.0", restart: "no"}
    """

    outcome = only(copy_of(tmp_path, {"compose/pad.yaml": text}), "coolify")

    app = app_in(outcome)
    assert app.services["buckets"].oneshot
    assert "`other` is never restarted" in outcome.ledger.needs_person[0]
