"""Events as plain data, in Pulumi's own JSON shape (engine-spec 6.3)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from tomo.errors import TomoError
from tomo.model.events import (
    Begun,
    Diagnostic,
    Event,
    HostLooked,
    OutputsRegistered,
    Result,
    Severity,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    Summary,
)
from tomo.model.finding import Finding, Level
from tomo.model.plan import is_hidden
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.service.present import changed_keys, hide
from tomo.service.runs import PlanResult
from tomo.state.codec import encode_resource

Json = object


def _policy_event(finding: Finding) -> dict[str, Json]:
    """A finding as Pulumi tells of a policy's; the sets and files are its packs."""
    mild = finding.level is Level.WARN or finding.auto_approved
    return {
        "resourceUrn": finding.resource,
        "message": finding.message,
        "color": "never",
        "policyName": finding.rule,
        "policyPackName": "tomo",
        "policyPackVersion": "",
        "policyPackVersionTag": "",
        "enforcementLevel": "advisory" if mild else "mandatory",
    }


class EventLines:
    """Turns events into Pulumi's engine events, one JSON object a line, in the order that Pulumi has.

    The outputs of a component are told of when it has got them, those of the stack at the end.
    """

    def __init__(self) -> None:
        self._sequence = itertools.count()
        self._kind = "update"
        self._begun: set[tuple[Urn, Op]] = set()
        self._ended_before: set[tuple[Urn, Op]] = set()
        self._open: dict[Urn, Step] = {}
        self._deleted_first: set[Urn] = set()
        self._done = 0

    def lines(self, event: Event) -> Iterator[dict[str, Json]]:
        """The lines of one event; some of Tomo's own have none."""
        yield from map(self._line, self._bodies(event))

    def _line(self, body: Mapping[str, Json]) -> dict[str, Json]:
        return {"sequence": next(self._sequence), "timestamp": int(time.time()), **body}

    def last(self) -> dict[str, Json]:
        """The line that ends every stream."""
        return {"sequence": next(self._sequence), "timestamp": int(time.time()), "cancelEvent": {}}

    def unplanned(self, shown: PlanResult) -> Iterator[dict[str, Json]]:
        """What to say instead of a run where its plan has failed, so that nobody was asked."""
        short = [TomoError(each.message, hint=each.hint) for each in shown.shortfalls if each.blocks]
        errors = [
            *((failure.urn, failure.error) for failure in shown.failures),
            *(("", each) for each in short),
        ]
        said = [Diagnostic(Severity.ERROR, _told(error), urn) for urn, error in errors]
        end = Summary(Result.FAILED, shown.plan.counts, 0.0, planning=True, error=shown.program_error)
        events: list[Event] = [*shown.plan.diagnostics, *said]
        for event in events:
            yield from self.lines(event)
        for finding in shown.judgement.findings:
            yield self._line({"policyEvent": _policy_event(finding)})
        yield from self.lines(end)

    def _bodies(self, event: Event) -> Iterator[dict[str, Json]]:
        match event:
            case Begun(kind, config, notes):
                self._kind = kind
                yield {"preludeEvent": {"config": dict(sorted(config.items()))}}
                yield from (_diagnostic(note) for note in notes)
            case StepStarted(step, planning):
                yield from self._pre(step, planning=planning)
            case StepDone(step, planning):
                yield from self._ended(step, planning=planning)
            case OutputsRegistered(entry, planning):
                yield from self._outputs(entry.urn, entry, planning=planning)
            case StepFailed():
                yield from self._failure(event)
            case Summary():
                yield from self._end(event)
            case _:
                yield _said(event)

    def _pre(self, step: Step, *, planning: bool) -> Iterator[dict[str, Json]]:
        if is_hidden(step) or (step.urn, step.op) in self._begun:
            return
        if step.old is not None and step.old.pending_replacement:
            self._deleted_first.add(step.urn)
        if step.op is Op.CREATE_REPLACEMENT and step.urn in self._deleted_first:
            # Between its halves, as Pulumi has it.
            yield from self._ended(replace(step, op=Op.REPLACE), planning=planning)
        self._begun.add((step.urn, step.op))
        yield {
            "resourcePreEvent": _metadata_event(self._as_begun(step, planning=planning), planning=planning)
        }

    def _as_begun(self, step: Step, *, planning: bool) -> Step:
        """A step before it is done: of its result only a plan has something to show, what is foreseen."""
        first = step.urn in self._deleted_first
        if step.op is Op.REPLACE and not first:
            return _as_replaced(step)
        if planning or step.new is None or step.op is Op.REFRESH:
            return step
        return replace(step, new=_bare(step.new))

    def _ended(self, step: Step, *, planning: bool) -> Iterator[dict[str, Json]]:
        if is_hidden(step) or (step.urn, step.op) in self._ended_before:
            return
        yield from self._pre(step, planning=planning)
        self._done += step.op.is_logical
        if step.op is Op.REPLACE:
            self._ended_before.add((step.urn, step.op))
        if step.op is Op.DELETE_REPLACED and (step.urn, Op.CREATE_REPLACEMENT) not in self._begun:
            self._deleted_first.add(step.urn)
        if not step.entry.custom and step.new is not None:
            self._open[step.urn] = step
            return
        yield {"resOutputsEvent": _metadata_event(self._as_ended(step), planning=planning)}

    def _as_ended(self, step: Step) -> Step:
        if step.op is Op.IMPORT:
            return replace(step, old=step.new)
        if step.op not in {Op.CREATE_REPLACEMENT, Op.REPLACE}:
            return step
        if step.urn not in self._deleted_first:
            return _as_replaced(step)
        return step if step.op is Op.CREATE_REPLACEMENT else self._as_begun(step, planning=False)

    def _outputs(self, urn: Urn, entry: ResourceState, *, planning: bool) -> Iterator[dict[str, Json]]:
        step = self._open.pop(urn, None)
        if step is not None:
            yield {"resOutputsEvent": _metadata_event(replace(step, new=entry), planning=planning)}

    def _failure(self, event: StepFailed) -> Iterator[dict[str, Json]]:
        yield from self._pre(event.step, planning=False)
        text = "\n".join(part for part in (event.message, event.detail, event.hint) if part)
        yield _diagnostic(Diagnostic(Severity.ERROR, text, event.step.urn))
        failed = self._as_begun(event.step, planning=False)
        if failed.op is Op.UPDATE and failed.new is not None and failed.old is not None:
            failed = replace(failed, new=replace(failed.new, id=failed.old.id))
        yield {"resOpFailedEvent": {"metadata": _metadata(failed), "status": 0, "steps": self._done}}

    def _end(self, event: Summary) -> Iterator[dict[str, Json]]:
        if event.error is not None:
            yield _diagnostic(Diagnostic(Severity.ERROR, _told(event.error)))
        stack = next((step.entry for urn, step in self._open.items() if urn.type == STACK_TYPE), None)
        if stack is not None:
            entry = replace(stack, outputs=event.outputs.new)
            yield from self._outputs(stack.urn, entry, planning=event.planning)
        if event.error is None and event.result is Result.FAILED:
            what = "preview" if event.planning else self._kind
            yield _diagnostic(Diagnostic(Severity.ERROR, f"{what} failed"))
        yield {"summaryEvent": _summary(event)}


def _said(event: StepSkipped | StepProgress | HostLooked | Diagnostic) -> dict[str, Json]:
    """What has no step of its own; Pulumi's has neither progress nor what is skipped."""
    match event:
        case StepSkipped(urn, because):
            return _diagnostic(Diagnostic(Severity.WARNING, f"skipped: {because}", urn))
        case StepProgress(urn, message):
            return {"progressEvent": {"type": "step", "id": urn, "message": message, "done": False}}
        case HostLooked(host, resources, _, problem):
            done = problem or f"{resources} resources looked at"
            return {"progressEvent": {"type": "look", "id": host, "message": done, "done": True}}
        case Diagnostic():
            return _diagnostic(event)
        case _:
            assert_never(event)


def _told(error: TomoError) -> str:
    return "\n".join(part for part in (str(error), error.detail, error.hint) if part)


def _bare(entry: ResourceState) -> ResourceState:
    return replace(entry, id=entry.id if entry.external else "", outputs={})


def _as_replaced(step: Step) -> Step:
    """The step with its original as it stands then: marked for its deletion."""
    return replace(step, old=replace(step.old, delete=True)) if step.old is not None else step


def _summary(event: Summary) -> dict[str, Json]:
    return {
        "maybeCorrupt": False,
        "durationSeconds": int(event.seconds),
        "resourceChanges": {
            op.pulumi_name: count for op, count in event.changes.items() if op is not Op.READ
        },
        "PolicyPacks": {},
        "isPreview": event.planning,
        "result": event.result.value,
    }


def _diagnostic(line: Diagnostic) -> dict[str, Json]:
    """A line for people; as Pulumi's, it ends with a line break."""
    body: dict[str, Json] = {"urn": line.urn} if line.urn else {}
    if line.severity in _PREFIXED:
        body["prefix"] = f"{line.severity.value}: "
    body |= {"message": f"{line.message.rstrip()}\n", "color": "never", "severity": line.severity.value}
    return {"diagnosticEvent": body}


_PREFIXED = {Severity.ERROR, Severity.WARNING}


def _metadata_event(step: Step, *, planning: bool) -> dict[str, Json]:
    made: dict[str, Json] = {"metadata": _metadata(step)}
    if planning:
        made["planning"] = True
    return made


def _metadata(step: Step) -> dict[str, Json]:
    if step.op is Op.DELETE_REPLACED:
        step = replace(step, diffs=(), keys=())
    made: dict[str, Json] = {
        "op": step.op.pulumi_name,
        "urn": step.urn,
        "type": step.type,
        "old": _event_state(step.old),
        "new": _event_state(step.new),
        "detailedDiff": {d.path or "*": {"diffKind": d.kind.value, "inputDiff": True} for d in step.diffs}
        or None,
    }
    if step.op.is_logical:
        made["logical"] = True
    made["provider"] = step.entry.provider
    if step.keys:
        made["keys"] = list(step.keys)
    if step.diffs:
        made["diffs"] = list(changed_keys(step))
    return made


_ALWAYS: Mapping[str, Json] = {"id": "", "parent": "", "inputs": {}, "outputs": {}, "provider": ""}
_EVENT_KEYS = ("type", "urn", "custom", "delete", "id", "parent", "protect", "external", "retainOnDelete",
               "inputs", "outputs", "provider", "initErrors", "hideDiffs")  # fmt: skip


def _event_state(entry: ResourceState | None) -> dict[str, Json] | None:
    if entry is None:
        return None
    whole = {**_ALWAYS, **encode_resource(replace(entry, extra={}), hide)}
    if entry.hide_diffs:
        whole["hideDiffs"] = list(entry.hide_diffs)
    return {key: whole[key] for key in _EVENT_KEYS if key in whole and whole[key] is not False}
