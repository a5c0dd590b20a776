"""ci plan, apply."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo_cli.options import (
    HERE,
    ApprovalOption,
    DirectoryOption,
    EngineOption,
    FileOption,
    LockWaitOption,
    MessageOption,
    NoRefreshOption,
    NoRetryOption,
    ParallelOption,
    PolicyOption,
    StackOption,
    StopOnErrorOption,
    add_group,
)
from tomo_cli.runs import finish, lock_terms, plan_code, run_sink, show_result, stoppable

if TYPE_CHECKING:
    from tomo.model.events import Sink
    from tomo.service.ci import CiPlan, CiRuns
    from tomo.service.runs import RunResult
    from tomo.service.stop import Stop

_PARALLEL = 16

MarkdownFileOption = Annotated[
    Path | None,
    typer.Option("--markdown", metavar="FILE", help="Write Markdown here, short enough for a comment."),
]
JsonFileOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write one JSON document here.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    add_group(app, "ci", "Plan and apply in CI jobs, asking nothing", {"plan": plan, "apply": apply})


@frozen
class _Reports:
    """The files that a job leaves beside its log."""

    markdown: Path | None
    as_json: Path | None

    def write(self, markdown: Callable[[], str], document: Callable[[], object]) -> None:
        """Writes those that were asked for."""
        if self.markdown is not None:
            _write(self.markdown, markdown())
        if self.as_json is not None:
            _write(self.as_json, _json(document()))

    def tell(self, error: TomoError) -> None:
        """Says in them why there is nothing else to read."""
        from tomo.service.reports import error_report, refused_json

        self.write(lambda: error_report(error), lambda: refused_json(error))


def plan(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Keep the plan in a file for `tomo ci apply FILE`."),
    ] = None,
    markdown: MarkdownFileOption = None,
    as_json: JsonFileOption = None,
    sarif: Annotated[
        Path | None, typer.Option("--sarif", metavar="FILE", help="Write the policies' findings as SARIF.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="FILE",
            help="The fleet file that people have agreed to: only its hosts are dialled, and the policies "
            "beside it are in force.",
        ),
    ] = None,
    policy: PolicyOption = None,
    no_refresh: NoRefreshOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there are changes.")
    ] = False,
    parallel: ParallelOption = _PARALLEL,
) -> None:
    """Plan, and write what people and platforms read."""
    from tomo.service.ci import CiPlanRequest
    from tomo.service.runs import PlanRequest
    from tomo_cli.doors import place

    reports = _Reports(markdown, as_json)
    where = place(directory, file, stack, engine, policy)
    with stoppable() as stop:
        request = CiPlanRequest(PlanRequest(where, not no_refresh, parallel=parallel, stop=stop), out, base)
        try:
            made = _runs().plan(request)
        except TomoError as error:
            reports.tell(error)
            raise
    _report(made, reports, sarif)
    show_result(made.shown)
    _tell_kept(made, out)
    raise typer.Exit(plan_code(made.shown, detailed=detailed_exitcode, none_expected=False))


def _report(made: CiPlan, reports: _Reports, findings: Path | None) -> None:
    from tomo.service.present import plan_json
    from tomo.service.reports import plan_report

    reports.write(lambda: plan_report(made.shown, made.digest), lambda: plan_json(made.shown))
    if findings is not None:
        from tomo.service.sarif import sarif

        _write(findings, _json(sarif(made.shown, made.policies.policies, made.source)))


def _tell_kept(made: CiPlan, out: Path | None) -> None:
    from tomo_cli.console import say

    if made.digest:
        say(f"Kept the plan in {out} ({made.digest}).")


def apply(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan kept by `tomo ci plan -o`.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    engine: EngineOption = None,
    approval: ApprovalOption = None,
    markdown: MarkdownFileOption = None,
    as_json: JsonFileOption = None,
    policy: PolicyOption = None,
    message: MessageOption = "",
    lock_wait: LockWaitOption = 0,
    stop_on_error: StopOnErrorOption = False,
    no_retry: NoRetryOption = False,
    parallel: ParallelOption = _PARALLEL,
) -> None:
    """Do exactly what a kept plan says."""
    from tomo.service.plans.saved import ApplyPlanRequest
    from tomo_cli.doors import place

    reports = _Reports(markdown, as_json)
    where, lock = place(directory, file, stack, engine, policy), lock_terms(lock_wait)

    def run(stop: Stop, sink: Sink) -> RunResult:
        return _runs().apply(
            ApplyPlanRequest(
                where,
                plan_file,
                show_result,
                parallel,
                stop_on_error,
                not no_retry,
                sink,
                stop,
                message,
                lock,
                approvals=tuple(approval or ()),
            )
        )

    with stoppable() as stop, run_sink(as_json=False) as told:
        try:
            result = run(stop, told.sink)
        except TomoError as error:
            reports.tell(error)
            raise
        told.end(result)
    _report_run(result, reports)
    finish(result, as_json=False)


def _report_run(result: RunResult, reports: _Reports) -> None:
    from tomo.service.reports import run_json, run_report

    reports.write(lambda: run_report(result), lambda: run_json(result))


def _runs() -> CiRuns:
    from tomo.service.ci import CiRuns
    from tomo_cli.doors import doors

    return CiRuns(doors())


def _json(document: object) -> str:
    return json.dumps(document, indent=2, default=str) + "\n"


def _write(file: Path, text: str) -> None:
    from tomo.service.reports import write_report

    write_report(file, text)
