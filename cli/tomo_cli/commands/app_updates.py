"""app update, rollback, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tomo.errors import ExitCode
from tomo_cli.options import (
    HERE,
    CanaryOption,
    DirectoryOption,
    FileOption,
    JsonOption,
    LockWaitOption,
    MessageOption,
    NoBackupOption,
    NoRetryOption,
    ParallelOption,
    PolicyOption,
    SerialOption,
    StackOption,
    StopOnErrorOption,
    YesOption,
)
from tomo_cli.runs import confirming, finish, lock_terms, run_sink, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomo.service.app_history import AppVersion
    from tomo.service.app_updates import ChangedApps, RollBackAppRequest, RunTerms, UpdateAppsRequest
    from tomo.service.propose.proposing import ProposeRequest

_Asked = TypeVar("_Asked", "UpdateAppsRequest", "RollBackAppRequest")
_PARALLEL = 16
NameArgument = Annotated[str, typer.Argument(metavar="APP", help="The app's name in the fleet.")]
ServerOption = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="NAME", help="Only on this server of the app; repeatable."),
]
ProposeOption = Annotated[
    bool,
    typer.Option("--propose", help="Keep it as a proposal for people to approve, and change nothing."),
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
    propose: ProposeOption = False,
    no_backup: NoBackupOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
    canary: CanaryOption = 0,
    serial: SerialOption = 0,
    message: MessageOption = "",
    lock_wait: LockWaitOption = 0,
    policy: PolicyOption = None,
) -> None:
    """Bring apps to the version of their catalog entries."""
    from tomo.model.rollout import Rollout
    from tomo.service.app_updates import AppUpdates, RunTerms, UpdateAppsRequest
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack, None, policy), AppUpdates(doors())
    request = UpdateAppsRequest(
        where,
        confirming("Update as shown?", yes=yes, as_json=as_json),
        tuple(apps or ()),
        tuple(server or ()),
    )
    if propose:
        _propose(service.update_proposed(request, message), as_json=as_json)
        return
    terms = RunTerms(
        parallel,
        stop_on_error,
        not no_retry,
        message=message,
        lock=lock_terms(lock_wait),
        backup=not no_backup,
        rollout=Rollout(canary, serial),
    )
    _run(lambda own: service.update(_with(request, own)), terms, as_json=as_json)


def rollback(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    to: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="VERSION", min=1, help="A version of `tomo app history`; the last other one."
        ),
    ] = None,
    propose: ProposeOption = False,
    no_backup: NoBackupOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
    canary: CanaryOption = 0,
    serial: SerialOption = 0,
    message: MessageOption = "",
    lock_wait: LockWaitOption = 0,
    policy: PolicyOption = None,
) -> None:
    """Bring an app back to an earlier recorded state."""
    from tomo.model.rollout import Rollout
    from tomo.service.app_updates import AppUpdates, RollBackAppRequest, RunTerms
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack, None, policy), AppUpdates(doors())
    request = RollBackAppRequest(where, confirming("Go back as shown?", yes=yes, as_json=as_json), name, to)
    if propose:
        _propose(service.rollback_proposed(request, message), as_json=as_json)
        return
    terms = RunTerms(
        parallel,
        stop_on_error,
        not no_retry,
        message=message,
        lock=lock_terms(lock_wait),
        backup=not no_backup,
        rollout=Rollout(canary, serial),
    )
    _run(lambda own: service.rollback(_with(request, own)), terms, as_json=as_json)


def history(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what an app can be rolled back to."""
    from tomo.service.app_updates import AppHistoryRequest, AppUpdates
    from tomo_cli.console import clean, print_json, say, table
    from tomo_cli.doors import doors, place

    found = AppUpdates(doors()).history(AppHistoryRequest(place(directory, file, stack), name))
    if as_json:
        print_json([_version_json(each) for each in found])
    elif not found:
        say(f"The history has no state of {name} yet; `tomo apply` makes one.")
    else:
        rows = [
            (
                f"{each.version.number}{' now' if each.current else ''}",
                _time(each.version.entry.end, " "),
                clean(", ".join(each.versions)),
                clean(", ".join(each.images)),
            )
            for each in found
        ]
        table(("VERSION", "TIME (UTC)", "APP", "IMAGES"), rows)
        say(f"`tomo app rollback {name} --to VERSION` shows the way back to one of them, and asks.")


# --- parts -------------------------------------------------------------------------------------------


def _run(begin: Callable[[RunTerms], ChangedApps], terms: RunTerms, *, as_json: bool) -> None:
    """Runs it with somebody who listens, and ends the command."""
    from dataclasses import replace

    with stoppable() as stop, run_sink(as_json=as_json) as told:
        changed = begin(replace(terms, sink=told.sink, stop=stop))
        if changed.run is not None:
            told.end(changed.run)
    _end(changed, as_json=as_json)


def _with(request: _Asked, terms: RunTerms) -> _Asked:
    from dataclasses import replace

    return replace(request, terms=terms)


def _propose(request: ProposeRequest, *, as_json: bool) -> None:
    """Keeps it for people to decide."""
    from tomo.service.propose.proposing import Proposing
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors
    from tomo_cli.proposal_view import proposal_json, tell_next
    from tomo_cli.runs import show_result

    made = Proposing(doors()).propose(request)
    if as_json:
        print_json(proposal_json(made.proposal))
        return
    if made.shown is not None:
        show_result(made.shown)
    tell_next(made.proposal)


def outdated(
    apps: Annotated[
        list[str] | None, typer.Argument(metavar="[APP]...", help="Apps of the fleet; all by default.")
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    registry: Annotated[
        bool, typer.Option("--registry", help="Also ask the registries whether images have moved.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which apps have something newer."""
    from tomo.service.marketplace.outdated import Outdated, OutdatedRequest
    from tomo.service.marketplace.registries import FleetRegistries
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place
    from tomo_cli.outdated_view import outdated_json, show_outdated

    opened, where = doors(), place(directory, file, stack)
    ask = FleetRegistries(opened, where).digests if registry else None
    found = Outdated(opened, ask).list(OutdatedRequest(where, tuple(apps or ())))
    if as_json:
        print_json(outdated_json(found))
    else:
        show_outdated(found, asked=registry)


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


def _version_json(found: AppVersion) -> dict[str, object]:
    return {
        "version": found.version.number,
        "endTime": f"{_time(found.version.entry.end, 'T')}Z",
        "message": found.version.entry.message,
        "appVersions": list(found.versions),
        "images": list(found.images),
        "current": found.current,
    }


def _time(seconds: int, between: str) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(between, "seconds").removesuffix("+00:00")
