"""The `tomo` command as a person types it: in this process, or in one of its own that can be stopped."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tomo_cli.main import run

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "from tomo_cli.main import main; main()"
TOMOS_OWN_LINES = re.compile(r'File ".*/tomo(_cli)?/')
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Shown:
    """What a command left on the screen."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything, as one terminal shows it."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """Stdout, as a program reads it."""
        return json.loads(self.out)


class Typed:
    """A command in a process of its own."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments, "-C", str(folder)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Sends it a signal, as the keyboard does."""
        self._process.send_signal(number)

    def ends_within(self, seconds: float) -> bool:
        """Waits so long, and says whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> Shown:
        """Waits for its end."""
        out, err = self._process.communicate(timeout=120)
        return Shown(self._process.returncode, out, err)

    def kill(self) -> None:
        """Ends it at once, as a power cut does, where it still runs."""
        self._process.kill()
        self._process.communicate()


class Terminal:
    """Types commands in one folder; a traceback through Tomo's own lines is always a failure."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
    ) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        monkeypatch.setenv("TOMO_PASSPHRASE", PASSPHRASE)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    def tomo(self, folder: Path, *arguments: str, piped: str = "") -> Shown:
        """Runs a command to its end, here; `piped` is its standard input."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode()), "utf-8"))
        self._capsys.readouterr()
        code = run([*arguments, "-C", str(folder)])
        shown = Shown(code, *self._capsys.readouterr())
        assert not TOMOS_OWN_LINES.search(shown.text), shown.text
        assert "this is a defect" not in shown.text, shown.text
        return shown

    def start(self, folder: Path, *arguments: str) -> Typed:
        """Begins a command in a process of its own."""
        return Typed(folder, arguments)
