"""A fleet on hosts in memory: compiled, planned and applied by the real engine and providers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from tomo.catalog.index import Catalog
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.run import Options, World
from tomo.errors import TomoError
from tomo.model.events import ignore
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Source
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.program.declared import DeclaredSource
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
        self.host = FakeHost("192.168.1.2", registry=FakeRegistry(accept_all=True))
        self.snapshot = Snapshot()
        self.config: Mapping[str, str] = {}
        self._ids, self._ticks = itertools.count(1), itertools.count(1)
        settings = Settings()
        self._providers = ProviderRegistry(
            FakeConnections({"192.168.1.2": self.host}),
            settings,
            lambda host, options: spec_for_docker(host, options, settings),
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

    def outputs(self, name: str) -> Mapping[str, Any]:
        return next(entry.outputs for entry in self.snapshot.resources if entry.urn.name == name)

    def _deployment(self, *, dry: bool, options: dict[str, Any]) -> Deployment:
        world = World(
            self._providers,
            ignore,
            now=lambda: f"2026-01-01T00:00:{next(self._ticks):09.6f}Z",
            new_id=lambda: f"00000000-0000-4000-8000-{next(self._ids):012d}",
        )
        run = ProgramRun("tomo", "home", dry_run=dry, config=self.config)
        return Deployment(run, self.snapshot, world, Options(**options))


def _source(source: Source | CompiledFleet) -> Source:
    return DeclaredSource(source.declarations) if isinstance(source, CompiledFleet) else source


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def catalog_ids() -> tuple[str, ...]:
    return CATALOG.ids()
