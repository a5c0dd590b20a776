"""Events on their way into the record: a file that is written first, and needs no database.

An event is on the disk before what it tells of begins. The record takes it in at the command's end, or at
the next command's where the database could not be written.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from tomo.audit.chain import event_json
from tomo.errors import AuditUnwritable
from tomo.model.audit import AuditEvent, AuditOutcome

FILE_NAME: Final = "audit-waiting.jsonl"
_PRIVATE: Final = 0o600


class Waiting:
    """The file; several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE_NAME

    def add(self, event: AuditEvent) -> None:
        """Writes the event, on the disk on return; raises AuditUnwritable."""
        line = orjson.dumps(event_json(event), option=orjson.OPT_APPEND_NEWLINE)
        with self._translated(), self._locked() as handle:
            size = os.fstat(handle).st_size
            # A line that a crash tore is ended, so that it doesn't take this one with it.
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.pwrite(handle, b"\n" + line if torn else line, size)
            os.fsync(handle)

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        try:
            return self.file.stat().st_size == 0
        except OSError:
            return True

    def take(self, keep: Callable[[Sequence[AuditEvent]], None]) -> int:
        """Gives what waits to `keep`, and removes it once that has returned; gives how many it was."""
        if self.is_empty():
            return 0
        with self._translated(), self._locked() as handle:
            text = os.pread(handle, os.fstat(handle).st_size, 0)
            events = [_event(line) for line in text.splitlines() if line.strip()]
            if events:
                keep(events)
            os.ftruncate(handle, 0)
            os.fsync(handle)
        return len(events)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AuditUnwritable(
                f"the audit record can't be written to `{self.file}`: {error.strerror or error}",
                hint=f"free some space or mend its rights: `ls -ld {self.file.parent}`",
            ) from error


def _event(line: bytes) -> AuditEvent:
    """The event of a line; of one that can't be read the record keeps that there was one, and its digest."""
    try:
        found: Any = orjson.loads(line)
        details = {str(key): str(value) for key, value in found.pop("details").items()}
        return AuditEvent(outcome=AuditOutcome(found.pop("outcome")), details=details, **found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return _unreadable(line)


def _unreadable(line: bytes) -> AuditEvent:
    digest = hashlib.sha256(line).hexdigest()
    event = AuditEvent(digest, "", "", "", "", "audit.unreadable", "", AuditOutcome.FAILED, "")
    return replace(event, details={"sha256": digest, "bytes": str(len(line))})
