"""A dynamic resource is deleted by the code that made it, whatever the program's classes are by then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from tomo_cli.main import main; main()"]
PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

SUFFIX = "VERSION"


class Clerk(ResourceProvider):
    def create(self, props):
        return CreateResult("id-" + SUFFIX, outs=props)

    def delete(self, id_, props):
        with open(props["book"], "a") as book:
            book.write(f"{id_} deleted by VERSION of {SUFFIX}\\n")


class Case(Resource):
    def __init__(self, name):
        super().__init__(Clerk(), name, {"book": BOOK})


for name in pulumi.Config().require("cases").split():
    Case(name)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "Pulumi.yaml").write_text("name: cases\nruntime: python\n")
    return place


def tomo(folder: Path, *arguments: str) -> str:
    """A command in a process of its own, which has loaded nothing yet."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    done = subprocess.run(
        [*COMMAND, *arguments, "-C", str(folder), "--stack", "dev"],
        env={**os.environ, "PYTHONPATH": paths, "TOMO_PASSPHRASE": "a passphrase"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_a_newer_program_no_longer_declares_is_deleted_as_its_own_said(folder: Path) -> None:
    book = folder.parent / "book"

    for version, cases in (("one", "a b"), ("two", "b")):
        text = PROGRAM.replace("VERSION", version).replace("BOOK", repr(str(book)))
        (folder / "__main__.py").write_text(text)
        tomo(folder, "config", "set", "cases", cases)
        tomo(folder, "apply", "--yes")

    assert book.read_text() == "id-one deleted by one of one\n"
