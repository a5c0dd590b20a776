"""Runs a program and says clearly when it fails."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LAST_LINES = 12


class LabError(Exception):
    """Something this machine could not do for a throwaway fleet."""


@dataclass(frozen=True)
class Finished:
    """What a program left behind."""

    code: int
    out: str
    err: str


def attempt(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float = 600,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Runs a program to its end and returns its exit code and output, whatever they are."""
    try:
        done = subprocess.run(
            argv, input=stdin or b"", capture_output=True, timeout=timeout, env=env, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"`{argv[0]}` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shlex.join(argv)}` did not end within {timeout:.0f} s") from error
    return Finished(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def execute(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float = 600,
    env: Mapping[str, str] | None = None,
) -> str:
    """Runs a program and returns its standard output without the last newline; a failure is a `LabError`."""
    done = attempt(argv, stdin=stdin, timeout=timeout, env=env)
    if done.code != 0:
        tail = "\n".join((done.out + done.err).strip().splitlines()[-LAST_LINES:])
        raise LabError(f"`{shlex.join(argv)}` ended with {done.code}:\n{tail}")
    return done.out.rstrip("\n")


def words(text: str) -> Iterator[str]:
    """The non-empty lines of a program's answer."""
    return (line.strip() for line in text.splitlines() if line.strip())
