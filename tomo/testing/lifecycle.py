"""Runs a program given as a function on the engine, again and again, over one fake world."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event as ThreadEvent

from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.look import Observation
from tomo.engine.retries import Patience
from tomo.engine.run import Options, World
from tomo.errors import StateError
from tomo.frozen import frozen
from tomo.model.changes import Change, Folding
from tomo.model.drift import DriftPolicy
from tomo.model.events import Event
from tomo.model.goal import Goal
from tomo.model.hook import ErrorHook, Hook, HookCall
from tomo.model.provider import Provider
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Registered, Registrar, Source
from tomo.model.step import Op
from tomo.model.urn import STACK_TYPE, Urn, provider_ref
from tomo.model.values import UNKNOWN, Value
from tomo.state.integrity import problems
from tomo.state.writer import check
from tomo.testing.clock import ManualClock
from tomo.testing.fake_provider import TYPE, FakeProviders, FakeWorld

PROJECT, STACK = "proj", "dev"
_PATIENCE = 30.0


@frozen
class Out:
    """An output of a resource, to be used as another's input."""

    of: Handle
    key: str


@frozen
class Handle:
    """A registered resource, as a program holds it."""

    answer: Registered

    @property
    def urn(self) -> Urn:
        """Its URN."""
        return self.answer.urn

    def out(self, key: str) -> Out:
        """One of its outputs."""
        return Out(self, key)

    def value(self, key: str) -> Value:
        """The output's value; unknown where there is none."""
        if key == "id":
            return self.answer.id or UNKNOWN
        return self.answer.outputs.get(key, UNKNOWN)


class Program:
    """What a test's program function registers with; each call waits for its answer."""

    def __init__(self, registrar: Registrar) -> None:
        self.registrar = registrar
        self.stack = self._register(Goal(STACK_TYPE, f"{PROJECT}-{STACK}", custom=False, inputs={}))

    def res(self, name: str, inputs: Mapping[str, Value] | None = None, **options: object) -> Handle:
        """Registers a `fake:` resource; `needs=[handle]` is dependsOn, `under=handle` the parent."""
        return self._declare(TYPE, name, inputs or {}, custom=True, options=options)

    def component(self, name: str, **options: object) -> Handle:
        """Registers a component."""
        return self._declare("my:mod:Comp", name, {}, custom=False, options=options)

    def provider(self, name: str, inputs: Mapping[str, Value] | None = None, **options: object) -> str:
        """Registers an explicit provider; gives its reference."""
        made = self._declare("pulumi:providers:fake", name, inputs or {}, custom=True, options=options)
        return provider_ref(made.urn, made.answer.id)

    def hook(self, name: str, call: Callable[[HookCall], None], **options: bool) -> None:
        """Registers a hook; resources name it with `hooks={HookType.…: ("name",)}`."""
        self.registrar.register_hook(Hook(name, call, **options))

    def error_hook(self, name: str, call: Callable[[HookCall, str, Sequence[str]], bool]) -> None:
        """Registers an error hook."""
        self.registrar.register_hook(ErrorHook(name, call))

    def export(self, **outputs: Value) -> None:
        """Sets the stack's outputs."""
        plain = {
            key: value.of.value(value.key) if isinstance(value, Out) else value
            for key, value in outputs.items()
        }
        self.registrar.register_outputs(self.stack.urn, plain)

    def _declare(
        self, type_: str, name: str, inputs: Mapping[str, Value], *, custom: bool, options: dict[str, object]
    ) -> Handle:
        needs = [handle.urn for handle in _handles(options.pop("needs", ()))]
        under = options.pop("under", None)
        parent = under.urn if isinstance(under, Handle) else self.stack.urn
        by_key = {key: tuple(out.of.urn for out in _outs(value)) for key, value in inputs.items()}
        plain = {key: _plain(value) for key, value in inputs.items()}
        every = dict.fromkeys([*needs, *itertools.chain.from_iterable(by_key.values())])
        goal = Goal(
            type_,
            name,
            custom,
            plain,
            parent=parent,
            dependencies=tuple(every),
            property_dependencies=by_key,
            **options,  # type: ignore[arg-type]
        )
        return self._register(goal)

    def _register(self, goal: Goal) -> Handle:
        return Handle(self.registrar.register(goal).result(_PATIENCE))


def _handles(value: object) -> list[Handle]:
    return [item for item in value if isinstance(item, Handle)] if isinstance(value, (list, tuple)) else []


def _outs(value: Value) -> list[Out]:
    if isinstance(value, Out):
        return [value]
    if isinstance(value, Mapping):
        return [out for item in value.values() for out in _outs(item)]
    return [out for item in value for out in _outs(item)] if isinstance(value, list) else []


def _plain(value: Value) -> Value:
    if isinstance(value, Out):
        return value.of.value(value.key)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


@frozen
class FunctionSource:
    """A function as a source of goals."""

    function: Callable[[Program], None]

    def run(self, run: ProgramRun, registrar: Registrar) -> None:  # noqa: ARG002
        """Calls the function; what it raises comes out as it is."""
        self.function(Program(registrar))


def _source(program: Callable[[Program], None] | Source) -> Source:
    return FunctionSource(program) if callable(program) else program


@dataclass(slots=True)
class SavedSnapshots:
    """A saver that folds every change in memory, and notes where a snapshot breaks the rules of a state.

    `full` decides about snapshots that the disk has no room for. `on_save` is called for every snapshot;
    `problems` are the rules that any of them broke.
    """

    snapshots: list[Snapshot] = field(default_factory=list)
    full: Callable[[Snapshot], bool] = field(default=lambda _snapshot: False)
    on_save: Callable[[Snapshot], None] = field(default=lambda _snapshot: None)
    problems: list[str] = field(default_factory=list)
    _folding: Folding = field(default_factory=lambda: Folding(Snapshot()))

    def begin(self, base: Snapshot) -> None:
        """The changes to come are those of a run that starts from this snapshot."""
        self._folding = Folding(base)

    def ready(self) -> None:
        """There is always room in memory."""

    def offer(self, changes: Sequence[Change]) -> int:
        """Takes changes and keeps the snapshot that they lead to."""
        self._folding.apply(changes)
        self._keep(self._folding.snapshot())
        return len(self.snapshots)

    def wait(self, ticket: int) -> None:
        """Is there already, or raises StateError."""
        self._refuse(self.snapshots[ticket - 1])

    def finish(self, snapshot: Snapshot) -> None:
        """Keeps the last snapshot, which must be the one that all changes lead to."""
        folded = self._folding.snapshot()
        # The order of pending operations means nothing.
        if (folded.resources, set(map(id, folded.pending_operations))) != (
            snapshot.resources,
            set(map(id, snapshot.pending_operations)),
        ):
            self.problems.append("the changes lead to another snapshot than the run ended with")
        self._keep(snapshot)
        self._refuse(snapshot)

    def _keep(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        self.problems.extend(problems(snapshot))
        self.on_save(snapshot)

    def _refuse(self, snapshot: Snapshot) -> None:
        check(snapshot)
        if self.full(snapshot):
            raise StateError("the disk is full")


@dataclass(slots=True)
class Lifecycle:
    """One stack over one fake world; each operation starts from what the last one left.

    `others` are providers by package that serve in place of the fake one. What a run waits for moves the
    clock and is noted in `pauses`; `on_pause` is called at each. `drift` is by resource name.
    """

    world: FakeWorld = field(default_factory=FakeWorld)
    snapshot: Snapshot = field(default_factory=Snapshot)
    events: list[Event] = field(default_factory=list)
    saved: SavedSnapshots = field(default_factory=SavedSnapshots)
    outcome: Outcome | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    redact: Callable[[str], str] = str
    others: dict[str, Provider] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    drift: dict[str, DriftPolicy] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    on_pause: Callable[[], None] = field(default=lambda: None)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _ticks: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def plan(
        self,
        program: Callable[[Program], None] | Source,
        observed: Observation | None = None,
        **options: object,
    ) -> Outcome:
        """What `up` would do; changes neither the world nor the state."""
        return self._deployment(options, dry=True).up(_source(program), observed)

    def up(
        self,
        program: Callable[[Program], None] | Source,
        observed: Observation | None = None,
        **options: object,
    ) -> Outcome:
        """Applies the program; `observed` saves the look."""
        return self._kept(self._deployment(options).up(_source(program), observed))

    def refresh(
        self, program: Callable[[Program], None] | Source | None = None, **options: object
    ) -> Outcome:
        """Takes the world into the state; a program runs and makes nothing."""
        source = _source(program) if program is not None else None
        return self._kept(self._deployment(options).refresh(source))

    def plan_refresh(self, program: Callable[[Program], None] | Source, **options: object) -> Outcome:
        """What a refresh that runs the program would find."""
        return self._deployment(options, dry=True).refresh(_source(program))

    def destroy(
        self, program: Callable[[Program], None] | Source | None = None, **options: object
    ) -> Outcome:
        """Deletes everything; a program runs before."""
        source = _source(program) if program is not None else None
        return self._kept(self._deployment(options).destroy(source))

    def ops(self, name: str, outcome: Outcome | None = None) -> list[Op]:
        """The operations on a resource in the last (or a given) outcome, in order."""
        of = outcome or self.outcome
        return [step.op for step in of.plan.steps if step.urn.name == name] if of else []

    def entry(self, name: str) -> ResourceState:
        """The live state entry of a resource."""
        return next(e for e in self.snapshot.resources if e.urn.name == name and not e.delete)

    @property
    def saves(self) -> list[Snapshot]:
        """Every snapshot that was put on disk, in order."""
        return self.saved.snapshots

    def names(self) -> list[str]:
        """Names of all `fake:` entries in the state, in order."""
        return [entry.urn.name for entry in self.snapshot.resources if entry.type == TYPE]

    def _kept(self, outcome: Outcome) -> Outcome:
        self.outcome, self.snapshot = outcome, outcome.snapshot
        broken = self.saved.problems
        if broken:
            raise AssertionError(f"a saved snapshot breaks the rules: {broken[0]}")
        return outcome

    def _paused(self, stopped: ThreadEvent, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.clock.sleep(seconds)
        self.on_pause()
        return stopped.is_set()

    def _deployment(self, options: dict[str, object], *, dry: bool = False) -> Deployment:
        run = ProgramRun(PROJECT, STACK, dry_run=dry, config=self.config)
        world = World(
            FakeProviders(self.world, self.others),
            self.events.append,
            now=lambda: f"2026-01-01T00:00:{next(self._ticks):09.6f}Z",
            new_id=lambda: f"00000000-0000-4000-8000-{next(self._ids):012d}",
            saver=self.saved,
            redact=self.redact,
            patience=Patience(self.clock.monotonic, self._paused),
            drift={
                e.urn: self.drift[e.urn.name] for e in self.snapshot.resources if e.urn.name in self.drift
            },
            executor=executor,
        )
        if not dry:
            self.saved.begin(self.snapshot)
        return Deployment(run, self.snapshot, world, Options(**options))  # type: ignore[arg-type]
