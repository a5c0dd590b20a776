"""What a deployment would do, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from tomo.frozen import frozen
from tomo.model.diff import OutputChanges
from tomo.model.events import Diagnostic
from tomo.model.step import Op, Step
from tomo.model.urn import PROVIDER_TYPE_PREFIX, Urn


@frozen
class Unlooked:
    """A host, or something on it, that could not be looked at; its resources stand as recorded."""

    host: str
    problem: str
    hint: str = ""
    code: str = ""
    resources: int = 0


@frozen
class Plan:
    """All steps in the order they were decided, `same` included; deletes come last.

    `left_out` are resources that the run was told to leave alone.
    """

    stack: str
    project: str
    steps: tuple[Step, ...] = ()
    outputs: OutputChanges = field(default_factory=OutputChanges)
    unlooked: tuple[Unlooked, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    looked: bool = True
    left_out: tuple[Urn, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """The logical steps that change something."""
        return tuple(step for step in self.steps if step.op.changes and step.op.is_logical)

    @property
    def counts(self) -> Mapping[Op, int]:
        """Logical steps by operation, without the stack, default providers and half-steps."""
        counts: dict[Op, int] = {}
        for step in self.steps:
            if step.op.is_logical and not is_hidden(step):
                counts[step.op] = counts.get(step.op, 0) + 1
        return counts


def is_hidden(step: Step) -> bool:
    """Whether people are not shown the step: the engine's own default providers."""
    return is_default_provider(step.urn)


def is_default_provider(urn: Urn) -> bool:
    """Whether a URN is that of a provider that the engine itself set up."""
    # Most resources are none at all, which their whole name tells sooner than its parts.
    return (
        PROVIDER_TYPE_PREFIX in urn
        and urn.type.startswith(PROVIDER_TYPE_PREFIX)
        and urn.name.startswith("default")
    )
