"""What the commands that plan and run share: asking, showing, stopping, ending."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import TYPE_CHECKING

import typer

from tomo.errors import ExitCode, UsageError
from tomo.frozen import frozen

if TYPE_CHECKING:
    from tomo.model.events import Event, Sink
    from tomo.model.selection import Selection
    from tomo.service.deployments import Deployments
    from tomo.service.plans.making import KeptPlan, ShownPlan
    from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
    from tomo.service.runs import ApplyRequest, Confirm, PlanRequest, PlanResult, RunResult
    from tomo.service.stop import Stop
    from tomo.service.workspace import LockTerms

    Show = Callable[[PlanResult], None]


def selection_of(
    target: Sequence[str] | None,
    exclude: Sequence[str] | None,
    replace: Sequence[str] | None = None,
    target_replace: Sequence[str] | None = None,
    *,
    target_dependents: bool,
    exclude_dependents: bool,
) -> Selection:
    """What the options of a command name."""
    from tomo.model.selection import Selection

    both = target_replace or ()
    return Selection(
        (*(target or ()), *both),
        tuple(exclude or ()),
        (*(replace or ()), *both),
        target_dependents=target_dependents,
        exclude_dependents=exclude_dependents,
    )


def lock_terms(seconds: float) -> LockTerms:
    """How long another run is waited for, and that a person is told."""
    from tomo.service.workspace import LockTerms
    from tomo_cli.console import say

    return LockTerms(seconds, say)


def deployments() -> Deployments:
    """The use cases that plan and run."""
    from tomo.service.deployments import Deployments
    from tomo_cli.doors import doors

    return Deployments(doors())


def saved_plans() -> SavedPlans:
    """The use cases over plans in files."""
    from tomo.service.plans.saved import SavedPlans
    from tomo_cli.doors import doors

    return SavedPlans(doors())


def keep(request: PlanRequest, out: Path) -> KeptPlan:
    """Plans into a file."""
    from tomo.service.plans.making import SavePlanRequest

    return saved_plans().save(SavePlanRequest(request, out))


def tell_kept(kept: KeptPlan) -> None:
    """Where a plan is now, and how it is applied."""
    from tomo_cli.console import say

    if kept.made_key:
        say("The stack's config file got a secrets key, which seals and signs the plan.")
    say(f"Kept the plan in {kept.file} ({kept.digest[:19]}…).")
    if kept.shown.judgement.awaiting:
        needed = dict.fromkeys(str(finding.quorum) for finding in kept.shown.judgement.awaiting)
        say(f"It needs {', and '.join(needed)} before it can be applied.")
    elif kept.shown.exit_code is ExitCode.OK:
        say(f"Apply exactly this, once, with `tomo apply {kept.file}`.")


def tell_basis(kept: ShownPlan) -> None:
    """What a kept plan is and rests on."""
    from tomo_cli.console import say

    basis = kept.saved.basis
    what = "The removal" if kept.saved.destroys else "The plan"
    state = f"the state {basis.state[:12]}…" if basis.state else "no state yet"
    say(f"{what} is {kept.digest}, for the stack {basis.project}/{basis.stack}, and rests on {state}.")


def refuse_two_forms(*, as_json: bool, markdown: bool) -> None:
    """Raises UsageError where both were asked for."""
    if as_json and markdown:
        raise UsageError("`--json` and `--markdown` can't both be", hint="choose one of them")


def refuse_two_aims(to: int | None, replace: Sequence[str], *, destroys: bool) -> None:
    """Raises UsageError where a plan to destroy is asked for something else, too."""
    if replace and destroys:
        raise UsageError("`--replace` and `--destroy` can't both be", hint="choose one of them")
    if to is not None and destroys:
        raise UsageError("`--to` and `--destroy` can't both be", hint="choose one of them")


def refuse_choices(*given: object) -> None:
    """Raises UsageError for options that only a new plan can heed."""
    if any(given):
        raise UsageError(
            "what a plan looks at and is about is decided when it is made",
            hint="give such options to `tomo plan -o FILE`",
        )


def refuse_approvals(files: Sequence[Path] | None) -> None:
    """Raises UsageError for approvals of what nobody could have seen."""
    if files:
        raise UsageError("only a kept plan can be approved", hint="name the plan: `tomo apply PLAN`")


def quiet(_shown: PlanResult) -> None:
    """Shows nothing; the events tell all."""


def show_result(
    result: PlanResult,
    *,
    as_json: bool = False,
    markdown: bool = False,
    heading: str = "Plan",
    empty: str = "",
) -> None:
    """A plan on stdout, in the form that was asked for; `empty` is what to say where there is nothing."""
    from tomo_cli.console import print_json, print_markdown, print_short, say, show_error

    if as_json:
        from tomo.service.present import plan_json

        print_json(plan_json(result))
        return
    if markdown:
        from tomo.service.markdown import plan_markdown

        print_markdown(plan_markdown(result))
        return
    from tomo_cli.plan_words import one_line

    if empty and not result.plan.steps and not result.plan.unlooked:
        say(empty)
    elif (line := one_line(result, heading)) is not None:
        print_short(line)
    else:
        from tomo_cli.plan_view import show_plan

        show_plan(result, heading=heading)
    for failure in result.failures:
        show_error(failure.error)
    if result.program_error is not None:
        show_error(result.program_error)


def plan_code(result: PlanResult, *, detailed: bool, none_expected: bool) -> int:
    """The exit code of a plan."""
    code = result.exit_code
    if code is ExitCode.OK and result.has_changes:
        if none_expected:
            return int(ExitCode.UNEXPECTED_CHANGES)
        if detailed:
            return int(ExitCode.CHANGES)
    return int(code)


def run_asking(
    make: Callable[[Stop, Confirm, Sink], ApplyRequest], *, question: str, yes: bool, as_json: bool
) -> None:
    """Plans, asks, runs, and ends the command."""
    confirm = confirming(question, yes=yes, as_json=as_json)
    with stoppable() as stop, run_sink(as_json=as_json) as told:
        result = deployments().apply(make(stop, confirm, told.sink))
        told.end(result)
    finish(result, as_json=as_json)


def run_kept(make: Callable[[Show, Stop, Sink], ApplyPlanRequest], *, as_json: bool) -> None:
    """Runs a kept plan, asking nothing, and ends the command."""
    with stoppable() as stop, run_sink(as_json=as_json) as told:
        result = saved_plans().apply(make(quiet if as_json else show_result, stop, told.sink))
        told.end(result)
    finish(result, as_json=as_json)


def confirming(question: str, *, yes: bool, as_json: bool) -> Confirm:
    """Shows the plan, and asks where it has changes."""
    from tomo_cli.console import confirm

    def asked(shown: PlanResult) -> bool:
        if not as_json:
            show_result(shown, as_json=False)
        if not shown.has_changes:
            return True
        return confirm(question, yes=yes)

    return asked


@frozen
class Telling:
    """What listens to a run, and to how it ended."""

    sink: Sink
    end: Callable[[RunResult], None]


@contextmanager
def run_sink(*, as_json: bool) -> Iterator[Telling]:
    """What listens to a run: a view for people, or event lines."""
    if not as_json:
        from tomo_cli.run_view import RunView

        with RunView() as view:
            yield Telling(view, lambda _result: None)
        return
    from tomo.service.event_lines import EventLines
    from tomo_cli.console import print_json_line

    events, alone = EventLines(), Lock()

    def write(event: Event) -> None:
        # Steps run side by side; a line's place in the output is its number.
        with alone:
            for line in events.lines(event):
                print_json_line(line)

    def end(result: RunResult) -> None:
        if result.done is None and not result.declined:
            for line in events.unplanned(result.shown):
                print_json_line(line)

    yield Telling(write, end)
    print_json_line(events.last())


def finish(result: RunResult, *, as_json: bool) -> None:
    """Says how a run ended, and ends the command."""
    from tomo_cli.console import say, show_error
    from tomo_cli.run_view import closing_line

    if result.done is None and not result.declined:
        # It failed before anybody was asked, so nobody has seen it yet.
        if not as_json:
            show_result(result.shown)
        if result.refusal is not None:
            show_error(result.refusal, detail=as_json)
        raise typer.Exit(int(result.exit_code))
    if result.declined:
        say("Nothing was done.")
    elif not as_json:
        if result.program_error is not None:
            show_error(result.program_error)
        say(closing_line(result))
    raise typer.Exit(int(result.exit_code))


@contextmanager
def stoppable() -> Iterator[Stop]:
    """The first Ctrl-C lets running steps finish; a second one ends the process. SIGTERM counts as one."""
    from tomo.service.stop import Stop
    from tomo_cli.signals import handled_by

    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            signal.signal(number, signal.default_int_handler)
            raise KeyboardInterrupt
        stop.request()
        # Not by the console: what it is made of may be loading just now.
        sys.stderr.write(
            "Stopping: what is under way is finished and recorded. Press Ctrl-C again to end at once.\n"
        )

    with handled_by(handle):
        yield stop
