"""A person approves at a terminal of their own what a command without one only refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.approval.people import PASSPHRASE, ROOT, Person, at_a_terminal, person

__all__ = ["person"]

COMMAND = [sys.executable, "-c", "from tomo_cli.main import main; main()"]
PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Noted(ResourceProvider):
    def create(self, props):
        return CreateResult("n", outs=props)


class Note(Resource):
    def __init__(self, name):
        super().__init__(Noted(), name, {"text": "hello"})


Note("note")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "Pulumi.yaml").write_text("name: noted\nruntime: python\n")
    (place / "__main__.py").write_text(PROGRAM)
    return place


@pytest.fixture
def guarded(folder: Path, monkeypatch: pytest.MonkeyPatch, person: Callable[..., Person]) -> Person:
    """Kim, who alone may approve."""
    kim = person("kim")
    file = folder.parent / "approvers"
    file.write_text(kim.line)
    monkeypatch.setenv("TOMO_APPROVERS", str(file))
    monkeypatch.setenv("TOMO_PASSPHRASE", "a passphrase of the stack")
    monkeypatch.setenv("COLUMNS", "200")
    return kim


def tomo(folder: Path, *arguments: str, code: int = 0) -> str:
    """A command without a terminal."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    done = subprocess.run(
        [*COMMAND, *arguments, "-C", str(folder), "--stack", "dev"],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def approve(
    folder: Path, kim: Person, *more: str, answer: str = "y", typed: str = PASSPHRASE
) -> tuple[int, str]:
    """What a person sees who approves the plan, and its exit code."""
    plan = str(folder / "plan.json")
    argv = [*COMMAND, "approve", plan, "--key", str(kim.key), "-C", str(folder), "--stack", "dev", *more]
    code, screen = at_a_terminal(argv, typed, first=(("[y/N]", answer),))
    return code, re.sub(r"\x1b\[[0-9;]*m", "", screen)


def test_a_plan_is_kept_approved_and_applied(folder: Path, guarded: Person) -> None:
    plan = str(folder / "plan.json")
    tomo(folder, "plan", "-o", plan)
    assert "nobody has approved this plan" in tomo(folder, "apply", plan, code=4)

    code, screen = approve(folder, guarded)

    assert code == 0, screen
    assert "+ resource note" in screen
    assert "kim agrees to sha256:" in screen
    assert PASSPHRASE not in screen
    assert json.loads(tomo(folder, "approvals", plan, "--json"))["approvals"][0]["person"] == "kim"
    assert "created   resource note" in tomo(folder, "apply", plan)


def test_an_approval_in_a_file_is_named_where_the_plan_is_applied(
    folder: Path, guarded: Person, tmp_path: Path
) -> None:
    plan, out = str(folder / "plan.json"), str(tmp_path / "kim.json")
    tomo(folder, "plan", "-o", plan)

    code, screen = approve(folder, guarded, "-o", out)

    assert code == 0, screen
    assert "Nobody has approved it. Those who may: kim." in tomo(folder, "approvals", plan)
    assert "created   resource note" in tomo(folder, "apply", plan, "--approval", out)


def test_apply_and_destroy_without_a_kept_plan_are_refused_with_yes_too(
    folder: Path, guarded: Person
) -> None:
    told = tomo(folder, "apply", "--yes", code=4)

    assert "here only a plan that somebody has approved is applied; nothing was done" in told
    assert "tomo plan -o FILE" in told


@pytest.mark.parametrize(("answer", "typed"), [("n", PASSPHRASE), ("y", "wrong")])
def test_a_no_and_a_wrong_passphrase_approve_nothing(
    folder: Path, guarded: Person, answer: str, typed: str
) -> None:
    plan = str(folder / "plan.json")
    tomo(folder, "plan", "-o", plan)

    code, screen = approve(folder, guarded, answer=answer, typed=typed)

    assert code != 0, screen
    assert "Nobody has approved it" in tomo(folder, "approvals", plan)


def test_without_a_terminal_nobody_approves(folder: Path, guarded: Person) -> None:
    plan = str(folder / "plan.json")
    tomo(folder, "plan", "-o", plan)

    told = tomo(folder, "approve", plan, "--key", str(guarded.key), code=64)

    assert "approving needs a person at a terminal" in told


@pytest.mark.parametrize("lasts", ["0h", "1", "soon", "91d", "-1h"])
def test_a_time_that_makes_no_sense_is_refused(folder: Path, guarded: Person, lasts: str) -> None:
    tomo(folder, "plan", "-o", str(folder / "plan.json"))

    code, screen = approve(folder, guarded, f"--lasts={lasts}")

    assert code == 64, screen
    assert "last" in screen
