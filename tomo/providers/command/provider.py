"""Serves the types of pulumi-command: what to run when, and what that means for the state (engine-spec 7)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tomo.errors import NotSupported, ProviderFailed
from tomo.frozen import frozen
from tomo.model.connection import LOCAL as HERE
from tomo.model.connection import Connection, Connections
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    InvokeResult,
    ProviderBase,
    RecoverRequest,
    RecoverResult,
    RecoverStatus,
    Report,
    UpdateRequest,
    UpdateResult,
    quiet,
)
from tomo.model.values import UNKNOWN, Properties, Unknown, Value, has_unknown, reveal
from tomo.providers.command.connection import Pause, dialled, road_to
from tomo.providers.command.copy import cargo_of, deliver
from tomo.providers.command.globs import assets_below
from tomo.providers.command.local import DEFAULT_INTERPRETER, LocalRun, Processes
from tomo.providers.command.ran import LOCAL, OWN_SCRIPT, Logging, Ran, Shown, outputs_of, refuse_failure
from tomo.providers.differences import changed_keys, differences
from tomo.settings import Settings

LOCAL_COMMAND: Final = "command:local:Command"
REMOTE_COMMAND: Final = "command:remote:Command"
COPY: Final = "command:remote:CopyToRemote"
RUN: Final = "command:local:run"

_COMMON = {
    "create",
    "update",
    "delete",
    "triggers",
    "stdin",
    "logging",
    "environment",
    "addPreviousOutputInEnv",
}
_LOCAL_ONLY = {"interpreter", "dir", "assetPaths"}
_INPUTS: Final[Mapping[str, frozenset[str]]] = {
    LOCAL_COMMAND: frozenset(_COMMON | _LOCAL_ONLY),
    REMOTE_COMMAND: frozenset(_COMMON | {"connection"}),
    COPY: frozenset({"connection", "source", "remotePath", "triggers"}),
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    LOCAL_COMMAND: (),
    REMOTE_COMMAND: ("connection",),
    COPY: ("connection", "source", "remotePath"),
}
_SAID = ("stdout", "stderr")
_MADE = ("assets",)


@frozen
class Job:
    """One command about to run: its text and everything it runs with."""

    command: str
    inputs: Properties
    previous: Properties
    shown: Shown
    timeout: float | None
    report: Report

    @property
    def stdin(self) -> str:
        """The text it reads."""
        value = self.inputs.get("stdin")
        return value if isinstance(value, str) else ""

    def environment(self) -> dict[str, str]:
        """Its own variables, and what the last run said where that is wanted."""
        given = self.inputs.get("environment") or {}
        variables = {k: str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
        if self.inputs.get("addPreviousOutputInEnv") is False:
            return variables
        said = {f"PULUMI_COMMAND_{key.upper()}": str(self.previous.get(key) or "") for key in _SAID}
        return {**{key: text for key, text in said.items() if text}, **variables}


class CommandProvider(ProviderBase):
    """Runs people's commands; knows nothing of what they do."""

    judges_by_inputs = True

    def __init__(
        self,
        connections: Connections,
        settings: Settings,
        *,
        root: Path | None = None,
        pause: Pause | None = None,
    ) -> None:
        self._connections, self._settings = connections, settings
        self._root = root or Path()
        self._processes = Processes()
        self._cancelled = threading.Event()
        self._pause = pause or self._cancelled.wait

    # --- deciding -----------------------------------------------------------------------------

    def check(self, request: CheckRequest) -> CheckResult:
        """Refuses unknown and missing inputs by name."""
        known = _INPUTS.get(request.urn.type)
        if known is None:
            raise _unsupported(request.urn.type)
        return CheckResult(request.news, tuple(_failures(request.urn.type, known, request.news)))

    def diff(self, request: DiffRequest) -> DiffResult:
        """Any changed input is an update; changed triggers replace."""
        found = differences(request.old_inputs, request.new_inputs, request.ignore_changes, {"triggers"})
        return DiffResult(
            bool(found), found, ("triggers",) if any(each.kind.replaces for each in found) else ()
        )

    # --- acting -------------------------------------------------------------------------------

    def create(self, request: CreateRequest) -> CreateResult:
        """Runs `create`, or copies."""
        _refuse_unknowns(request.inputs, preview=request.preview)
        if request.urn.type == COPY:
            if request.preview:
                return CreateResult("", request.inputs)
            self._copy(request.inputs, request.report)
            return CreateResult(secrets.token_hex(4), request.inputs)
        if request.preview:
            return CreateResult("", _predicted(request.urn.type, request.inputs))
        job = Job(
            _text(request.inputs, "create"),
            request.inputs,
            {},
            _shown(request.inputs, request.secret_keys),
            request.timeout,
            request.report,
        )
        outputs = self._run(request.urn.type, job)
        return CreateResult(f"{request.urn.name}{secrets.token_hex(4)}", outputs)

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Runs `update`, else `create`; a road that alone has changed runs nothing."""
        _refuse_unknowns(request.new_inputs, preview=request.preview)
        changed = changed_keys(request.old_inputs, request.new_inputs, request.ignore_changes)
        if request.urn.type == COPY:
            if not request.preview and (not changed or {"source", "remotePath"} & set(changed)):
                self._copy(request.new_inputs, request.report)
            return UpdateResult(request.new_inputs)
        if changed == ["connection"]:
            kept = {key: request.old_outputs[key] for key in (*_SAID, *_MADE) if key in request.old_outputs}
            return UpdateResult({**request.new_inputs, **kept})
        if request.preview:
            return UpdateResult(_predicted(request.urn.type, request.new_inputs))
        job = Job(
            _text(request.new_inputs, "update") or _text(request.new_inputs, "create"),
            request.new_inputs,
            request.old_outputs,
            _shown(request.new_inputs, request.secret_keys),
            request.timeout,
            request.report,
        )
        return UpdateResult(self._run(request.urn.type, job))

    def delete(self, request: DeleteRequest) -> None:
        """Runs the recorded `delete`; without one, and for copies, nothing is done."""
        command = "" if request.urn.type == COPY else _text(request.inputs, "delete")
        if not command:
            return
        shown = _shown(request.inputs, frozenset())
        job = Job(command, request.inputs, request.outputs, shown, request.timeout, request.report)
        self._run(request.urn.type, job)

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """A copy, and a script that Tomo brings, may be repeated; of other commands nothing tells."""
        command = "" if request.urn.type == COPY else _text(request.inputs, "create")
        if not command or command.startswith(OWN_SCRIPT):
            return RecoverResult(RecoverStatus.NOTHING, told="it can safely be done again")
        return RecoverResult(RecoverStatus.UNKNOWN, told="nothing tells whether the command has run")

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:
        """`command:local:run`, which runs in previews too, as Pulumi has it."""
        if token != RUN:
            return super().invoke(token, args, preview=preview)
        if has_unknown(args):
            return InvokeResult({**args, "stdout": UNKNOWN, "stderr": UNKNOWN})
        known = _INPUTS[LOCAL_COMMAND] - {"create", "update", "delete", "triggers"} | {"command"}
        failures = tuple(_failures(RUN, known, args))
        if failures:
            return InvokeResult({}, failures)
        job = Job(_text(args, "command"), args, {}, _shown(args, frozenset()), None, quiet)
        return InvokeResult(self._run(LOCAL_COMMAND, job))

    def cancel(self) -> None:
        """Ends waiting, and asks local commands to end; a remote one runs to its end."""
        self._cancelled.set()
        self._processes.stop()

    # --- running ------------------------------------------------------------------------------

    def _run(self, type_: str, job: Job) -> Properties:
        secret = job.shown.secret
        if not job.command:
            ran = Ran(0, "", "", "")
        elif type_ == LOCAL_COMMAND:
            ran = self._run_here(job)
        else:
            ran = self._run_there(job)
        return {**job.inputs, **outputs_of(ran, secret=secret), **self._made(type_, job.inputs)}

    def _run_here(self, job: Job) -> Ran:
        interpreter = job.inputs.get("interpreter") or DEFAULT_INTERPRETER
        wanted = LocalRun(
            job.command,
            [str(word) for word in interpreter] if isinstance(interpreter, Sequence) else DEFAULT_INTERPRETER,
            self._folder(job.inputs),
            {**self._settings.variables, **job.environment()},
            job.stdin,
            job.timeout,
        )
        ran = self._processes.run(wanted, job.shown, job.report)
        if job.command.startswith(OWN_SCRIPT):
            self._connections.get(HERE).forget_docker()
        refuse_failure(job.command, ran, LOCAL, job.shown)
        return ran

    def _run_there(self, job: Job) -> Ran:
        road = road_to(_connection(job.inputs))

        def act(connection: Connection) -> Ran:
            result = connection.run_text(
                job.command, stdin=job.stdin.encode(), env=job.environment(), timeout=job.timeout
            )
            if job.command.startswith(OWN_SCRIPT):
                # It may have installed Docker, or changed how it is reached.
                connection.forget_docker()
            stdout, stderr = (text.decode("utf-8", "replace") for text in (result.stdout, result.stderr))
            return Ran(result.exit_code, stdout, stderr, _joined(stdout, stderr))

        ran = dialled(self._connections, road, act, self._pause, job.report)
        for stream, text in (("stdout", ran.stdout), ("stderr", ran.stderr)):
            for line in text.splitlines():
                job.shown.line(job.report, stream, line)
        refuse_failure(job.command, ran, road.spec.label, job.shown)
        return ran

    def _copy(self, inputs: Properties, report: Report) -> None:
        cargo = cargo_of(inputs.get("source"), self._root)
        road = road_to(_connection(inputs))
        path = _text(inputs, "remotePath")
        act = partial(deliver, cargo=cargo, remote_path=path, host=road.spec.label)
        dialled(self._connections, road, act, self._pause, report)

    def _made(self, type_: str, inputs: Properties) -> Properties:
        rules = inputs.get("assetPaths")
        if type_ != LOCAL_COMMAND or not isinstance(rules, Sequence):
            return {}
        return {"assets": assets_below(self._folder(inputs), [str(rule) for rule in rules])}

    def _folder(self, inputs: Properties) -> Path:
        return self._root / _text(inputs, "dir")


def _failures(type_: str, known: frozenset[str], inputs: Properties) -> Iterator[CheckFailure]:
    for key in sorted(inputs.keys() - known):
        if key == "archivePaths" and type_ in {LOCAL_COMMAND, RUN}:
            raise NotSupported(
                "`archivePaths` of local commands is not supported",
                hint="use `assetPaths`, or `pulumi.FileArchive` on a folder the command fills",
            )
        if not key.startswith("__") and inputs[key] is not None:
            yield CheckFailure(key, f"`{type_}` has no input `{key}`")
    for key in _REQUIRED.get(type_, ("command",)):
        if inputs.get(key) is None:
            yield CheckFailure(key, f"`{key}` is required")
    logging = inputs.get("logging")
    if isinstance(logging, str) and logging not in set(Logging):
        yield CheckFailure("logging", f"`{logging}` is none of {', '.join(Logging)}")


def _predicted(type_: str, inputs: Properties) -> Properties:
    made = {"assets": UNKNOWN} if type_ == LOCAL_COMMAND and inputs.get("assetPaths") else {}
    return {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN, **made}


def _shown(inputs: Properties, secret_keys: frozenset[str]) -> Shown:
    """The connection is always secret and says nothing about the command."""
    logging = inputs.get("logging")
    wanted = Logging(logging) if isinstance(logging, str) else Logging.BOTH
    return Shown(wanted, secret=bool(secret_keys - {"connection"}))


def _connection(inputs: Properties) -> Properties:
    connection = reveal(inputs.get("connection"))
    if not isinstance(connection, Mapping):
        raise ProviderFailed("`connection` must be an object", hint="give at least `host`")
    return connection


def _joined(stdout: str, stderr: str) -> str:
    """Both streams; over SSH their order among each other is not known."""
    return f"{stdout}\n{stderr}" if stdout and stderr and not stdout.endswith("\n") else stdout + stderr


def _text(inputs: Properties, key: str) -> str:
    value = inputs.get(key)
    if value is None or isinstance(value, Unknown):
        return ""
    if not isinstance(value, str):
        raise ProviderFailed(f"`{key}` must be a text, not {type(value).__name__}")
    return value


def _refuse_unknowns(inputs: Value, *, preview: bool) -> None:
    if not preview and has_unknown(inputs):
        raise ProviderFailed("an input is not known yet", hint="apply what it comes from first")


def _unsupported(type_: str) -> NotSupported:
    return NotSupported(
        f"the resource type `{type_}` is not supported",
        hint=f"of the package `command`, {', '.join(f'`{name}`' for name in _INPUTS)} are",
    )
