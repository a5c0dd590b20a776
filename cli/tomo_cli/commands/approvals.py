"""approve, approvals: a person agrees to a kept plan; who has, and who may."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tomo.errors import UsageError
from tomo_cli.options import HERE, DirectoryOption, FileOption, JsonOption, StackOption, add_command

if TYPE_CHECKING:
    from tomo.approval.keys import Guard
    from tomo.service.approvals import ApprovalListing, ApprovalUseCases
    from tomo.service.plans.making import ShownPlan

_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

PlanOrIdArgument = Annotated[
    str, typer.Argument(metavar="PLAN|ID", help="A plan kept by `tomo plan -o`, or a proposal's id.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (approve, approvals):
        add_command(app, command)


def approve(
    plan: PlanOrIdArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Your private SSH key; by default the first in ~/.ssh."),
    ] = None,
    lasts: Annotated[
        str, typer.Option("--lasts", metavar="TIME", help="How long the approval counts: `30m`, `8h`.")
    ] = "24h",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Write the approval here, not beside the stack's state."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Agree to a kept plan or a proposal."""
    from tomo.model.proposal import is_proposal_id
    from tomo.service.approvals import ApproveRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.deciding import approve_proposal, require_terminal
    from tomo_cli.doors import place, place_given

    require_terminal(plan)
    if is_proposal_id(plan):
        if out is not None:
            raise UsageError("an approval of a proposal is kept with it", hint="leave `-o` out")
        approve_proposal(plan, place_given(directory, file, stack), key, _time(lasts), as_json=as_json)
        return
    where = place(directory, file, stack)
    made = _use_cases().approve(ApproveRequest(where, Path(plan), _confirmed, key, _time(lasts), out))
    if made is None:
        say("Nothing was signed.")
        raise typer.Exit(1)
    if as_json:
        told = {"plan": made.agreement.plan, "person": made.person}
        print_json({**told, "expires": made.agreement.expires, "place": made.place})
        return
    who = made.person or "Whoever has that key"
    say(f"{who} agrees to {made.agreement.plan}, until {made.agreement.expires}.")
    say(f"Kept in {made.place}.")
    if not made.person:
        say("Here no file says who may approve; where the plan is applied, `TOMO_APPROVERS` names it.")


def approvals(
    plan: PlanOrIdArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who has agreed to a plan or proposal."""
    from tomo_cli.console import print_json, say, table

    listing = _listing(plan, directory, file, stack)
    if as_json:
        print_json(_json(listing))
        return
    counted = listing.counted
    if listing.signers is None:
        say("Approvals are off here: no file says who may approve (`TOMO_APPROVERS=FILE`).")
    elif counted.approvals:
        rows = [
            (each.person, each.role, until)
            for each, until in zip(counted.approvals, counted.expires, strict=True)
        ]
        table(("PERSON", "ROLE", "COUNTS UNTIL"), rows)
    else:
        say(f"Nobody has approved it. Those who may: {', '.join(listing.signers.people)}.")
    for reason in counted.void:
        say(f"Does not count: {reason}")


def _listing(plan: str, directory: Path, file: Path | None, stack: str | None) -> ApprovalListing:
    from tomo.model.proposal import is_proposal_id
    from tomo.service.approvals import ListApprovalsRequest
    from tomo_cli.doors import place, place_given

    if not is_proposal_id(plan):
        return _use_cases().list(ListApprovalsRequest(place(directory, file, stack), Path(plan)))
    from tomo.service.decisions import ProposalApprovalsRequest
    from tomo_cli.deciding import decisions

    return decisions().approvals(ProposalApprovalsRequest(plan, place_given(directory, file, stack)))


def _use_cases() -> ApprovalUseCases:
    from tomo.service.approvals import ApprovalUseCases
    from tomo_cli.doors import doors

    return ApprovalUseCases(doors())


def _confirmed(shown: ShownPlan, key: Path, guard: Guard) -> bool:
    from tomo_cli.console import confirm, say
    from tomo_cli.runs import show_result, tell_basis

    show_result(shown.shown)
    tell_basis(shown)
    agreed = confirm(f"Approve exactly this, with {key}?", yes=False)
    if agreed:
        say(f"It asks for {guard}.")
    return agreed


def _time(text: str) -> timedelta:
    told = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if told is None:
        raise UsageError(
            f"`{text}` is not a time that an approval can last", hint="write it as `30m`, `8h` or `3d`"
        )
    return int(told[1]) * _UNITS[told[2]]


def _json(listing: ApprovalListing) -> dict[str, object]:
    counted = listing.counted
    return {
        "plan": listing.digest,
        "required": listing.signers is not None,
        "approvers": list(listing.signers.people) if listing.signers else [],
        "approvals": [
            {"person": each.person, "role": each.role, "expires": until}
            for each, until in zip(counted.approvals, counted.expires, strict=True)
        ],
        "void": list(counted.void),
    }
