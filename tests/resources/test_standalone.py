"""`tomo program`: a fleet written as a program that asks for the same."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import NotSupported
from tomo.model.values import Secret
from tomo.resources.compile import compile_fleet
from tomo.resources.standalone import standalone_program
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

HOSTILE = 'it\'s "quoted" $(touch x) `y` \\ {z} ${{w}} \n ü'
DEFINITION = AppDefinition.model_validate(
    {
        "schema": "tomo.app/v1", "id": "shop", "title": "Shop", "version": "2.0",
        "inputs": [{"name": "PASSWORD", "type": "secret", "generate": {"kind": "password"}}],
        "services": {
            "server": {
                "image": "shop:2.0", "env": {"DB": "pg://a:${input.PASSWORD}@db", "ODD": HOSTILE.replace("${", "$${")},
                "ports": [{"name": "web", "container": 8080, "expose": "lan"}], "sysctls": {"net.core.somaxconn": "1"},
                "mounts": [{"volume": "data", "path": "/data"}, {"kind": "tmpfs", "path": "/tmp", "size": "1M"}],
                "secrets": [{"input": "PASSWORD", "path": "/run/secret"}], "depends_on": {"db": "healthy"},
                "security": {"cap_add": ["NET_ADMIN"]}, "logging": {"options": {"max-size": "1m"}},
                "devices": [{"path": "/dev/dri"}], "ulimits": {"nofile": 10}, "extra_hosts": {"a": "192.0.2.1"},
            },
            "db": {"image": "pg:17", "healthcheck": {"test": ["CMD", "ready"], "start": "10s"}, "resources": {"memory": "64M"}},
        },
        "volumes": {"data": {}}, "files": [{"path": "/etc/conf", "content": HOSTILE.replace("${", "$${"), "service": "db"}],
        "web": {"service": "server", "port": 8080},
    }
)  # fmt: skip


def fleet_of(**servers: Any) -> Fleet:
    apps = {"shop": {"app": "shop", "servers": list(servers), "networks": ["proxy"]}}
    return Fleet.model_validate({"fleet": "home", "servers": servers, "apps": apps})


SERVERS = {
    "1st": {
        "host": "192.168.1.2",
        "user": "root",
        "port": 2222,
        "docker": {"daemon": {"log-opts": {"max-size": "1m"}}},
    },
    "here": {"host": "local", "become": "sudo"},
}


def write(folder: Path, fleet: Fleet) -> Path:
    for name, text in standalone_program(fleet, {"shop": DEFINITION}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_program_asks_for_what_the_fleet_asks_for(
    tmp_path: Path, run_declared: Any, run_program: Any, dry_run: bool
) -> None:
    fleet = fleet_of(**SERVERS)
    values = FleetValues({"shop.PASSWORD": Secret("hunter2")})
    declared = run_declared(compile_fleet(fleet, {"shop": DEFINITION}, values).declarations, dry_run=dry_run)

    program = run_program(
        Path("__main__.py"),
        folder=write(tmp_path, fleet),
        dry_run=dry_run,
        config={"tomo:shop.PASSWORD": "hunter2"},
    )

    assert program.by_urn() == declared.by_urn()
    assert program.outputs == declared.outputs


def test_it_is_readable_and_holds_no_secret(tmp_path: Path) -> None:
    folder = write(tmp_path, fleet_of(**SERVERS))

    code = (folder / "__main__.py").read_text()
    ast.parse(code)
    assert 'config.require_secret("shop.PASSWORD")' in code
    assert "docker.Container(" in code
    assert "command.remote.Command(" in code
    assert "# tomo-script" not in code
    assert (folder / "Pulumi.yaml").read_text().startswith("name: tomo\n")


def test_what_only_ones_own_ssh_config_knows_is_refused() -> None:
    with pytest.raises(NotSupported, match="server `nas` has no `user`"):
        standalone_program(fleet_of(nas={"host": "nas.lan", "lan": "192.168.1.2"}), {"shop": DEFINITION})
