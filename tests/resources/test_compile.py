"""What a fleet becomes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tomo.errors import AppNotFound, ConfigMissing, NotSupported, SpecError
from tomo.model.declaration import Concat, OutputRef, references
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.resources import tokens
from tomo.resources.compile import compile_fleet
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

WEB = {"services": {"web": {"image": "nginx:1.27"}}}
SHOP = {
    "inputs": [
        {"name": "DB_PASSWORD", "type": "secret", "generate": {"kind": "password"}},
        {"name": "TITLE", "default": "Shop"},
        {"name": "MEDIA", "type": "path", "default": "/srv/media"},
    ],
    "services": {
        "server": {
            "image": "shop:2.0",
            "env": {
                "TITLE": "${input.TITLE} on ${host.name}",
                "DATABASE": "postgres://shop:${input.DB_PASSWORD}@db/shop",
                "PASSWORD": {"input": "DB_PASSWORD"},
                "URL": "${app.url}",
            },
            "ports": [{"name": "web", "container": 8080, "expose": "lan"}],
            "mounts": [
                {"volume": "data", "path": "/data"},
                {"host": {"input": "MEDIA"}, "path": "/media", "read_only": True},
                {"kind": "tmpfs", "path": "/tmp", "size": "64M", "mode": "1777"},
            ],
            "secrets": [{"input": "DB_PASSWORD", "path": "/run/secrets/db"}],
            "depends_on": {"db": "healthy"},
            "user": "1000:1000",
        },
        "db": {
            "image": "postgres:17",
            "mounts": [{"volume": "db", "path": "/var/lib/postgresql/data"}],
            "healthcheck": {
                "test": ["CMD", "pg_isready"],
                "interval": "10s",
                "timeout": "5s",
                "retries": 3,
                "start": "20s",
            },
            "stop": {"grace": "1m", "signal": "SIGINT"},
            "resources": {"memory": "512M", "cpus": 1.5, "shm": "128M", "reserve": {"memory": "64M"}},
        },
    },
    "volumes": {"data": {}, "db": {}},
    "files": [{"path": "/etc/shop.conf", "content": "name=${app.name}\n", "service": "server"}],
    "web": {"service": "server", "port": 8080, "path": "/start"},
}
SECRETS = {"shop.DB_PASSWORD": "hunter2"}
APP = "app/shop@nas"


@pytest.fixture
def shop(compiled: Any) -> Any:
    return compiled({"shop": {}}, {"shop": SHOP}, secrets=SECRETS)


def test_a_server_is_looked_at_gets_docker_and_a_provider(compiled: Any) -> None:
    result = compiled({"web": {}}, {"web": WEB})

    assert result.inputs("server/nas")["host"] == "192.168.1.2"
    assert result.inputs("server/nas")["docker"] == {"daemon": {}}
    engine = result.resources["engine/nas"]
    assert (engine.type, engine.name) == ("command:remote:Command", "nas-docker")
    assert engine.inputs["create"] == engine.inputs["update"]
    assert engine.inputs["environment"]["TOMO_DOCKER_DRIFT"] == OutputRef("server/nas", "dockerDrift")
    assert engine.inputs["connection"] == Secret({"host": "192.168.1.2", "port": 2222, "user": "root"})
    provider = result.resources["docker/nas"]
    assert (provider.inputs["host"], provider.depends_on) == ("ssh://root@192.168.1.2:2222", ("engine/nas",))


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ({"host": "nas.lan"}, "ssh://nas.lan"),
        ({"host": "nas.lan", "user": "me@home".replace("@", "-")}, "ssh://me-home@nas.lan"),
        ({"host": "fd00::2", "user": "root", "port": 22}, "ssh://root@[fd00::2]:22"),
        ({"host": "local"}, "unix:///var/run/docker.sock"),
    ],
)
def test_the_docker_address_says_how_the_server_is_reached(compiled: Any, server: Any, address: str) -> None:
    result = compiled({}, {}, servers={"nas": server})

    assert result.inputs("docker/nas") == {"host": address}


def test_docker_options_become_parameters_of_the_script(compiled: Any) -> None:
    docker = {
        "version": "27.3.1",
        "channel": "docker",
        "daemon": {"log-level": "warn"},
        "registry_mirrors": ["http://m"],
        "insecure_registries": ["r:5000"],
    }

    result = compiled({}, {}, servers={"nas": {"host": "h", "docker": docker}})

    environment = result.inputs("engine/nas")["environment"]
    daemon = {"log-level": "warn", "registry-mirrors": ["http://m"], "insecure-registries": ["r:5000"]}
    assert json.loads(environment["TOMO_DOCKER_DAEMON"]) == daemon
    assert (environment["TOMO_DOCKER_CHANNEL"], environment["TOMO_DOCKER_VERSION"]) == ("docker", "27.3.1")
    assert result.inputs("server/nas")["docker"] == {"version": "27.3.1", "daemon": daemon}


def test_a_server_without_docker_is_left_alone(compiled: Any) -> None:
    result = compiled({}, {}, servers={"nas": {"host": "h", "docker": False}})

    assert list(result.resources) == ["server/nas"]
    assert result.inputs("server/nas")["docker"] is False


def test_this_machine_takes_a_local_command_with_sudo_where_asked(compiled: Any) -> None:
    result = compiled({}, {}, servers={"here": {"host": "local", "become": "sudo"}})

    engine = result.resources["engine/here"]
    assert engine.type == "command:local:Command"
    assert engine.inputs["interpreter"][:2] == ["sudo", "-n"]
    assert "connection" not in engine.inputs


def test_a_single_container_has_the_apps_name_and_no_network(compiled: Any) -> None:
    result = compiled({"web": {}}, {"web": WEB})

    container = result.resources["app/web@nas/container/web"]
    assert container.inputs["name"] == "web"
    assert container.name == "web@nas"
    assert container.parent == "app/web@nas"
    assert container.inputs["image"] == OutputRef("app/web@nas/image/web", "imageId")
    assert result.of_type(tokens.NETWORK) == []
    assert result.inputs("app/web@nas/image/web") == {"name": "nginx:1.27", "keepLocally": True}


def test_several_containers_share_a_network_under_their_own_names(shop: Any) -> None:
    assert shop.inputs(f"{APP}/network/default") == {"name": "shop"}
    assert shop.resources[f"{APP}/network/default"].delete_before_replace
    assert shop.inputs(f"{APP}/container/db")["name"] == "shop-db"
    assert shop.inputs(f"{APP}/container/db")["networksAdvanced"] == [
        {"name": OutputRef(f"{APP}/network/default", "name"), "aliases": ["db"]}
    ]


def test_a_container_waits_for_what_it_depends_on_and_comes_after_it(shop: Any) -> None:
    order = list(shop.resources)

    assert f"{APP}/container/db" in shop.resources[f"{APP}/container/server"].depends_on
    assert order.index(f"{APP}/container/db") < order.index(f"{APP}/container/server")
    db = shop.inputs(f"{APP}/container/db")
    assert (db["wait"], db["waitTimeout"]) == (True, 20 + 3 * 15 + 60)
    assert db["healthcheck"] == {
        "tests": ["CMD", "pg_isready"],
        "interval": "10s",
        "timeout": "5s",
        "retries": 3,
        "startPeriod": "20s",
    }


def test_every_reference_points_back(shop: Any) -> None:
    seen: set[str] = set()
    for declaration in shop.declarations.resources:
        needed = {ref.key for ref in references(declaration.inputs)} | set(declaration.depends_on)
        needed |= {key for key in (declaration.parent, declaration.provider) if key}
        assert needed <= seen
        seen.add(declaration.key)


def test_texts_are_filled_in_and_secrets_stay_closed(shop: Any) -> None:
    envs = shop.inputs(f"{APP}/container/server")["envs"]

    assert envs[0] == Concat(("DATABASE=postgres://shop:", Secret("hunter2"), "@db/shop"))
    assert envs[1] == Concat(("PASSWORD=", Secret("hunter2")))
    assert envs[2:] == ["TITLE=Shop on nas", "URL=http://192.168.1.2:8080/start"]
    assert "hunter2" not in repr(shop.declarations)


def test_a_secret_that_does_not_exist_yet_is_unknown(compiled: Any) -> None:
    result = compiled({"shop": {}}, {"shop": SHOP}, secrets={"shop.DB_PASSWORD": UNKNOWN})

    envs = result.inputs(f"{APP}/container/server")["envs"]
    assert isinstance(envs[1], Unknown)
    assert isinstance(result.inputs(f"{APP}/file/server/run/secrets/db")["content"], Unknown)


def test_a_secret_that_nobody_set_is_named(compiled: Any) -> None:
    with pytest.raises(ConfigMissing, match=r"`shop\.DB_PASSWORD`") as caught:
        compiled({"shop": {}}, {"shop": SHOP})

    assert caught.value.hint == "run `tomo secret set shop.DB_PASSWORD`"


def test_ports_are_bound_as_far_as_they_are_exposed(compiled: Any) -> None:
    def ip_of(expose: str) -> Any:
        ports = [{"name": "web", "container": 80, "host": 8080, "expose": expose}]
        result = compiled({"web": {}}, {"web": {"services": {"web": {"image": "i:1", "ports": ports}}}})
        return result.inputs("app/web@nas/container/web").get("ports")

    assert ip_of("none") is None
    assert ip_of("local") == [{"internal": 80, "external": 8080, "ip": "127.0.0.1", "protocol": "tcp"}]
    assert ip_of("lan")[0]["ip"] == "192.168.1.2"
    assert ip_of("public")[0]["ip"] == "0.0.0.0"


def test_mounts_are_volumes_folders_and_memory(shop: Any) -> None:
    server = shop.inputs(f"{APP}/container/server")

    assert server["volumes"] == [
        {"containerPath": "/data", "volumeName": OutputRef(f"{APP}/volume/shop-data", "name")},
        {"containerPath": "/media", "hostPath": "/srv/media", "readOnly": True},
    ]
    assert server["mounts"][0] == {
        "target": "/tmp",
        "type": "tmpfs",
        "tmpfsOptions": {"sizeBytes": 64 << 20, "mode": 0o1777},
    }


def test_files_lie_below_tomos_folder_and_their_digests_are_a_label(shop: Any) -> None:
    conf = shop.inputs(f"{APP}/file/server/etc/shop.conf")
    secret = shop.resources[f"{APP}/file/server/run/secrets/db"]
    server = shop.inputs(f"{APP}/container/server")

    assert conf["path"] == "/var/lib/tomo/home/shop/server/etc/shop.conf"
    assert (conf["content"], conf["mode"], conf["owner"]) == ("name=shop\n", "0644", "1000:1000")
    assert (secret.inputs["mode"], secret.additional_secret_outputs) == ("0400", ("sha256",))
    assert server["mounts"][1:] == [
        {
            "target": "/etc/shop.conf",
            "type": "bind",
            "source": OutputRef(f"{APP}/file/server/etc/shop.conf", "path"),
            "readOnly": True,
        },
        {
            "target": "/run/secrets/db",
            "type": "bind",
            "source": OutputRef(f"{APP}/file/server/run/secrets/db", "path"),
            "readOnly": True,
        },
    ]
    [label] = server["labels"]
    assert label["label"] == "tomo.files"
    assert [part.output for part in label["value"].parts if isinstance(part, OutputRef)] == [
        "sha256",
        "sha256",
    ]


def test_data_outlives_the_app(shop: Any, compiled: Any) -> None:
    gone = compiled({"shop": {"state": "absent"}}, {"shop": SHOP})

    assert shop.resources[f"{APP}/volume/shop-db"].retain_on_delete
    assert gone.of_type(tokens.VOLUME) == ["shop-data@nas", "shop-db@nas"]
    assert gone.of_type(tokens.CONTAINER) == []
    assert gone.outputs["urls"] == {}
    assert gone.data_removals == ()


def test_removed_data_is_left_out_and_named(compiled: Any) -> None:
    result = compiled({"shop": {"state": "absent", "remove_data": True}}, {"shop": SHOP})

    assert result.of_type(tokens.VOLUME) == []
    assert result.data_removals == tuple(
        Urn(f"urn:pulumi:home::tomo::tomo:index:App$docker:index/volume:Volume::shop-{name}@nas")
        for name in ("data", "db")
    )


def test_limits_and_stopping_are_in_dockers_units(shop: Any) -> None:
    db = shop.inputs(f"{APP}/container/db")

    assert (db["memory"], db["memoryReservation"], db["shmSize"], db["cpus"]) == (512, 64, 128, "1.5")
    assert (db["stopSignal"], db["stopTimeout"], db["destroyGraceSeconds"]) == ("SIGINT", 60, 60)
    assert shop.inputs(f"{APP}/container/server")["destroyGraceSeconds"] == 10


def test_everything_else_of_a_service_reaches_its_container(compiled: Any) -> None:
    service = {
        "image": "i:1", "command": ["run", "${app.name}"], "entrypoint": ["/init"], "user": "app", "group_add": ["video"],
        "working_dir": "/w", "hostname": "box", "tty": True, "stdin_open": True, "init": True, "runtime": "runc",
        "platform": "linux/amd64", "logging": {"driver": "local", "options": {"max-size": "10m"}}, "sysctls": {"net.core.somaxconn": "1024"},
        "ulimits": {"nofile": 4096}, "network_mode": "host", "extra_hosts": {"a": "192.0.2.1"}, "dns": ["192.0.2.53"],
        "security": {"privileged": True, "cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"], "read_only": True, "opts": ["no-new-privileges:true"], "pid": "host", "ipc": "host"},
        "devices": [{"path": "/dev/dri"}], "labels": {"a": "${fleet.name}"}, "restart": "always",
        "mounts": [{"kind": "file", "host": "/etc/localtime", "path": "/etc/localtime", "read_only": True}],
    }  # fmt: skip

    result = compiled({"web": {}}, {"web": {"services": {"web": service}}})

    inputs = dict(result.inputs("app/web@nas/container/web"))
    inputs.pop("image")
    assert inputs == {
        "name": "web", "command": ["run", "web"], "entrypoints": ["/init"], "user": "app", "groupAdds": ["video"],
        "workingDir": "/w", "hostname": "box", "tty": True, "stdinOpen": True, "init": True, "runtime": "runc",
        "platform": "linux/amd64", "logDriver": "local", "logOpts": {"max-size": "10m"}, "sysctls": {"net.core.somaxconn": "1024"},
        "ulimits": [{"name": "nofile", "soft": 4096, "hard": 4096}], "networkMode": "host",
        "hosts": [{"host": "a", "ip": "192.0.2.1"}], "dns": ["192.0.2.53"], "privileged": True,
        "capabilities": {"adds": ["NET_ADMIN"], "drops": ["ALL"]}, "readOnly": True, "securityOpts": ["no-new-privileges:true"],
        "pidMode": "host", "ipcMode": "host", "devices": [{"hostPath": "/dev/dri", "containerPath": "/dev/dri", "permissions": "rwm"}],
        "labels": [{"label": "a", "value": "home"}], "restart": "always", "destroyGraceSeconds": 10,
        "mounts": [{"target": "/etc/localtime", "type": "bind", "source": "/etc/localtime", "readOnly": True}],
    }  # fmt: skip
    assert result.inputs("app/web@nas/image/web")["platform"] == "linux/amd64"


def test_a_oneshot_is_waited_for_and_not_restarted(compiled: Any) -> None:
    services = {
        "migrate": {"image": "i:1", "oneshot": True},
        "web": {"image": "i:1", "depends_on": {"migrate": "completed"}},
    }

    result = compiled({"web": {}}, {"web": {"services": services}})

    inputs = result.inputs("app/web@nas/container/migrate")
    assert (inputs["attach"], inputs["mustRun"], inputs["restart"]) == (True, False, "no")
    assert result.of_type(tokens.REMOTE_IMAGE) == ["web-migrate@nas"]


def test_values_never_become_shell_text(compiled: Any) -> None:
    def app(*test: str) -> Any:
        inputs = [{"name": "USER", "default": "; touch pwned"}]
        services = {"web": {"image": "i:1", "healthcheck": {"test": list(test)}}}
        return compiled({"web": {}}, {"web": {"inputs": inputs, "services": services}})

    result = app("CMD", "check", "--user", "${input.USER}")

    assert result.inputs("app/web@nas/container/web")["healthcheck"]["tests"] == [
        "CMD",
        "check",
        "--user",
        "; touch pwned",
    ]
    assert (
        app("CMD-SHELL", "check $${HOME}").inputs("app/web@nas/container/web")["healthcheck"]["tests"][1]
        == "check ${HOME}"
    )
    with pytest.raises(NotSupported, match="shell text"):
        app("CMD-SHELL", "check ${input.USER}")


@pytest.mark.parametrize("text", ["$(touch x)", "'; x; '", '"', "`x`", "a\nb", "-rf", "$${x}"])
def test_hostile_texts_arrive_as_they_are(compiled: Any, text: str) -> None:
    service = {"image": "i:1", "env": {"A": text}, "labels": {"l": text}, "command": [text]}

    inputs = compiled({"web": {}}, {"web": {"services": {"web": service}}}).inputs(
        "app/web@nas/container/web"
    )

    meant = text.replace("$${", "${")
    assert inputs["envs"] == [f"A={meant}"]
    assert inputs["labels"] == [{"label": "l", "value": meant}]
    assert inputs["command"] == [meant]


def test_what_no_container_can_be_given_is_refused_by_name(compiled: Any) -> None:
    for field, value in {"replicas": 2, "pull": "always", "env_files": ["x"]}.items():
        with pytest.raises(NotSupported, match=field):
            compiled({"web": {}}, {"web": {"services": {"web": {"image": "i:1", field: value}}}})


def test_apps_share_networks_of_the_server_by_name(compiled: Any) -> None:
    apps = {"web": {"networks": ["proxy"]}, "other": {"networks": ["proxy"]}}

    result = compiled(apps, {"web": WEB, "other": WEB})

    assert result.of_type(tokens.NETWORK) == ["proxy@nas"]
    joined = result.inputs("app/other@nas/container/web")["networksAdvanced"]
    assert joined == [{"name": OutputRef("network/proxy@nas", "name")}]


def test_an_app_comes_after_the_apps_it_needs(compiled: Any) -> None:
    definitions = {"web": {**WEB, "dependencies": [{"app": "base"}]}, "base": WEB}

    result = compiled({"web": {}, "base": {}}, definitions)

    assert "app/base@nas" in result.resources["app/web@nas/container/web"].depends_on
    assert list(result.resources).index("app/base@nas") < list(result.resources).index("app/web@nas")


def test_apps_that_need_one_another_are_refused(compiled: Any) -> None:
    definitions = {"a": {**WEB, "dependencies": [{"app": "b"}]}, "b": {**WEB, "dependencies": [{"app": "a"}]}}

    with pytest.raises(SpecError) as caught:
        compiled({"a": {}, "b": {}}, definitions)

    assert "apps need one another" in caught.value.detail


def test_names_that_two_apps_would_share_on_a_server_are_refused(compiled: Any) -> None:
    definitions = {
        "a": {"services": {"b-c": {"image": "i:1"}, "x": {"image": "i:1"}}},
        "a-b": {"services": {"c": {"image": "i:1"}, "y": {"image": "i:1"}}},
    }

    with pytest.raises(SpecError) as caught:
        compiled({"a": {}, "a-b": {}}, definitions)

    assert "both have a container `a-b-c` on `nas`" in caught.value.detail


def test_an_app_runs_on_several_servers_under_names_of_its_own(compiled: Any) -> None:
    servers = {
        "one": {"host": "192.168.1.3", "labels": {"a": "b"}},
        "two": {"host": "192.168.1.4", "labels": {"a": "b"}},
    }

    result = compiled(
        {"shop": {"server": None, "labels": {"a": "b"}}}, {"shop": SHOP}, secrets=SECRETS, servers=servers
    )

    assert result.of_type(tokens.APP) == ["shop@one", "shop@two"]
    assert result.outputs["urls"] == {
        "shop@one": "http://192.168.1.3:8080/start",
        "shop@two": "http://192.168.1.4:8080/start",
    }


def test_stack_outputs_tell_addresses_and_facts(shop: Any) -> None:
    assert shop.outputs["urls"] == {"shop": "http://192.168.1.2:8080/start"}
    assert shop.outputs["servers"]["nas"]["osName"] == OutputRef("server/nas", "osName")


def test_an_app_without_a_definition_is_named() -> None:
    fleet = Fleet.model_validate(
        {"fleet": "f", "servers": {"s": {"host": "h"}}, "apps": {"a": {"app": "nope", "server": "s"}}}
    )

    with pytest.raises(AppNotFound, match="`nope`"):
        compile_fleet(fleet, {}, FleetValues())


def test_a_thousand_apps_compile_in_a_breath() -> None:
    definition = AppDefinition.model_validate(
        {"schema": "tomo.app/v1", "id": "w", "title": "w", "version": "1", **WEB}
    )
    apps = {f"a{n}": {"app": "w", "server": "s"} for n in range(1000)}
    fleet = Fleet.model_validate({"fleet": "f", "servers": {"s": {"host": "h"}}, "apps": apps})
    begin = time.perf_counter()

    compile_fleet(fleet, dict.fromkeys(apps, definition), FleetValues())

    assert time.perf_counter() - begin < 5.0  # a tenth of a second where nothing else runs
