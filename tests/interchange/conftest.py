"""The real Pulumi CLI, and programs that run on it and on Tomo alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.engines import Engine, Orders, Program, PulumiCli, Ran, TomoEngine
from conformance.normal import Names, comparable, told_apart
from conformance.setting import built_cli, installed
from conformance.store import PASSPHRASE, Store
from tomo.secrets.passphrase import PassphraseManagers


@pytest.fixture(scope="session")
def cli_binary() -> Path:
    """The CLI that scripts/pulumi-cli builds into .cache."""
    binary = built_cli()
    if binary is None:
        pytest.skip("there is no Pulumi CLI to compare with; scripts/pulumi-cli builds it, given Go")
    return binary


@pytest.fixture(scope="session")
def pulumi_cli(cli_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> PulumiCli:
    """The CLI with a home of its own."""
    return installed(cli_binary, tmp_path_factory.mktemp("pulumi-home"))


@pytest.fixture(scope="session")
def secrets() -> PassphraseManagers:
    return PassphraseManagers(lambda: PASSPHRASE)


@pytest.fixture(scope="session")
def salt(secrets: PassphraseManagers) -> str:
    return secrets.create().salt


@pytest.fixture
def tomo() -> TomoEngine:
    return TomoEngine()


@pytest.fixture
def store(tmp_path: Path, salt: str, secrets: PassphraseManagers) -> Store:
    """One stack for both engines in turn."""
    return Store(tmp_path / "stack", salt, secrets).prepare()


@dataclass
class Both:
    """Does the same on Tomo and on the real CLI, each with a stack of its own, and compares all they leave."""

    engines: tuple[TomoEngine, PulumiCli]
    stores: tuple[Store, Store]
    names: tuple[Names, Names] = field(default_factory=lambda: (Names(), Names()))
    last: tuple[Ran, Ran] = field(init=False)

    def up(
        self,
        program: Program,
        *,
        stop_on_error: bool = False,
        steps: bool = True,
        calls: bool = True,
        **orders: Any,
    ) -> Ran:
        """Without `steps`, what is told of the run may differ; without `calls`, what the provider is asked."""
        ordered = Orders(stop_on_error=stop_on_error, **orders)
        ran = [e.up(s, program, ordered) for e, s in self._pairs]
        return self._compared(ran, steps=steps, calls=calls)

    def plan(self, program: Program, *, steps: bool = True, **orders: Any) -> Ran:
        ran = [e.plan(s, program, Orders(**orders)) for e, s in self._pairs]
        return self._compared(ran, steps=steps)

    def refresh(self, program: Program | None = None, **orders: Any) -> Ran:
        """Pulumi tells of a refresh of each resource, Tomo of those that have changed or are gone."""
        return self._compared([e.refresh(s, Orders(**orders), program) for e, s in self._pairs], steps=False)

    def destroy(self, program: Program | None = None, *, steps: bool = True, **orders: Any) -> Ran:
        """With a program, that runs before."""
        ran = [e.destroy(s, Orders(**orders), program) for e, s in self._pairs]
        return self._compared(ran, steps=steps)

    @property
    def _pairs(self) -> list[tuple[Engine, Store]]:
        return list(zip(self.engines, self.stores, strict=True))

    def fail(self, verb: str, name: str, how: str = "fail") -> None:
        """From now on the provider fails at this."""
        for store in self.stores:
            store.world.faults[verb, name] = how

    def heal(self) -> None:
        """The provider works again."""
        for store in self.stores:
            store.world.faults.clear()

    def lose(self, name: str) -> None:
        """Someone removes a resource behind the engine's back."""
        for store in self.stores:
            for id_ in [each for each in store.world.things if each.rpartition("-")[0] == name]:
                del store.world.things[id_]

    def edit(self, name: str, **values: object) -> None:
        """Someone changes a resource behind the engine's back."""
        for store in self.stores:
            for id_, thing in store.world.things.items():
                if id_.rpartition("-")[0] == name:
                    thing.update(values)

    def _compared(self, ran: list[Ran], *, steps: bool = True, calls: bool = True) -> Ran:
        mine, theirs = ran
        self.last = (mine, theirs)
        told = f"\nTomo said:\n{mine.said}\nPulumi said:\n{theirs.said}"
        if steps:
            assert mine.ops == theirs.ops, told
            assert mine.failed == theirs.failed, told
        assert mine.ok == theirs.ok, told
        here, there = (comparable(s, n) for s, n in zip(self.stores, self.names, strict=True))
        assert told_apart(here, there) == [], told
        asked = (self._calls(0), self._calls(1))
        assert asked[0] == asked[1] or not calls
        return mine

    def _calls(self, index: int) -> dict[str, list[str]]:
        """What the provider was asked to do since the last comparison, by resource."""
        world = self.stores[index].world
        asked: dict[str, list[str]] = {}
        for call in world.calls:
            if call.verb in {"create", "update", "delete"}:
                asked.setdefault(call.name, []).append(call.verb)
        world.calls.clear()
        return asked


@pytest.fixture
def both(tmp_path: Path, salt: str, secrets: PassphraseManagers, pulumi_cli: PulumiCli) -> Both:
    """Two stacks, one for each engine."""
    here, there = (Store(tmp_path / name, salt, secrets).prepare() for name in ("tomo", "pulumi"))
    return Both((TomoEngine(), pulumi_cli), (here, there))
