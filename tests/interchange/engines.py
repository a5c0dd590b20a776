"""The real CLI and Tomo's engine behind one face: run a program on a stack, tell what was done."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.interchange.plugin import served
from tests.interchange.programs import program_served
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.run import Options, World
from tomo.model.provider import Provider
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun
from tomo.model.urn import STACK_TYPE
from tomo.model.values import Properties, Secret
from tomo.program.runner import SdkSource
from tomo.providers.builtin import BuiltinProvider
from tomo.providers.dynamic import DynamicProvider
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers
from tomo.service.wiring import new_id, now
from tomo.state.backend import FileBackend
from tomo.state.config import read_stack_config
from tomo.state.config_editor import StackConfigEditor
from tomo.state.seals import Seals
from tomo.testing.fake_provider import FakeProvider, FakeWorld

PROJECT, STACK, PASSPHRASE = "proj", "dev", "a passphrase"
PATIENCE = 50
ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PROVIDER = ("pulumi:providers:", "::default")

Program = Callable[[], Any]
Ops = dict[str, list[str]]
"""Operations by resource URN, in order."""


@dataclass(frozen=True)
class Ran:
    """What an operation did: whether it went well, its steps by URN, and the URNs whose step failed."""

    ok: bool
    ops: Ops
    failed: frozenset[str] = frozenset()
    said: str = ""

    @property
    def changes(self) -> Ops:
        """The steps without those that leave everything as it is."""
        return {urn: ops for urn, ops in self.ops.items() if set(ops) - {"same", "read"}}


@dataclass
class Store:
    """A project folder with a stack in its own file backend, and the world that its resources stand for."""

    directory: Path
    salt: str
    secrets: PassphraseManagers
    world: FakeWorld = field(default_factory=FakeWorld)

    def prepare(self, config: Mapping[str, str | Secret] | None = None) -> Store:
        """Writes the project's files and an empty stack."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        self.stack_file.unlink(missing_ok=True)
        editor = StackConfigEditor(self.stack_file, PROJECT, self.secrets)
        editor.adopt_salt(self.salt)
        for key, value in (config or {}).items():
            if isinstance(value, Secret):
                editor.set_secret(key, str(value.reveal()))
            else:
                editor.set(key, value)
        editor.save()
        self.backend.writer(PROJECT, STACK, self.seals).save(Snapshot())
        return self

    @property
    def stack_file(self) -> Path:
        return self.directory / f"Pulumi.{STACK}.yaml"

    @property
    def manager(self) -> PassphraseManager:
        return self.secrets.for_salt(self.salt)

    @property
    def seals(self) -> Seals:
        return Seals(self.manager)

    @property
    def backend(self) -> FileBackend:
        return FileBackend(self.directory)

    def snapshot(self, stack: str = STACK) -> Snapshot:
        return self.backend.load(PROJECT, stack, self.secrets).snapshot

    def raw(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.backend.raw(PROJECT, STACK))
        return document

    def outputs_of(self, name: str) -> Properties | None:
        """The outputs of another stack of the same store."""
        _, project, stack = name.split("/")
        found = self.backend.load(project, stack, self.secrets).snapshot.resources
        return next((dict(entry.outputs) for entry in found if entry.type == STACK_TYPE), {})


class Engine(Protocol):
    """Something that runs Pulumi programs."""

    name: str

    def up(self, store: Store, program: Program, *, stop_on_error: bool = False) -> Ran: ...

    def plan(self, store: Store, program: Program) -> Ran: ...

    def refresh(self, store: Store) -> Ran: ...

    def destroy(self, store: Store) -> Ran: ...


# --- Tomo ------------------------------------------------------------------------------------------


class Providers:
    """The providers of programs in these tests."""

    def __init__(self, store: Store, config: Mapping[str, str]) -> None:
        self._store, self._config = store, config

    def load(self, package: str, version: str) -> Provider:
        if package == "fake":
            return FakeProvider(self._store.world)
        if package == "pulumi":
            return BuiltinProvider(self._store.outputs_of)
        return DynamicProvider(NoConnections(), project=PROJECT, config=self._config)


class NoConnections:
    """No resource of these tests is on a host."""

    def get(self, spec: Any) -> Any:
        raise AssertionError(f"nothing here should connect to {spec}")


class TomoEngine:
    """The embedded engine, as the service puts it together, without a look at the hosts before an up."""

    name = "tomo"

    def up(self, store: Store, program: Program, *, stop_on_error: bool = False) -> Ran:
        options = Options(look=False, stop_on_error=stop_on_error)
        deployment = self._deployment(store, options)
        return _ran(deployment, deployment.up(SdkSource(program, store.directory)))

    def plan(self, store: Store, program: Program) -> Ran:
        deployment = self._deployment(store, Options(look=False), dry=True)
        return _ran(deployment, deployment.up(SdkSource(program, store.directory)))

    def refresh(self, store: Store) -> Ran:
        deployment = self._deployment(store, Options())
        return _ran(deployment, deployment.refresh())

    def destroy(self, store: Store) -> Ran:
        deployment = self._deployment(store, Options(look=False))
        return _ran(deployment, deployment.destroy())

    def _deployment(self, store: Store, options: Options, *, dry: bool = False) -> Deployment:
        stored = store.backend.load(PROJECT, STACK, store.secrets)
        config = read_stack_config(store.stack_file, PROJECT, store.secrets)
        run = ProgramRun(
            PROJECT, STACK, dry_run=dry, config=config.opened(), secret_config_keys=config.secret_keys
        )
        writer = store.backend.writer(PROJECT, STACK, stored.seals_under(store.manager))
        world = World(
            Providers(store, config.opened()), lambda _event: None, now, new_id, None if dry else writer
        )
        return Deployment(run, stored.snapshot, world, options)


def _ran(deployment: Deployment, outcome: Outcome) -> Ran:
    ops: Ops = {}
    # Pulumi tells of every step it begins, those that then fail too; an outcome need not.
    for step in deployment._run.steps:
        if not _is_default(step.urn):
            ops.setdefault(step.urn, []).append(step.op.pulumi_name)
    said = [str(failure.error) for failure in outcome.failures]
    if outcome.program_error is not None:
        said.append(f"{outcome.program_error}\n{outcome.program_error.detail}")
    failed = frozenset(failure.urn for failure in outcome.failures)
    return Ran(outcome.result.value == "succeeded", ops, failed, "\n".join(said))


def _is_default(urn: str) -> bool:
    return all(part in urn for part in DEFAULT_PROVIDER)


# --- Pulumi ----------------------------------------------------------------------------------------


class PulumiCli:
    """The real CLI with inline programs, called as the Automation API calls it (less its extra calls)."""

    name = "pulumi"

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary, self._home = binary, home
        self.settings: dict[str, str] = {}

    def up(self, store: Store, program: Program, *, stop_on_error: bool = False) -> Ran:
        goes_on = [] if stop_on_error else ["--continue-on-error"]
        return self._run(store, ["up", "--yes", "--skip-preview", *goes_on], program)

    def plan(self, store: Store, program: Program) -> Ran:
        return self._run(store, ["preview"], program)

    def refresh(self, store: Store) -> Ran:
        return self._run(store, ["refresh", "--yes", "--skip-preview"])

    def destroy(self, store: Store) -> Ran:
        return self._run(store, ["destroy", "--yes", "--skip-preview", "--continue-on-error"])

    def _run(self, store: Store, argv: Sequence[str], program: Program | None = None) -> Ran:
        with (
            tempfile.TemporaryDirectory() as folder,
            served(FakeProvider(store.world)) as port,
            program_served(program or _nothing) as client,
        ):
            events = Path(folder) / "events.json"
            options = ["--stack", STACK, "--non-interactive", "--color", "never", "--suppress-progress"]
            options += ["--exec-kind", "auto.inline", "--event-log", str(events)]
            options += [f"--client=127.0.0.1:{client}"]
            ended = subprocess.run(
                [self._binary, *argv, *options],
                cwd=store.directory,
                env=self._environment(store, port),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            found = events.read_text().splitlines() if events.exists() else []
        return _told([json.loads(line) for line in found], ended)

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
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.settings,
        }


def _nothing() -> None:
    """No program."""


def _told(events: Sequence[Mapping[str, Any]], ended: subprocess.CompletedProcess[str]) -> Ran:
    ops: Ops = {}
    failed = set()
    for event in events:
        if "resourcePreEvent" in event:
            step = event["resourcePreEvent"]["metadata"]
            if not _is_default(step["urn"]):
                ops.setdefault(step["urn"], []).append(step["op"])
        elif "resOpFailedEvent" in event:
            failed.add(event["resOpFailedEvent"]["metadata"]["urn"])
    said = f"{ended.stdout}\n{ended.stderr}"
    return Ran(ended.returncode == 0, ops, frozenset(failed), said)
