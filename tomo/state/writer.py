"""Puts snapshots on disk: whole, checked, and one write for all who wait at the same time."""

from __future__ import annotations

import hashlib
import threading
import time

from tomo.errors import StateError
from tomo.model.snapshot import Snapshot
from tomo.model.storage import Storage
from tomo.state.clock import Clock, rfc3339
from tomo.state.codec import SnapshotEncoder
from tomo.state.integrity import problems
from tomo.state.seals import Seals

_SHOWN_PROBLEMS = 5


class CheckpointWriter:
    """Writes one stack's checkpoint. Its methods may be called from any thread.

    The order of `offer` (or `save`) calls is the order of the snapshots: offer under the same lock that
    made the snapshot, and wait outside it.
    """

    def __init__(
        self, storage: Storage, path: str, *, stack: str, seals: Seals | None, clock: Clock = time.time_ns
    ) -> None:
        self.path = path
        self.digest = ""
        self._storage = storage
        self._stack = stack
        self._encoder = SnapshotEncoder(seals)
        self._clock = clock
        self._condition = threading.Condition()
        self._newest = Snapshot()
        self._offered = 0
        self._written = 0
        self._writing = False
        self._plain_only = False

    def save(self, snapshot: Snapshot) -> None:
        """Returns once this snapshot, or one offered after it, is safely on disk."""
        self.wait(self.offer(snapshot))

    def offer(self, snapshot: Snapshot) -> int:
        """Takes a snapshot to be written and returns its ticket, without waiting."""
        with self._condition:
            self._newest = snapshot
            self._offered += 1
            return self._offered

    def wait(self, ticket: int) -> None:
        """Returns once the ticket's snapshot or a later one is on disk; raises StateError if it can't be.

        The first to wait writes for all; whoever comes meanwhile shares the next write.
        """
        with self._condition:
            while self._writing and self._written < ticket:
                self._condition.wait()
            if self._written >= ticket:
                return
            self._writing = True
            snapshot, offered = self._newest, self._offered
        written = 0
        try:
            self._write(snapshot)
            written = offered
        finally:
            with self._condition:
                self._writing = False
                self._written = max(self._written, written)
                self._condition.notify_all()

    def _write(self, snapshot: Snapshot) -> None:
        check(snapshot)
        content = self._encoder.checkpoint(snapshot, stack=self._stack, time=rfc3339(self._clock()))
        self._storage.write(self.path, content, keep=backup_path(self.path))
        if not self._plain_only:
            self._put_aside_compressed()
            self._plain_only = True
        self.digest = hashlib.sha256(content).hexdigest()

    def _put_aside_compressed(self) -> None:
        """A compressed form would be read instead of the new file: it becomes a backup, as in Pulumi."""
        for other in self._storage.modified([f"{self.path}{suffix}" for suffix in (".gz", ".zst")]):
            self._storage.rename(other, backup_path(other))


def check(snapshot: Snapshot) -> None:
    """Raises StateError, naming what is wrong, for a snapshot that breaks the rules."""
    found = problems(snapshot)
    if found:
        raise StateError(
            f"the new state breaks {len(found)} rule(s) and was not written: {found[0]}",
            hint="the state on disk is as it was; please report this with `tomo doctor`'s output",
            detail="\n".join(found[:_SHOWN_PROBLEMS]),
        )


def backup_path(path: str) -> str:
    """Where the content before the last write is kept."""
    return f"{path}.bak"
