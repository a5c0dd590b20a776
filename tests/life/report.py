"""`python -m tests.life.report RECORD PAGE`: writes the page that says which apps were put through their life."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.life.choice import chosen
from tests.life.debian_images import built_of_debian
from tests.life.entries import CATALOG
from tests.life.limits import OLDER, STAND_INS

STAND_IN = "stand-in"
HEAD = """# Apps that were tested

Every app below was put through its life on a real server, a Debian 12 with its own Docker: applied, asked for
the pages that its entry's `tests` name, planned again with nothing to do, updated to a next release, planned
again, rolled back, backed up, wrecked and restored with what was on its volumes, removed with its data kept,
and removed with its data. Nothing of it was left then but its images.

No image registry can be reached where that is done. What is in Debian runs as the real software in Debian's
version, behind the public image's variables, ports and paths. In place of every other image stands one that
listens on the ports, answers the pages and health checks, and keeps a file on each volume that the entry
names: it shows that the entry holds together with Tomo and Docker, not that the app itself works. The entries
are the catalog's, but for the memory and disk that they ask for, and for more than 20,000 open files.

`make apps` does all of it and writes this page; on every change `make test` does it for the apps whose name
is **bold**.

| App | Version | Containers |
|---|---|---|
"""


def page(lived: Collection[str], always: Collection[str]) -> str:
    """The page for apps that lived through it; `always` are those of every run of the tests."""
    rows = "".join(_row(app, bold=app in always) for app in CATALOG.ids() if app in lived)
    missing = [app for app in CATALOG.ids() if app not in lived]
    left = f"\nNot put through it yet: {', '.join(f'`{app}`' for app in missing)}.\n" if missing else ""
    older = _section("Real, and yet less than the entry names", OLDER)
    return HEAD + rows + left + older + _section("In Debian, and yet a stand-in", STAND_INS)


def _section(title: str, reasons: Mapping[str, str]) -> str:
    lines = "".join(f"- `{app}`: {reason}\n" for app, reason in sorted(reasons.items()))
    return f"\n## {title}\n\n{lines}"


def kinds(app: str) -> dict[str, str]:
    """What each service of an app ran as: a Debian package, or a stand-in."""
    services = CATALOG.get(app).services
    made = {name: built_of_debian(service.image) for name, service in services.items()}
    return {name: f"Debian's `{how.software}`" if how else STAND_IN for name, how in made.items()}


def lived_in(text: str) -> set[str]:
    """The apps whose rows a page has."""
    rows = (line.split("|") for line in text.splitlines() if line.startswith("| "))
    return {row[1].strip(" *`") for row in rows if row[1].strip() != "App"}


def _row(app: str, *, bold: bool) -> str:
    entry, each = CATALOG.get(app), kinds(app)
    shown = set(each.values())
    what = shown.pop() if len(shown) == 1 else ", ".join(f"{name}: {kind}" for name, kind in each.items())
    name = f"**`{app}`**" if bold else f"`{app}`"
    return f"| {name} | {entry.version} | {what} |\n"


def main() -> None:
    """Reads the record of a run, one app a line, and writes the page."""
    record, target = map(Path, sys.argv[1:])
    target.write_text(page(set(record.read_text().split()), chosen()), encoding="utf-8")


if __name__ == "__main__":
    main()
