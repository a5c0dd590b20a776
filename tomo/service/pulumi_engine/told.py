"""What the CLI tells of a run, as our own events and steps (engine-spec 6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tomo.engine import paths
from tomo.engine.run import Failure
from tomo.errors import ProviderFailed, PulumiFailed
from tomo.model.diff import DiffKind, OutputChanges, PropertyDiff
from tomo.model.events import (
    Begun,
    Diagnostic,
    Event,
    OutputsRegistered,
    Result,
    Severity,
    StepDone,
    StepFailed,
    StepStarted,
    Summary,
)
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import (
    SECRET_SHOWN,
    UNKNOWN,
    UNKNOWN_TEXT,
    Archive,
    Asset,
    Properties,
    Secret,
    Value,
)
from tomo.model.wire import ARCHIVE, ASSET, SECRET, SIGNATURE

Json = Mapping[str, Any]

_OPS: Final = {op.pulumi_name: op for op in Op}
_SEVERITIES: Final = {
    "info": Severity.INFO,
    "info#err": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
}
_OWN: Final = "using pulumi-resource-pulumi-python from $PATH"
"""What the CLI says of the launcher that Tomo itself gives it."""
_WHOLE: Final = {"preview failed", "update failed", "refresh failed", "destroy failed"}
"""What the CLI says of a run as a whole, after it has said what failed in it."""


@dataclass(slots=True)
class Told:
    """One run as the CLI tells it, line by line; `event` gives what a surface is to hear at once.

    `kind` is what the run is, as the history has it; the steps of a `refresh` are what was found.
    """

    kind: str = "update"
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)
    done: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: OutputChanges = field(default_factory=OutputChanges)
    result: Result = Result.FAILED
    seconds: float = 0.0
    ended: bool = False
    _errors: dict[str, list[str]] = field(default_factory=dict)

    def events(self, line: Json) -> Iterator[Event]:
        """The events that one line of the CLI's stream stands for."""
        if "preludeEvent" in line:
            yield Begun(self.kind, line["preludeEvent"].get("config") or {})
        elif "resourcePreEvent" in line:
            yield from self._begun(line["resourcePreEvent"])
        elif "resOutputsEvent" in line:
            yield from self._ended(line["resOutputsEvent"])
        elif "resOpFailedEvent" in line:
            yield from self._failed(line["resOpFailedEvent"])
        elif "diagnosticEvent" in line:
            yield from self._said(line["diagnosticEvent"])
        elif "summaryEvent" in line:
            yield from self._summed_up(line["summaryEvent"])

    @property
    def decided(self) -> tuple[Step, ...]:
        """The steps in the order in which they were told."""
        return tuple(self.steps.values())

    @property
    def finished(self) -> tuple[Step, ...]:
        """The steps that ended well."""
        return tuple(self.steps[key] for key in self.done)

    def unplaced_errors(self) -> list[tuple[str, str]]:
        """Errors about resources that no step was told of: refused inputs, a missing plugin."""
        return [(urn, "\n".join(said)) for urn, said in self._errors.items()]

    def harmless(self, exit_code: int) -> list[Diagnostic]:
        """Errors about no resource that the CLI told of a run which it ended well, as warnings from now on.

        It says so of a plugin that ended before it had agreed to, after all its work was done.
        """
        if exit_code or self.result is not Result.SUCCEEDED:
            return []
        lines = [Diagnostic(Severity.WARNING, said) for said in self._errors.pop("", [])]
        self.diagnostics += lines
        return lines

    # --- parts ----------------------------------------------------------------------------------------

    def _begun(self, event: Json) -> Iterator[Event]:
        step = step_of(event["metadata"])
        if step.op is Op.REFRESH:
            return
        self.steps[step.urn, step.op.pulumi_name] = step
        yield StepStarted(step, bool(event.get("planning")))

    def _ended(self, event: Json) -> Iterator[Event]:
        metadata, planning = event["metadata"], bool(event.get("planning"))
        step = step_of(metadata)
        if step.urn.type == STACK_TYPE:
            self._take_outputs(step)
        if step.op is Op.REFRESH:
            return
        if self.kind == "refresh":
            if step.op is Op.SAME:
                return
            step = _as_found(step)
            yield StepStarted(step, planning)
        key = (step.urn, step.op.pulumi_name)
        self.steps[key] = step
        if key not in self.done:
            self.done.append(key)
        yield StepDone(step, planning)
        if not step.entry.custom and step.new is not None and step.type != STACK_TYPE:
            yield OutputsRegistered(step.new, planning)

    def _take_outputs(self, step: Step) -> None:
        old = step.old.outputs if step.old else {}
        new = step.new.outputs if step.new and step.op is not Op.DELETE else {}
        self.outputs = OutputChanges(old, new)

    def _failed(self, event: Json) -> Iterator[Event]:
        step = step_of(event["metadata"])
        self.steps.setdefault((step.urn, step.op.pulumi_name), step)
        said = self._errors.pop(step.urn, None) or [f"{step.op.pulumi_name} of `{step.urn.name}` failed"]
        error = ProviderFailed(said[0], detail="\n".join(said[1:]))
        self.failures.append(Failure(step.urn, error))
        yield StepFailed(step, error.message, detail=error.detail, code=error.code)

    def _said(self, event: Json) -> Iterator[Event]:
        severity = _SEVERITIES.get(event["severity"])
        message, urn = event["message"].rstrip("\n"), event.get("urn", "")
        if severity is None or event.get("ephemeral") or message in _WHOLE or message.startswith(_OWN):
            return
        if severity is Severity.ERROR:
            self._errors.setdefault(urn, []).append(message)
            return
        line = Diagnostic(severity, message, urn)
        if line not in self.diagnostics:
            self.diagnostics.append(line)
            yield line

    def _summed_up(self, event: Json) -> Iterator[Event]:
        self.ended = True
        self.result = Result(event.get("result") or "succeeded")
        self.seconds = float(event["durationSeconds"])
        changes = {_OPS[name]: count for name, count in event["resourceChanges"].items() if name in _OPS}
        failed = self.result is not Result.SUCCEEDED
        whole = [said for urn, said in self.unplaced_errors() if failed and not urn]
        yield from (Diagnostic(Severity.ERROR, said, urn) for urn, said in self.unplaced_errors() if urn)
        error = PulumiFailed("\n".join(whole)) if whole else None
        yield Summary(self.result, changes, self.seconds, bool(event["isPreview"]), self.outputs, error)


def step_of(metadata: Json) -> Step:
    """The step that an event's metadata describes."""
    old, new = _entry(metadata.get("old")), _entry(metadata.get("new"))
    op = _OPS[metadata["op"]]
    if op in {Op.DELETE, Op.DELETE_REPLACED, Op.DISCARD, Op.DISCARD_REPLACED}:
        new = None
    keys = tuple(metadata.get("keys") or ())
    diffs = tuple(_diffs(metadata, old, new)) if old is not None and new is not None else ()
    return Step(op, Urn(metadata["urn"]), old, new, diffs, keys)


def _as_found(step: Step) -> Step:
    """A look's step: what is gone is deleted from the state, everything else is taken into it."""
    if step.op is Op.DELETE or step.new is None:
        return replace(step, op=Op.DELETE, new=None)
    return replace(step, op=Op.REFRESH, diffs=tuple(replace(each, drift=True) for each in step.diffs))


def _entry(state: Json | None) -> ResourceState | None:
    if not state:
        return None
    parent = state.get("parent")
    return ResourceState(
        Urn(state["urn"]),
        state["type"],
        bool(state.get("custom")),
        state.get("id") or "",
        opened(state.get("inputs") or {}),
        opened(state.get("outputs") or {}),
        Urn(parent) if parent else None,
        state.get("provider") or "",
        protect=bool(state.get("protect")),
        external=bool(state.get("external")),
        delete=bool(state.get("delete")),
        retain_on_delete=bool(state.get("retainOnDelete")),
        init_errors=tuple(state.get("initErrors") or ()),
    )


def _diffs(metadata: Json, old: ResourceState, new: ResourceState) -> Iterator[PropertyDiff]:
    detailed = metadata.get("detailedDiff")
    if detailed is None:
        replacing = set(metadata.get("keys") or ())
        for key in metadata.get("diffs") or ():
            kind = DiffKind.UPDATE_REPLACE if key in replacing else DiffKind.UPDATE
            yield PropertyDiff(key, kind, old.inputs.get(key), new.inputs.get(key))
        return
    for text, told in sorted(detailed.items()):
        before = old.inputs if told.get("inputDiff") else old.outputs
        path = paths.parse(text)
        kind = DiffKind(told["diffKind"])
        yield PropertyDiff(text, kind, paths.at(before, path), paths.at(new.inputs, path))


def opened(values: Json) -> Properties:
    """Property values of an event; secrets come without their content, and stay closed."""
    return {key: _value(value) for key, value in values.items()}


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return [_value(item) for item in value]
    if value == UNKNOWN_TEXT:
        return UNKNOWN
    if not isinstance(value, dict):
        return value
    match value.get(SIGNATURE):
        case None:
            return opened(value)
        case signature if signature == SECRET:
            return Secret(SECRET_SHOWN)
        case signature if signature == ASSET:
            return Asset(value.get("text"), value.get("path"), value.get("uri"), value.get("hash") or "")
        case signature if signature == ARCHIVE:
            return Archive(None, value.get("path"), value.get("uri"), value.get("hash") or "")
    return {key: _value(item) for key, item in value.items() if key != SIGNATURE}
