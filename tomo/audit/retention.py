"""How long entries are kept. What is removed is the oldest part, and an entry at the end vouches for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from tomo.frozen import frozen
from tomo.model.audit import AuditEntry, AuditEvent

ACTION: Final = "audit.retain"
_LAST: Final = "removed_to"
_DIGEST: Final = "removed_digest"


@frozen
class Policy:
    """Which entries stay: those younger than `days`, and the last `entries` whatever their age."""

    days: int
    entries: int = 0

    def __str__(self) -> str:
        least = f", and the last {self.entries}" if self.entries else ""
        return f"those of the last {self.days} days{least}"


@frozen
class Removed:
    """The end of what was removed: the last entry's number and digest."""

    last: int
    digest: str


@frozen
class Removal:
    """What a policy removes. `count` 0: nothing."""

    count: int = 0
    first: int = 0
    last: int = 0
    digest: str = ""
    oldest: str = ""
    newest: str = ""

    def details(self, policy: Policy) -> Mapping[str, str]:
        """What the entry says that vouches for it."""
        return {
            "policy": str(policy),
            "removed_from": str(self.first),
            _LAST: str(self.last),
            _DIGEST: self.digest,
            "oldest": self.oldest,
            "newest": self.newest,
        }


def removal(entries: Iterable[AuditEntry], total: int, policy: Policy, now: datetime) -> Removal:
    """The oldest entries that a policy doesn't keep, as one unbroken part from the beginning."""
    limit = now - timedelta(days=policy.days)
    found = Removal()
    for count, entry in enumerate(entries, 1):
        if count > total - policy.entries or _time(entry) >= limit:
            break
        first = found.first or entry.number
        oldest = found.oldest or entry.event.time
        found = Removal(count, first, entry.number, entry.digest, oldest, entry.event.time)
    return found


def removed_by(event: AuditEvent) -> Removed | None:
    """What an entry vouches for; None for any other entry."""
    last = event.details.get(_LAST, "")
    if event.action != ACTION or not last.isdecimal():
        return None
    return Removed(int(last), event.details.get(_DIGEST, ""))


def _time(entry: AuditEntry) -> datetime:
    """When an entry was made; one whose time can't be read is kept."""
    try:
        found = datetime.fromisoformat(entry.event.time)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
