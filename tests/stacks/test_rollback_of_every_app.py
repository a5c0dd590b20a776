"""Every bundled app comes back as it was: image, variables, mounts, ports, command; then nothing is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.stacks.test_catalog_on_a_host import app_with_inputs, prepare
from tomo.catalog.index import Catalog
from tomo.model.snapshot import Snapshot
from tomo.resources.compile import CompiledFleet
from tomo.service.rolled_back import as_then
from tomo.spec.fleet import Fleet
from tomo.state.history import HistoryEntry, Version
from tomo.state.past import PastState

CATALOG = Catalog.bundled()


def changed(app_id: str) -> dict[str, Any]:
    """Another image, variable, mount, label and memory for each service, and other ports."""
    definition = CATALOG.get(app_id)
    services = {
        name: {
            "image": f"{service.image.partition('@')[0]}-next",
            "env": {"ADDED_BY_THE_UPDATE": "1"},
            "mounts": [{"host": "/srv/added", "path": "/added"}],
            "labels": {"added": "yes"},
            "resources": {"memory": "3G"},
        }
        for name, service in definition.services.items()
    }
    ports = {
        port.name: 20000 + index
        for index, (_, port) in enumerate(definition.ports())
        if "-" not in port.host_ports
    }
    return {**app_with_inputs(app_id), "services": services, "ports": ports}


def containers(stack: Any) -> dict[str, Any]:
    """What Docker says of each container, without what is another one in each that is made."""
    found = {}
    for name in stack.host.docker.container_names:
        seen = stack.host.docker.inspect(name)
        config = {key: value for key, value in seen["Config"].items() if key != "Hostname"}
        found[name] = (seen["Image"], config, seen["HostConfig"])
    return found


def fleet_of(app: dict[str, Any]) -> Fleet:
    spec = {"host": "192.168.1.2", "user": "root"}
    return Fleet.model_validate(
        {"fleet": "home", "servers": {"nas": spec}, "apps": {"it": {"server": "nas", **app}}}
    )


def as_it_was(stack: Any, app: dict[str, Any], now: CompiledFleet, then: Snapshot) -> CompiledFleet:
    past = PastState(Version(1, HistoryEntry("update", "succeeded", 0, 0)), then, "")
    return replace(now, declarations=as_then(fleet_of(app), now.declarations, {"it": past}, stack.project))


@pytest.mark.parametrize("app_id", CATALOG.ids())
def test_the_app_comes_back_as_it_was(stack: Any, app_id: str) -> None:
    prepare(stack, CATALOG.get(app_id))
    stack.up(stack.compiled({"it": app_with_inputs(app_id)}))
    then, before = stack.snapshot, containers(stack)
    now = stack.compiled({"it": changed(app_id)})
    stack.up(now)
    assert all(containers(stack)[name] != seen for name, seen in before.items())

    back = as_it_was(stack, changed(app_id), now, then)
    stack.up(back)

    assert containers(stack) == before
    assert stack.plan(back) == []
    assert stack.plan(back, look=False) == []
    assert stack.plan(stack.compiled({"it": app_with_inputs(app_id)})) == []
