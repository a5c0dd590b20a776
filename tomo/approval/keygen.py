"""Runs OpenSSH's `ssh-keygen`, which signs and checks signatures."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from tomo.errors import ApprovalRefused
from tomo.frozen import frozen
from tomo.settings import Settings

_SECONDS: Final = 300
_PASSED_ON: Final = ("PATH", "HOME", "TERM", "LANG", "LC_ALL", "USER", "LOGNAME")
"""No agent, and no window that asks: a key is opened by a person at the terminal, or by a touch."""


@frozen
class Said:
    """What a run of it printed, and its exit code."""

    code: int
    out: str
    err: str


def ssh_keygen(
    settings: Settings,
    arguments: Sequence[str | Path],
    *,
    feed: bytes = b"",
    terminal: IO[bytes] | None = None,
) -> Said:
    """Runs it without an agent; raises ApprovalRefused where it isn't there or doesn't end.

    Its standard input is `feed`, or the terminal at which it may ask a person.
    """
    binary = shutil.which("ssh-keygen", path=settings.variables.get("PATH"))
    if binary is None:
        raise ApprovalRefused(
            "approvals need OpenSSH's `ssh-keygen`, and it is not on the path",
            hint="install it: `apt-get install openssh-client`, or your system's package of OpenSSH",
        )
    known = {name: settings.variables[name] for name in _PASSED_ON if name in settings.variables}
    try:
        done = subprocess.run(  # noqa: S603  # a list of arguments, no shell
            [binary, *map(str, arguments)],
            stdin=terminal,
            input=feed if terminal is None else None,
            env={**known, "SSH_ASKPASS_REQUIRE": "never"},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ApprovalRefused(
            f"`ssh-keygen` did not end within {_SECONDS} seconds", hint="run the command again"
        ) from None
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
