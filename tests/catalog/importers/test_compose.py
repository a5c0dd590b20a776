"""Plain Compose files as apps: every way to write a field, and what becomes of what has no place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.importers.copies import app_in, copy_of, env, only, outcomes, reason
from tomo.catalog.importers.formats import format_of


def service(tmp_path: Path, fields: str, more: str = "") -> Path:
    """A file with one service `web` that has the fields."""
    body = "\n".join(f"    {row}" for row in fields.strip("\n").split("\n"))
    (tmp_path / "compose.yaml").write_text(
        f"name: shop\nservices:\n  web:\n    image: shop:1.2.3\n{body}\n{more}"
    )
    return tmp_path


def test_an_app_of_two_services_becomes_a_definition(tmp_path: Path) -> None:
    copy = copy_of(
        tmp_path,
        {
            "compose.yaml": """
            name: My Shop
            services:
              web:
                image: example/shop:1.2.3
                ports: ["8080:80"]
                depends_on: {db: {condition: service_healthy}}
                environment:
                  DATABASE_URL: postgres://shop:hunter22@db:5432/shop
                volumes: ["./uploads:/srv/uploads"]
              db:
                image: postgres:17.2
                environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hunter22}
                volumes: [pg:/var/lib/postgresql/data]
                healthcheck: {test: "pg_isready -U $$POSTGRES_USER", interval: 30}
            volumes: {pg: {}}
            """
        },
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert (app.id, app.title, app.version) == ("my-shop", "My Shop", "1.2.3")
    assert app.web is not None
    assert (app.web.service, app.web.port) == ("web", 80)
    assert [(p.name, p.container, p.host, p.expose) for _, p in app.ports()] == [
        ("web", "80", "8080", "local")
    ]
    assert env(app, "db")["POSTGRES_PASSWORD"] == "<POSTGRES_PASSWORD>"
    assert env(app, "web")["DATABASE_URL"] == "postgres://shop:${input.POSTGRES_PASSWORD}@db:5432/shop"
    assert app.services["web"].depends_on == {"db": "healthy"}
    check = app.services["db"].healthcheck
    assert check is not None
    assert (check.test, check.interval) == (("CMD-SHELL", "pg_isready -U $POSTGRES_USER"), "30s")
    assert set(app.volumes) == {"uploads", "pg"}
    assert outcome.ledger.generated == ["secret `POSTGRES_PASSWORD`, in place of a published one"]


def test_the_format_is_found_by_itself(tmp_path: Path) -> None:
    copy = service(tmp_path, "restart: always")

    assert format_of(copy) == format_of(copy / "compose.yaml") == "compose"


def test_each_folder_of_a_folder_is_an_app_of_its_own(tmp_path: Path) -> None:
    text = "services: {web: {image: 'a:1.0'}}\n"
    copy = copy_of(tmp_path, {"one/compose.yml": text, "two/docker-compose.yaml": text, "three.yaml": text})

    assert [outcome.id for outcome in outcomes(copy)] == ["one", "two", "three"]


# --- variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value", "default"),
    [
        ("${LEVEL:-info}", "<LEVEL>", "info"),
        ("${LEVEL-info}", "<LEVEL>", "info"),
        ("$LEVEL", "<LEVEL>", None),
        ("a-${LEVEL}-b", "a-${input.LEVEL}-b", ""),
        ("${OUTER:-${LEVEL:-info}}", "<LEVEL>", "info"),
        ("costs $$5", "costs $5", "-"),
        ("$${HOME}/x", "$${HOME}/x", "-"),
        ("${LEVEL:+set}", "", "-"),
        ("${TZ}", "${host.timezone}", "-"),
    ],
)
def test_variables_become_inputs(tmp_path: Path, written: str, value: str, default: str | None) -> None:
    app = app_in(only(service(tmp_path, f"environment: {{X: '{written}'}}")))

    assert env(app, "web")["X"] == value
    entry = app.input("LEVEL")
    assert (entry.default if entry else "-") == default


def test_a_variable_that_must_be_set_is_a_required_input(tmp_path: Path) -> None:
    app = app_in(only(service(tmp_path, "environment: ['X=${MUST:?say something}']")))

    entry = app.input("MUST")
    assert entry is not None
    assert entry.required


def test_an_env_file_beside_it_gives_defaults(tmp_path: Path) -> None:
    copy = service(tmp_path, "environment: {X: '${COLOUR}'}\nenv_file: [extra.env]")
    copy_of(copy, {".env": "# a note\nexport COLOUR='dark blue'\n", "extra.env": "MORE=1 # one\nEMPTY=\n"})

    app = app_in(only(copy))

    entry = app.input("COLOUR")
    assert entry is not None
    assert entry.default == "dark blue"
    assert env(app, "web") == {"MORE": "1", "EMPTY": "", "X": "<COLOUR>"}


def test_secrets_of_somebodys_own_are_never_copied(tmp_path: Path) -> None:
    fields = "environment: {URL: 'pg://u:${DB_PASSWORD}@db', KEY: '${APP_KEY_OF_MAIL_PASSWORD}', ODD: '${ODD-'}\nenv_file: [x.env]"
    copy = service(tmp_path, fields)
    copy_of(
        copy,
        {
            ".env": "DB_PASSWORD=my own one\nAPP_KEY_OF_MAIL_PASSWORD=mine too\n",
            "x.env": "X_TOKEN=mine as well\n",
        },
    )

    outcome = only(copy)

    assert outcome.file is not None
    told = outcome.file.text + repr(outcome.ledger)
    assert not any(own in told for own in ("my own one", "mine too", "mine as well"))
    assert {entry.name: bool(entry.generate) for entry in app_in(outcome).inputs if entry.secret} == {
        "X_TOKEN": True, "DB_PASSWORD": True, "APP_KEY_OF_MAIL_PASSWORD": False,
    }  # fmt: skip
    assert "not copied" in " ".join(outcome.ledger.needs_person)


def test_booleans_and_numbers_stay_the_text_that_stands_there(tmp_path: Path) -> None:
    fields = "environment:\n  A: yes\n  B: on\n  C: true\n  D: 0o17\n  E: 1.10\n  F: 10025:25\n  G: 5"

    app = app_in(only(service(tmp_path, fields)))

    assert env(app, "web") == {
        "A": "yes",
        "B": "on",
        "C": "true",
        "D": "0o17",
        "E": "1.10",
        "F": "10025:25",
        "G": "5",
    }


def test_a_variable_without_a_value_is_an_input(tmp_path: Path) -> None:
    app = app_in(only(service(tmp_path, "environment: [LANG_OF_APP, 'A B=1']")))

    assert env(app, "web") == {"LANG_OF_APP": "<LANG_OF_APP>", "A_B": "1"}


# --- secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "kind", "length"),
    [
        ("hunter2", "password", 32),
        ("0123456789abcdef0123456789abcdef", "hex", 16),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "uuid", 32),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "base64", 32),
        ("x" * 50, "password", 50),
    ],
)
def test_a_published_secret_is_replaced_by_one_of_its_shape(
    tmp_path: Path, known: str, kind: str, length: int
) -> None:
    outcome = only(service(tmp_path, f"environment: {{APP_SECRET: '{known}'}}"))

    app = app_in(outcome)
    assert outcome.file is not None
    assert known not in outcome.file.text
    made = app.inputs[0].generate
    assert made is not None
    assert (made.kind, made.length) == (kind, length)


def test_a_default_of_a_secret_variable_is_dropped(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "environment: {X: '${DB_PASSWORD:-changeme}', Y: '${ROOT_TOKEN}'}"))

    app = app_in(outcome)
    assert outcome.file is not None
    assert "changeme" not in outcome.file.text
    assert [(entry.name, entry.type, bool(entry.generate)) for entry in app.inputs] == [
        ("DB_PASSWORD", "secret", True),
        ("ROOT_TOKEN", "secret", True),
    ]


def test_a_secret_of_another_service_is_left_to_a_person(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "environment: {SMTP_PASSWORD: '${SMTP_PASSWORD}'}"))

    entry = app_in(outcome).inputs[0]
    assert (entry.type, entry.generate, entry.required) == ("secret", None, False)
    assert "SMTP_PASSWORD" in outcome.ledger.needs_person[0]


def test_a_published_key_of_another_service_is_asked_for_and_not_made(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "environment: {STRIPE_PRIVATE_KEY: sk_test_published}"))

    entry = app_in(outcome).inputs[0]
    assert (entry.type, entry.generate) == ("secret", None)
    assert "STRIPE_PRIVATE_KEY" in outcome.ledger.needs_person[0]


def test_a_password_in_an_address_is_not_copied(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "environment: {DB: 'pg://u:hunter22@db.example.org/x'}"))

    app = app_in(outcome)
    assert env(app, "web") == {"DB": "pg://u:${input.DB_LOGIN}@db.example.org/x"}
    assert (app.inputs[0].type, app.inputs[0].required) == ("secret", True)
    assert "not copied" in outcome.ledger.needs_person[0]


def test_a_published_password_that_others_may_expect_is_told(tmp_path: Path) -> None:
    copy = service(
        tmp_path, "restart: always", "  db: {image: 'x:1.0', environment: {DB_PASSWORD: example}}\n"
    )

    assert "rely on" in only(copy).ledger.needs_person[0]


def test_a_name_that_is_also_a_password_is_only_replaced_where_it_is_one(tmp_path: Path) -> None:
    fields = "environment: {DB_USER: shop, DB_NAME: shop, DB_PASSWORD: shop, URL: 'pg://shop:shop@db/shop'}"

    app = app_in(only(service(tmp_path, fields)))

    assert env(app, "web") == {
        "DB_USER": "shop",
        "DB_NAME": "shop",
        "DB_PASSWORD": "<DB_PASSWORD>",
        "URL": "pg://shop:${input.DB_PASSWORD}@db/shop",
    }


def test_a_shells_health_check_reads_a_variable_and_no_secret(tmp_path: Path) -> None:
    fields = "healthcheck: {test: 'redis-cli -a ${REDIS_PASSWORD} ping'}"

    app = app_in(only(service(tmp_path, fields)))

    check = app.services["web"].healthcheck
    assert check is not None
    assert check.test == ("CMD-SHELL", "redis-cli -a $${REDIS_PASSWORD} ping")
    assert env(app, "web") == {"REDIS_PASSWORD": "<REDIS_PASSWORD>"}


# --- ports -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "container", "host", "protocol"),
    [
        ("'80'", "80", "80", "tcp"),
        ("8080:80", "80", "8080", "tcp"),
        ("'127.0.0.1:8080:80/udp'", "80", "8080", "udp"),
        ("'[::1]:8080:80'", "80", "8080", "tcp"),
        ("'8000-8002:9000-9002'", "9000-9002", "8000-8002", "tcp"),
        ("'8000-8010:80'", "80", "8000", "tcp"),
        ("'${PORT:-8081}:80'", "80", "8081", "tcp"),
        ("'${PORT}:80'", "80", "80", "tcp"),
        ("{target: 80, published: '8080', protocol: tcp}", "80", "8080", "tcp"),
        ("{target: 80, published: 8080}", "80", "8080", "tcp"),
        ("{target: 80}", "80", "80", "tcp"),
        ("':80'", "80", "80", "tcp"),
    ],
)
def test_ports_are_read_in_every_form(
    tmp_path: Path, written: str, container: str, host: str, protocol: str
) -> None:
    app = app_in(only(service(tmp_path, f"ports: [{written}]")))

    ((_, port),) = app.ports()
    assert (port.container, port.host, port.protocol, port.expose) == (container, host, protocol, "local")


def test_two_services_never_take_the_same_port_of_the_server(tmp_path: Path) -> None:
    copy = service(
        tmp_path, "ports: ['8080:80', '8080:80']", "  api:\n    image: api:1.0\n    ports: ['8080:90']\n"
    )

    app = app_in(only(copy))

    assert [(name, port.host) for name, port in app.ports()] == [("web", "8080"), ("api", "8081")]


# --- mounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ("data:/data", {"volume": "data", "path": "/data"}),
        ("data:/data:ro", {"volume": "data", "path": "/data", "read_only": True}),
        ("./my data:/data", {"volume": "my-data", "path": "/data"}),
        ("/data", {"volume": "data", "path": "/data"}),
        ("${WHERE:-./files}:/data", {"volume": "files", "path": "/data"}),
        (
            "/var/run/docker.sock:/var/run/docker.sock",
            {"host": "/var/run/docker.sock", "path": "/var/run/docker.sock"},
        ),
        ("/mnt/films:/films", {"host": {"input": "FILMS_PATH"}, "path": "/films"}),
        ("~/films:/films", {"host": {"input": "FILMS_PATH"}, "path": "/films"}),
        ("${FILMS}:/films", {"host": {"input": "FILMS"}, "path": "/films"}),
        ("../other:/other", {"host": {"input": "OTHER_PATH"}, "path": "/other"}),
        (
            "./missing.conf:/etc/a.conf",
            {"host": {"input": "MISSING_CONF_PATH"}, "path": "/etc/a.conf", "kind": "file"},
        ),
    ],
)
def test_mounts_are_read_in_every_form(tmp_path: Path, written: str, mount: dict[str, object]) -> None:
    app = app_in(only(service(tmp_path, f"volumes: ['{written}']")))

    (found,) = app.services["web"].mounts
    assert found.model_dump(exclude_defaults=True) == mount


def test_a_socket_needs_a_grant(tmp_path: Path) -> None:
    outcome = only(
        service(tmp_path, "volumes: ['/var/run/docker.sock:/var/run/docker.sock']\nprivileged: true")
    )

    assert app_in(outcome).grants == ("docker_socket", "privileged")
    assert app_in(outcome).risk == "high"
    assert outcome.ledger.needs_grant == ["docker_socket", "privileged"]


def test_a_file_beside_it_becomes_part_of_the_app(tmp_path: Path) -> None:
    copy = service(tmp_path, "volumes: ['./nginx.conf:/etc/nginx/nginx.conf:ro', './init:/init.d:ro']")
    copy_of(copy, {"nginx.conf": "proxy $host ${upstream};", "init/a.sql": "select 1;"})

    app = app_in(only(copy))

    assert [(file.path, file.content) for file in app.files] == [
        ("/etc/nginx/nginx.conf", "proxy $host $${upstream};"),
        ("/init.d/a.sql", "select 1;"),
    ]
    assert app.services["web"].mounts == ()


def test_folders_within_one_another_are_told(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "volumes: ['./data:/a', './data/b:/b']"))

    assert "no longer share files" in outcome.ledger.needs_person[0]


def test_the_servers_clock_is_not_mounted(tmp_path: Path) -> None:
    outcome = only(service(tmp_path, "volumes: ['/etc/localtime:/etc/localtime:ro']"))

    assert app_in(outcome).services["web"].mounts == ()
    assert "time zone" in outcome.ledger.dropped[0]


# --- the rest ----------------------------------------------------------------------------------------


def test_fields_of_a_service_find_their_place(tmp_path: Path) -> None:
    fields = """
command: sh -c "a b"
entrypoint: [/bin/x, '${WORD:-y}']
user: "${PUID:-99}:${PGID}"
restart: "on-failure:5"
mem_limit: 512m
shm_size: 1gb
stop_grace_period: 1m
stop_signal: SIGINT
ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}
sysctls: [net.core.somaxconn=1024]
extra_hosts: ["host.docker.internal:host-gateway", "a=192.0.2.1"]
cap_add: [NET_ADMIN]
devices: ["/dev/dri:/dev/dri", "/dev/sda:/dev/xvda:r"]
security_opt: ["no-new-privileges:true"]
tmpfs: ["/run:size=10M"]
init: true
dns: 9.9.9.9
expose: [9000]
deploy: {resources: {limits: {cpus: '0.5'}, reservations: {memory: 64M}}}
logging: {driver: json-file, options: {max-size: 10m}}
"""
    outcome = only(service(tmp_path, fields))

    found = app_in(outcome).services["web"]
    assert (found.command, found.entrypoint) == (("sh", "-c", "a b"), ("/bin/x", "${input.WORD}"))
    assert (found.user, found.restart, found.init, found.dns) == ("99:1000", "on-failure", True, ("9.9.9.9",))
    assert found.resources is not None
    assert found.resources.model_dump(exclude_defaults=True) == {
        "memory": "512M", "cpus": 0.5, "shm": "1G", "reserve": {"memory": "64M"},
    }  # fmt: skip
    assert found.ulimits["nproc"].hard == 5
    assert found.sysctls == {"net.core.somaxconn": "1024"}
    assert found.extra_hosts == {"host.docker.internal": "host-gateway", "a": "192.0.2.1"}
    assert found.devices[1].model_dump(exclude_defaults=True) == {
        "path": "/dev/sda", "container_path": "/dev/xvda", "permissions": "r",
    }  # fmt: skip
    assert found.expose == ("9000",)
    assert set(outcome.ledger.needs_grant) == {"cap:NET_ADMIN", "device:/dev/dri", "device:/dev/sda"}


def test_what_has_no_place_is_told(tmp_path: Path) -> None:
    fields = """
pull_policy: always
cgroup_parent: x
labels: ["traefik.enable=true", "mine=1"]
networks: [outside, own]
depends_on: [gone]
"""
    outcome = only(
        service(tmp_path, fields, "networks: {outside: {external: true}, own: {internal: true}}\n")
    )

    app = app_in(outcome)
    assert app.services["web"].labels == {"mine": "1"}
    assert app.services["web"].networks == ("default", "own")
    assert app.networks["own"].internal
    told = " ".join(outcome.ledger.dropped)
    assert all(word in told for word in ("pull_policy", "cgroup_parent", "traefik", "outside", "gone"))


def test_services_called_by_other_names_are_still_reached(tmp_path: Path) -> None:
    copy = copy_of(
        tmp_path,
        {
            "compose.yaml": """
            services:
              web_app:
                image: a:1.0
                environment: {DB_HOST: My_DB, URL: 'http://My_DB:80/', NAME: My_DB, ALSO: shop_db_1}
              My_DB: {image: b:1.0, container_name: shop_db_1}
            """
        },
    )

    app = app_in(only(copy))

    assert set(app.services) == {"web-app", "my-db"}
    assert env(app, "web-app") == {
        "DB_HOST": "my-db",
        "URL": "http://my-db:80/",
        "NAME": "My_DB",
        "ALSO": "my-db",
    }


def test_a_service_that_is_waited_for_to_end_is_a_oneshot(tmp_path: Path) -> None:
    copy = service(
        tmp_path,
        "depends_on: {migrate: {condition: service_completed_successfully}, cache: {condition: service_healthy}}",
        "  migrate: {image: 'shop:1.2.3', restart: 'no'}\n  cache: {image: 'redis:7.4.1'}\n",
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert app.services["migrate"].oneshot
    assert app.services["web"].depends_on == {"migrate": "completed", "cache": "started"}
    assert "no health check" in outcome.ledger.dropped[0]


def test_profiles_secrets_configs_and_links(tmp_path: Path) -> None:
    copy = service(
        tmp_path,
        "secrets: [db_password]\nconfigs: [{source: main, target: /etc/main.yml}]\nlinks: ['db:database']",
        "  db: {image: 'postgres:17.2'}\n  debug: {image: 'x:1.0', profiles: [debug]}\n"
        "secrets: {db_password: {file: ./x}}\nconfigs: {main: {content: 'level: ${LEVEL:-1}'}}\n",
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert "debug" not in app.services
    assert app.services["web"].secrets[0].path == "/run/secrets/db_password"
    assert app.files[0].content == "level: ${input.LEVEL}"
    assert app.services["db"].aliases == ("database",)
    assert app.services["web"].depends_on == {"db": "started"}


def test_anchors_and_own_roots_are_expanded(tmp_path: Path) -> None:
    copy = copy_of(
        tmp_path,
        {
            "compose.yaml": "x-all: &all {A: '1'}\nservices:\n  web: {image: 'a:1.0', environment: {<<: *all, B: '2'}}\n"
        },
    )

    assert env(app_in(only(copy)), "web") == {"B": "2", "A": "1"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("network_mode: service:vpn", "shares another service's network"),
        ("volumes_from: [other]", "another service's mounts"),
        ("extends: {service: other}", "extends another service"),
        ("command: 'sh -c \"half'", "quotes"),
    ],
)
def test_what_it_cannot_do_without_refuses_the_app_with_a_line(
    tmp_path: Path, fields: str, words: str
) -> None:
    outcome = only(service(tmp_path, fields))

    assert words in reason(outcome)
    assert outcome.reasons[0].line == 5


def test_an_image_that_is_built_is_refused(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, {"compose.yaml": "services:\n  web:\n    build: .\n"})

    assert "built from source" in reason(only(copy))
