"""The real CLI and Tomo's engine behind one face: run a program on a stack, tell what was done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from conformance.plugin import served
from conformance.programs import program_served
from conformance.store import PASSPHRASE, PROJECT, STACK, Store
from conformance.witness import Witness, plain
from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.run import Options, World
from tomo.errors import TargetsRefused, TomoError
from tomo.model.events import Begun, Event
from tomo.model.provider import Provider
from tomo.model.selection import Selection
from tomo.model.source import ProgramRun
from tomo.model.step import Step
from tomo.model.values import Secret, Value
from tomo.program.runner import SdkSource
from tomo.providers.builtin import BuiltinProvider
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.service.event_lines import EventLines
from tomo.service.present import changed_keys
from tomo.service.wiring import new_id, now
from tomo.state.config import read_stack_config

PATIENCE = 60
ROOT = Path(__file__).resolve().parents[1]
DEFAULT_PROVIDER = ("pulumi:providers:", "::default")

Program = Callable[[], Any]
Ops = dict[str, list[str]]
"""Operations by resource URN, in order."""


@dataclass(frozen=True)
class Orders:
    """How a command is to go about it, beside what it does."""

    stop_on_error: bool = False
    serial: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    dependents: bool = False


AS_USUAL = Orders()


@dataclass(frozen=True)
class Told:
    """A step as it was told of: what is done, because of which keys, what differs, what is asked for."""

    urn: str
    op: str
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Ran:
    """What an operation did: whether it went well, its steps by URN, and the URNs whose step failed.

    `refused` are URNs about which an error was told without a step; `named` are names of resources for
    whose sake Tomo refused the whole command; `steps` has the order of all. `events` are the lines of the
    engine's event JSON.
    """

    ok: bool
    ops: Ops
    failed: frozenset[str] = frozenset()
    said: str = ""
    refused: frozenset[str] = frozenset()
    steps: tuple[Told, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    named: frozenset[str] = frozenset()

    @property
    def changes(self) -> Ops:
        """The steps without those that leave everything as it is."""
        return {urn: ops for urn, ops in self.ops.items() if set(ops) - {"same", "read"}}


class PulumiHangs(Exception):
    """The CLI neither did anything nor ended."""


class Engine(Protocol):
    """Something that runs Pulumi programs."""

    name: str

    def up(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Brings the stack to what the program declares."""
        ...

    def plan(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Says what that would do."""
        ...

    def refresh(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Takes what is there into the state; with a program, that runs and makes nothing."""
        ...

    def destroy(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Deletes everything; with a program, that runs before."""
        ...


# --- Tomo ------------------------------------------------------------------------------------------


class Providers:
    """The providers of programs in these tests."""

    def __init__(self, store: Store, config: Mapping[str, str]) -> None:
        self._store, self._config = store, config

    def load(self, package: str, version: str) -> Provider:  # noqa: ARG002
        """The provider of a package."""
        if package == "fake":
            return Witness(self._store.world)
        if package == "pulumi":
            return BuiltinProvider(self._store.outputs_of)
        return DynamicProvider(NoConnections(), project=PROJECT, config=self._config)


class NoConnections:
    """No resource of these tests is on a host."""

    def get(self, spec: Any) -> Any:
        """Refuses."""
        raise AssertionError(f"nothing here should connect to {spec}")

    def prepare(self, spec: Any) -> None:
        """Dials nobody."""

    def redial(self, error: Any = None) -> None:
        """Nobody was dialled."""

    def close(self) -> None:
        """Nothing is open."""


class Lines:
    """Collects the event JSON of one run."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.lines: list[Mapping[str, Any]] = []
        self._events = EventLines()

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        self.lines.extend(self._events.lines(event))

    @property
    def all(self) -> tuple[Mapping[str, Any], ...]:
        """Every line, with that which ends the stream."""
        return (*self.lines, self._events.last())


def shown(value: Value) -> str:
    """A setting as a surface may show it."""
    return "[secret]" if isinstance(value, Secret) else str(value)


class TomoEngine:
    """The embedded engine, as the service puts it together, without a look at the hosts before an up."""

    name = "tomo"

    def up(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Brings the stack to what the program declares."""
        told = Lines("update")
        deployment = self._deployment(store, _options(orders), told)
        return _ran(deployment, deployment.up(SdkSource(program, store.directory)), told)

    def plan(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Says what that would do."""
        told = Lines("update")
        deployment = self._deployment(store, _options(orders), told, dry=True)
        return _ran(deployment, deployment.up(SdkSource(program, store.directory)), told)

    def refresh(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Takes what is there into the state; with a program, that runs and makes nothing."""
        told = Lines("refresh")
        deployment = self._deployment(store, replace(_options(orders), look=True), told)
        source = SdkSource(program, store.directory) if program else None
        return _ran(deployment, deployment.refresh(source), told)

    def destroy(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Deletes everything; with a program, that runs before."""
        told = Lines("destroy")
        deployment = self._deployment(store, _options(orders), told)
        source = SdkSource(program, store.directory) if program else None
        try:
            return _ran(deployment, deployment.destroy(source), told)
        except TomoError as error:
            return Ran(ok=False, ops={}, said=str(error))

    def _deployment(self, store: Store, options: Options, told: Lines, *, dry: bool = False) -> Deployment:
        stored = store.backend.load(PROJECT, STACK, store.secrets)
        config = read_stack_config(store.stack_file, PROJECT, store.secrets)
        run = ProgramRun(
            PROJECT, STACK, dry_run=dry, config=config.opened(), secret_config_keys=config.secret_keys
        )
        saver = store.backend.saver(PROJECT, STACK, stored.seals_under(store.manager), base=stored)
        told(Begun(told.kind, {key: shown(value) for key, value in config.values.items()}))
        world = World(
            Providers(store, config.opened()),
            told,
            now,
            new_id,
            None if dry else saver,
            executor=executor,
        )
        return Deployment(run, stored.snapshot, world, options)


def _options(orders: Orders) -> Options:
    parallel = 1 if orders.serial else Options().parallel
    selection = Selection(
        tuple(orders.targets),
        tuple(orders.excludes),
        tuple(orders.replaces),
        target_dependents=orders.dependents,
        exclude_dependents=orders.dependents,
    )
    return Options(look=False, stop_on_error=orders.stop_on_error, parallel=parallel, selection=selection)


def _ran(deployment: Deployment, outcome: Outcome, told: Lines) -> Ran:
    # Pulumi tells of every step it begins, those that then fail too; an outcome need not.
    steps = [_told_by_tomo(step) for step in deployment._run.steps if not _is_default(step.urn)]
    steps = _without_marks_of_failed(steps, {str(failure.urn) for failure in outcome.failures})
    said = [str(failure.error) for failure in outcome.failures]
    if outcome.program_error is not None:
        said.append(f"{outcome.program_error}\n{outcome.program_error.detail}")
    failed = frozenset(str(failure.urn) for failure in outcome.failures if not failure.done)
    refused = frozenset(str(failure.urn) for failure in outcome.failures) - failed
    ok = outcome.result.value == "succeeded"
    named = _named(outcome.program_error) if isinstance(outcome.program_error, TargetsRefused) else ()
    return Ran(ok, _by_urn(steps), failed, "\n".join(said), refused, tuple(steps), told.all, frozenset(named))


def _named(refusal: TomoError) -> list[str]:
    return re.findall(r"`([^`]+)`", refusal.message)


def _told_by_tomo(step: Step) -> Told:
    diffs = changed_keys(replace(step, diffs=tuple(diff for diff in step.diffs if not diff.drift)))
    inputs = plain(step.new.inputs) if step.new else None
    return Told(step.urn, step.op.pulumi_name, tuple(sorted(step.keys)), tuple(sorted(diffs)), inputs)


def _without_marks_of_failed(steps: Sequence[Told], failed: Collection[str]) -> list[Told]:
    """Of a replacement that fails at its beginning Pulumi doesn't come to tell that it replaces."""
    begun = {step.urn for step in steps if step.op in {"create-replacement", "read-replacement"}}
    last = {step.urn: step.op for step in steps}
    unmade = {urn for urn in begun.intersection(failed) if last[urn] == "replace"}
    return [step for step in steps if step.op != "replace" or step.urn not in unmade]


def _top(path: str) -> str:
    return re.split(r"[.\[]", path)[0]


def _by_urn(steps: Sequence[Told]) -> Ops:
    ops: Ops = {}
    for step in steps:
        ops.setdefault(step.urn, []).append(step.op)
    return ops


def _is_default(urn: str) -> bool:
    return all(part in urn for part in DEFAULT_PROVIDER)


# --- Pulumi ----------------------------------------------------------------------------------------


class PulumiCli:
    """The real CLI with inline programs, called as the Automation API calls it (less its extra calls)."""

    name = "pulumi"

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary, self._home = binary, home
        self.settings: dict[str, str] = {}

    def up(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Brings the stack to what the program declares."""
        return self._run(store, ["up", "--yes", "--skip-preview", *_flags(orders)], program)

    def plan(self, store: Store, program: Program, orders: Orders = AS_USUAL) -> Ran:
        """Says what that would do."""
        return self._run(store, ["preview", *_flags(replace(orders, stop_on_error=True))], program)

    def refresh(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Takes what is there into the state; with a program, that runs and makes nothing."""
        flags = [*_flags(replace(orders, stop_on_error=True)), *(["--run-program"] if program else [])]
        return self._run(store, ["refresh", "--yes", "--skip-preview", *flags], program)

    def destroy(self, store: Store, orders: Orders = AS_USUAL, program: Program | None = None) -> Ran:
        """Deletes everything; with a program, that runs before."""
        flags = [*_flags(orders), *(["--run-program"] if program else [])]
        return self._run(store, ["destroy", "--yes", "--skip-preview", *flags], program)

    def _run(self, store: Store, argv: Sequence[str], program: Program | None = None) -> Ran:
        ran, unheard = self._try(store, argv, program)
        # gRPC can give up a loopback connection before the first call: nothing was begun, so once more.
        return self._try(store, argv, program)[0] if unheard and not ran.steps else ran

    def _try(self, store: Store, argv: Sequence[str], program: Program | None) -> tuple[Ran, bool]:
        with (
            tempfile.TemporaryDirectory() as folder,
            served(Witness(store.world)) as port,
            program_served(program or _nothing) as client,
        ):
            events = Path(folder) / "events.json"
            options = ["--stack", STACK, "--non-interactive", "--color", "never", "--suppress-progress"]
            options += ["--exec-kind", "auto.inline", "--event-log", str(events)]
            options += [f"--client=127.0.0.1:{client.port}"]
            ended = _ended(
                [self._binary, *argv, *options],
                cwd=store.directory,
                env=self._environment(store, port),
            )
            found = events.read_text().splitlines() if events.exists() else []
        return _told([json.loads(line) for line in found], ended), client.unheard

    def _environment(self, store: Store, port: int) -> dict[str, str]:
        return {
            "PATH": f"{self._home / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self._home),
            "PULUMI_HOME": str(self._home),
            "PULUMI_BACKEND_URL": store.backend.url,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DEBUG_PROVIDERS": f"fake:{port}",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # A short life needs no collector.
            "GOGC": "off",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.settings,
        }


def _ended(argv: Sequence[object], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(each) for each in argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PulumiHangs(f"{argv[1]} did not end within {PATIENCE} s") from error


def _nothing() -> None:
    """No program."""


def _flags(orders: Orders) -> list[str]:
    flags = [] if orders.stop_on_error else ["--continue-on-error"]
    if orders.serial:
        flags.append("--parallel=1")
    flags += [f"--target={urn}" for urn in orders.targets]
    flags += [f"--exclude={urn}" for urn in orders.excludes]
    flags += [f"--replace={urn}" for urn in orders.replaces]
    if orders.dependents:
        flags.append("--exclude-dependents" if orders.excludes else "--target-dependents")
    return flags


def _told(events: Sequence[Mapping[str, Any]], ended: subprocess.CompletedProcess[str]) -> Ran:
    steps: list[Told] = []
    failed, refused = set(), set()
    for event in events:
        if "resourcePreEvent" in event:
            step = event["resourcePreEvent"]["metadata"]
            if not _is_default(step["urn"]):
                steps.append(_told_by_pulumi(step))
        elif "resOpFailedEvent" in event:
            failed.add(event["resOpFailedEvent"]["metadata"]["urn"])
        elif "diagnosticEvent" in event and event["diagnosticEvent"]["severity"] == "error":
            refused.add(event["diagnosticEvent"].get("urn", ""))
    said = f"{ended.stdout}\n{ended.stderr}"
    refused -= {"", *failed}
    ok = ended.returncode == 0
    steps_told = tuple(steps)
    return Ran(ok, _by_urn(steps), frozenset(failed), said, frozenset(refused), steps_told, tuple(events))


def _told_by_pulumi(step: Mapping[str, Any]) -> Told:
    keys = sorted(step.get("keys") or ())
    diffs = sorted({_top(path) for path in (*(step.get("diffs") or ()), *(step.get("detailedDiff") or ()))})
    inputs = plain((step.get("new") or {}).get("inputs")) if step.get("new") else None
    return Told(step["urn"], step["op"], tuple(keys), tuple(diffs), inputs)
