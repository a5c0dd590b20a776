"""What an import of another catalog did, and what is wrong with app files, for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.text import Text

from tomo.service.catalog_imports import CatalogImport, Fate, ImportedApp
from tomo.service.catalogs import AppTold, LintReport
from tomo_cli.console import clean, heading, out, say, table, text

_FEW: Final = 3
_MOST_ROWS: Final = 40
_LINES: Final = (
    ("mapped", "mapped"),
    ("generated", "generated"),
    ("dropped", "dropped"),
    ("needs a grant", "needs_grant"),
    ("needs a person", "needs_person"),
)
_WRITTEN: Final = (Fate.NEW, Fate.CHANGED, Fate.UNCHANGED)


def show_import(result: CatalogImport, report: Path | None) -> None:
    """The summary: each app, those that were refused with the reason, and what to do next."""
    mapped = [app for app in result.apps if app.fate is not Fate.REFUSED]
    if len(mapped) <= _FEW:
        for app in mapped:
            _show_app(app)
    else:
        _show_table(mapped)
    _show_refused([app for app in result.apps if app.fate is Fate.REFUSED])
    for row in _closing(result, mapped, report):
        say(row)


def show_lint(report: LintReport) -> None:
    """Every breach with its place and what to write instead, and how many there are."""
    for problem in report.problems:
        out().print(Text(clean(str(problem))), soft_wrap=True)
        if problem.hint:
            out().print(Text.assemble(("  hint: ", "cyan"), clean(problem.hint)), soft_wrap=True)
    files = "1 file" if len(report.files) == 1 else f"{len(report.files)} files"
    if not report.problems:
        say(f"{files}, nothing to correct.")
    else:
        bad = len({problem.file for problem in report.problems})
        found = "1 breach" if len(report.problems) == 1 else f"{len(report.problems)} breaches"
        say(f"{found} in {bad} of {files}.")


def show_told(told: AppTold) -> None:
    """What people think of an app, and which versions its repository had."""
    if told.ratings:
        heading("Ratings")
        table(
            ("STARS", "BY", "WHEN", "WHY"),
            [(each.stars, each.person, _day(each.time), each.note) for each in told.ratings[:_MOST_ROWS]],
        )
    if told.versions:
        heading("Versions in the repository")
        rows = [(each.version, _day(each.time), each.commit[:12]) for each in told.versions[:_MOST_ROWS]]
        table(("VERSION", "SINCE", "COMMIT"), rows)


def told_json(told: AppTold) -> dict[str, object]:
    """The same for a document; nothing where nothing is known."""
    if told == AppTold():
        return {}
    return {
        "standing": asdict(told.standing),
        "ratings": [asdict(each) for each in told.ratings],
        "versions": [asdict(each) for each in told.versions],
    }


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _show_app(app: ImportedApp) -> None:
    heading(f"{app.id}: {app.fate}")
    for title, name in _LINES:
        lines: tuple[str, ...] = getattr(app, name)
        for each in lines:
            text(f"  {title}: {each}")
    if app.lint:
        text(f"  unlike Tomo's own apps: {'; '.join(app.lint)}")


def _show_table(apps: list[ImportedApp]) -> None:
    """Those that ask for something come first."""
    wanted = sorted(apps, key=lambda app: -len(app.needs_person) - len(app.needs_grant))
    rows = [
        (app.id, app.fate, len(app.generated), len(app.dropped), len(app.needs_grant), len(app.needs_person))
        for app in wanted[:_MOST_ROWS]
    ]
    table(("APP", "STATE", "SECRETS", "DROPPED", "GRANTS", "FOR A PERSON"), rows)
    if len(apps) > _MOST_ROWS:
        text(f"… and {len(apps) - _MOST_ROWS} more, which ask for less")


def _show_refused(apps: list[ImportedApp]) -> None:
    if not apps:
        return
    heading("Refused; nothing of them was written")
    for app in apps[:_MOST_ROWS]:
        text(f"  {app.name}: {'; '.join(app.reasons)}" + (f" ({app.hint})" if app.hint else ""))
    if len(apps) > _MOST_ROWS:
        text(f"  … and {len(apps) - _MOST_ROWS} more")


def _closing(result: CatalogImport, mapped: list[ImportedApp], report: Path | None) -> Iterator[str]:
    how = "found by itself" if result.found_by_itself else "as you said"
    written = result.count(*_WRITTEN)
    yield ""
    yield f"Format: {result.format_} ({how}). {written} of {len(result.apps)} apps are in {result.folder}."
    for app in mapped:
        if app.fate is Fate.EDITED:
            yield f"Kept as you edited it: {app.file}; move it away to import it anew."
    if report is not None:
        yield f"Every line is in {report}."
    elif len(mapped) > _FEW:
        yield "`--report FILE` writes what was done to each app."
    if written and not result.known:
        yield f"Add the folder to the fleet file: `catalogs: [{result.folder}]`."
    if written:
        example = next(app.id for app in mapped if app.fate in _WRITTEN)
        yield f"Look before you use one: `tomo catalog show {example}`."
