"""What a deployment tells while it runs; surfaces render, the engine never prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import TypeAlias

from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.diff import OutputChanges
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step


class Severity(StrEnum):
    """Pulumi's severities of a diagnostic."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@frozen
class Begun:
    """An operation begins: `kind` as the history has it, the stack's config with secrets masked.

    `notes` are what an interrupted run before it left; the plan that was shown has them too.
    """

    kind: str
    config: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Diagnostic, ...] = ()


@frozen
class StepStarted:
    """A step begins, or in a plan: was decided."""

    step: Step
    planning: bool


@frozen
class StepDone:
    """A step ended well; `step.new` holds the real outputs."""

    step: Step
    planning: bool
    seconds: float = 0.0


@frozen
class OutputsRegistered:
    """A component got its outputs; its step was done before its children were begun."""

    entry: ResourceState
    planning: bool


@frozen
class StepFailed:
    """A step failed; `message` is redacted, `detail` may hold last log lines."""

    step: Step
    message: str
    hint: str = ""
    detail: str = ""
    code: str = "failed"
    seconds: float = 0.0


@frozen
class StepSkipped:
    """A step was not tried, because something it needs failed."""

    urn: str
    because: str


@frozen
class StepProgress:
    """A running step says what it is at; ephemeral."""

    urn: str
    message: str


@frozen
class HostLooked:
    """A look at one host ended; `problem` is empty when it answered."""

    host: str
    resources: int
    seconds: float
    problem: str = ""
    hint: str = ""


@frozen
class Diagnostic:
    """A line for people, from the program, a provider or the engine; redacted."""

    severity: Severity
    message: str
    urn: str = ""


class Result(StrEnum):
    """How a deployment ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@frozen
class Summary:
    """The end of a deployment: logical steps counted by operation; `error` ended it as a whole."""

    result: Result
    changes: Mapping[Op, int]
    seconds: float
    planning: bool
    outputs: OutputChanges = field(default_factory=OutputChanges)
    error: TomoError | None = None


Event: TypeAlias = (
    Begun
    | StepStarted
    | StepDone
    | OutputsRegistered
    | StepFailed
    | StepSkipped
    | StepProgress
    | HostLooked
    | Diagnostic
    | Summary
)
Sink: TypeAlias = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """A sink for those who don't listen."""
