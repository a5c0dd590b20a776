"""What a run is held to: asked about every step before that acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

from tomo.engine.registry import is_provider
from tomo.errors import PlanRefused, TomoError
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.model.values import Properties

EntryNow: TypeAlias = Callable[[Urn], ResourceState | None]
"""The entry that this run has made or kept for a URN; None where it has not come to it."""


class Gate(Protocol):
    """Decides whether a run may go on with a step. Asked once for each step, under the run's lock."""

    @property
    def rechecks(self) -> bool:
        """Whether what was observed is to be read again right before a step that rests on it."""
        ...

    def refusal(self, step: Step, now: EntryNow) -> TomoError | None:
        """Why a step may not be taken; None where it may."""
        ...

    def outputs_refusal(self, outputs: Properties, now: EntryNow) -> TomoError | None:
        """Why the stack may not get these outputs; None where it may."""
        ...


@frozen
class Shown:
    """Holds a run to what a person saw a moment ago: operations by URN."""

    ops: Mapping[Urn, frozenset[Op]]
    rechecks: bool = False

    @classmethod
    def of(cls, steps: Iterable[Step], unreached: Iterable[Urn]) -> Shown:
        """The gate for the steps of a plan; what could not be looked at may turn out to need anything."""
        ops: dict[Urn, set[Op]] = {}
        for step in steps:
            ops.setdefault(step.urn, set()).add(step.op)
        ops |= {urn: set(Op) for urn in unreached}
        return cls({urn: frozenset(kinds) for urn, kinds in ops.items()})

    def refusal(self, step: Step, now: EntryNow) -> TomoError | None:  # noqa: ARG002
        """The refusal of a step of another kind than was seen; what touches no host is let through."""
        if step.op in {Op.SAME, Op.READ} or not step.entry.custom or is_provider(step.type):
            return None
        seen = self.ops.get(step.urn, frozenset())
        if step.op in seen or (step.op is Op.UPDATE and Op.REPLACE in seen):
            return None
        return PlanRefused(
            f"`{step.urn.name}` would now need `{step.op.pulumi_name}`, which the plan did not show",
            hint="something moved since; run `tomo plan` again",
        )

    def outputs_refusal(self, outputs: Properties, now: EntryNow) -> TomoError | None:  # noqa: ARG002
        """Lets any outputs through."""
        return None
