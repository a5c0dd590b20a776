"""The journal of a run: what it began and did since its checkpoint was written, one line each (bytes only).

A line is a checksum, a blank and a JSON object. The first names the stack, the run and the digest of the
checkpoint that the changes start from; the others are numbered and hold changes that belong together. The
last one of a run that ended holds the digest of the checkpoint which has them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from typing import Final, TypeAlias, assert_never

import orjson

from tomo.errors import NotSupported, StateCorrupt
from tomo.frozen import frozen
from tomo.model.changes import Begun, Carried, Change, Ended, Folding, Kept, Put, Removed, Settled
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.state.codec import WRITER, SnapshotEncoder
from tomo.state.entries import decode_resource
from tomo.state.properties import ReadSecret, dump, reader_of
from tomo.state.seals import Seals

_VERSION: Final = 1
_SUM_BYTES: Final = 8
_SUM_LENGTH: Final = 2 * _SUM_BYTES

Json: TypeAlias = object


@frozen
class JournalHead:
    """What a journal belongs to: `base` is the SHA-256 of the checkpoint's bytes, `salt` its secrets'."""

    stack: str
    run: str
    base: str
    salt: str = ""
    time: str = ""
    owner: str = ""


@frozen
class Journal:
    """A journal as read: every whole line, in order.

    `end` is the digest of the checkpoint that holds all of it, `""` where the run did not come that far.
    """

    head: JournalHead
    lines: tuple[Mapping[str, Json], ...] = ()
    end: str = ""
    torn: bool = field(default=False, compare=False)

    def folded(self, base: Snapshot, seals: Seals | None) -> Snapshot:
        """The base with every change taken; raises StateCorrupt where they don't fit it."""
        folding, read = Folding(base), reader_of(seals)
        for line in self.lines:
            folding.apply(_changes(line, read))
        return folding.snapshot()

    def made(self) -> list[tuple[str, str]]:
        """URN and id of every entry that was recorded, the last form of each."""
        entries = (change[-1] for line in self.lines for change in _listed(line) if change[0] in _WITH_ENTRY)
        told = (entry for entry in entries if isinstance(entry, dict) and entry.get("id"))
        return list(dict.fromkeys((str(entry.get("urn")), str(entry["id"])) for entry in told))


_WITH_ENTRY: Final = ("put", "carried")


def _listed(line: Mapping[str, Json]) -> list[list[Json]]:
    changes = line.get("changes")
    return changes if isinstance(changes, list) else []


# --- writing ------------------------------------------------------------------------------------------


def first_line(head: JournalHead) -> bytes:
    """The line that a journal begins with."""
    return _line(dump({"journal": _VERSION, **asdict(head), "writer": WRITER}), "")


class JournalEncoder:
    """Writes the lines of one run; entries are encoded by the encoder of its checkpoint, once."""

    def __init__(self, run: str, entries: SnapshotEncoder, *, lines: int = 0) -> None:
        self._run, self._entries = run, entries
        self.lines = lines

    def line(self, changes: Iterable[Change]) -> bytes:
        """The next line."""
        return self._numbered(b'"changes":[%s]' % b",".join(map(self._change, changes)))

    def end(self, digest: str) -> bytes:
        """The line that says which checkpoint has everything."""
        return self._numbered(b'"end":%s' % dump(digest))

    def _numbered(self, member: bytes) -> bytes:
        line = _line(b'{"line":%d,%s}' % (self.lines + 1, member), self._run)
        self.lines += 1
        return line

    def _change(self, change: Change) -> bytes:
        match change:
            case Put():
                return b'["put",%d,%s]' % (change.place, self._entries.entry(change.entry))
            case Carried():
                if _alike(change.before, change.entry):
                    return b'["kept",%d,%d]' % (change.old, change.place)
                return b'["carried",%d,%d,%s]' % (change.old, change.place, self._entries.entry(change.entry))
            case Kept():
                return b'["kept",%d,%d]' % (change.old, change.place)
            case Removed():
                return b'["removed",%d]' % change.place
            case Begun():
                operation = change.operation
                told = (dump(operation.type), self._entries.entry(operation.resource), dump(operation.parked))
                return b'["begun",%d,%s]' % (change.number, b",".join(told))
            case Ended():
                return b'["ended",%d]' % change.number
            case Settled():
                return b'["settled",%s]' % dump(list(change.left))
            case _:
                assert_never(change)


def _line(body: bytes, run: str) -> bytes:
    return b"%s %s\n" % (_checksum(body, run), body)


def _checksum(body: bytes, run: str) -> bytes:
    """Keyed by the run, so that no line of another journal is ever taken for one of this."""
    return hashlib.blake2b(body, digest_size=_SUM_BYTES, key=run.encode()).hexdigest().encode()


_FIELDS: Final = tuple(ResourceState.__dataclass_fields__)


def _alike(one: ResourceState, other: ResourceState) -> bool:
    """Whether two entries are the same without opening a secret; may be wrong about those that are."""
    return all(_same(getattr(one, name), getattr(other, name)) for name in _FIELDS)


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(key in other and _same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and isinstance(one, (str, bool, int, float)) and one == other


# --- reading ------------------------------------------------------------------------------------------


def read_journal(raw: bytes) -> Journal | None:
    """The journal in a file; None where not even its first line was written whole.

    What the last write left half is ignored: nothing was done that it told of. Raises StateCorrupt where a
    line in between is missing or was changed.
    """
    rows = raw.split(b"\n")
    head = _head(_body(rows[0], ""))
    if head is None:
        if any(_looks_whole(row) for row in rows[1:]):
            raise StateCorrupt("the journal's first line is damaged")
        return None
    lines: list[Mapping[str, Json]] = []
    torn = False
    for row in rows[1:]:
        body = _body(row, head.run)
        if body is None:
            torn = torn or bool(row)
            continue
        line = _document(body)
        number = line.get("line")
        if isinstance(number, int) and 1 <= number <= len(lines):
            continue  # written once more, after a write that only seemed to have failed
        if number != len(lines) + 1:
            raise StateCorrupt(f"line {len(lines) + 1} of the journal is missing or damaged")
        lines.append(line)
    end = str(lines.pop()["end"]) if lines and "end" in lines[-1] else ""
    return Journal(head, tuple(lines), end, torn)


def _body(row: bytes, run: str) -> bytes | None:
    """A row's JSON text; None where its checksum isn't that of it."""
    checksum, blank, body = row[:_SUM_LENGTH], row[_SUM_LENGTH : _SUM_LENGTH + 1], row[_SUM_LENGTH + 1 :]
    return body if blank == b" " and checksum == _checksum(body, run) else None


def _looks_whole(row: bytes) -> bool:
    return row[_SUM_LENGTH : _SUM_LENGTH + 2] == b" {" and row.endswith(b"}")


def _document(body: bytes) -> dict[str, Json]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise StateCorrupt(f"a line of the journal is not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise StateCorrupt("a line of the journal is not an object")
    return document


def _head(body: bytes | None) -> JournalHead | None:
    if body is None:
        return None
    document = _document(body)
    version = document.get("journal")
    if version != _VERSION:
        raise NotSupported(
            f"the journal has version `{version}`, which this Tomo can't read",
            hint="run `tomo state repair` with the version that began the run",
        )
    return JournalHead(**{name: str(document.get(name) or "") for name in JournalHead.__dataclass_fields__})


def _changes(line: Mapping[str, Json], read: ReadSecret) -> Iterator[Change]:
    changes = line.get("changes")
    if not isinstance(changes, list):
        raise StateCorrupt(f"line {line.get('line')} of the journal holds no changes")
    for change in changes:
        try:
            yield _change(change, read)
        except (TypeError, ValueError, IndexError) as error:
            raise StateCorrupt(f"line {line.get('line')} of the journal holds a malformed change") from error


def _change(told: Sequence[Json], read: ReadSecret) -> Change:
    match told:
        case ["put", int(place), entry]:
            return Put(place, decode_resource(entry, read))
        case ["carried", int(old), int(place), entry]:
            made = decode_resource(entry, read)
            return Carried(old, place, made, made)
        case ["kept", int(old), int(place)]:
            return Kept(old, place)
        case ["removed", int(place)]:
            return Removed(place)
        case ["begun", int(number), str(kind), entry, str(parked)]:
            return Begun(number, PendingOperation(decode_resource(entry, read), OperationType(kind), parked))
        case ["ended", int(number)]:
            return Ended(number)
        case ["settled", list(left)]:
            return Settled(tuple(int(str(position)) for position in left))
        case _:
            raise ValueError(told)
