"""A compiled fleet gives the same goals straight to the engine and through Pulumi's SDK."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.errors import TomoError
from tomo.model.declaration import Concat, Declaration, Declarations, OutputRef
from tomo.model.goal import Timeouts
from tomo.model.values import UNKNOWN, Asset, Secret

PAIR = {
    "inputs": [{"name": "DB_PASSWORD", "type": "secret", "generate": {"kind": "password"}}],
    "services": {
        "server": {
            "image": "shop:2.0",
            "env": {"DATABASE": "postgres://shop:${input.DB_PASSWORD}@db/shop"},
            "ports": [{"name": "web", "container": 8080, "expose": "lan"}],
            "mounts": [{"volume": "data", "path": "/data"}],
            "secrets": [{"input": "DB_PASSWORD", "path": "/run/secrets/db"}],
            "depends_on": {"db": "healthy"},
        },
        "db": {
            "image": "postgres:17",
            "healthcheck": {"test": ["CMD", "pg_isready"]},
            "resources": {"memory": "512M"},
        },
    },
    "volumes": {"data": {}},
    "files": [{"path": "/etc/shop.conf", "content": "name=${app.name}", "service": "server"}],
    "web": {"service": "server", "port": 8080},
}


@pytest.mark.parametrize("dry_run", [True, False])
def test_both_ways_give_the_same_goals(
    compiled: Any, run_declared: Any, run_program: Any, dry_run: bool
) -> None:
    servers = {
        "nas": {
            "host": "192.168.1.2",
            "user": "root",
            "docker": {"registry_mirrors": ["http://m"], "version": "27.3.*", "prune": {}},
        },
        "here": {"host": "local", "become": "sudo"},
    }
    apps = {
        "shop": {"server": None, "servers": ["nas", "here"], "networks": ["proxy"]},
        "old": {"state": "absent"},
    }
    secrets = {"shop.DB_PASSWORD": "hunter2"}
    fleet = compiled(apps, {"shop": PAIR, "old": PAIR}, secrets=secrets, servers=servers)

    def main() -> None:
        from tomo.resources.registration import register

        register(fleet.declarations)

    declared, through_sdk = (
        run_declared(fleet.declarations, dry_run=dry_run),
        run_program(main, dry_run=dry_run),
    )

    assert declared.by_urn() == through_sdk.by_urn()
    assert declared.outputs == through_sdk.outputs


def test_every_option_and_kind_of_value_comes_through(run_declared: Any, run_program: Any) -> None:
    declarations = Declarations(
        (
            Declaration("p", "pulumi:providers:docker", "p", inputs={"host": "ssh://h"}, version="5.2.0"),
            Declaration("c", "tomo:index:App", "c", custom=False, outputs={"n": OutputRef("a", "name")}, protect=True),
            Declaration("a", "docker:index/volume:Volume", "a", inputs={"name": "a"}, parent="c", provider="p", retain_on_delete=True),
            Declaration(
                "b", "docker:index/network:Network", "b", parent="c", provider="p", version="5.2.0", protect=False, deleted_with="a",
                inputs={"of": OutputRef("c", "n"), "id": OutputRef("a"), "urn": OutputRef("a", "urn"), "s": Concat(("x", Secret("y"), OutputRef("a", "name"))), "asset": Asset(text="t"), "list": [1.0, {"k": Secret("v")}]},
                depends_on=("a",), delete_before_replace=True, ignore_changes=("x",), replace_on_changes=("y[*]",),
                additional_secret_outputs=("z",), custom_timeouts=Timeouts(create=90, delete=5),
            ),
        ),
        {"out": [OutputRef("b"), OutputRef("c", "n")]},
    )  # fmt: skip

    def main() -> None:
        from tomo.resources.registration import register

        register(declarations)

    declared, through_sdk = run_declared(declarations), run_program(main)

    assert declared.by_urn() == through_sdk.by_urn()
    assert declared.outputs == through_sdk.outputs


def test_a_secret_that_is_still_to_be_made_stops_a_program(run_program: Any) -> None:
    declarations = Declarations(
        (Declaration("a", "docker:index/volume:Volume", "a", inputs={"name": UNKNOWN}),)
    )

    def main() -> None:
        from tomo.resources.registration import register

        register(declarations)

    with pytest.raises(TomoError, match="does not exist yet"):
        run_program(main)
