"""What the tools that propose share: how they ask, and how a proposal is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote
from tomo.mcp.views import moment
from tomo.model.proposal import Proposal
from tomo.service.propose.desk import PlannedStep, ProposalDesk, ProposalPage, ProposedChange
from tomo.service.propose.proposing import Change

Shown = Mapping[str, object]
Why = Annotated[str, Field(description="Why, for the person who decides.", min_length=1, max_length=2000)]


Replaces = Annotated[str, Field(description="Id of an open proposal of yours that this one replaces.")]


def proposed(desk: ProposalDesk, call: Call, change: Change, why: str, replaces: str = "") -> Answer:
    """Proposes a change, and says what a person does next."""
    call.tell("planning")
    made = desk.propose(call.by, ProposedChange(change, why, replaces=replaces), call.tell)
    message = (
        f"`{made.id}` waits for a person, who reads it with `tomo proposals show {made.id}`, "
        f"agrees with `tomo approve {made.id}` and has it done with `tomo apply {made.id}`; nothing was done"
    )
    return Answer(message, proposal_view(made))


def proposal_view(proposal: Proposal) -> Shown:
    """A proposal in short. What an assistant wrote into it is as untrusted as what a host says."""
    review = proposal.review
    words = {
        "title": proposal.title,
        "why": proposal.why,
        "assistant": proposal.assistant,
        "new_hosts": list(review.new_hosts),
        "not_looked_at": list(review.not_looked),
        "errors": list(review.errors),
        "downtime": [asdict(each) for each in review.downtime],
        "opens": [asdict(each) for each in review.exposure],
        "data_removed": list(review.data_removed),
        "secret_uses": list(review.secret_uses),
        "findings": [
            {
                "level": each.level.value,
                "rule": each.rule,
                "resource": each.resource.name if each.resource else "",
                "field": each.field,
                "message": each.message,
                "hint": each.hint,
                "needs": str(each.quorum) if each.quorum is not None else "",
            }
            for each in review.findings
        ],
    }
    return {
        "id": proposal.id,
        "state": proposal.state.value,
        "kind": proposal.kind.value,
        "person": proposal.person,
        "created": moment(proposal.created),
        "expires": moment(proposal.expires),
        "stack": proposal.object,
        "digest": proposal.digest,
        "steps": dict(review.counts),
        "new_secrets": list(review.new_secrets),
        "says": Remote(f"the proposal {proposal.id}", words),
    }


def proposal_page(page: ProposalPage) -> Shown:
    """A proposal with its plan and what became of it."""
    proposal = page.proposal
    steps = [
        {"state": each.state.value, "time": moment(each.time), "actor": each.actor, "note": each.note}
        for each in proposal.transitions
    ]
    return {
        **proposal_view(proposal),
        "history": Remote(f"the proposal {proposal.id}", steps),
        "change": Remote(f"the proposal {proposal.id}", dict(proposal.change)),
        "diff": Remote("the fleet file as it would be", page.diff),
        "plan": Remote(f"the plan of {proposal.id}", page.plan),
        "output": _output(proposal),
    }


def _output(proposal: Proposal) -> Remote | None:
    """What a proposed command left once it was run; None before, and for everything else."""
    if proposal.output is None:
        return None
    found = proposal.output
    said = {"exit_code": found.exit_code, "stdout": found.stdout, "stderr": found.stderr, "cut": found.cut}
    return Remote(f"the command of {proposal.id}", said)


def step_view(step: PlannedStep) -> Shown:
    """One step of a plan, and why it is one."""
    return {
        "resource": step.resource,
        "kind": step.kind,
        "act": step.act,
        "replaced_for": list(step.replaced_for),
        "differences": [asdict(each) for each in step.differences],
    }
