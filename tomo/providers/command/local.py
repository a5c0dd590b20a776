"""Runs a command on this machine, as `command:local:Command` means it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tomo.errors import CommandFailed, CommandTimeout
from tomo.frozen import frozen
from tomo.model.provider import Report
from tomo.providers.command.ran import LOCAL, Ran, Shown

DEFAULT_INTERPRETER = ("/bin/sh", "-c")
_GRACE_SECONDS = 5.0


@frozen
class LocalRun:
    """One command to run here; `environment` is the whole of it."""

    command: str
    interpreter: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    stdin: str = ""
    timeout: float | None = None


class Processes:
    """The commands that run right now, so that a cancelled deployment can end them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def run(self, wanted: LocalRun, shown: Shown, report: Report) -> Ran:
        """Runs the command to its end."""
        process = self._start(wanted)
        try:
            return _Reader(process, shown, report).finish(wanted)
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """Asks every running command to end."""
        with self._lock:
            for process in self._running:
                _signal(process, signal.SIGTERM)

    def _start(self, wanted: LocalRun) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(  # noqa: S603  # the person's own command and interpreter
                [*wanted.interpreter, wanted.command],
                cwd=wanted.directory,
                env=dict(wanted.environment),
                stdin=subprocess.PIPE if wanted.stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(
                f"cannot start `{wanted.interpreter[0]}` in `{wanted.directory}`: {error}",
                host=LOCAL,
                hint="check the resource's `interpreter` and `dir`",
            ) from error
        with self._lock:
            self._running.add(process)
        return process


class _Reader:
    """Reads both streams at once, keeping the order in which their lines came."""

    def __init__(self, process: subprocess.Popen[bytes], shown: Shown, report: Report) -> None:
        self._process, self._shown, self._report = process, shown, report
        self._mixed: list[str] = []
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._lock = threading.Lock()

    def finish(self, wanted: LocalRun) -> Ran:
        """Feeds the command its input and waits for its end."""
        threads = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        ]
        for thread in threads:
            thread.start()
        if self._process.stdin is not None:
            # A command need not read its input to the end.
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(wanted.stdin.encode())
        exit_code = self._wait(wanted)
        for thread in threads:
            # A process left in the background may keep the pipe open; the command itself has ended.
            thread.join(_GRACE_SECONDS)
        code = exit_code if exit_code >= 0 else 128 - exit_code
        with self._lock:
            stdout, stderr = ("".join(self._lines[name]) for name in ("stdout", "stderr"))
            return Ran(code, stdout, stderr, "".join(self._mixed))

    def _wait(self, wanted: LocalRun) -> int:
        try:
            return self._process.wait(wanted.timeout)
        except subprocess.TimeoutExpired:
            _signal(self._process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
            _signal(self._process, signal.SIGKILL)
            self._process.wait()
            raise CommandTimeout(
                f"the command did not end within {wanted.timeout:g} seconds",
                host=LOCAL,
                hint="raise the resource's `custom_timeouts`",
            ) from None

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace")
                with self._lock:
                    self._mixed.append(line)
                    self._lines[name].append(line)
                self._shown.line(self._report, name, line.rstrip("\n"))


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signals the command and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
