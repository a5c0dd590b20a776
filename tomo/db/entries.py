"""The audit record in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, delete, insert, select, update

from tomo.db.database import Database
from tomo.db.tables import AUDIT_ENTRIES, AUDIT_HEAD
from tomo.model.audit import AuditEntry, AuditEvent, AuditHead, AuditOutcome, Seal

_PAGE: Final = 1000
_KEPT_AS_THEY_ARE: Final = (
    "id",
    "time",
    "actor",
    "role",
    "surface",
    "action",
    "object",
    "correlation",
    "plan",
    "approval",
    "run",
)


class AuditEntries:
    """Keeps the chain in a database; implements `tomo.model.audit.AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, events: Sequence[AuditEvent], seal: Seal) -> AuditHead:
        """Adds what isn't there yet; who appends at the same time waits at the head's row."""
        with self._database.writing() as connection:
            head = _head(connection, lock=True)
            return _add(connection, head, _new(connection, events), seal)

    def retain(self, last_removed: int, event: AuditEvent, seal: Seal) -> AuditHead:
        """Removes the oldest entries and adds what vouches for them."""
        with self._database.writing() as connection:
            head = _head(connection, lock=True)
            connection.execute(delete(AUDIT_ENTRIES).where(AUDIT_ENTRIES.c.number <= last_removed))
            return _add(connection, head, [event], seal)

    @contextmanager
    def whole(self, first: int = 1) -> Iterator[tuple[AuditHead, Iterator[AuditEntry]]]:
        """The head's own row, and the entries, read in pages so that a long record needs little memory."""
        with self._database.reading() as connection:
            yield _head(connection, lock=False), _pages(connection, first)

    def newest(self, count: int) -> Sequence[AuditEntry]:
        """The last entries, oldest of them first."""
        query = select(AUDIT_ENTRIES).order_by(AUDIT_ENTRIES.c.number.desc()).limit(count)
        with self._database.reading() as connection:
            return [_entry(row) for row in reversed(connection.execute(query).all())]


def _pages(connection: Connection, number: int) -> Iterator[AuditEntry]:
    column = AUDIT_ENTRIES.c.number
    while True:
        query = select(AUDIT_ENTRIES).where(column >= number).order_by(column).limit(_PAGE)
        rows = connection.execute(query).all()
        if not rows:
            return
        yield from map(_entry, rows)
        number = rows[-1].number + 1


def _head(connection: Connection, *, lock: bool) -> AuditHead:
    query = select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.digest)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return AuditHead(row.number, row.digest) if row is not None else AuditHead()


def _new(connection: Connection, events: Sequence[AuditEvent]) -> list[AuditEvent]:
    column = AUDIT_ENTRIES.c.id
    known: set[str] = set()
    for start in range(0, len(events), _PAGE):
        ids = [event.id for event in events[start : start + _PAGE]]
        known.update(connection.scalars(select(column).where(column.in_(ids))))
    by_id = {event.id: event for event in events}
    return [event for key, event in by_id.items() if key not in known]


def _add(connection: Connection, head: AuditHead, events: Sequence[AuditEvent], seal: Seal) -> AuditHead:
    rows = []
    for event in events:
        entry = seal(head, event)
        rows.append(_row(entry))
        head = AuditHead(entry.number, entry.digest)
    if rows:
        connection.execute(insert(AUDIT_ENTRIES), rows)
        connection.execute(update(AUDIT_HEAD).values(number=head.number, digest=head.digest))
    return head


def _row(entry: AuditEntry) -> dict[str, object]:
    event = entry.event
    return {
        **{name: getattr(event, name) for name in _KEPT_AS_THEY_ARE},
        "outcome": event.outcome.value,
        "details": orjson.dumps(dict(event.details), option=orjson.OPT_SORT_KEYS).decode(),
        "number": entry.number,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _entry(row: Row[Any]) -> AuditEntry:
    """A row as it stands; what somebody wrote into it by hand is for the check of the chain to find."""
    values = row._mapping  # noqa: SLF001  # SQLAlchemy's own, documented name
    texts = {name: str(values[name]) for name in _KEPT_AS_THEY_ARE}
    event = AuditEvent(outcome=_outcome(values["outcome"]), details=_details(values["details"]), **texts)
    return AuditEntry(int(values["number"]), event, str(values["previous"]), str(values["digest"]))


def _outcome(text: str) -> AuditOutcome:
    try:
        return AuditOutcome(text)
    except ValueError:
        return AuditOutcome.FAILED


def _details(text: str) -> dict[str, str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return {"unreadable": text}
    return {key: str(value) for key, value in found.items()}
