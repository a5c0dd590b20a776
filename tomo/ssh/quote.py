"""Shell text from values: the only place that builds any, for sh, dash, bash and busybox ash alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tomo.errors import UsageError

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = frozenset(
    ("case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
     "select", "then", "time", "until", "while")
)  # fmt: skip

LOADER: Final = """IFS= read -r tomo_script && eval "unset tomo_script
$(printf %b "$tomo_script")\""""
"""Runs the script that `packed` put before stdin; `read` takes not a byte more than its line."""


def join(argv: Sequence[str]) -> str:
    """The command line that a POSIX shell splits back into exactly these arguments."""
    if not argv:
        raise UsageError("a command needs at least one argument")
    return " ".join(_quoted(argument) for argument in argv)


def assign(env: Mapping[str, str]) -> str:
    """Lines that export the variables; empty without any."""
    for name in env:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"`{name}` is no name for an environment variable",
                hint="Use letters, digits and underscores, and no digit first",
            )
    return "".join(f"export {name}={_quoted(value)}\n" for name, value in env.items())


def packed(script: str) -> bytes:
    """The script as the one line that `LOADER` reads: no size limit, and not to be seen in `ps`."""
    escaped = bytearray()
    for byte in encoded(script):
        if 0x20 <= byte < 0x7F and byte != 0x5C:  # noqa: PLR2004  # printable ASCII but the backslash
            escaped.append(byte)
        else:
            escaped += b"\\0%03o" % byte
    return bytes(escaped) + b"\n"


def encoded(text: str) -> bytes:
    """The text as the host's bytes: UTF-8, and bytes that were none stay what they were."""
    if "\0" in text:
        raise UsageError("an argument holds a NUL character, which no command can take")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(f"an argument holds text that is not Unicode: {error.reason}") from error


def _quoted(argument: str) -> str:
    encoded(argument)
    if _PLAIN.fullmatch(argument) and argument not in _RESERVED:
        return argument
    return "'" + argument.replace("'", "'\\''") + "'"
