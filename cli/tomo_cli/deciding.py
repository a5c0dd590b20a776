"""A person at the terminal decides about a proposal: is shown it, is asked, signs, has it applied."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.proposal import is_proposal_id
from tomo_cli.commands.proposals import show_whole

if TYPE_CHECKING:
    from tomo.approval.keys import Guard
    from tomo.model.rollout import Rollout
    from tomo.service.decisions import AppliedProposal, Decisions
    from tomo.service.propose.proposing import ShownProposal
    from tomo.service.runs import PlanResult
    from tomo.service.workspace import LockTerms, Place


@frozen
class ApplyOptions:
    """What a command line says of how a proposal is applied."""

    parallel: int
    stop_on_error: bool
    retry: bool
    message: str
    lock: LockTerms
    approvals: tuple[Path, ...]
    rollout: Rollout


def decisions() -> Decisions:
    """The use cases of people over proposals."""
    from tomo.service.decisions import Decisions
    from tomo_cli.doors import doors

    return Decisions(doors())


def approve_proposal(
    id_: str, place: Place | None, key: Path | None, lasts: timedelta, *, as_json: bool
) -> None:
    """Has the person agree to a proposal, and ends the command."""
    from tomo.service.decisions import ApproveProposalRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.proposal_view import proposal_json, tell_next

    made = decisions().approve(ApproveProposalRequest(id_, _agreed, place, key, lasts))
    if made is None:
        say("Nothing was approved.")
        raise typer.Exit(1)
    if as_json:
        told = {"person": made.person, "expires": made.expires, "missing": made.missing}
        print_json({**proposal_json(made.proposal), "approval": told})
        return
    until = f", until {made.expires}" if made.expires else ""
    say(f"{made.person} agrees to {id_}{until}.")
    if made.missing:
        say(f"In all it needs {made.missing}; `tomo approvals {id_}` tells who has agreed.")
    else:
        tell_next(made.proposal)


def apply_given(
    given: str, where: Place, own: Place | None, options: ApplyOptions, *, yes: bool, as_json: bool
) -> None:
    """Applies what is given: a proposal by its id, or a kept plan by its file. Ends the command."""
    if is_proposal_id(given):
        apply_proposal(given, own, options, yes=yes, as_json=as_json)
        return
    from tomo.service.plans.saved import ApplyPlanRequest
    from tomo_cli.runs import run_kept

    run_kept(
        lambda show, stop, sink: ApplyPlanRequest(
            where,
            Path(given),
            show,
            options.parallel,
            options.stop_on_error,
            options.retry,
            sink,
            stop,
            options.message,
            options.lock,
            approvals=options.approvals,
            rollout=options.rollout,
        ),
        as_json=as_json,
    )


def apply_proposal(id_: str, place: Place | None, options: ApplyOptions, *, yes: bool, as_json: bool) -> None:
    """Applies a proposal that somebody has approved, and ends the command."""
    from tomo.service.decisions import ApplyProposalRequest
    from tomo_cli.runs import finish, run_sink, show_result, stoppable

    seen: list[str] = []

    def asked(shown: ShownProposal) -> bool:
        from tomo_cli.console import confirm

        if as_json and not yes:
            raise UsageError(
                "whoever agrees has to see what to, and `--json` tells events alone",
                hint=f"agree to it first: `tomo approve {id_}`",
            )
        if not as_json:
            seen.append(shown.proposal.id)
            show_whole(shown)
        return confirm("Apply exactly this?", yes=yes)

    def show(result: PlanResult) -> None:
        if not as_json and not seen:
            show_result(result)

    # What has no plan has no events either.
    listening = run_sink(as_json=as_json and decisions().has_plan(id_))
    with stoppable() as stop, listening as told:
        request = ApplyProposalRequest(
            id_,
            asked,
            show,
            place,
            yes,
            options.parallel,
            options.stop_on_error,
            options.retry,
            told.sink,
            stop,
            options.message,
            options.lock,
            options.approvals,
            options.rollout,
        )
        done = decisions().apply(request)
        if done.run is not None:
            told.end(done.run)
    if done.run is not None:
        finish(done.run, as_json=as_json)
    _tell(done, as_json=as_json)
    raise typer.Exit(int(done.exit_code))


def _tell(done: AppliedProposal, *, as_json: bool) -> None:
    """What became of a proposal without a plan."""
    from tomo_cli.console import print_json, say
    from tomo_cli.proposal_view import proposal_json, show_output

    if as_json:
        print_json(proposal_json(done.proposal))
        return
    if done.declined:
        say("Nothing was done.")
        return
    if done.output is not None:
        show_output(done.output)
    say(f"{done.proposal.state.capitalize()}: {done.proposal.title}.")


def _agreed(shown: ShownProposal, key: Path | None, guard: Guard | None) -> bool:
    from tomo_cli.console import confirm, say

    show_whole(shown)
    question = "Approve exactly this" + (f", with {key}?" if key is not None else "?")
    agreed = confirm(question, yes=False)
    if agreed and guard is not None:
        say(f"It asks for {guard}.")
    return agreed


def require_terminal(what: str) -> None:
    """Raises UsageError where nobody is there to be asked."""
    from tomo_cli.console import at_terminal

    if not at_terminal():
        raise UsageError(
            "approving needs a person at a terminal, and there is none",
            hint=f"type it yourself, in a terminal: `tomo approve {what}`",
        )
