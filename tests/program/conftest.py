"""An engine in memory that records what a program asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import TomoError
from tomo.model.events import Severity
from tomo.model.goal import Goal, InvokeGoal, ReadGoal
from tomo.model.provider import InvokeResult
from tomo.model.source import ProgramRun, Registered, Source
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN_TEXT, Properties, has_unknown


@dataclass
class Recorder:
    """A Registrar that answers every goal: inputs as outputs, and an id in a real run only.

    `outputs` adds outputs by resource name; `failing` names resources whose step fails, and
    what needs them is skipped; `broken` ones raise. With `threads`, answers come from another thread; with `hold` only once so many wait.
    """

    project: str = "proj"
    stack: str = "dev"
    dry_run: bool = False
    outputs: Mapping[str, Properties] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    broken: Mapping[str, TomoError] = field(default_factory=dict)
    invokes: Mapping[str, InvokeResult] = field(default_factory=dict)
    threads: ThreadPoolExecutor | None = None
    hold: int = 0
    goals: list[Goal] = field(default_factory=list)
    reads: list[ReadGoal] = field(default_factory=list)
    calls: list[InvokeGoal] = field(default_factory=list)
    registered_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logged: list[tuple[Severity, str]] = field(default_factory=list)
    called_on: set[int] = field(default_factory=set)
    _held: list[Callable[[], None]] = field(default_factory=list)

    def register(self, goal: Goal) -> Future[Registered]:
        self.called_on.add(threading.get_ident())
        self.goals.append(goal)
        urn = Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)
        return self._answer(lambda: self._registered(goal, urn), held=goal.custom)

    def register_outputs(self, urn: Urn, outputs: Properties) -> None:
        self.registered_outputs[urn.name] = dict(outputs)

    def read(self, goal: ReadGoal) -> Future[Registered]:
        self.reads.append(goal)
        urn = Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)
        outputs = {**goal.inputs, **self.outputs.get(goal.name, {})}
        return self._answer(lambda: Registered(urn, goal.id, outputs))

    def invoke(self, goal: InvokeGoal) -> Future[InvokeResult]:
        if goal.provider.endswith(UNKNOWN_TEXT) or has_unknown(dict(goal.args)):
            return self._answer(lambda: InvokeResult({}, unknown=True))
        self.calls.append(goal)
        return self._answer(lambda: self.invokes[goal.token])

    def log(self, severity: Severity, message: str, urn: str = "") -> None:
        self.logged.append((severity, message))

    def goal(self, name: str) -> Goal:
        found = [goal for goal in self.goals if goal.name == name]
        assert len(found) == 1, f"{len(found)} goals are called {name}"
        return found[0]

    @property
    def stack_outputs(self) -> dict[str, Any]:
        return self.registered_outputs[f"{self.project}-{self.stack}"]

    def _registered(self, goal: Goal, urn: Urn) -> Registered:
        if goal.name in self.broken:
            raise self.broken[goal.name]
        if goal.name in self.failing:
            return Registered(urn, failed=True)
        if not goal.custom:
            return Registered(urn)
        if not self.dry_run and has_unknown(dict(goal.inputs)):
            return Registered(urn, skipped=True)
        outputs = {**goal.inputs, **self.outputs.get(goal.name, {})}
        return Registered(urn, "" if self.dry_run else f"{goal.name}-id", outputs)

    def _answer(self, make: Callable[[], Any], *, held: bool = False) -> Future[Any]:
        future: Future[Any] = Future()

        def complete() -> None:
            try:
                future.set_result(make())
            except TomoError as error:
                future.set_exception(error)

        if self.threads is None:
            complete()
        elif held and self.hold:
            self._hold(complete)
        else:
            self.threads.submit(complete)
        return future

    def _hold(self, complete: Callable[[], None]) -> None:
        assert self.threads is not None
        self._held.append(complete)
        if len(self._held) >= self.hold:
            for one in reversed(self._held):
                self.threads.submit(one)
            self._held.clear()
            self.hold = 0


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def run():
    """Runs a source against a recorder."""

    def run_source(source: Source, registrar: Recorder | None = None, **options: Any) -> Recorder:
        registrar = registrar or Recorder()
        source.run(ProgramRun("proj", "dev", dry_run=registrar.dry_run, **options), registrar)
        return registrar

    return run_source


@pytest.fixture
def run_program(run, tmp_path: Path):
    """Runs a function as a program."""
    from tomo.program.runner import SdkSource

    def run_main(main: Callable[[], Any], registrar: Recorder | None = None, **options: Any) -> Recorder:
        return run(SdkSource(main, tmp_path), registrar, **options)

    return run_main


@pytest.fixture
def project(tmp_path: Path, run):
    """Writes a program's files, and runs it from them."""
    from tomo.program.runner import SdkSource

    def run_files(files: Mapping[str, str], registrar: Recorder | None = None, **options: Any) -> Recorder:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return run(SdkSource(tmp_path, tmp_path), registrar, **options)

    return run_files


@pytest.fixture
def stack_urn() -> Urn:
    return Urn.stack_urn("dev", "proj")
