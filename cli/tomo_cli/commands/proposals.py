"""proposals list, show, diff; reject: what waits for a person, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import UsageError
from tomo_cli.options import (
    JsonOption,
    add_command,
    add_group,
)

if TYPE_CHECKING:
    from tomo.model.proposal import ProposalState
    from tomo.service.propose.proposing import Proposing, ShownProposal

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A proposal, such as `p-4kd72m0x`.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    add_group(
        app, "proposals", "What waits for a person to decide", {"list": list_, "show": show, "diff": diff}
    )
    add_command(app, reject)


def list_(
    states: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only those that are `proposed`, …; repeatable."),
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", min=1, max=500, help="How many at most.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """List proposals, the newest first."""
    from tomo.service.propose.proposing import ListProposalsRequest
    from tomo_cli.console import print_json
    from tomo_cli.proposal_view import proposal_json, show_list

    found = _proposing().list(ListProposalsRequest(tuple(map(_state, states or ())), count))
    if as_json:
        print_json([proposal_json(each) for each in found])
    else:
        show_list(found)


def show(
    id_: IdArgument,
    as_json: JsonOption = False,
) -> None:
    """Show a proposal, its plan and its cost."""
    from tomo_cli.proposal_view import tell_next

    shown = _shown(id_)
    if as_json:
        _print_json(shown)
        return
    show_whole(shown)
    tell_next(shown.proposal)


def diff(
    id_: IdArgument,
    as_json: JsonOption = False,
) -> None:
    """Show what a proposal changes."""
    from tomo_cli.console import say
    from tomo_cli.proposal_view import show_diff
    from tomo_cli.runs import show_result

    shown = _shown(id_)
    if as_json:
        _print_json(shown)
        return
    if shown.plan is None:
        say(f"It changes no fleet file: {shown.proposal.title}.")
        return
    if not shown.diff:
        say("The fleet file stays as it is.")
    show_diff(shown)
    show_result(shown.plan.shown)


def reject(
    id_: IdArgument,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept with it, for whoever asks.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Reject a proposal, for good."""
    from tomo.service.decisions import Decisions, RejectProposalRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors
    from tomo_cli.proposal_view import proposal_json

    rejected = Decisions(doors()).reject(RejectProposalRequest(id_, why))
    if as_json:
        print_json(proposal_json(rejected))
    else:
        say(f"Rejected {rejected.id}: {rejected.title}.")


def show_whole(shown: ShownProposal) -> None:
    """A proposal, its diff and its plan, on stdout."""
    from tomo_cli.console import heading
    from tomo_cli.proposal_view import show_diff, show_findings, show_proposal
    from tomo_cli.runs import show_result

    show_proposal(shown)
    if shown.diff:
        heading("The fleet file")
        show_diff(shown)
    if shown.plan is None:
        show_findings(shown.proposal.review)
        return
    heading("The plan")
    show_result(shown.plan.shown)


def _print_json(shown: ShownProposal) -> None:
    from tomo.service.present import plan_json
    from tomo_cli.console import print_json
    from tomo_cli.proposal_view import proposal_json

    plan = plan_json(shown.plan.shown) if shown.plan is not None else None
    print_json({**proposal_json(shown.proposal), "diff": shown.diff, "plan": plan})


def _shown(id_: str) -> ShownProposal:
    from tomo.service.propose.proposing import ShowProposalRequest

    return _proposing().show(ShowProposalRequest(id_))


def _proposing() -> Proposing:
    from tomo.service.propose.proposing import Proposing
    from tomo_cli.doors import doors

    return Proposing(doors())


def _state(word: str) -> ProposalState:
    from tomo.model.proposal import ProposalState

    if word not in set(ProposalState):
        raise UsageError(f"there is no state `{word}`", hint=f"states are {', '.join(ProposalState)}")
    return ProposalState(word)
