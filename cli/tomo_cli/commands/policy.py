"""policy list, test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode, UsageError
from tomo_cli.options import (
    HERE,
    DirectoryOption,
    FileOption,
    JsonOption,
    NoRefreshOption,
    PolicyOption,
    StackOption,
    add_group,
)
from tomo_cli.runs import deployments, stoppable

if TYPE_CHECKING:
    from tomo.service.runs import PlanResult
    from tomo.service.workspace import Place


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    add_group(app, "policy", "What plans are held against", {"list": list_, "test": judge})


def list_(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules in force and where they come from."""
    from tomo.service.policies import ListPoliciesRequest, PolicyUseCases
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place
    from tomo_cli.policy_view import listing_json, show_listing

    request = ListPoliciesRequest(place(directory, file, stack, policy=policy))
    listing = PolicyUseCases(doors()).list(request)
    if as_json:
        print_json(listing_json(listing))
    else:
        show_listing(listing)


def judge(
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="A plan kept by `tomo plan -o`, to be judged here."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    policy: PolicyOption = None,
    present: Annotated[
        bool, typer.Option("--present", help="Judge what `tomo plan` would show now, instead of the cases.")
    ] = False,
    no_refresh: NoRefreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the policies' own cases, or judge a plan."""
    from tomo_cli.doors import place

    where = place(directory, file, stack, policy=policy)
    if plan is not None and present:
        raise UsageError("a plan and `--present` can't both be", hint="choose one of them")
    if no_refresh and not present:
        raise UsageError("`--no-refresh` is about the present plan", hint="add `--present`, or leave it out")
    if plan is not None:
        _judge(_kept(where, plan), as_json=as_json)
    elif present:
        _judge(_planned(where, look=not no_refresh), as_json=as_json)
    else:
        _cases(where, as_json=as_json)


def _kept(where: Place, plan: Path) -> PlanResult:
    from tomo.service.policies import JudgeFileRequest, PolicyUseCases
    from tomo_cli.doors import doors

    return PolicyUseCases(doors()).judge_file(JudgeFileRequest(where, plan))


def _planned(where: Place, *, look: bool) -> PlanResult:
    from tomo.service.runs import PlanRequest

    with stoppable() as stop:
        return deployments().plan(PlanRequest(where, look, stop=stop))


def _judge(result: PlanResult, *, as_json: bool) -> None:
    """Shows what is found in a plan, and ends with the code that applying it would end with."""
    from tomo.service.present import policy_json
    from tomo_cli.console import out, print_json, say, show_error
    from tomo_cli.policy_view import show_judgement

    judgement = result.judgement
    if as_json:
        print_json({**policy_json(judgement), "denied": bool(judgement.denied)})
    else:
        show_judgement(out(), judgement)
        say(
            f"{len(judgement.denied)} denied, {len(judgement.awaiting)} waiting for an approval, "
            f"{len(judgement.findings) - len(judgement.denied) - len(judgement.awaiting)} to be aware of."
        )
    for error in [*(failure.error for failure in result.failures), *filter(None, [result.program_error])]:
        show_error(error)
    raise typer.Exit(int(result.exit_code))


def _cases(where: Place, *, as_json: bool) -> None:
    from tomo.service.policies import PolicyUseCases, RunCasesRequest
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors
    from tomo_cli.policy_view import outcomes_json, show_outcomes

    found, outcomes = PolicyUseCases(doors()).test(RunCasesRequest(where))
    if as_json:
        print_json(outcomes_json(found, outcomes))
    else:
        show_outcomes(found, outcomes)
    raise typer.Exit(int(ExitCode.OK if all(each.passed for each in outcomes) else ExitCode.FAILED))
