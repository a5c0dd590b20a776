"""Shows which apps a plan brings to another version, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from tomo.model.update import AppUpdate, not_backed_up
from tomo.service.runs import PlanResult
from tomo_cli.console import clean

_MOST_LINES = 12


def show_updates(console: Console, result: PlanResult) -> None:
    """A heading for each app, its warnings, and the catalog's notes, cut where they are long."""
    for update in result.updates:
        console.print()
        word = "Back" if update.back else "Update"
        where = ", ".join(map(clean, update.servers))
        console.print(
            Text(
                f"{word}: {clean(update.app)} {clean(update.before)} → {clean(update.after)} on {where}",
                style="bold",
            ),
            soft_wrap=True,
        )
        for warning in update.warnings:
            console.print(Text.assemble(("  warning: ", "yellow"), clean(warning)), soft_wrap=True)
        for line in _notes(update):
            console.print(Text(f"  {line}"), soft_wrap=True)
    for lack in not_backed_up(result.updates, result.backups):
        console.print(Text.assemble(("warning: ", "yellow"), clean(lack)), soft_wrap=True)
    if len(result.stages) > 1:
        console.print()
        console.print(Text("In stages, each once the one before is well", style="bold"))
        for number, hosts in enumerate(result.stages, start=1):
            console.print(Text(f"  {number}. {clean(', '.join(hosts))}"), soft_wrap=True)
    if result.backups:
        console.print()
        console.print(Text("First, before any step", style="bold"))
        for backup in result.backups:
            console.print(Text(f"  {clean(backup.message)}"), soft_wrap=True)


def _notes(update: AppUpdate) -> Iterator[str]:
    lines = [clean(line) for text in (update.notes, update.release_notes) for line in text.splitlines()]
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"… {len(lines) - _MOST_LINES} more lines: `tomo plan --json`"
