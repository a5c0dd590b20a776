"""state repair: after a run that was cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode
from tomo_cli.options import (
    HERE,
    DirectoryOption,
    FileOption,
    JsonOption,
    LockWaitOption,
    StackOption,
    YesOption,
)

if TYPE_CHECKING:
    from tomo.engine.recovery import Resolved
    from tomo.service.repairs import RepairResult


def state_repair(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="URN", help="Take this interrupted creation as never made."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="URN[=ID]", help="Take this interrupted creation as made."),
    ] = None,
    drop_journal: Annotated[
        bool, typer.Option("--drop-journal", help="Set a journal aside that does not fit the state.")
    ] = False,
    lock_wait: LockWaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Settle what an interrupted run left behind."""
    from tomo.service.repairs import RepairRequest, Repairs
    from tomo.service.workspace import LockTerms
    from tomo_cli.console import confirm, say
    from tomo_cli.doors import doors, place

    def ask(lines: Sequence[str]) -> bool:
        for line in lines:
            say(line)
        return confirm("Go on?", yes=yes)

    result = Repairs(doors()).repair(
        RepairRequest(
            place(directory, file, stack),
            ask,
            _nothing_said if yes else _decide,
            tuple(forget or ()),
            dict(_parted(name) for name in keep or ()),
            drop_journal,
            LockTerms(lock_wait, say),
        )
    )
    _show(result, as_json=as_json)
    raise typer.Exit(int(ExitCode.FAILED if result.declined or result.unsettled else ExitCode.OK))


def _parted(text: str) -> tuple[str, str]:
    """`URN=ID` in two; a URN holds no `=` of its own as a rule, and an id comes last."""
    name, _, id_ = text.partition("=")
    return name, id_


def _nothing_said(_resolved: Resolved) -> str:
    return ""


def _decide(resolved: Resolved) -> str:
    """Asks at the terminal; without one nothing is decided."""
    from tomo_cli.console import answer, at_terminal, say

    if not at_terminal():
        return ""
    say(f"`{resolved.urn}` was being created: {resolved.told}.")
    word = answer("Is it there? [y = keep it, n = forget it, Enter = leave it open] ").lower()
    if word in {"n", "no"}:
        return "forget"
    if word not in {"y", "yes"}:
        return ""
    if resolved.urn.type.startswith("command:"):
        return "keep="
    id_ = answer("Its id: ")
    return f"keep={id_}" if id_ else ""


def _show(result: RepairResult, *, as_json: bool) -> None:
    from tomo.service.recovery import ways_out
    from tomo_cli.console import print_json, say

    if as_json:
        left = [{"urn": each.urn, "fate": each.fate.value, "told": each.told} for each in result.unsettled]
        done = not result.declined
        print_json({"stack": result.stack, "done": done, "messages": result.lines, "unsettled": left})
        return
    for line in result.lines:
        say(line)
    if result.declined:
        say("Nothing was done.")
    elif result.unsettled:
        say(f"Left open: {len(result.unsettled)}. Say what is to become of each, by URN:")
        for each in result.unsettled:
            for command in ways_out(each.urn):
                say(f"  {command}")
    else:
        say("The state is whole." if result.lines else "There was nothing to repair.")
