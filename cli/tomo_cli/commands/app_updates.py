"""app update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode
from tomo_cli.options import (
    HERE,
    DirectoryOption,
    FileOption,
    JsonOption,
    LockWaitOption,
    MessageOption,
    NoRetryOption,
    ParallelOption,
    PolicyOption,
    StackOption,
    StopOnErrorOption,
    YesOption,
)
from tomo_cli.runs import confirming, finish, lock_terms, run_sink, stoppable

if TYPE_CHECKING:
    from tomo.service.app_updates import ChangedApps

_PARALLEL = 16
ServerOption = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="NAME", help="Only on this server of the app; repeatable."),
]


def update(
    apps: Annotated[
        list[str] | None,
        typer.Argument(metavar="[APP]...", help="Apps of the fleet; all that are behind by default."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    server: ServerOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
    message: MessageOption = "",
    lock_wait: LockWaitOption = 0,
    policy: PolicyOption = None,
) -> None:
    """Bring apps to the version of their catalog entries."""
    from tomo.service.app_updates import AppUpdates, RunTerms, UpdateAppsRequest
    from tomo_cli.doors import doors, place

    with stoppable() as stop, run_sink(as_json=as_json) as told:
        terms = RunTerms(
            parallel, stop_on_error, not no_retry, told.sink, stop, message, lock_terms(lock_wait)
        )
        changed = AppUpdates(doors()).update(
            UpdateAppsRequest(
                place(directory, file, stack, None, policy),
                confirming("Update as shown?", yes=yes, as_json=as_json),
                tuple(apps or ()),
                tuple(server or ()),
                terms,
            )
        )
        if changed.run is not None:
            told.end(changed.run)
    _end(changed, as_json=as_json)


def _end(changed: ChangedApps, *, as_json: bool) -> None:
    """Says what became of the fleet file, and ends the command."""
    from tomo_cli.console import say

    if changed.run is None:
        say("Every app is at the version of its catalog entry.")
        raise typer.Exit(0)
    if changed.run.done is not None and changed.run.exit_code is not ExitCode.OK:
        say(_after_failure(changed))
    elif changed.written:
        say(f"Wrote the change into {changed.file}.")
    finish(changed.run, as_json=as_json)


def _after_failure(changed: ChangedApps) -> str:
    if changed.put_back:
        return f"The containers of before run again, and {changed.file} is as it was."
    if changed.written:
        return (
            f"Part of it was done, so {changed.file} keeps the change: `tomo apply` goes on with it. "
            "What failed runs as before."
        )
    return "What failed runs as before; `tomo plan` shows what is still to do."
