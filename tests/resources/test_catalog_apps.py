"""Every bundled app, through every way a fleet can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomo.catalog.index import Catalog
from tomo.model.declaration import references
from tomo.model.values import Secret
from tomo.resources import tokens
from tomo.resources.compile import CompiledFleet, compile_fleet
from tomo.resources.standalone import standalone_program
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

CATALOG = Catalog.bundled()
SAMPLES = {
    "email": "a@example.org",
    "url": "http://192.168.1.2",
    "ip": "192.168.1.2",
    "path": "/srv",
    "integer": "1",
    "port": "8080",
}


class AnySecret(dict[str, Secret]):
    def __missing__(self, name: str) -> Secret:
        return Secret(f"hushhush {name}")


def fleet_with(definition: AppDefinition) -> Fleet:
    app: dict[str, Any] = {"app": definition.id, "server": "nas", "inputs": {}}
    for entry in definition.inputs:
        if entry.required and entry.default is None and entry.generate is None:
            value: Any = {"secret": f"own.{entry.name}"} if entry.secret else SAMPLES.get(entry.type, "text")
            app["inputs"][entry.name] = value
    server = {"host": "192.168.1.2", "user": "root"}
    return Fleet.model_validate({"fleet": "home", "servers": {"nas": server}, "apps": {definition.id: app}})


def compiled(app_id: str) -> tuple[Fleet, AppDefinition, CompiledFleet]:
    definition = CATALOG.get(app_id)
    fleet = fleet_with(definition)
    return fleet, definition, compile_fleet(fleet, {app_id: definition}, FleetValues(AnySecret()))


@pytest.mark.parametrize("app_id", CATALOG.ids())
def test_it_compiles_to_containers_that_refer_backwards_only(app_id: str) -> None:
    _, definition, result = compiled(app_id)

    seen: set[str] = set()
    for declaration in result.declarations.resources:
        assert {ref.key for ref in references(declaration.inputs)} | set(declaration.depends_on) <= seen
        seen.add(declaration.key)
    containers = [each for each in result.declarations.resources if each.type == tokens.CONTAINER]
    assert 1 <= len(containers) <= len(definition.services)
    assert "hushhush" not in repr(result.declarations)


@pytest.mark.parametrize("app_id", CATALOG.ids())
def test_its_program_asks_for_the_same(
    app_id: str, tmp_path: Path, run_declared: Any, run_program: Any
) -> None:
    fleet, definition, result = compiled(app_id)
    secrets = {
        f"tomo:{prefix}.{entry.name}": f"hushhush {prefix}.{entry.name}"
        for entry in definition.inputs
        for prefix in (app_id, "own")
    }
    for name, text in standalone_program(fleet, {app_id: definition}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    declared = run_declared(result.declarations)
    program = run_program(Path("__main__.py"), folder=tmp_path, config=secrets)

    assert program.by_urn() == declared.by_urn()
    assert program.outputs == declared.outputs
