"""The provider of the comparison: it notes each call with all it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Secret, Unknown
from tomo.testing.fake_provider import FakeProvider, FakeWorld


@dataclass(frozen=True)
class Asked:
    """A call: its verb, the resource, and what was given."""

    verb: str
    urn: str
    given: Mapping[str, Any]


@dataclass(slots=True)
class WitnessedWorld(FakeWorld):
    """A world that remembers what its provider was asked."""

    asked: list[Asked] = field(default_factory=list)

    def note(self, verb: str, urn: str, **given: Any) -> None:
        """Notes a call."""
        with self.lock:
            self.asked.append(Asked(verb, urn, plain(given)))


def plain(value: Any) -> Any:
    """A value as JSON has it, which shows unknowns and secrets."""
    if isinstance(value, Unknown):
        return "an unknown"
    if isinstance(value, Secret):
        return {"a secret": plain(value.reveal())}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Witness(FakeProvider):
    """`FakeProvider`, noting."""

    def __init__(self, world: WitnessedWorld) -> None:
        super().__init__(world)
        self._notes = world

    def configure(self, inputs: Properties) -> None:
        """Notes the configuration."""
        self._notes.note("configure", "", inputs={k: v for k, v in inputs.items() if k != "__internal"})
        super().configure(inputs)

    def check(self, request: CheckRequest) -> CheckResult:
        """Notes old and new inputs."""
        self._notes.note("check", request.urn, olds=request.olds, news=request.news)
        return super().check(request)

    def diff(self, request: DiffRequest) -> DiffResult:
        """Notes all that is compared."""
        self._notes.note(
            "diff",
            request.urn,
            id=request.id,
            old_inputs=request.old_inputs,
            old_outputs=request.old_outputs,
            news=request.new_inputs,
            ignored=request.ignore_changes,
        )
        return _as_told(super().diff(request), str(request.new_inputs.get("mode", "")))

    def create(self, request: CreateRequest) -> CreateResult:
        """Notes the inputs."""
        self._notes.note(_verb("create", preview=request.preview), request.urn, news=request.inputs)
        return super().create(request)

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Notes what it is and what it should be."""
        self._notes.note(
            _verb("update", preview=request.preview),
            request.urn,
            id=request.id,
            old_inputs=request.old_inputs,
            old_outputs=request.old_outputs,
            news=request.new_inputs,
            ignored=request.ignore_changes,
        )
        return super().update(request)

    def delete(self, request: DeleteRequest) -> None:
        """Notes what goes."""
        self._notes.note(
            "delete", request.urn, id=request.id, old_inputs=request.inputs, old_outputs=request.outputs
        )
        super().delete(request)

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Notes each that is looked at."""
        for request in requests:
            self._notes.note(
                "read", request.urn, id=request.id, inputs=request.inputs, outputs=request.outputs
            )
        return super().read(requests)


def _as_told(found: DiffResult, mode: str) -> DiffResult:
    """The answer as providers of other kinds give it: without details, or leaving it to the engine."""
    if mode == "vague":
        return DiffResult(None)
    return replace(found, properties=()) if mode == "terse" else found


def _verb(verb: str, *, preview: bool) -> str:
    return f"preview of {verb}" if preview else verb
