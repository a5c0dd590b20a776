"""plan, apply, refresh, destroy, import, drift, status, outputs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode
from tomo_cli.options import (
    HERE,
    DirectoryOption,
    ExcludeDependentsOption,
    ExcludeOption,
    FileOption,
    JsonOption,
    NoRefreshOption,
    ParallelOption,
    ReplaceOption,
    StackOption,
    TargetDependentsOption,
    TargetOption,
    TargetReplaceOption,
    YesOption,
    add_command,
)

if TYPE_CHECKING:
    from tomo.model.events import Event, Sink
    from tomo.model.selection import Selection
    from tomo.service.deployments import ApplyRequest, Confirm, Deployments, PlanResult, RunResult
    from tomo.service.stop import Stop

_PARALLEL = 16


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (plan, apply, refresh, destroy, import_, drift, status, outputs):
        add_command(app, command)


def plan(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    no_refresh: NoRefreshOption = False,
    as_json: JsonOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there are changes.")
    ] = False,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", help="Exit with 7 where there are changes.")
    ] = False,
    parallel: ParallelOption = _PARALLEL,
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
    replace: ReplaceOption = None,
    target_replace: TargetReplaceOption = None,
) -> None:
    """Show what apply would change, and change nothing."""
    from tomo.service.deployments import PlanRequest
    from tomo_cli.doors import place

    service = _service()
    with _stoppable() as stop:
        request = PlanRequest(
            place(directory, file, stack),
            not no_refresh,
            parallel=parallel,
            stop=stop,
            selection=_selection(
                target,
                exclude,
                replace,
                target_replace,
                target_dependents=target_dependents,
                exclude_dependents=exclude_dependents,
            ),
        )
        result = service.plan(request)
    _show(result, as_json=as_json)
    raise typer.Exit(_plan_code(result, detailed=detailed_exitcode, none_expected=expect_no_changes))


def apply(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    no_refresh: NoRefreshOption = False,
    as_json: JsonOption = False,
    stop_on_error: Annotated[
        bool, typer.Option("--stop-on-error", help="Begin nothing new after the first failure.")
    ] = False,
    parallel: ParallelOption = _PARALLEL,
    message: Annotated[
        str, typer.Option("-m", "--message", metavar="TEXT", help="Kept with the run in the history.")
    ] = "",
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
    replace: ReplaceOption = None,
    target_replace: TargetReplaceOption = None,
) -> None:
    """Make the servers as the file declares them."""
    from tomo.service.deployments import ApplyRequest
    from tomo_cli.doors import place

    _run(
        lambda stop, confirm, sink: ApplyRequest(
            place(directory, file, stack),
            confirm,
            look=not no_refresh,
            parallel=parallel,
            stop_on_error=stop_on_error,
            sink=sink,
            stop=stop,
            message=message,
            selection=_selection(
                target,
                exclude,
                replace,
                target_replace,
                target_dependents=target_dependents,
                exclude_dependents=exclude_dependents,
            ),
        ),
        question="Apply this plan?",
        yes=yes,
        as_json=as_json,
    )


def destroy(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    run_program: Annotated[
        bool, typer.Option("--run-program", help="Run the program before, for hooks of deletions.")
    ] = False,
    stop_on_error: Annotated[
        bool, typer.Option("--stop-on-error", help="Begin nothing new after the first failure.")
    ] = False,
    parallel: ParallelOption = _PARALLEL,
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
) -> None:
    """Remove everything the stack made; data volumes stay."""
    from tomo.service.deployments import ApplyRequest
    from tomo_cli.doors import place

    _run(
        lambda stop, confirm, sink: ApplyRequest(
            place(directory, file, stack),
            confirm,
            look=False,
            destroy=True,
            run_program=run_program,
            parallel=parallel,
            stop_on_error=stop_on_error,
            sink=sink,
            stop=stop,
            selection=_selection(
                target,
                exclude,
                target_dependents=target_dependents,
                exclude_dependents=exclude_dependents,
            ),
        ),
        question="Destroy all of this?",
        yes=yes,
        as_json=as_json,
    )


def refresh(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
) -> None:
    """Take what the hosts say into the state."""
    from tomo.service.deployments import RefreshRequest
    from tomo_cli.console import confirm
    from tomo_cli.doors import place

    def asked(shown: PlanResult) -> bool:
        if not as_json:
            _show(shown, as_json=False, heading="Drift")
        return not shown.plan.steps or confirm("Record this in the state?", yes=yes)

    with _stoppable() as stop:
        request = RefreshRequest(
            place(directory, file, stack),
            asked,
            stop=stop,
            selection=_selection(
                target,
                exclude,
                target_dependents=target_dependents,
                exclude_dependents=exclude_dependents,
            ),
        )
        result = _service().refresh(request)
    if as_json:
        _show(result.shown, as_json=True)
    _finish(result, as_json=as_json)


def import_(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="The server of the fleet.")],
    app: Annotated[
        str,
        typer.Argument(
            metavar="[APP]",
            help="A catalog id, an app of the file, or a compose project or container to take as it is.",
        ),
    ] = "",
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    container: Annotated[
        list[str] | None,
        typer.Option("--container", metavar="NAME", help="The app's containers; may be repeated."),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The app's name in the fleet; APP by default.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Everything on the server; a compose project is one app.")
    ] = False,
    leave: Annotated[
        list[str] | None,
        typer.Option("--except", metavar="NAME", help="A container to leave out; may be repeated."),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take running containers into the fleet, untouched."""
    from tomo.errors import UsageError
    from tomo.service.imports import Adoptions, AdoptRequest
    from tomo_cli.console import say
    from tomo_cli.doors import doors, place

    if not app and not everything:
        raise UsageError("which app?", hint=f"name one, or take everything: `tomo import {server} --all`")
    with _stoppable() as stop, _sink(as_json=as_json) as sink:
        request = AdoptRequest(
            place(directory, file, stack),
            server,
            _asked("Take this into the fleet?", yes=yes, as_json=as_json),
            app,
            tuple(container or ()),
            name,
            everything,
            tuple(leave or ()),
            sink,
            stop,
        )
        adopted = Adoptions(doors()).adopt(request)
    if adopted.run.done is not None and not as_json:
        if adopted.secrets:
            say(f"Sealed: {', '.join(adopted.secrets)}.")
        if adopted.written:
            say(f"Wrote {', '.join(adopted.written)} into {adopted.file}.")
    _finish(adopted.run, as_json=as_json)


def drift(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there is drift.")
    ] = False,
) -> None:
    """Show what was changed on the hosts outside Tomo."""
    from tomo.service.deployments import DriftRequest
    from tomo_cli.doors import place

    with _stoppable() as stop:
        result = _service().drift(DriftRequest(place(directory, file, stack), stop=stop))
    _show(result, as_json=as_json, heading="Drift", empty="No drift: the hosts are as recorded.")
    code = result.exit_code
    if code is ExitCode.OK and detailed_exitcode and result.plan.steps:
        code = ExitCode.CHANGES
    raise typer.Exit(int(code))


def status(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the hosts instead of the state.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show servers, apps and their containers."""
    from tomo.service.status import Statuses, StatusRequest
    from tomo_cli.doors import doors, place
    from tomo_cli.status_view import show_status, status_json

    result = Statuses(doors()).status(StatusRequest(place(directory, file, stack), live))
    if as_json:
        from tomo_cli.console import print_json

        print_json(status_json(result))
    else:
        show_status(result)
    raise typer.Exit(int(result.exit_code))


def outputs(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print secret values as they are.")
    ] = False,
) -> None:
    """Show the stack's outputs."""
    from tomo.service.status import OutputsRequest, Statuses
    from tomo_cli.console import as_json_text, fields, print_json, say
    from tomo_cli.doors import doors, place

    values = Statuses(doors()).outputs(OutputsRequest(place(directory, file, stack), show_secrets))
    if as_json:
        print_json(values)
    elif values:
        fields(
            {name: value if isinstance(value, str) else as_json_text(value) for name, value in values.items()}
        )
    else:
        say("The stack has no outputs yet; `tomo apply` makes them.")


# --- parts ----------------------------------------------------------------------------------------------


def _selection(
    target: Sequence[str] | None,
    exclude: Sequence[str] | None,
    replace: Sequence[str] | None = None,
    target_replace: Sequence[str] | None = None,
    *,
    target_dependents: bool,
    exclude_dependents: bool,
) -> Selection:
    from tomo.model.selection import Selection

    both = target_replace or ()
    return Selection(
        (*(target or ()), *both),
        tuple(exclude or ()),
        (*(replace or ()), *both),
        target_dependents=target_dependents,
        exclude_dependents=exclude_dependents,
    )


def _service() -> Deployments:
    from tomo.service.deployments import Deployments
    from tomo_cli.doors import doors

    return Deployments(doors())


def _show(result: PlanResult, *, as_json: bool, heading: str = "Plan", empty: str = "") -> None:
    from tomo_cli.console import print_json, say, show_error

    if as_json:
        from tomo.service.present import plan_json

        print_json(plan_json(result))
        return
    from tomo_cli.plan_view import show_plan

    if empty and not result.plan.steps and not result.plan.unlooked:
        say(empty)
    else:
        show_plan(result, heading=heading)
    for failure in result.failures:
        show_error(failure.error)
    if result.program_error is not None:
        show_error(result.program_error)


def _plan_code(result: PlanResult, *, detailed: bool, none_expected: bool) -> int:
    code = result.exit_code
    if code is ExitCode.OK and result.has_changes:
        if none_expected:
            return int(ExitCode.UNEXPECTED_CHANGES)
        if detailed:
            return int(ExitCode.CHANGES)
    return int(code)


def _run(
    make: Callable[[Stop, Confirm, Sink], ApplyRequest], *, question: str, yes: bool, as_json: bool
) -> None:
    asked = _asked(question, yes=yes, as_json=as_json)
    with _stoppable() as stop, _sink(as_json=as_json) as sink:
        result = _service().apply(make(stop, asked, sink))
    _finish(result, as_json=as_json)


def _asked(question: str, *, yes: bool, as_json: bool) -> Confirm:
    """Shows the plan, and asks where it has changes."""
    from tomo_cli.console import confirm

    def asked(shown: PlanResult) -> bool:
        if not as_json:
            _show(shown, as_json=False)
        if not shown.has_changes:
            return True
        return confirm(question, yes=yes)

    return asked


@contextmanager
def _sink(*, as_json: bool) -> Iterator[Sink]:
    if not as_json:
        from tomo_cli.run_view import RunView

        with RunView() as view:
            yield view
        return
    from tomo.service.present import EventLines
    from tomo_cli.console import print_json_line

    events = EventLines()

    def write(event: Event) -> None:
        for line in events.lines(event):
            print_json_line(line)

    yield write
    print_json_line(events.last())


def _finish(result: RunResult, *, as_json: bool) -> None:
    from tomo_cli.console import say, show_error
    from tomo_cli.run_view import closing_line

    if result.done is None and not result.declined:
        # It failed before anybody was asked, so nobody has seen it yet.
        _show(result.shown, as_json=as_json)
        raise typer.Exit(int(result.exit_code))
    if result.declined:
        say("Nothing was done.")
    elif not as_json:
        if result.program_error is not None:
            show_error(result.program_error)
        say(closing_line(result))
    raise typer.Exit(int(result.exit_code))


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """The first Ctrl-C lets running steps finish; a second one ends the process."""
    from tomo.service.stop import Stop

    stop = Stop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        from tomo_cli.console import say

        say("Stopping: what is under way is finished and recorded. Press Ctrl-C again to end at once.")
        stop.request()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
