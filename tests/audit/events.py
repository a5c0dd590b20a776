"""Events for tests of the record."""

from __future__ import annotations

from tomo.model.audit import AuditEvent, AuditOutcome


def event(number: int, **changes: object) -> AuditEvent:
    """The event of a number, which stands for its day of January too."""
    made: dict[str, object] = {
        "id": f"id-{number}",
        "time": f"2026-01-{number % 28 + 1:02}T10:00:00Z",
        "actor": "anna@desk",
        "role": "owner",
        "surface": "cli",
        "action": "apply",
        "object": "tomo/home",
        "outcome": AuditOutcome.DONE,
        "correlation": f"c-{number}",
        "details": {"create": str(number), "note": "tönt, ☃"},
    }
    return AuditEvent(**{**made, **changes})  # type: ignore[arg-type]
