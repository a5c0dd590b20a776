"""How an entry is sealed: its canonical bytes, which hold the digest of the entry before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import orjson

from tomo.model.audit import AuditEntry, AuditEvent, AuditHead

_FORMAT: Final = "tomo.audit/v1"


def canonical(entry: AuditEntry) -> bytes:
    """The bytes that an entry's digest is of: JSON in UTF-8, keys sorted, without spaces."""
    document = {"format": _FORMAT, **entry_json(entry)}
    del document["digest"]
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def digest_of(entry: AuditEntry) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def sealed(head: AuditHead, event: AuditEvent) -> AuditEntry:
    """The entry that puts an event behind a head."""
    entry = AuditEntry(head.number + 1, event, head.digest, "")
    return replace(entry, digest=digest_of(entry))


def event_json(event: AuditEvent) -> dict[str, object]:
    """An event by the names of its fields."""
    return {
        "id": event.id,
        "time": event.time,
        "actor": event.actor,
        "role": event.role,
        "surface": event.surface,
        "action": event.action,
        "object": event.object,
        "outcome": event.outcome.value,
        "correlation": event.correlation,
        "plan": event.plan,
        "approval": event.approval,
        "run": event.run,
        "details": dict(event.details),
    }


def entry_json(entry: AuditEntry) -> dict[str, object]:
    """An entry as `tomo audit export` writes it, one on a line."""
    return {
        "number": entry.number,
        **event_json(entry.event),
        "previous": entry.previous,
        "digest": entry.digest,
    }
