"""plan, apply, refresh, destroy, import, drift, status, outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode
from tomo_cli.moving import import_bundle
from tomo_cli.options import (
    HERE,
    ApprovalOption,
    BackToOption,
    BundleOption,
    CanaryOption,
    DirectoryOption,
    EngineOption,
    ExcludeDependentsOption,
    ExcludeOption,
    FileOption,
    IdentityOption,
    JsonOption,
    KeptPlanArgument,
    LockWaitOption,
    MarkdownOption,
    MessageOption,
    NoBackupOption,
    NoRefreshOption,
    NoRetryOption,
    ParallelOption,
    PolicyOption,
    ReplaceOption,
    SerialOption,
    StackOption,
    StopOnErrorOption,
    TargetDependentsOption,
    TargetOption,
    TargetReplaceOption,
    WithoutDatabaseOption,
    YesOption,
    add_command,
)
from tomo_cli.runs import (
    confirming,
    deployments,
    finish,
    keep,
    lock_terms,
    plan_code,
    refuse_approvals,
    refuse_choices,
    refuse_two_aims,
    refuse_two_forms,
    run_asking,
    run_sink,
    saved_plans,
    selection_of,
    show_result,
    stoppable,
    tell_basis,
    tell_kept,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomo.model.events import Sink
    from tomo.model.selection import Selection
    from tomo.service.imports import Adopted
    from tomo.service.runs import ApplyRequest, Confirm, PlanResult
    from tomo.service.stop import Stop
    from tomo.service.workspace import Place
    from tomo_cli.deciding import ApplyOptions

_PARALLEL = 16

ContainerOption = Annotated[
    list[str] | None,
    typer.Option("--container", metavar="NAME", help="The app's containers; may be repeated."),
]
LeaveOption = Annotated[
    list[str] | None,
    typer.Option("--except", metavar="NAME", help="A container to leave out; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (plan, apply, show, refresh, destroy, import_, drift, status, outputs):
        add_command(app, command)


def plan(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
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
    to: BackToOption = None,
    no_backup: NoBackupOption = False,
    destroys: Annotated[
        bool, typer.Option("--destroy", help="Plan what `tomo destroy` would remove.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Keep the plan in a file for `tomo apply FILE`."),
    ] = None,
    markdown: MarkdownOption = False,
    policy: PolicyOption = None,
) -> None:
    """Show what apply would change, and change nothing."""
    from tomo.service.runs import PlanRequest
    from tomo_cli.doors import place

    refuse_two_forms(as_json=as_json, markdown=markdown)
    refuse_two_aims(to, (*(replace or ()), *(target_replace or ())), destroys=destroys)
    both = {"target_dependents": target_dependents, "exclude_dependents": exclude_dependents}
    with stoppable() as stop:
        request = PlanRequest(
            place(directory, file, stack, engine, policy),
            not no_refresh and not destroys,
            destroys,
            parallel=parallel,
            stop=stop,
            selection=selection_of(target, exclude, replace, target_replace, **both),
            to=to,
            backup=not no_backup,
        )
        kept = keep(request, out) if out is not None else None
        result = kept.shown if kept is not None else deployments().plan(request)
    show_result(result, as_json=as_json, markdown=markdown)
    if kept is not None:
        tell_kept(kept)
    raise typer.Exit(plan_code(result, detailed=detailed_exitcode, none_expected=expect_no_changes))


def apply(
    plan_file: KeptPlanArgument = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    yes: YesOption = False,
    no_refresh: NoRefreshOption = False,
    as_json: JsonOption = False,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
    canary: CanaryOption = 0,
    serial: SerialOption = 0,
    message: MessageOption = "",
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
    replace: ReplaceOption = None,
    target_replace: TargetReplaceOption = None,
    to: BackToOption = None,
    no_backup: NoBackupOption = False,
    approval: ApprovalOption = None,
    lock_wait: LockWaitOption = 0,
    policy: PolicyOption = None,
) -> None:
    """Make the servers as the file declares them."""
    from tomo.model.rollout import Rollout
    from tomo_cli.deciding import ApplyOptions, apply_given
    from tomo_cli.doors import place, place_given

    where, lock = place(directory, file, stack, engine, policy), lock_terms(lock_wait)
    rollout, approvals = Rollout(canary, serial), tuple(approval or ())
    options = ApplyOptions(parallel, stop_on_error, not no_retry, message, lock, approvals, rollout)
    names = (target, exclude, replace, target_replace)
    both = {"target_dependents": target_dependents, "exclude_dependents": exclude_dependents}
    if plan_file is not None:
        refuse_choices(no_refresh, no_backup, to, *names, *both.values())
        own = place_given(directory, file, stack, policy)
        apply_given(plan_file, where, own, options, yes=yes, as_json=as_json)
        return
    refuse_approvals(approval)
    selection = selection_of(target, exclude, replace, target_replace, **both)
    make = _fresh(where, options, selection, to, look=not no_refresh, backup=not no_backup)
    run_asking(make, question="Apply this plan?", yes=yes, as_json=as_json)


def _fresh(
    where: Place, options: ApplyOptions, selection: Selection, to: int | None, *, look: bool, backup: bool
) -> Callable[[Stop, Confirm, Sink], ApplyRequest]:
    """An apply of what is planned now."""
    from tomo.service.runs import ApplyRequest

    return lambda stop, confirm, sink: ApplyRequest(
        where,
        confirm,
        look=look,
        parallel=options.parallel,
        stop_on_error=options.stop_on_error,
        retry=options.retry,
        sink=sink,
        stop=stop,
        message=options.message,
        lock=options.lock,
        selection=selection,
        to=to,
        backup=backup,
        rollout=options.rollout,
    )


def show(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan kept by `tomo plan -o`.")],
    directory: DirectoryOption = HERE,  # noqa: ARG001  # every command takes it; a plan is a file like any other
    file: FileOption = None,  # noqa: ARG001
    stack: StackOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Show what a kept plan says."""
    from tomo.service.plans.making import ShowPlanRequest

    refuse_two_forms(as_json=as_json, markdown=markdown)
    kept = saved_plans().show(ShowPlanRequest(plan_file))
    show_result(kept.shown, as_json=as_json, markdown=markdown)
    tell_basis(kept)


def destroy(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    run_program: Annotated[
        bool, typer.Option("--run-program", help="Run the program before, for hooks of deletions.")
    ] = False,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
    lock_wait: LockWaitOption = 0,
    policy: PolicyOption = None,
) -> None:
    """Remove everything the stack made; data volumes stay."""
    from tomo.service.runs import ApplyRequest
    from tomo_cli.doors import place

    run_asking(
        lambda stop, confirm, sink: ApplyRequest(
            place(directory, file, stack, engine, policy),
            confirm,
            look=False,
            destroy=True,
            run_program=run_program,
            parallel=parallel,
            stop_on_error=stop_on_error,
            retry=not no_retry,
            sink=sink,
            stop=stop,
            lock=lock_terms(lock_wait),
            selection=selection_of(
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
    engine: EngineOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    run_program: Annotated[
        bool,
        typer.Option("--run-program", help="Run the program, and look with the settings it gives now."),
    ] = False,
    target: TargetOption = None,
    target_dependents: TargetDependentsOption = False,
    exclude: ExcludeOption = None,
    exclude_dependents: ExcludeDependentsOption = False,
    lock_wait: LockWaitOption = 0,
) -> None:
    """Take what the hosts say into the state."""
    from tomo.model.step import Op
    from tomo.service.runs import RefreshRequest
    from tomo_cli.console import confirm
    from tomo_cli.doors import place

    def asked(shown: PlanResult) -> bool:
        if not as_json:
            show_result(shown, as_json=False, heading="Drift")
        found = any(step.op is not Op.SAME for step in shown.plan.steps)
        return not found or confirm("Record this in the state?", yes=yes)

    with stoppable() as stop:
        request = RefreshRequest(
            place(directory, file, stack, engine),
            asked,
            run_program,
            stop=stop,
            lock=lock_terms(lock_wait),
            selection=selection_of(
                target,
                exclude,
                target_dependents=target_dependents,
                exclude_dependents=exclude_dependents,
            ),
        )
        result = deployments().refresh(request)
    if as_json:
        show_result(result.shown, as_json=True)
    finish(result, as_json=as_json)


def import_(
    server: Annotated[
        str, typer.Argument(metavar="[SERVER]", help="The server of the fleet; not with `--bundle`.")
    ] = "",
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
    container: ContainerOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The app's name in the fleet; APP by default.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Everything on the server; a compose project is one app.")
    ] = False,
    leave: LeaveOption = None,
    bundle: BundleOption = None,
    identity: IdentityOption = None,
    without_database: WithoutDatabaseOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take running containers into the fleet, or a whole bundle."""
    from tomo.errors import UsageError
    from tomo.service.imports import Adoptions, AdoptRequest
    from tomo_cli.doors import doors, place

    if bundle is not None:
        import_bundle(directory, bundle, identity, server, file, stack, without_database, as_json=as_json)
        return
    if not server:
        raise UsageError("which server?", hint="`tomo server list` shows those of the fleet")
    if not app and not everything:
        raise UsageError("which app?", hint=f"name one, or take everything: `tomo import {server} --all`")
    with stoppable() as stop, run_sink(as_json=as_json) as told:
        request = AdoptRequest(
            place(directory, file, stack),
            server,
            confirming("Take this into the fleet?", yes=yes, as_json=as_json),
            app,
            tuple(container or ()),
            name,
            everything,
            tuple(leave or ()),
            told.sink,
            stop,
        )
        adopted = Adoptions(doors()).adopt(request)
        told.end(adopted.run)
    if adopted.run.done is not None and not as_json:
        _tell_adopted(adopted)
    finish(adopted.run, as_json=as_json)


def _tell_adopted(adopted: Adopted) -> None:
    from tomo_cli.console import say

    if adopted.secrets:
        say(f"Sealed: {', '.join(adopted.secrets)}.")
    if adopted.written:
        say(f"Wrote {', '.join(adopted.written)} into {adopted.file}.")


def drift(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there is drift.")
    ] = False,
) -> None:
    """Show what was changed on the hosts outside Tomo."""
    from tomo.service.runs import DriftRequest
    from tomo_cli.doors import place

    with stoppable() as stop:
        result = deployments().drift(DriftRequest(place(directory, file, stack, engine), stop=stop))
    show_result(result, as_json=as_json, heading="Drift", empty="No drift: the hosts are as recorded.")
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
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place
    from tomo_cli.status_view import show_status, status_json

    result = Statuses(doors()).status(StatusRequest(place(directory, file, stack), live))
    if as_json:
        print_json(status_json(result))
    else:
        show_status(result)
    raise typer.Exit(int(result.exit_code))


def outputs(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print secret values as they are.")
    ] = False,
) -> None:
    """Show the stack's outputs."""
    from tomo.service.outputs import Outputs
    from tomo.service.status import OutputsRequest
    from tomo_cli.console import as_json_text, fields, print_json, say
    from tomo_cli.doors import doors, place

    values = Outputs(doors()).outputs(OutputsRequest(place(directory, file, stack, engine), show_secrets))
    if as_json:
        print_json(values)
    elif values:
        fields({key: each if isinstance(each, str) else as_json_text(each) for key, each in values.items()})
    else:
        say("The stack has no outputs yet; `tomo apply` makes them.")
