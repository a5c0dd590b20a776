"""What the audit record is made of, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from enum import StrEnum
from typing import Protocol, TypeAlias

from tomo.frozen import frozen


class AuditOutcome(StrEnum):
    """What became of an act. One that was begun and has no other entry was ended from outside."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """By a rule of Tomo: a plan that doesn't hold, a host key, a role. Nothing was done."""
    DECLINED = "declined"
    """By the person who was asked."""
    STOPPED = "stopped"


@frozen
class AuditEvent:
    """One thing that somebody did or tried; texts that don't apply are `""`.

    `id` is unique; `time` is RFC 3339 in UTC; `correlation` is shared by all of one command.
    """

    id: str
    time: str
    actor: str
    role: str
    surface: str
    action: str
    object: str
    outcome: AuditOutcome
    correlation: str
    plan: str = ""
    approval: str = ""
    run: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@frozen
class AuditEntry:
    """An event in its place of the chain. `previous` is the digest of the one before; `""` first."""

    number: int
    event: AuditEvent
    previous: str
    digest: str


@frozen
class AuditHead:
    """The newest entry's number and digest; 0 and `""` where there is none."""

    number: int = 0
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


Seal: TypeAlias = Callable[[AuditHead, AuditEvent], AuditEntry]
"""Puts an event behind a head."""


class AuditStore(Protocol):
    """Keeps the chain. Every method raises DatabaseError where it can't."""

    def append(self, events: Sequence[AuditEvent], seal: Seal) -> AuditHead:
        """Adds the events that aren't there yet, by id, all or none, on disk on return."""
        ...

    def retain(self, last_removed: int, event: AuditEvent, seal: Seal) -> AuditHead:
        """Removes the entries up to a number and adds the event that says so, both or neither."""
        ...

    def whole(self, first: int = 1) -> AbstractContextManager[tuple[AuditHead, Iterator[AuditEntry]]]:
        """What the store says its newest entry is, and the entries from a number on, all of one moment."""
        ...

    def newest(self, count: int) -> Sequence[AuditEntry]:
        """The last entries, in their order."""
        ...
