"""The first admin, at a terminal of its own: a code is shown, typed back, and only then is there an admin."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # processes are started

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "canary-violet-harbour-quince"
COMMAND = [sys.executable, "-c", "from tomo_cli.main import main; main()"]
_SECONDS = 60


class Terminal:
    """A command at a terminal, which is read until a question and typed into."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        master, slave = pty.openpty()
        self._screen, self.shown = master, ""
        self._process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment(folder), stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def until(self, words: str) -> str:
        """What is on the screen once these words are."""
        while not re.search(words, self.shown):
            assert self._read(), self.shown
        return self.shown

    def type(self, line: str) -> None:
        os.write(self._screen, f"{line}\n".encode())

    def ended(self) -> int:
        """Reads to the end; gives the exit code."""
        while self._read():
            pass
        os.close(self._screen)
        return self._process.wait(_SECONDS)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], _SECONDS)
        try:
            text = os.read(self._screen, 4096) if ready else b""
        except OSError:  # Linux says so where the other end is closed
            text = b""
        self.shown += text.decode()
        return bool(text)


def environment(folder: Path) -> Mapping[str, str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": paths, "NO_COLOR": "1"}
    return {**os.environ, **own, "COLUMNS": "80"}


def people(folder: Path) -> list[dict[str, object]]:
    """Who was added."""
    ran = subprocess.run(
        [*COMMAND, "user", "list", "--json"], env=environment(folder), capture_output=True, check=True
    )
    found: list[dict[str, object]] = json.loads(ran.stdout)
    return found


def code_on(screen: str) -> str:
    found = re.search(r"The code is (\S+)\.", screen)
    assert found is not None
    return found[1]


def test_who_types_the_code_back_is_the_first_admin(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "user", "add", "anna", "--role", "admin")

    terminal.type(code_on(terminal.until("Type the code: ")).lower())
    terminal.until("New password of anna, 15 characters or more: ")
    terminal.type(PASSWORD)
    terminal.until("Once more: ")
    terminal.type(PASSWORD)
    code = terminal.ended()

    assert code == 0, terminal.shown
    assert "Added anna as admin, at the command line as" in terminal.shown
    assert PASSWORD not in terminal.shown
    assert [(each["name"], each["role"]) for each in people(tmp_path)] == [("anna", "admin")]


def test_who_types_another_code_is_told_at_once_and_is_nobody(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "user", "add", "anna", "--role", "admin")

    terminal.until("Type the code: ")
    terminal.type("AAAA-AAAA")
    code = terminal.ended()

    assert code == 4
    assert "that is not the code of the first admin" in terminal.shown
    assert "password" not in terminal.shown
    assert people(tmp_path) == []
