"""One run's memory: the old state, what was seen and decided so far, and how to tell of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import field
from threading import Event as Signal
from threading import RLock
from time import monotonic

from tomo.engine.executor import Executor
from tomo.engine.gate import Gate
from tomo.engine.graph import DependencyGraph
from tomo.engine.hooks import Hooks
from tomo.engine.inherit import Parent
from tomo.engine.lanes import Lanes
from tomo.engine.look import Observation
from tomo.engine.recorder import Recorder, Saver
from tomo.engine.registry import Providers
from tomo.engine.retries import Patience, Retries
from tomo.engine.stages import Stages
from tomo.engine.targets import Targets
from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.diff import PropertyDiff
from tomo.model.drift import DriftPolicies
from tomo.model.events import (
    Diagnostic,
    Event,
    Severity,
    Sink,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
)
from tomo.model.plan import Unlooked
from tomo.model.provider import ProviderSource, Report
from tomo.model.resource import ResourceState
from tomo.model.rollout import Stage
from tomo.model.selection import Selection
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Registered
from tomo.model.step import Step
from tomo.model.urn import Urn
from tomo.model.values import Properties, Value, has_secret

Clock = Callable[[], str]
"""The time now, RFC 3339 with nanoseconds."""


@frozen
class Options:
    """How a deployment runs.

    `look`: read the hosts first. `remove_data`: URNs really deleted although their state says retain.
    `gate`: what the run is held to; a step it refuses does not act.
    `selection`: what a person named; the rest is left alone. `retry`: try again what failed for a cause
    that passes by itself. `stages`: those of which each begins once the one before ended well.
    """

    look: bool = True
    parallel: int = 16
    stop_on_error: bool = False
    remove_data: frozenset[Urn] = frozenset()
    gate: Gate | None = None
    selection: Selection = Selection()
    retry: bool = True
    stages: tuple[Stage, ...] = ()


def _forget(_value: Value) -> None:
    """Learns nothing."""


@frozen
class World:
    """What a deployment needs from outside; the engine itself reads no clock and rolls no dice.

    `learn` is shown every value that holds a secret, so that `redact` knows what to hide. `drift` says what
    is let be of what a look finds. `executor` makes what a run acts through; a plan is given none.
    `meanwhile` is what may be done while a look waits for hosts.
    """

    providers: ProviderSource
    sink: Sink
    now: Clock
    new_id: Callable[[], str]
    saver: Saver | None = None
    redact: Callable[[str], str] = str
    learn: Callable[[Value], None] = _forget
    seed: bytes = b""
    patience: Patience = Patience()
    drift: DriftPolicies = field(default_factory=dict)
    executor: Callable[[Run], Executor] | None = None
    meanwhile: Callable[[], None] | None = None


@frozen
class Failure:
    """One failed step, for the summary and the exit code; `done` where only a hook after it failed."""

    urn: str
    error: TomoError
    done: bool = False


class Run:
    """What all parts of one deployment share; its lock guards everything mutable in it."""

    def __init__(self, program: ProgramRun, options: Options, world: World, base: Snapshot) -> None:
        self.program, self.options, self.world = program, options, world
        self.lock = RLock()
        self.begun = monotonic()
        self.providers = Providers(world.providers, base.resources)
        self.lanes = Lanes(options.parallel)
        self.recorder = Recorder(base, None if program.dry_run else world.saver)
        self.hooks = Hooks(self)
        self._stopped = Signal()
        self.retries = Retries(self, world.patience, self._stopped, enabled=options.retry)
        self._executor = world.executor(self) if world.executor is not None and not program.dry_run else None
        self.olds: dict[Urn, ResourceState] = {}
        self.graph = DependencyGraph(())
        self.targets = Targets(options.selection, base.resources)
        self.observation = Observation(base.resources)
        self.start_from(Observation(base.resources))
        self.steps: list[Step] = []
        self.seen: set[Urn] = set()
        self.parents: dict[Urn, Parent] = {}
        self.blocked: dict[Urn, str] = {}
        self.failures: list[Failure] = []
        self.replaced: set[Urn] = set()
        self.refused: TomoError | None = None
        self.recreate: dict[Urn, tuple[tuple[str, ...], Future[None]]] = {}
        self.aliased: dict[Urn, Urn] = {}
        self.stale: set[str] = set()
        self.finished: list[Step] = []
        self.diagnostics: list[Diagnostic] = []
        self.unlooked: list[Unlooked] = []
        self.outputs: Properties | None = None
        self.stages = Stages(options.stages) if options.stages and not program.dry_run else None
        self.open_components: dict[Urn, Step] = {}
        self.settling: Future[Registered] | None = None
        self.destroying = False
        self.refreshing = False

    @property
    def dry(self) -> bool:
        """Whether this run only plans."""
        return self.program.dry_run

    @property
    def acts(self) -> Executor:
        """What it acts through; raises RuntimeError in a plan, and where nobody who may act began it."""
        if self._executor is None:
            raise RuntimeError("this run was begun without the means to act")
        return self._executor

    @property
    def cancelled(self) -> bool:
        """Whether a person stopped it; setting it ends what only waits."""
        return self._stopped.is_set()

    @cancelled.setter
    def cancelled(self, stopped: bool) -> None:
        if stopped:
            self._stopped.set()

    def start_from(self, observation: Observation) -> None:
        """Takes what a look found as the old state to decide against."""
        self.observation = observation
        self.olds = {entry.urn: entry for entry in observation.entries if not entry.delete}
        self.graph = DependencyGraph(observation.entries)
        self.gone = {entry.urn for entry in observation.gone if not entry.delete}
        self.lost: dict[Urn, ResourceState] = {}

    def seed_for(self, urn: Urn, old: ResourceState | None) -> bytes:
        """The seed of automatic names: the same for the same resource in the same state."""
        # As recorded: a look sets other times, and two looks would give two names.
        old = self.observation.recorded.get(old.urn, old) if old else None
        before = f"{old.id}\0{old.modified}" if old else ""
        return hashlib.sha256(b"\0".join((self.world.seed, urn.encode(), before.encode()))).digest()

    def drift_of(self, urn: Urn) -> tuple[PropertyDiff, ...]:
        """What a look found about a resource that its inputs can't express."""
        return tuple(self.observation.drift.get(urn, ()))

    # --- telling ------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Passes an event on."""
        self.world.sink(event)

    def decided(self, step: Step) -> None:
        """Notes a decided step."""
        with self.lock:
            self.steps.append(step)
        if self.dry:
            self.emit(StepStarted(step, planning=True))

    def started(self, step: Step) -> float:
        """Tells that a step begins; gives the time for `ended`."""
        self.emit(StepStarted(step, planning=False))
        return monotonic()

    def ended(self, step: Step, begun: float | None = None) -> None:
        """Tells that a step is done, and notes it."""
        seconds = monotonic() - begun if begun is not None else 0.0
        with self.lock:
            self.finished.append(step)
        self.emit(StepDone(step, planning=self.dry, seconds=seconds))

    def failed(self, step: Step, error: TomoError, begun: float | None = None) -> None:
        """Tells that a step failed; what depends on its resource will be skipped."""
        self.redact(error)
        seconds = monotonic() - begun if begun is not None else 0.0
        with self.lock:
            self.blocked[step.urn] = f"{step.type.rpartition(':')[2]} `{step.urn.name}` failed"
            self.failures.append(Failure(step.urn, error))
        self.emit(StepFailed(step, str(error), error.hint, error.detail, error.code, seconds))

    def hook_failed(self, urn: Urn, error: TomoError) -> None:
        """Notes a hook that failed when its step was done: the step stands, the run has failed."""
        self.redact(error)
        with self.lock:
            self.failures.append(Failure(urn, error, done=True))
        self.say(Severity.ERROR, str(error), urn)

    def redact(self, error: TomoError) -> None:
        """Takes known secrets out of an error, which goes to people in more ways than as an event."""
        for part in ("message", "hint", "detail", "where"):
            setattr(error, part, self.world.redact(getattr(error, part)))
        error.args = (error.message,)

    def skipped(self, urn: Urn, because: str) -> None:
        """Tells that a resource is left alone because something it needs failed."""
        with self.lock:
            self.blocked[urn] = because
        self.emit(StepSkipped(urn, because))

    def refusal(self, *steps: Step) -> TomoError | None:
        """Why one of these steps may not be taken; None where all may."""
        gate = self.options.gate
        if gate is None or self.dry:
            return None
        refusals = (gate.refusal(step, self.recorder.entry) for step in steps)
        return next((refusal for refusal in refusals if refusal is not None), None)

    def outputs_refusal(self, outputs: Properties) -> TomoError | None:
        """Why the stack may not get these outputs; None where it may."""
        gate = self.options.gate
        return None if gate is None or self.dry else gate.outputs_refusal(outputs, self.recorder.entry)

    def require_allowed(self, *steps: Step) -> None:
        """Raises the refusal of the first of these steps that may not be taken."""
        refusal = self.refusal(*steps)
        if refusal is not None:
            raise refusal

    def learn(self, value: Properties) -> None:
        """Lets the world know the secrets in a value, so that it can hide them."""
        if has_secret(value):
            self.world.learn(value)

    def say(self, severity: Severity, message: str, urn: str = "") -> None:
        """A line for people."""
        line = Diagnostic(severity, self.world.redact(message), urn)
        with self.lock:
            self.diagnostics.append(line)
        self.emit(line)

    def stop_requested(self) -> bool:
        """Whether nothing new may begin: cancelled, or failed where failures stop all."""
        return self.cancelled or (self.options.stop_on_error and bool(self.failures) and not self.dry)

    def reporter(self, entry: ResourceState) -> Report:
        """Where a provider tells how an act goes on."""
        urn = str(entry.urn)
        return lambda message: self.emit(StepProgress(urn, self.world.redact(message)))
