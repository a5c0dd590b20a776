"""A plan that comes to one line is written plainly where nobody looks, and the same line as elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Tomo
from tests.worlds import World
from tomo_cli import console

ROOT = Path(__file__).resolve().parents[2]
LOADED = (
    "import sys; from tomo_cli.main import run; code = run(sys.argv[1:]); "
    "print(code, [name for name in ('rich', 'rich.console') if name in sys.modules], file=sys.stderr)"
)


@pytest.fixture
def applied(world: World, tomo: Tomo) -> World:
    """A fleet that is as declared."""
    assert tomo(world, "apply", "--yes").code == 0
    return world


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--no-refresh"], ["plan", "--target", "nas"]])
def test_it_is_the_line_that_is_laid_out_elsewhere(
    applied: World, tomo: Tomo, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    plain = tomo(applied, *arguments)

    monkeypatch.setattr(console, "takes_plain_lines", lambda: False)
    laid_out = tomo(applied, *arguments)

    assert plain.out.strip().startswith("No ")
    assert (plain.code, plain.out) == (laid_out.code, laid_out.out)


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_what_is_taken_for_a_terminal_gets_it_laid_out(
    applied: World, tomo: Tomo, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    console.out.cache_clear()
    try:
        shown = tomo(applied, "plan")
    finally:
        console.out.cache_clear()

    assert shown.out.startswith("\n\x1b[1mNo changes")


def test_a_plan_with_anything_else_to_show_is_laid_out_whole(world: World, tomo: Tomo) -> None:
    shown = tomo(world, "plan")

    assert shown.out.startswith("Plan for tomo/")
    assert "Plan: " in shown.out.splitlines()[-1]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_nothing_is_loaded_to_lay_it_out(applied: World, arguments: list[str]) -> None:
    settings = applied.settings
    environment = {
        "HOME": str(settings.home),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
        "TOMO_PASSPHRASE": str(settings.passphrase),
    }
    place = ["-C", str(applied.folder)]

    ran = subprocess.run(
        [sys.executable, "-c", LOADED, "plan", "--no-refresh", *place, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stderr == "0 []\n"
