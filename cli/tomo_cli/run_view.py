"""Shows a run while it goes on: a line a finished step, and on a terminal what is under way."""

from __future__ import annotations

import sys
from threading import Lock
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from tomo.model.events import (
    Diagnostic,
    Event,
    HostLooked,
    Severity,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
)
from tomo.model.plan import is_hidden
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.resources import tokens
from tomo.service.deployments import RunResult
from tomo_cli.console import clean, err_as_it_is_now
from tomo_cli.plan_view import _STYLES, _WORDS, visible_counts

_MOST_RUNNING = 12


class RunView:
    """A sink that talks on stderr; used as a context manager around the run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[str, tuple[Step, str]] = {}
        self._console = err_as_it_is_now()
        self._live = (
            Live(console=self._console, transient=True, refresh_per_second=8) if sys.stderr.isatty() else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Takes an event, from any thread."""
        with self._lock:
            self._take(event)
            if self._live is not None:
                self._live.update(self._picture())

    def _take(self, event: Event) -> None:
        match event:
            case StepStarted(step, planning) if not planning:
                self._running[step.urn] = (step, "")
            case StepProgress(urn, message) if urn in self._running:
                self._running[urn] = (self._running[urn][0], message)
            case StepDone(step, planning) if not planning:
                self._running.pop(step.urn, None)
                if _worth_a_line(step):
                    self._print(_done_line(step, event.seconds))
            case StepFailed():
                self._tell_failure(event)
            case StepSkipped(urn, because):
                self._print(Text(f"skipped   {Urn(urn).name}: {clean(because)}", style="yellow"))
            case HostLooked(host, _, _, problem) if problem:
                self._print(Text(f"not looked at: {clean(host)}: {clean(problem)}", style="yellow"))
            case Diagnostic(severity, message) if severity is not Severity.DEBUG:
                self._print(
                    Text(clean(message.rstrip()), style="" if severity is Severity.INFO else "yellow")
                )
            case _:
                return

    def _tell_failure(self, event: StepFailed) -> None:
        self._running.pop(event.step.urn, None)
        self._print(Text.assemble(("failed    ", "bold red"), _label(event.step)))
        self._print(Text(f"    {clean(event.message)}", style="red"))
        for line in event.detail.rstrip().splitlines():
            self._print(Text(f"    {clean(line)}", style="dim"))
        if event.hint:
            self._print(Text(f"    hint: {clean(event.hint)}", style="cyan"))

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)

    def _picture(self) -> Text:
        lines = [
            Text.assemble(
                ("…         ", "dim"), _label(step), (f"  {clean(message)}" if message else "", "dim")
            )
            for step, message in list(self._running.values())[:_MOST_RUNNING]
        ]
        return Text("\n").join(lines)


def closing_line(result: RunResult) -> str:
    """One line that counts what was done."""
    counts = visible_counts(result.done) if result.done else {}
    parts = [f"{counts[op]} {op.past}" for op in Op if counts.get(op) and op not in {Op.SAME, Op.READ}]
    what = ", ".join(parts) or "nothing to do"
    failed = f", {len(result.failures)} failed" if result.failures else ""
    word = {"succeeded": "Done", "failed": "Failed", "cancelled": "Stopped"}[result.result.value]
    return f"{word}: {what}{failed} in {result.seconds:.1f} s."


def _worth_a_line(step: Step) -> bool:
    if step.op in {Op.SAME, Op.READ} or is_hidden(step) or step.type == STACK_TYPE:
        return False
    return step.op.is_logical and step.type != tokens.APP


def _done_line(step: Step, seconds: float) -> Text:
    took = f"  {seconds:.1f} s" if seconds >= 0.1 else ""  # noqa: PLR2004  # tenths are shown
    return Text.assemble((step.op.past.ljust(10), _STYLES.get(step.op, "")), _label(step), (took, "dim"))


def _label(step: Step) -> Text:
    word = _WORDS.get(step.type) or step.type.rsplit(":", 1)[-1].lower()
    host = f"  on {step.host}" if step.host else ""
    return Text.assemble(word, " ", (clean(step.urn.name), "bold"), (host, "dim"))
