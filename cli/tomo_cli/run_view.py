"""Shows a run while it goes on: a line a finished step, and what is under way.

On a terminal the latter is a live picture; without one each step that takes long says so now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event as Signal
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from tomo.frozen import frozen
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
from tomo.service.runs import RunResult
from tomo_cli.console import clean, err_as_it_is_now
from tomo_cli.plan_view import _STYLES, _WORDS
from tomo_cli.plan_words import visible_counts

_MOST_RUNNING = 12
_REMINDER_SECONDS = 10.0
_DRAWING_SECONDS = 0.125


@frozen
class _Running:
    step: Step
    since: float
    message: str = ""
    told: float = 0.0
    """How many seconds it had run when a line last said so."""


class RunView:
    """A sink that talks on stderr; used as a context manager around the run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = Lock()
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._ended = Signal()
        self._console = err_as_it_is_now()
        self._live = (
            Live(console=self._console, transient=True, auto_refresh=False) if sys.stderr.isatty() else None
        )
        self._is_drawn = False

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
            self._console.show_cursor()
        each_while = self._remind_now_and_then if self._live is None else self._draw_now_and_then
        Thread(target=each_while, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Takes an event, from any thread."""
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case StepStarted(step, planning) if not planning:
                self._running[step.urn] = _Running(step, self._clock())
            case StepProgress(urn, message) if urn in self._running:
                self._running[urn] = replace(self._running[urn], message=message)
            case StepDone(step, planning) if not planning:
                self._running.pop(step.urn, None)
                if _worth_a_line(step):
                    self._print(_done_line(step, event.seconds))
            case StepFailed():
                self._tell_failure(event)
            case StepSkipped(urn, because):
                self._print(
                    Text(
                        f"skipped   {_kind(Urn(urn))} {clean(Urn(urn).name)}: {clean(because)}",
                        style="yellow",
                    )
                )
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
        return Text("\n").join(_under_way(each) for each in list(self._running.values())[:_MOST_RUNNING])

    def _draw_now_and_then(self) -> None:
        while not self._ended.wait(_DRAWING_SECONDS):
            self.draw()

    def draw(self) -> None:
        """Draws what is under way; where nothing is, somebody may be asked, and the screen is left alone."""
        with self._lock:
            if self._live is None or not (self._running or self._is_drawn):
                return
            if self._is_drawn != bool(self._running):
                self._is_drawn = not self._is_drawn
                self._console.show_cursor(not self._is_drawn)
            self._live.update(self._picture(), refresh=True)

    def _remind_now_and_then(self) -> None:
        while not self._ended.wait(_REMINDER_SECONDS / 2):
            self.remind()

    def remind(self) -> None:
        """Prints a line for each step that has run for another ten seconds."""
        with self._lock:
            for urn, each in self._running.items():
                seconds = self._clock() - each.since
                if seconds - each.told >= _REMINDER_SECONDS:
                    self._running[urn] = replace(each, told=seconds)
                    self._print(_under_way(each, f"  {seconds:.0f} s"))


def closing_line(result: RunResult) -> str:
    """One line that counts what was done."""
    counts = visible_counts(result.done) if result.done else {}
    parts = [f"{counts[op]} {op.past}" for op in Op if counts.get(op) and op not in {Op.SAME, Op.READ}]
    if result.failures:
        parts.append(f"{len(result.failures)} failed")
    word = {"succeeded": "Done", "failed": "Failed", "cancelled": "Stopped"}[result.result.value]
    nothing = "nothing to do" if word == "Done" else "nothing was done"
    return f"{word}: {', '.join(parts) or nothing} in {result.seconds:.1f} s."


def _worth_a_line(step: Step) -> bool:
    if step.op in {Op.SAME, Op.READ} or is_hidden(step) or step.type == STACK_TYPE:
        return False
    return step.op.is_logical and step.type != tokens.APP


def _done_line(step: Step, seconds: float) -> Text:
    took = f"  {seconds:.1f} s" if seconds >= 0.1 else ""  # noqa: PLR2004  # tenths are shown
    return Text.assemble((step.op.past.ljust(10), _STYLES.get(step.op, "")), _label(step), (took, "dim"))


def _under_way(running: _Running, took: str = "") -> Text:
    message = f"  {clean(running.message)}" if running.message else ""
    return Text.assemble(("…         ", "dim"), _label(running.step), (f"{message}{took}", "dim"))


def _label(step: Step) -> Text:
    host = f"  on {step.host}" if step.host else ""
    return Text.assemble(_kind(step.urn), " ", (clean(step.urn.name), "bold"), (host, "dim"))


def _kind(urn: Urn) -> str:
    return _WORDS.get(urn.type) or urn.type.rsplit(":", 1)[-1].lower()
