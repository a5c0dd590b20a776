"""The audit record: list, verify, export, and how long it is kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

from tomo.audit.chain import sealed
from tomo.audit.check import Checked, check
from tomo.audit.retention import ACTION, Policy, Removal, removal
from tomo.errors import AuditBroken
from tomo.frozen import frozen
from tomo.model.audit import AuditEntry, AuditEvent, AuditHead, AuditOutcome, AuditStore
from tomo.model.people import Permission
from tomo.service.audit_heads import NotedHead, read_head
from tomo.service.effect import Effect
from tomo.service.recording import Actor, audit_store, keep_waiting
from tomo.service.wiring import Doors
from tomo.state.clock import rfc3339


@frozen
class ListAuditRequest:
    """What was done? The newest entries; of an act that has ended only its end, unless all are asked for."""

    effect: ClassVar[Effect] = Effect.READ
    count: int = 50
    everything: bool = False


@frozen
class VerifyAuditRequest:
    """Is the record whole? `head` is `NUMBER:DIGEST`, noted earlier in another place."""

    effect: ClassVar[Effect] = Effect.READ
    head: str = ""


@frozen
class ExportAuditRequest:
    """The entries from a number on."""

    effect: ClassVar[Effect] = Effect.READ
    first: int = 1


@frozen
class RetainAuditRequest:
    """Remove what a policy no longer keeps; `dry_run` only says what that is."""

    effect: ClassVar[Effect] = Effect.WRITE
    policy: Policy
    dry_run: bool = False


class Audits:
    """The use cases over the record of the database that the settings name."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: ListAuditRequest) -> Sequence[AuditEntry]:
        """The newest entries, oldest of them first."""
        with self._store() as store:
            found = store.newest(request.count * (1 if request.everything else 2))
        return found if request.everything else _ends(found)[-request.count :]

    def verify(self, request: VerifyAuditRequest) -> Checked:
        """Checks every entry, against the head and what this machine noted of it; notes the new head."""
        noted = NotedHead(self._doors.settings)
        given = {"the head you gave": read_head(request.head)} if request.head else {}
        with self._store() as store, store.whole() as (head, entries):
            checked = check(entries, head, {**_not_older(noted.read(), given), **given})
        if not checked.findings:
            noted.write(checked.head)
        return checked

    def export(self, request: ExportAuditRequest) -> Iterator[AuditEntry]:
        """The entries, one after the other."""
        with self._store() as store, store.whole(request.first) as (_, entries):
            yield from entries

    def retain(self, request: RetainAuditRequest) -> Removal:
        """Removes the oldest entries that the policy doesn't keep; an entry at the end vouches for them.

        Raises AuditBroken for a record that isn't whole, which stays as it is.
        """
        with self._store(Permission.MANAGE) as store:
            with store.whole() as (head, entries):
                found = removal(entries, head.number, request.policy, datetime.now(UTC))
            if request.dry_run or not found.count:
                return found
            noted = NotedHead(self._doors.settings)
            known = noted.read()
            with store.whole() as (head, entries):
                _require_whole(check(entries, head, known))
            noted.write(store.retain(found.last, self._vouching(found, request.policy), sealed))
        return found

    def _vouching(self, found: Removal, policy: Policy) -> AuditEvent:
        trail = self._doors.trail
        actor = trail.actor if trail else Actor(self._doors.settings.user, "", "")
        return AuditEvent(
            id=uuid.uuid4().hex,
            time=rfc3339(time.time_ns()),
            actor=actor.name,
            role=actor.role,
            surface=actor.surface,
            action=ACTION,
            object=f"{found.first}-{found.last}",
            outcome=AuditOutcome.DONE,
            correlation=trail.correlation if trail else "",
            details=found.details(policy),
        )

    @contextmanager
    def _store(self, permission: Permission = Permission.AUDIT) -> Iterator[AuditStore]:
        """The store, with everything in it that waited."""
        settings = self._doors.settings
        if self._doors.trail is not None:
            self._doors.trail.require(permission)
        with audit_store(settings) as store:
            keep_waiting(settings, store)
            yield store


def _ends(entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """Without the beginnings of acts whose end is there too."""
    ended: Mapping[tuple[str, str], object] = {
        (entry.event.correlation, entry.event.action): None
        for entry in entries
        if entry.event.outcome is not AuditOutcome.BEGUN
    }
    return [
        entry
        for entry in entries
        if entry.event.outcome is not AuditOutcome.BEGUN
        or (entry.event.correlation, entry.event.action) not in ended
    ]


def _not_older(noted: Mapping[str, AuditHead], given: Mapping[str, AuditHead]) -> Mapping[str, AuditHead]:
    """What was noted, but for what lies before a head that is given: that one vouches for it."""
    least = max((head.number for head in given.values()), default=0)
    return {place: head for place, head in noted.items() if head.number >= least}


def _require_whole(checked: Checked) -> None:
    if checked.findings:
        raise AuditBroken(
            f"the audit record is not whole: {checked.findings[0].message}",
            hint="see all of it: `tomo audit verify`",
            detail="\n".join(finding.message for finding in checked.findings[1:]),
        )
