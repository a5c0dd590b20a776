"""Runs programs and says what they took."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAST_LINES = 15
PASSPHRASE = "of the benchmark"


class BenchError(Exception):
    """A program that should have worked didn't, so its time means nothing."""


@dataclass(frozen=True)
class Took:
    """What programs took from start to end: seconds of wall and CPU time, and the largest one's memory."""

    seconds: float
    cpu: float
    peak_mb: float


def environment(**variables: str) -> dict[str, str]:
    """The environment of measured programs: compiled modules may be kept, as where Tomo is installed."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TOMO_"))}
    return {**plain, "NO_COLOR": "1", **variables}


def timed(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Took:
    """Runs one program to its end; a failure is a BenchError."""
    return timed_together([argv], cwd=cwd, env=env)


def timed_together(
    programs: Sequence[Sequence[str]], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Took:
    """Starts the programs at once and returns when the last one has ended."""
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        running = [
            subprocess.Popen(
                argv, cwd=cwd, env=env or environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            for argv in programs
        ]
        ended = [os.wait4(child.pid, 0) for child in running]
        seconds = time.perf_counter() - begun
        for child, (_, status, _) in zip(running, ended, strict=True):
            child.returncode = os.waitstatus_to_exitcode(status)
        if any(child.returncode for child in running):
            said.seek(0)
            tail = "\n".join(said.read().decode(errors="replace").splitlines()[-LAST_LINES:])
            codes = [child.returncode for child in running]
            raise BenchError(f"`{' '.join(programs[0])[:200]}` ended with {codes}:\n{tail}")
    usages = [usage for _, _, usage in ended]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Took(seconds, cpu, max(usage.ru_maxrss for usage in usages) / 1024)
