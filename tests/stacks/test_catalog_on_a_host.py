"""Every bundled app: applied on a host in memory, and then nothing is left to do."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.catalog.index import Catalog

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


@pytest.mark.parametrize("app_id", CATALOG.ids())
def test_after_an_apply_the_next_plan_is_empty(stack: Any, app_id: str) -> None:
    fleet = stack.compiled({app_id: app_with_inputs(app_id)})

    stack.up(fleet)

    assert stack.plan(fleet) == []
    assert stack.plan(fleet, look=False) == []
