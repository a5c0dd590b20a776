"""A disk that fills up while a program runs: what was made is known, and the next run goes on."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.terminal import Terminal

pytestmark = pytest.mark.hosts

MANY = 30
PROGRAM = f"""
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Noted(ResourceProvider):
    def create(self, props):
        with open(props["book"], "a") as book:
            book.write(props["name"] + "\\n")
        return CreateResult(props["name"], outs=props)


class Note(Resource):
    def __init__(self, name, opts=None):
        super().__init__(Noted(), name, {{"name": name, "book": BOOK, "text": "x" * 9000}}, opts)


above = []
for number in range({MANY}):
    above = [Note(f"note-{{number:02}}", pulumi.ResourceOptions(depends_on=above))]
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_nothing_is_lost_or_made_twice_where_the_disk_was_full(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "book"
    (disk / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (disk / "__main__.py").write_text(PROGRAM.replace("BOOK", repr(str(book))))
    tomo = Terminal(capsys, monkeypatch, tmp_path / "home").tomo

    cut = tomo(disk, "apply", "--yes", "--stack", "dev")
    made = book.read_text().split()
    subprocess.run(["mount", "-o", "remount,size=8M", disk], check=True)
    again = tomo(disk, "apply", "--yes", "--stack", "dev")

    assert cut.code == 1
    assert "No space left on device" in cut.text
    assert 0 < len(made) < MANY
    assert again.code == 0, again.text
    assert Counter(book.read_text().split()) == Counter({f"note-{n:02}": 1 for n in range(MANY)})
    assert tomo(disk, "plan", "--stack", "dev", "--expect-no-changes").code == 0
