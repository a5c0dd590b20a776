"""Every bundled app: applied on a host in memory, and then nothing is left to do."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.catalog.index import Catalog
from tomo.spec.app import AppDefinition, Service, span
from tomo.testing.registry import DEFAULT_PATH, ImageDefinition

CATALOG = Catalog.bundled()
SAMPLES = {
    "email": "a@example.org",
    "url": "http://192.168.1.2",
    "ip": "192.168.1.2",
    "path": "/srv",
    "integer": "1",
    "port": "8080",
}


def app_with_inputs(app_id: str) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for entry in CATALOG.get(app_id).inputs:
        if entry.required and entry.default is None and entry.generate is None:
            inputs[entry.name] = (
                {"secret": f"own.{entry.name}"} if entry.secret else SAMPLES.get(entry.type, "text")
            )
    return {"app": app_id, "inputs": inputs}


def stand_in(service: Service) -> ImageDefinition:
    """An image that brings what real ones do: ports, volumes, variables, labels and a check of its own."""
    config = {
        "Env": [DEFAULT_PATH, "LANG=C.UTF-8", "APP_VERSION=1"],
        "ExposedPorts": {
            f"{number}/{port.protocol}": {} for port in service.ports for number in span(port.container)
        }
        | {"9999/tcp": {}},
        "Volumes": {mount.path: {} for mount in service.mounts} | {"/srv/image-own": {}},
        "Labels": {"org.opencontainers.image.title": "stand-in"},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Retries": 3},
        "WorkingDir": "/app",
        "StopSignal": "SIGQUIT",
    }
    return ImageDefinition(service.image, config)


def prepare(stack: Any, definition: AppDefinition) -> None:
    """Publishes the app's images, and puts on the server the files it mounts one by one."""
    for service in definition.services.values():
        stack.host.docker.registry.add(stand_in(service))
        for mount in service.mounts:
            if mount.source_kind == "file" and isinstance(mount.host, str):
                stack.host.files.write(mount.host, b"")


@pytest.mark.parametrize("app_id", CATALOG.ids())
def test_after_an_apply_the_next_plan_is_empty(stack: Any, app_id: str) -> None:
    prepare(stack, CATALOG.get(app_id))
    fleet = stack.compiled({app_id: app_with_inputs(app_id)})

    stack.up(fleet)

    assert stack.plan(fleet) == []
    assert stack.plan(fleet, look=False) == []
