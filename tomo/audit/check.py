"""Checks a record: what was changed, removed, added or put in another place, by the entry's number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tomo.audit.chain import digest_of
from tomo.audit.retention import Removed, removed_by
from tomo.frozen import frozen
from tomo.model.audit import AuditEntry, AuditHead


@frozen
class Finding:
    """What is wrong at an entry."""

    number: int
    message: str


@frozen
class Checked:
    """A record's check. `head` is its last entry; `removed` how many retention took from its beginning."""

    entries: int
    head: AuditHead
    removed: int
    findings: tuple[Finding, ...]


def check(entries: Iterable[AuditEntry], head: AuditHead, known: Mapping[str, AuditHead]) -> Checked:
    """Walks the record once.

    `head` is what the store says; `known` are heads that were noted elsewhere, by where.
    """
    walk = _Walk(known)
    for entry in entries:
        walk.take(entry)
    return walk.ended(head)


class _Walk:
    """One walk along a chain."""

    def __init__(self, known: Mapping[str, AuditHead]) -> None:
        self._known = known
        self._wanted: dict[int, list[tuple[str, str]]] = {}
        for place, head in known.items():
            self._wanted.setdefault(head.number, []).append((place, head.digest))
        self._first: AuditEntry | None = None
        self._last = AuditHead()
        self._count = 0
        self._vouched: list[Removed] = []
        self._findings: list[Finding] = []

    def take(self, entry: AuditEntry) -> None:
        self._count += 1
        if self._first is None:
            self._first = entry
        else:
            self._findings += _link(self._last, entry)
        if digest_of(entry) != entry.digest:
            self._findings.append(Finding(entry.number, f"entry {entry.number} was changed"))
        elif (vouched := removed_by(entry.event)) is not None:
            self._vouched.append(vouched)
        for place, digest in self._wanted.get(entry.number, ()):
            if digest != entry.digest:
                self._findings.append(_other(entry.number, place))
        self._last = AuditHead(entry.number, entry.digest)

    def ended(self, head: AuditHead) -> Checked:
        findings = [*self._beginning(), *self._removed_heads(), *self._findings, *self._end(head)]
        findings.sort(key=lambda finding: finding.number)
        removed = self._first.number - 1 if self._first else 0
        return Checked(self._count, self._last, removed, tuple(findings))

    def _beginning(self) -> Iterator[Finding]:
        first = self._first
        if first is None or (first.number == 1 and not first.previous):
            return
        gone = Removed(first.number - 1, first.previous)
        if gone not in self._vouched:
            names = _range(1, gone.last)
            unvouched = f"{names} missing, and no retention removed them"
            yield Finding(1, unvouched if names else "entry 1 was changed")

    def _end(self, head: AuditHead) -> Iterator[Finding]:
        last = self._last
        if last.number < head.number:
            yield Finding(last.number + 1, f"{_range(last.number + 1, head.number)} missing at the end")
        elif last.number > head.number:
            yield Finding(head.number + 1, f"{_range(head.number + 1, last.number)} not of this record")
        elif last.digest != head.digest:
            yield _other(last.number, "the record's head")
        for place, known in self._known.items():
            if known.number > max(last.number, head.number):
                missing = _range(last.number + 1, known.number)
                yield Finding(last.number + 1, f"{missing} missing: {place} knows entry {known.number}")

    def _removed_heads(self) -> Iterator[Finding]:
        """Heads of entries that retention removed: a record that somebody made anew could say so too."""
        first = self._first
        if first is None:
            return
        for place, known in self._known.items():
            if known == AuditHead(first.number - 1, first.previous):
                continue
            if 0 < known.number < first.number:
                removed = f"entry {known.number} was removed"
                words = f"{removed}, so the record can't be compared with what {place} knows"
                yield Finding(known.number, words)


def _link(last: AuditHead, entry: AuditEntry) -> Iterator[Finding]:
    number = entry.number
    if number != last.number + 1:
        yield Finding(last.number + 1, f"{_range(last.number + 1, number - 1)} missing")
    elif entry.previous != last.digest:
        broken = f"entry {number} does not follow entry {last.number}: one of them was changed or put in"
        yield Finding(number, broken)


def _other(number: int, place: str) -> Finding:
    return Finding(number, f"entry {number} is not the one that {place} knows")


def _range(first: int, last: int) -> str:
    """`entry 3 is`, `entries 3 to 5 are`; `""` for none."""
    if last < first:
        return ""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
