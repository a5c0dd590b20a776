"""What a tool says of itself, what it is told of a call, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from tomo.frozen import frozen
from tomo.model.people import Role
from tomo.service.read.asker import Asker

F = TypeVar("F", bound=Callable[..., object])
_MARK: Final = "__tomo_tool__"


class ToolEffect(StrEnum):
    """All that a tool may do. There is none that changes a fleet, a host or a person."""

    READ = "read"
    PROPOSE = "propose"
    """Puts a change before people; nothing is done until one has approved it and applies it."""
    OWN_SESSION = "own-session"
    """Ends an own login or token."""


@frozen
class Declared:
    """What the decorator says. `long`: it waits for hosts, so it may run as a task with progress."""

    role: Role
    effect: ToolEffect
    long: bool = False


def tool(*, role: Role, effect: ToolEffect, long: bool = False) -> Callable[[F], F]:
    """Declares a method to be a tool, with the least role that may call it."""

    def declared(method: F) -> F:
        setattr(method, _MARK, Declared(role, effect, long))
        return method

    return declared


def declared_of(method: object) -> Declared | None:
    """What a method says of itself; None where it was not declared."""
    found = getattr(method, _MARK, None)
    return found if isinstance(found, Declared) else None


def _tell_nobody(_text: str) -> None:
    """Progress for nobody."""


@frozen
class Call:
    """One call: for whom it is, and who hears how far it is."""

    by: Asker
    tell: Callable[[str], None] = _tell_nobody


@frozen
class Remote:
    """Text, or data with text in it, that a host, a container or a catalog said; `source` says which.

    It reaches the assistant cleaned, capped and marked. Of a `log` the end is kept where it is too long, of
    other texts the beginning.
    """

    source: str
    content: object
    log: bool = False


Data: TypeAlias = Mapping[str, object] | Sequence[object] | None


@frozen
class Answer:
    """What a tool found, in JSON's own kinds and `Remote`; the message is one sentence of our own."""

    message: str
    data: Data = field(default=None)
