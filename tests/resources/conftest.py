"""Fleets made in a line or two, and a registrar that keeps what it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tomo.model.goal import Goal
from tomo.model.source import ProgramRun, Registered
from tomo.model.urn import Urn
from tomo.model.values import Properties, Secret
from tomo.program.declared import DeclaredSource
from tomo.program.runner import SdkSource
from tomo.resources.compile import CompiledFleet, compile_fleet
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet


class Recorder:
    """Answers every goal with its inputs, an id, and the outputs that Tomo's own resources have."""

    project, stack = "tomo", "home"

    def __init__(self, *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.goals: list[Goal] = []
        self.outputs: dict[str, dict[str, Any]] = {}

    def register(self, goal: Goal) -> Future[Registered]:
        # Where in which file a program says it is the only thing that may differ.
        self.goals.append(replace(goal, source_position=""))
        urn = Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)
        made = {
            "imageId": "sha256:1",
            "dockerDrift": "",
            "dockerTarget": "27.3.2-1",
            "dockerPrunable": "",
            "osName": "Debian",
            "arch": "amd64",
        }
        outputs = {**made, "sha256": "f" * 64, **goal.inputs} if goal.custom else {}
        future: Future[Registered] = Future()
        future.set_result(
            Registered(urn, f"{goal.name}-id" if goal.custom and not self.dry_run else "", outputs)
        )
        return future

    def register_outputs(self, urn: Urn, outputs: Properties) -> None:
        self.outputs[urn] = dict(outputs)

    def log(self, severity: Any, message: str, urn: str = "") -> None:
        raise AssertionError(message)

    def by_urn(self) -> dict[Urn, Goal]:
        return {Urn.make(self.stack, self.project, g.parent, g.type, g.name): g for g in self.goals}


@pytest.fixture
def run_declared() -> Any:
    def run(declarations: Any, *, dry_run: bool = False) -> Recorder:
        recorder = Recorder(dry_run=dry_run)
        DeclaredSource(declarations).run(ProgramRun("tomo", "home", dry_run=dry_run), recorder)
        return recorder

    return run


@pytest.fixture
def run_program(tmp_path: Path) -> Any:
    def run(
        main: Any,
        *,
        folder: Path | None = None,
        dry_run: bool = False,
        config: Mapping[str, str] | None = None,
    ) -> Recorder:
        recorder = Recorder(dry_run=dry_run)
        values = dict(config or {})
        source = SdkSource(main, folder or tmp_path)
        source.run(
            ProgramRun("tomo", "home", dry_run=dry_run, config=values, secret_config_keys=frozenset(values)),
            recorder,
        )
        return recorder

    return run


class Compiled:
    """A compiled fleet with its declarations at hand."""

    def __init__(self, compiled: CompiledFleet) -> None:
        self.declarations, self.data_removals = compiled.declarations, compiled.data_removals
        self.resources = {each.key: each for each in compiled.declarations.resources}
        self.outputs = compiled.declarations.outputs

    def inputs(self, key: str) -> Any:
        return self.resources[key].inputs

    def of_type(self, token: str) -> list[str]:
        return [each.name for each in self.declarations.resources if each.type == token]


@pytest.fixture
def compiled() -> Any:
    def make(
        apps: Mapping[str, Any],
        definitions: Mapping[str, Any],
        *,
        secrets: Mapping[str, Any] | None = None,
        servers: Mapping[str, Any] | None = None,
    ) -> Compiled:
        known = {
            name: AppDefinition.model_validate(_definition(name, each)) for name, each in definitions.items()
        }
        placed = {name: {"app": name, "server": "nas", **each} for name, each in apps.items()}
        hosts = servers or {"nas": {"host": "192.168.1.2", "user": "root", "port": 2222}}
        fleet = Fleet.model_validate({"fleet": "home", "servers": hosts, "apps": placed})
        values = {name: Secret(v) if isinstance(v, str) else v for name, v in (secrets or {}).items()}
        return Compiled(
            compile_fleet(fleet, {n: known[a["app"]] for n, a in placed.items()}, FleetValues(values))
        )

    return make


def _definition(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": "tomo.app/v1", "id": name, "title": name, "version": "1.0", **given}
