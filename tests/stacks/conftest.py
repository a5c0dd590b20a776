"""A fleet on hosts in memory: compiled, planned and applied by the real engine and providers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from tomo.catalog.index import Catalog
from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.run import Options, World
from tomo.errors import TomoError
from tomo.model.events import ignore
from tomo.model.goal import Goal
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Registered, Source
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import Secret
from tomo.program.declared import DeclaredSource
from tomo.providers.docker.resource import Pace
from tomo.providers.registry import ProviderRegistry
from tomo.resources.compile import CompiledFleet, compile_fleet
from tomo.resources.texts import FleetValues
from tomo.settings import Settings
from tomo.spec.fleet import Fleet
from tomo.ssh.docker_host import spec_for_docker
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.registry import FakeRegistry

CATALOG = Catalog.bundled()


class AnySecret(dict[str, Secret]):
    def __missing__(self, name: str) -> Secret:
        return Secret(f"{name}-secret")


class Stack:
    """One stack over one host in memory; each run starts from what the last one left."""

    def __init__(self) -> None:
        self.host = FakeHost("192.168.1.2", registry=FakeRegistry(accept_all=True), healthy_after=0.0)
        self.snapshot = Snapshot()
        self.project = "tomo"
        self.config: Mapping[str, str] = {}
        self.secret_config_keys: frozenset[str] = frozenset()
        self._ids, self._ticks = itertools.count(1), itertools.count(1)
        settings = Settings()
        self._providers = ProviderRegistry(
            FakeConnections({"192.168.1.2": self.host}),
            settings,
            lambda host, options: spec_for_docker(host, options, settings),
            pace=Pace(settle=0.0, poll=0.001),
        )

    def compiled(self, apps: Mapping[str, Any], **server: Any) -> CompiledFleet:
        placed = {name: {"server": "nas", **app} for name, app in apps.items()}
        spec = {"host": "192.168.1.2", "user": "root", **server}
        fleet = Fleet.model_validate({"fleet": "home", "servers": {"nas": spec}, "apps": placed})
        definitions = {
            name: app.definition or CATALOG.get(app.catalog_id) for name, app in fleet.apps.items()
        }
        return compile_fleet(fleet, definitions, FleetValues(AnySecret()))

    def plan(self, source: Source | CompiledFleet, **options: Any) -> list[tuple[Op, str]]:
        outcome = self._deployment(dry=True, options=options).up(_source(source))
        assert outcome.failures == ()
        return [
            (step.op, step.urn.name) for step in outcome.plan.changes if step.type != "pulumi:pulumi:Stack"
        ]

    def up(self, source: Source | CompiledFleet) -> Outcome:
        removals = frozenset(source.data_removals) if isinstance(source, CompiledFleet) else frozenset()
        outcome = self._deployment(dry=False, options={"remove_data": removals}).up(_source(source))
        self.snapshot = outcome.snapshot
        problems: list[TomoError] = [failure.error for failure in outcome.failures]
        assert problems == []
        assert outcome.program_error is None
        return outcome

    def goals_of(self, source: Source | CompiledFleet) -> dict[Urn, Goal]:
        """What a source asks for, where in which file left out."""
        asked = _Asked()
        _source(source).run(self._program(dry=False), asked)
        return {asked.urn_of(goal): replace(goal, source_position="") for goal in asked.goals}

    def outputs(self, name: str) -> Mapping[str, Any]:
        return next(entry.outputs for entry in self.snapshot.resources if entry.urn.name == name)

    def _deployment(self, *, dry: bool, options: dict[str, Any]) -> Deployment:
        world = World(
            self._providers,
            ignore,
            now=lambda: f"2026-01-01T00:00:{next(self._ticks):09.6f}Z",
            new_id=lambda: f"00000000-0000-4000-8000-{next(self._ids):012d}",
            executor=executor,
        )
        return Deployment(self._program(dry=dry), self.snapshot, world, Options(**options))

    def _program(self, *, dry: bool) -> ProgramRun:
        keys = self.secret_config_keys
        return ProgramRun(self.project, "home", dry_run=dry, config=self.config, secret_config_keys=keys)


class _Asked:
    """A registrar that makes nothing up but ids."""

    project, stack, dry_run = "tomo", "home", False

    def __init__(self) -> None:
        self.goals: list[Goal] = []

    def urn_of(self, goal: Goal) -> Urn:
        return Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)

    def register(self, goal: Goal) -> Future[Registered]:
        self.goals.append(goal)
        made = {"imageId": "sha256:1", "dockerDrift": "", "osName": "Debian", "arch": "amd64", "sha256": "f"}
        future: Future[Registered] = Future()
        outputs = {**made, **goal.inputs} if goal.custom else {}
        future.set_result(Registered(self.urn_of(goal), f"{goal.name}-id" if goal.custom else "", outputs))
        return future

    def register_outputs(self, urn: Urn, outputs: Any) -> None:
        pass

    def log(self, severity: Any, message: str, urn: str = "") -> None:
        raise AssertionError(message)


def _source(source: Source | CompiledFleet) -> Source:
    return DeclaredSource(source.declarations) if isinstance(source, CompiledFleet) else source


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def catalog_ids() -> tuple[str, ...]:
    return CATALOG.ids()
