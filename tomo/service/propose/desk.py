"""Proposing for whoever asks through a surface that serves many: one place, and a person for each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.events import Event, HostLooked
from tomo.model.people import Permission
from tomo.model.plan import is_hidden
from tomo.model.proposal import Proposal, ProposalState
from tomo.model.step import Step
from tomo.service.markdown import plan_markdown, shown_value
from tomo.service.propose.changes import FleetChange
from tomo.service.propose.proposing import (
    DAY,
    Change,
    ListProposalsRequest,
    ProposeRequest,
    Proposing,
    ShownProposal,
    ShowProposalRequest,
)
from tomo.service.read.asker import UNNAMED, Asker
from tomo.service.read.reader import Reader
from tomo.service.read.stacks import Difference, require_fleet, require_own_engine
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown


@frozen
class ProposedChange:
    """A change to propose, and why. `lasts` is in seconds; `replaces` is an own open proposal's id."""

    change: Change
    why: str
    lasts: int = DAY
    replaces: str = ""


@frozen
class PlannedStep:
    """One step of a proposal's plan, with every property that differs; secrets are masked."""

    resource: str
    kind: str
    act: str
    replaced_for: tuple[str, ...]
    differences: tuple[Difference, ...]


@frozen
class ProposalPage:
    """A proposal with its plan as a text, `""` where it has none, and the change of the fleet file."""

    proposal: Proposal
    plan: str
    diff: str


class ProposalDesk(Reader):
    """The use cases over proposals, for the person of each call."""

    def propose(self, by: Asker, asked: ProposedChange, tell: Callable[[str], None]) -> Proposal:
        """Proposes a change for a person to decide; `tell` hears of each host that was looked at.

        Raises NotSupported for a hand-written program, which is never run in this process.
        """
        if isinstance(asked.change, FleetChange):
            workspace = self._open(by)
            require_own_engine(workspace)
            require_fleet(workspace)

        def hear(event: Event) -> None:
            if isinstance(event, HostLooked):
                tell(f"looked at {event.host}")

        request = ProposeRequest(
            self._place,
            asked.change,
            asked.why,
            by.assistant or UNNAMED,
            by.person.name,
            asked.lasts,
            asked.replaces,
            sink=hear,
        )
        return Proposing(self._for(by)).propose(request).proposal

    def list(self, by: Asker, states: Sequence[ProposalState], count: int) -> Sequence[Proposal]:
        """The newest proposals in these states, or in any."""
        by.require(Permission.READ)
        return Proposing(self._for(by)).list(ListProposalsRequest(tuple(states), count))

    def show(self, by: Asker, id_: str) -> ProposalPage:
        """One proposal."""
        found = self._found(by, id_)
        text = plan_markdown(found.plan.shown) if found.plan is not None else ""
        return ProposalPage(found.proposal, text, found.diff)

    def steps(self, by: Asker, id_: str, name: str) -> tuple[PlannedStep, ...]:
        """The steps of a proposal that concern one resource or app."""
        found = self._found(by, id_)
        if found.plan is None:
            raise UsageError(f"`{found.proposal.id}` has no plan", hint="see what it is: `get_plan`")
        marks = found.plan.shown.marks
        steps = [step for step in found.plan.shown.plan.changes if not is_hidden(step)]
        wanted = [step for step in steps if name in {*_names(step)}]
        if not wanted:
            hint = did_you_mean(name, [step.urn.name for step in steps], "see its plan: `get_plan`")
            raise UsageError(f"`{found.proposal.id}` has no step for `{shown(name)}`", hint=hint)
        return tuple(
            PlannedStep(
                step.urn.name,
                step.type,
                step.op.pulumi_name,
                step.keys,
                tuple(
                    Difference(
                        diff.path, shown_value(diff.old, marks), shown_value(diff.new, marks), diff.why
                    )
                    for diff in step.diffs
                ),
            )
            for step in wanted
        )

    def _found(self, by: Asker, id_: str) -> ShownProposal:
        by.require(Permission.READ)
        return Proposing(self._for(by)).show(ShowProposalRequest(id_))


def _names(step: Step) -> Iterator[str]:
    """What a step may be called: its resource's name, and the app's and server's that it is a part of."""
    yield step.urn.name
    parent = step.entry.parent
    for name in (step.urn.name, parent.name if parent is not None else ""):
        yield from name.split("@")
