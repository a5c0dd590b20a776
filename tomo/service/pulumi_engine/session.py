"""One command's work with the CLI: its folder and environment, its program, what it must not write."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tomo.errors import NotSupported, PassphraseMissing, ProgramFailed, StackNotFound, TomoError
from tomo.model.events import Diagnostic, StepFailed
from tomo.model.snapshot import Snapshot
from tomo.model.values import Secret, Value
from tomo.providers.plugin.process import PluginProcess
from tomo.service.fleets import FleetProgram, fleet_program
from tomo.service.pulumi_engine.cli import Ended, PulumiCli, find_cli
from tomo.service.wiring import LazyRedactor
from tomo.service.workspace import Workspace
from tomo.settings import Settings
from tomo.state.backend import FileBackend
from tomo.state.config_editor import StackConfigEditor

LAUNCHER: Final = "pulumi-resource-pulumi-python"
_CLOUD: Final = ("https://", "http://")
_UNTOLD: Final = ("TOMO_PASSPHRASE", "TOMO_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE_FILE")
_PROGRAM: Final = "tomo.program.language"
_T = TypeVar("_T")


class CliSession:
    """A stack in the hands of the CLI. Everything temporary goes when the block ends."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace, self._settings = workspace, settings
        self.stack, self.project = workspace.stack, workspace.project
        self._binary = find_cli(settings)
        self._temporary = ExitStack()
        self._folder = Path()
        self._redactor = LazyRedactor()
        self._config_file: Path | None = None
        self._backend = _backend_url(workspace, settings)
        self._running: PulumiCli | None = None

    def __enter__(self) -> Self:
        folder = tempfile.TemporaryDirectory(prefix="tomo-pulumi-")
        self._folder = Path(self._temporary.enter_context(folder))
        _write_launcher(self._folder / "bin")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.close()

    # --- running --------------------------------------------------------------------------------------

    def follow(
        self,
        arguments: Sequence[str],
        heard: Callable[[Mapping[str, Any]], None],
        said: Callable[[str], None],
    ) -> Ended:
        """Runs a command of the CLI on the stack; `said` hears what the program prints."""
        self._report.unlink(missing_ok=True)
        program = self._program(said)
        try:
            options = [
                f"--stack={self.stack}",
                "--exec-kind=auto.inline",
                f"--client=127.0.0.1:{program.port()}",
                *([f"--config-file={self._config_file}"] if self._config_file else []),
            ]
            self._running = self._cli()
            return self._running.follow([*arguments, *options], heard)
        finally:
            self._running = None
            program.end()

    def cancel(self) -> None:
        """Lets running steps finish and begins no new ones; may be called from a signal handler."""
        if self._running is not None:
            self._running.cancel()

    def outputs(self, *, show_secrets: bool) -> Mapping[str, Value]:
        """The stack's outputs as plain values, or masked."""
        options = ["--show-secrets"] if show_secrets else []
        told = self._cli().ask("stack", "output", "--json", f"--stack={self.stack}", *options)
        values: dict[str, Value] = json.loads(told)
        return values

    def program_error(self) -> TomoError | None:
        """The error that ended the program; None where none did."""
        if not self._report.exists():
            return None
        told = json.loads(self._report.read_text("utf-8"))
        rest = {name: told[name] for name in ("hint", "where", "detail")}
        return ProgramFailed(told["message"], **rest)

    def redacted(self, event: _T) -> _T:
        """An event or line without the secrets of the stack's config."""
        if isinstance(event, Diagnostic):
            return replace(event, message=self._redactor.redact(event.message))
        if isinstance(event, StepFailed):
            hide = self._redactor.redact
            return replace(event, message=hide(event.message), detail=hide(event.detail))
        return event

    # --- what a plan must not write, and an apply must ------------------------------------------------

    @cached_property
    def _exists(self) -> bool:
        if self._backend.startswith("file:"):
            # The CLI would make the backend's folders while it looks.
            return self._workspace.backend.exists(self.project, self.stack)
        try:
            self._cli().ask("stack", "output", "--json", f"--stack={self.stack}")
        except StackNotFound:
            return False
        return True

    @property
    def workspace(self) -> Workspace:
        """The stack it works on."""
        return self._workspace

    @property
    def missing_secrets(self) -> tuple[str, ...]:
        """Secrets that an apply will generate."""
        return self._fleet.missing_secrets if self._fleet else ()

    @contextmanager
    def rehearsal(self, *, makes_stack: bool) -> Iterator[None]:
        """What lets the CLI plan and writes nowhere: where it must be, a stack and a config of our own."""
        backend = self._backend
        try:
            if makes_stack and self._lacks_config:
                self._config_file = self._borrowed_config()
            if makes_stack and not self._exists:
                self._backend = self._empty_stack()
            yield
        finally:
            self._backend, self._config_file = backend, None

    def settle(self, *, makes_stack: bool) -> None:
        """Makes the stack, its salt and missing generated secrets."""
        if not makes_stack:
            return
        if self._lacks_config:
            self._complete(self._workspace.stack_file)
        if not self._exists:
            self._cli().ask("stack", "init", self.stack)

    @property
    def _lacks_config(self) -> bool:
        return (not self._is_in_the_cloud and (not self._editor(self._workspace.stack_file).salt)) or bool(
            self.missing_secrets
        )

    def _borrowed_config(self) -> Path:
        copy = self._folder / self._workspace.stack_file.name
        if self._workspace.stack_file.exists():
            shutil.copy(self._workspace.stack_file, copy)
        self._complete(copy)
        return copy

    def _complete(self, file: Path) -> None:
        editor = self._editor(file)
        editor.ensure_salt()
        if self._fleet is not None:
            self._fleet.generate(editor, self._fleet.missing_secrets)
        editor.save()

    def _editor(self, file: Path) -> StackConfigEditor:
        return StackConfigEditor(file, self.project, self._workspace.secrets)

    def _empty_stack(self) -> str:
        """The address of a backend of our own that holds the stack, empty."""
        backend = FileBackend(self._folder / "backend")
        (self._folder / "backend").mkdir(exist_ok=True)
        backend.writer(self.project, self.stack, None).save(Snapshot())
        return backend.url

    @cached_property
    def _fleet(self) -> FleetProgram | None:
        if not self._workspace.is_fleet:
            return None
        config = self._workspace.config()
        for value in config.values.values():
            self._redactor.learn(value)
        return fleet_program(self._workspace, config)

    # --- the CLI and the program ----------------------------------------------------------------------

    def _cli(self) -> PulumiCli:
        return PulumiCli(self._binary, self._directory, self._environment())

    @cached_property
    def _directory(self) -> Path:
        """The project's folder; for a fleet one of our own that keeps the stack's config beside the fleet."""
        if not self._workspace.is_fleet:
            return self._workspace.directory
        folder = self._folder / "project"
        folder.mkdir()
        beside = os.path.relpath(self._workspace.directory, folder.resolve())
        project = {"name": self.project, "runtime": "python", "stackConfigDir": beside}
        (folder / "Pulumi.yaml").write_text(json.dumps(project), "utf-8")
        return folder

    def _environment(self) -> dict[str, str]:
        told = {k: v for k, v in self._settings.variables.items() if k not in _UNTOLD}
        told |= {
            "PATH": f"{self._folder / 'bin'}{os.pathsep}{told.get('PATH', os.defpath)}",
            "PULUMI_BACKEND_URL": self._backend,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        }
        passphrase = self._passphrase
        if passphrase is not None:
            # By the environment, never by an argument: those are for everybody on this machine to see.
            told["PULUMI_CONFIG_PASSPHRASE"] = passphrase
            self._redactor.learn(Secret(passphrase))
        return told

    @cached_property
    def _passphrase(self) -> str | None:
        try:
            return self._workspace.passphrase()
        except PassphraseMissing:
            if self._is_in_the_cloud:
                return None
            raise

    @property
    def _is_in_the_cloud(self) -> bool:
        return self._backend.startswith(_CLOUD)

    @property
    def _report(self) -> Path:
        return self._folder / "report.json"

    def _program(self, said: Callable[[str], None]) -> PluginProcess:
        fleet = self._workspace.fleet
        main = _fleet_main() if fleet is not None else self._workspace.program_path
        arguments = [str(main), str(self._directory), str(self._report)]
        if fleet is not None:
            arguments.append(str(fleet.file.absolute()))
        environment = {**self._settings.variables, "PYTHONPATH": _import_path(self._settings)}
        return PluginProcess(
            [sys.executable, "-u", "-m", _PROGRAM, *arguments],
            directory=self._directory,
            environment=environment,
            heard=said,
        )


def _backend_url(workspace: Workspace, settings: Settings) -> str:
    url = settings.state_url or (workspace.program.backend_url if workspace.program else "")
    if url.startswith("ssh://"):
        raise NotSupported(
            "the Pulumi CLI has no backend at `ssh://` addresses",
            hint="leave `--engine pulumi` out, or give a file, s3, gs, azblob, postgres or https address",
        )
    return workspace.backend.url if not url or url.startswith("file:") else url


def _fleet_main() -> Path:
    """The Pulumi program of a fleet that ships with Tomo: within the package, or beside it in a checkout."""
    package = Path(str(files("tomo")))
    for folder in (package / "_data" / "stacks" / "fleet", package.parent / "stacks" / "fleet"):
        if (folder / "__main__.py").is_file():
            return folder
    raise TomoError("the fleet program that ships with Tomo is missing", hint="install Tomo again")


def _import_path(settings: Settings) -> str:
    root = str(Path(str(files("tomo"))).parent)
    given = settings.variables.get("PYTHONPATH")
    return f"{root}{os.pathsep}{given}" if given else root


def _write_launcher(folder: Path) -> None:
    """The launcher of dynamic providers, so that they run in the environment Tomo is installed in."""
    folder.mkdir()
    path = folder / LAUNCHER
    root = Path(str(files("tomo"))).parent
    path.write_text(
        f'#!/bin/sh\nPYTHONPATH="{root}${{PYTHONPATH:+:$PYTHONPATH}}" '
        f'exec "{sys.executable}" -u -m pulumi.dynamic "$@"\n',
        "utf-8",
    )
    path.chmod(0o755)
