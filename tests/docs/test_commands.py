"""Every command in the pages runs, and every screen shown is what the program shows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.pages import ROOT, World, blocks, commands, expected_code, shows
from tomo_cli.main import app

EVERY_PAGE = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "stacks").rglob("*.md")],
)

PAGES = [
    path
    for path in EVERY_PAGE
    if any(block.language in {"sh", "console"} for block in blocks(path.read_text("utf-8")))
]
ON_AN_APPLIED_FLEET = {"docs/troubleshooting.md", "docs/security.md"}
"""Pages whose commands are about a fleet that is there already."""


@pytest.mark.slow  # some pages install the distribution, or show everything in memory
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_runs(page: Path, world: World) -> None:
    if str(page.relative_to(ROOT)) in ON_AN_APPLIED_FLEET:
        world.apply()

    for block in blocks(page.read_text("utf-8")):
        if block.name:
            world.put(block.name, block.lines)
        for line in commands(block) if block.language in {"sh", "console"} else ():
            code, shown = world.type(line.command)

            assert code == expected_code(line.command), f"{page}:{line.line}: {line.command}\n{shown}"
            if any(line.screen):
                assert shows(line.screen, shown), f"{page}:{line.line}: shows\n{shown}"


def test_a_screen_that_differs_is_seen() -> None:
    assert shows(("Plan: 1 to create", "…", "Done in … s"), "Plan: 1 to create\nx\ny\nDone in 2.1 s\n")
    assert not shows(("Plan: 2 to create",), "Plan: 1 to create\n")
    assert not shows(("Plan: 1 to create",), "Plan: 1 to create\nmore\n")


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_a_sentence_exist_with_their_options(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)

    for span in re.findall(r"`(tomo [^`]+)`", prose):
        _require_command(span)
    for span in re.findall(r"`make ([a-z-]+)[^`]*`", prose):
        assert re.search(rf"^{span}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), span


@cache
def _root() -> object:
    """The commands, put together once: that takes a while, and a page names hundreds."""
    return typer.main.get_command(app)


def _require_command(span: str) -> None:
    command: Any = _root()
    options = {"--help", "-h", "--version"}
    for word in span.split()[1:]:
        children = getattr(command, "commands", None)
        if children is not None and not word.startswith("-") and word != "COMMAND":
            assert word in children, span
            command = children[word]
            options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        elif word.startswith("-"):
            assert word in options, span
