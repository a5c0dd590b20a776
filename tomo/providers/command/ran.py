"""How a command ended, and what is said about it when it failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from tomo.errors import CommandFailed, DiskFull, HostError, PackageLockHeld
from tomo.frozen import frozen
from tomo.model.provider import Report
from tomo.model.values import Properties, Secret, Value

LOCAL: Final = "local"
OWN_SCRIPT: Final = "# tomo-script:"
"""How the text of every script that Tomo itself brings begins."""
_SHOWN_LINES = 40
_SHOWN_COMMAND = 100
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKED = re.compile(r"^tomo-(error|hint): (?:([a-z-]+): )?(.*)$", re.MULTILINE)
_KINDS: Final[Mapping[str, type[HostError]]] = {
    PackageLockHeld.code: PackageLockHeld,
    DiskFull.code: DiskFull,
}


class Logging(StrEnum):
    """Which streams of a command people see while it runs."""

    STDOUT = "stdout"
    STDERR = "stderr"
    BOTH = "stdoutAndStderr"
    NONE = "none"

    def shows(self, stream: str) -> bool:
        """Whether lines of the stream (`stdout` or `stderr`) are shown."""
        return self is Logging.BOTH or self.value == stream


@frozen
class Ran:
    """A command that ended; `mixed` is both streams in the order they came, where that is known."""

    exit_code: int
    stdout: str
    stderr: str
    mixed: str


@frozen
class Shown:
    """How much of a command people may see: nothing of it when one of its inputs is secret."""

    logging: Logging
    secret: bool

    def line(self, report: Report, stream: str, line: str) -> None:
        """Reports one line of a stream, without control characters."""
        if not self.secret and self.logging.shows(stream) and line.strip():
            report(plain(line))


def plain(text: str) -> str:
    """The text without what could move a terminal's cursor or change its colours."""
    return _CONTROL.sub("", text)


def outputs_of(ran: Ran, *, secret: bool) -> Properties:
    """A command's outputs; one trailing newline is not part of them."""
    said: dict[str, Value] = {
        "stdout": ran.stdout.removesuffix("\n"),
        "stderr": ran.stderr.removesuffix("\n"),
    }
    return {key: Secret(text) for key, text in said.items()} if secret else said


def refuse_failure(command: str, ran: Ran, host: str, shown: Shown) -> None:
    """Raises CommandFailed, or what a script of Tomo's own says went wrong, unless the exit code is 0."""
    if ran.exit_code == 0:
        return
    if command.startswith(OWN_SCRIPT):
        _raise_marked(ran, host)
    if shown.secret:
        raise CommandFailed(
            f"exit status {ran.exit_code}; the command and its output are not shown, as an input is secret",
            host=host,
        )
    said = plain(ran.mixed.rstrip("\n")).split("\n")[-_SHOWN_LINES:]
    message = "\n".join([f"exit status {ran.exit_code}: running `{_shortened(command)}`", *said])
    raise CommandFailed(message.rstrip("\n"), host=host)


def _shortened(command: str) -> str:
    first, _, rest = command.strip().partition("\n")
    return f"{first[:_SHOWN_COMMAND]}…" if rest or len(first) > _SHOWN_COMMAND else first


def _raise_marked(ran: Ran, host: str) -> None:
    """Scripts of Tomo's own end with `tomo-error: CODE: TEXT` and `tomo-hint: TEXT` on stderr."""
    found: Sequence[tuple[str, str, str]] = _MARKED.findall(ran.stderr)
    errors = [(code, text) for kind, code, text in found if kind == "error"]
    if not errors:
        return
    hints = [text for kind, _, text in found if kind == "hint"]
    code, text = errors[-1]
    output = plain(_MARKED.sub("", ran.mixed).strip("\n"))
    raise _KINDS.get(code, CommandFailed)(
        plain(text),
        host=host,
        hint=plain(hints[-1]) if hints else "",
        detail="\n".join(output.split("\n")[-_SHOWN_LINES:]),
    )
