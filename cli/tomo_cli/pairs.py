"""`NAME=VALUE` arguments, and values that are typed or piped but never given as arguments."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tomo.errors import UsageError


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """The values by name; raises UsageError for one without `=` or a name given twice."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"`{option} {text[:60]}` has no `=`", hint=f"write `{option} NAME=VALUE`")
        if name in found:
            raise UsageError(f"`{option} {name}` is given twice", hint="give it once")
        found[name] = value
    return found


def read_secret(name: str, question: str = "") -> str:
    """A secret's value: asked for twice at a terminal, else all of stdin without its last line break."""
    if not sys.stdin.isatty():
        return _piped(name)
    import getpass

    try:
        first = getpass.getpass(f"{question or f'Value of {name}'}: ", stream=sys.stderr)
        again = getpass.getpass("Once more: ", stream=sys.stderr)
    except EOFError:
        raise UsageError(
            f"no value of `{name}` was given", hint="type it, or pipe it to the command"
        ) from None
    if first != again:
        raise UsageError("the two values differ", hint="run the command again")
    return first


def read_password(name: str) -> str:
    """A password that is there already: asked for once at a terminal, else all of stdin."""
    if not sys.stdin.isatty():
        return _piped(name)
    import getpass

    try:
        return getpass.getpass(f"Password of {name}: ", stream=sys.stderr)
    except EOFError:
        raise UsageError("no password was given", hint="type it, or pipe it to the command") from None


def _piped(name: str) -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"the value of `{name}` is no UTF-8 text", hint="encode it first, as with base64"
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def refuse_argument(extra: Sequence[str] | None) -> None:
    """A secret on the command line is seen by every user of the machine; it is not repeated here."""
    if extra:
        raise UsageError(
            "a secret's value is never an argument: others can see it, and the shell keeps it",
            hint="leave it out to be asked for it, or pipe it: `… < FILE`",
        )
