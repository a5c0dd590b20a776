"""References inside texts: `${app.name}`, `${input.DB_PASSWORD}`; a closed list, never a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from tomo.frozen import frozen

KNOWN: Final = {
    "app.name": "the app's name in the fleet",
    "app.id": "the app's catalog id",
    "app.url": "the address people open, from the `web` block and the published port",
    "fleet.name": "the fleet's name",
    "host.name": "the server's name in the fleet",
    "host.address": "the address people reach the server at: `lan`, or else `host`",
    "host.timezone": "the server's `timezone`, such as `Europe/Berlin`; `Etc/UTC` where none is given",
}
"""What a text may refer to besides `${input.NAME}`."""

_INPUT: Final = "input."
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")


@frozen
class Reference:
    """One `${…}` of a text: a name of `KNOWN`, or `input.NAME`."""

    name: str

    @property
    def input(self) -> str | None:
        """The input's name, None for a reference to something else."""
        return self.name.removeprefix(_INPUT) if self.name.startswith(_INPUT) else None

    @property
    def known(self) -> bool:
        """Whether the closed list has it; whether an input exists is the app's to say."""
        return self.name in KNOWN or bool(self.input)


Part: TypeAlias = str | Reference


def parse(text: str) -> tuple[Part, ...]:
    """The text's literal parts and references, in order; `$${` stands for a `${` of the app's own.

    Any other `$` is a `$`: passwords, regular expressions and web server files hold it.
    """
    parts: list[Part] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        escaped = match.group(1) is None
        _add_literal(parts, text[end : match.start()] + ("${" if escaped else ""))
        if not escaped:
            parts.append(Reference(match.group(1).strip()))
        end = match.end()
    _add_literal(parts, text[end:])
    return tuple(parts)


def references(text: str) -> Iterator[Reference]:
    """Every reference of a text."""
    return (part for part in parse(text) if isinstance(part, Reference))


def _add_literal(parts: list[Part], text: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)
