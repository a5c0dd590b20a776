"""Keeps a run's changes on disk: in the journal while it goes on, in the checkpoint when it ends."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from tomo.errors import StateError, StateFileExists
from tomo.model.changes import Change
from tomo.model.snapshot import Snapshot
from tomo.model.storage import Appender, Storage
from tomo.state.integrity import RunningCheck
from tomo.state.journal import JournalEncoder, JournalHead, first_line, read_journal
from tomo.state.writer import CheckpointWriter, broken, check


class RunSaver:
    """The `Saver` of one run on one stack. Its methods may be called from any thread.

    Nothing is written before the first change that somebody waits for. From then on only the journal grows,
    so that a step costs the same however large the state is; whoever waits first writes for all.
    `guard` raises where this run must write no more, as when its lock is lost.
    """

    def __init__(
        self,
        storage: Storage,
        writer: CheckpointWriter,
        *,
        base: Snapshot,
        head: JournalHead,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage, self._path, self._writer = storage, writer.journal_path, writer
        self._base, self._head, self._guard = base, head, guard
        self._encoder = JournalEncoder(head.run, writer.encoder)
        self._condition = threading.Condition()
        self._offered: deque[Sequence[Change]] = deque()
        self._tickets = 0
        self._written = 0
        self._writing = False
        self._check: RunningCheck | None = None
        self._unwritten: list[bytes] = []
        self._appender: Appender | None = None
        self._torn = False

    def ready(self) -> None:
        """Returns where the journal has room for a result; raises StateError where its disk is full."""
        with self._condition:
            appender = self._appender
        if appender is not None:
            appender.ready()

    def offer(self, changes: Sequence[Change]) -> int:
        """Takes changes that belong together and returns their ticket, without waiting."""
        with self._condition:
            self._offered.append(changes)
            self._tickets += 1
            return self._tickets

    def wait(self, ticket: int) -> None:
        """Returns once the ticket's changes are on disk; raises StateError where they can't be written."""
        with self._condition:
            while self._writing and self._written < ticket:
                self._condition.wait()
            if self._written >= ticket:
                return
            self._writing = True
            upto = self._tickets
        written = 0
        try:
            self._write(upto)
            written = upto
        finally:
            with self._condition:
                self._writing = False
                self._written = max(self._written, written)
                self._condition.notify_all()

    def finish(self, snapshot: Snapshot) -> None:
        """Puts the whole snapshot in the checkpoint's place; then the journal has done its work."""
        try:
            self._finish(snapshot)
        finally:
            if self._appender is not None:
                self._appender.close()

    def _finish(self, snapshot: Snapshot) -> None:
        check(snapshot)
        content = self._writer.encoded(snapshot)
        self._guard()
        if self._appender is None:
            self._writer.put(content)
            return
        self._encode(self._tickets)
        self._unwritten.append(self._encoder.end(hashlib.sha256(content).hexdigest()))
        self._append(self._appender)
        self._writer.write(content)
        self._appender.close()
        self._appender = None
        # By its digest the checkpoint is known to have everything: a journal that stays is no trouble.
        with suppress(StateError):
            self._storage.remove(self._path)

    # --- parts ----------------------------------------------------------------------------------------

    def _write(self, upto: int) -> None:
        """Writes all that was offered up to a ticket, and what an earlier write could not."""
        self._encode(upto)
        self._guard()
        if self._appender is None:
            self._appender = self._opened()
        self._append(self._appender)

    def _encode(self, upto: int) -> None:
        if self._check is None:
            self._check = RunningCheck(self._base)
        while self._offered and self._encoder.lines < upto:
            changes = self._offered[0]
            self._unwritten.append(self._encoder.line(changes))
            self._check.apply(changes)
            self._offered.popleft()
        if found := self._check.problems():
            raise broken(found)

    def _opened(self) -> Appender:
        if not self._head.base:
            # A stack begins as an empty one, so that the journal has something to start from.
            self._writer.write(self._writer.encoded(Snapshot()))
            self._head = replace(self._head, base=self._writer.digest)
        head = first_line(self._head)
        try:
            self._storage.create(self._path, head)
        except StateFileExists:
            self._remove_what_has_ended()
            self._storage.create(self._path, head)
        try:
            return self._storage.append(self._path)
        except StateError:
            with suppress(StateError):
                self._storage.remove(self._path)
            raise

    def _remove_what_has_ended(self) -> None:
        journal = read_journal(self._storage.read(self._path))
        if journal is not None and journal.end != self._head.base:
            raise StateError(
                f"an interrupted run left its journal `{self._storage.location(self._path)}`",
                hint="run `tomo state repair`",
            )
        self._storage.remove(self._path)

    def _append(self, appender: Appender) -> None:
        # Where a write that failed may have left half a line, the next one must not go on in it.
        before = [b"\n"] if self._torn else []
        self._torn = True
        appender.append(b"".join([*before, *self._unwritten]))
        self._torn = False
        self._unwritten.clear()
