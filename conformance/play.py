"""Plays a scenario on both engines, and says after each operation where they differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.allowed import BROKEN, HANGS, explanation
from conformance.compare import Difference, Scene, Side, Where, as_json, compared
from conformance.declare import program_of
from conformance.engines import Engine, Orders, PulumiCli, PulumiHangs, Ran, TomoEngine
from conformance.normal import Names, comparable, unknown_in
from conformance.scenario import Model, Operation, Scenario, Verb
from conformance.store import Store
from tomo.errors import StateCorrupt, TomoError
from tomo.secrets.passphrase import PassphraseManagers


@dataclass
class Stage:
    """Two stacks, one for each engine, and the names of what stands in them."""

    engines: tuple[Engine, Engine]
    stores: list[Store]
    names: list[Names] = field(default_factory=lambda: [Names(), Names()])
    _before: Mapping[str, Any] = field(default_factory=dict)

    def play(self, operation: Operation) -> Scene:
        """Does the same on both, and compares."""
        if operation.swapped:
            self.stores.reverse()
            self.names.reverse()
        for store in self.stores:
            _prepare(store, operation)
        mine, theirs = (
            _carry_out(engine, store, operation)
            for engine, store in zip(self.engines, self.stores, strict=True)
        )
        sides = self._side(0, mine), self._side(1, theirs)
        scene = Scene(operation, self._before, *sides, compared(operation, *sides))
        self._before = sides[1].state
        return scene

    def level(self) -> None:
        """Gives Tomo the stack and the world that Pulumi left, so that both go on from there."""
        mine, theirs = self.stores
        shutil.rmtree(mine.directory / ".pulumi")
        shutil.copytree(theirs.directory / ".pulumi", mine.directory / ".pulumi")
        mine.world.things, mine.world.made = deepcopy(theirs.world.things), theirs.world.made
        self.names[0] = deepcopy(self.names[1])

    def _side(self, index: int, ran: Ran) -> Side:
        store, names = self.stores[index], self.names[index]
        state = comparable(store, names)
        told, calls = [as_json(step) for step in ran.steps], [vars(call) for call in store.world.asked]
        text = names.learned(json.dumps([told, calls], ensure_ascii=False))
        store.world.asked.clear()
        told, calls = json.loads(text)
        return Side(ran, told, calls, state)


def _prepare(store: Store, operation: Operation) -> None:
    world = store.world
    world.faults.clear()
    for what, how in operation.faults.items():
        verb, _, name = what.partition(" ")
        world.faults[verb, name] = how
    for id_ in list(world.things):
        name = id_.rpartition("-")[0]
        if name in operation.lost:
            del world.things[id_]
        elif name in operation.edited:
            world.things[id_].update(operation.edited[name])
    for id_, thing in operation.there.items():
        world.things.setdefault(id_, dict(thing))


def _carry_out(engine: Engine, store: Store, operation: Operation) -> Ran:
    orders = Orders(
        stop_on_error=operation.stop_on_error,
        serial=True,
        targets=operation.targets,
        excludes=operation.excludes,
        replaces=operation.replaces,
        dependents=operation.dependents,
    )
    program = program_of(operation.program, store.world.note)
    match operation.verb:
        case Verb.UP:
            return engine.up(store, program, orders)
        case Verb.PREVIEW:
            return engine.plan(store, program, orders)
        case Verb.REFRESH:
            return engine.refresh(store, orders)
        case Verb.DESTROY:
            return engine.destroy(store, orders, program if operation.program != Model() else None)


@dataclass(frozen=True)
class Played:
    """A scenario to its end, or to its first operation that differs otherwise than is allowed."""

    scenario: Scenario
    operations: int
    unexplained: tuple[Difference, ...] = ()
    allowed: tuple[str, ...] = ()
    said: str = ""

    @property
    def agrees(self) -> bool:
        """Whether both engines did the same, but for what is allowed."""
        return not self.unexplained


@dataclass(frozen=True)
class Theatre:
    """What it takes to play: the CLI, a folder to work in, and a salt, whose key is derived once."""

    cli: PulumiCli
    folder: Path
    secrets: PassphraseManagers
    salt: str

    def play(self, scenario: Scenario) -> Played:
        """Plays a scenario on two new stacks."""
        stores = [
            Store(self.folder / name, self.salt, self.secrets).prepare_anew() for name in ("tomo", "pulumi")
        ]
        stage = Stage((TomoEngine(), self.cli), stores)
        allowed: list[str] = []
        for count, operation in enumerate(scenario.operations, 1):
            try:
                scene = stage.play(operation)
            except PulumiHangs as error:
                return _after_hanging(scenario, count, allowed, str(error))
            except TomoError as error:
                gave_up = Difference(Where.EXIT, "", str(error), "is not known")
                return Played(scenario, count, (gave_up,), tuple(allowed), error.detail)
            explained = [(each, explanation(each, scene)) for each in scene.differences]
            allowed += sorted({entry.name for _, entry in explained if entry is not None})
            unexplained = tuple(each for each, entry in explained if entry is None)
            if unexplained:
                said = f"Tomo said:\n{scene.mine.ran.said}\nPulumi said:\n{scene.theirs.ran.said}"
                return Played(scenario, count, unexplained, tuple(allowed), said)
            if explained or unknown_in(scene.theirs.state):
                stage.level()
                if self._is_broken(stage.stores[0]):
                    return Played(scenario, count, allowed=(*allowed, BROKEN))
        return Played(scenario, len(scenario.operations), allowed=tuple(allowed))

    def _is_broken(self, store: Store) -> bool:
        """Whether Pulumi left a state that neither engine can read."""
        try:
            store.snapshot()
        except StateCorrupt:
            said = self.cli.plan(store, program_of(Model())).said
            return "snapshot integrity failure" in said
        return False


def _after_hanging(scenario: Scenario, count: int, allowed: Sequence[str], said: str) -> Played:
    """With --continue-on-error the CLI may wait for ever where a step of a replacement or an import fails."""
    operation = scenario.operations[count - 1]
    imports = any("import_" in node.options for node in operation.program.nodes)
    faults = {fault.partition(" ")[0] for fault in operation.faults}
    # With a default provider of its own what goes ahead can fail by itself.
    along = any("replace_with" in node.options for node in operation.program.nodes)
    if not operation.stop_on_error and (imports or along or faults & {"create", "delete"}):
        return Played(scenario, count, allowed=(*allowed, HANGS))
    return Played(scenario, count, (Difference(Where.EXIT, "", "done", "hangs"),), tuple(allowed), said)
