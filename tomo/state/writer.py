"""Puts snapshots on disk: whole and checked."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from tomo.errors import StateError
from tomo.model.snapshot import Snapshot
from tomo.model.storage import Storage, exists
from tomo.state.clock import Clock, rfc3339
from tomo.state.codec import SnapshotEncoder
from tomo.state.integrity import problems
from tomo.state.journal import JournalEncoder, read_journal
from tomo.state.seals import Seals

_SHOWN_PROBLEMS = 5


class CheckpointWriter:
    """Writes one stack's checkpoint; not for several threads at once."""

    def __init__(
        self, storage: Storage, path: str, *, stack: str, seals: Seals | None, clock: Clock = time.time_ns
    ) -> None:
        self.path, self.journal_path = path, journal_path(path)
        self.digest = ""
        self.encoder = SnapshotEncoder(seals)
        self._storage = storage
        self._stack = stack
        self._clock = clock
        self._plain_only = False

    def save(self, snapshot: Snapshot) -> None:
        """Returns once the snapshot is safely on disk; raises StateError for one that breaks the rules."""
        check(snapshot)
        self.put(self.encoded(snapshot))

    def encoded(self, snapshot: Snapshot) -> bytes:
        """The bytes that a snapshot is written as."""
        return self.encoder.checkpoint(snapshot, stack=self._stack, time=rfc3339(self._clock()))

    def put(self, content: bytes) -> None:
        """Writes the bytes of a checkpoint in place of the state, with all that a journal beside it holds."""
        left = self._ended_journal(content)
        self.write(content)
        if left:
            self._storage.remove(self.journal_path)

    def write(self, content: bytes) -> None:
        """Writes the bytes of a checkpoint, journal or not; the content before stays as `.bak`."""
        self._storage.write(self.path, content, keep=backup_path(self.path))
        if not self._plain_only:
            self._put_aside_compressed()
            self._plain_only = True
        self.digest = hashlib.sha256(content).hexdigest()

    def _ended_journal(self, content: bytes) -> bool:
        """Lets a journal that is there say that the new bytes hold it all; one that has ended goes."""
        if not exists(self._storage, self.journal_path):
            return False
        journal = read_journal(self._storage.read(self.journal_path))
        if journal is None or journal.end:
            self._storage.remove(self.journal_path)
            return False
        encoder = JournalEncoder(journal.head.run, self.encoder, lines=len(journal.lines))
        appender = self._storage.append(self.journal_path)
        try:
            # A run that was cut off may have left half a line, in which this one must not go on.
            appender.append(b"\n" + encoder.end(hashlib.sha256(content).hexdigest()))
        finally:
            appender.close()
        return True

    def _put_aside_compressed(self) -> None:
        """A compressed form would be read instead of the new file: it becomes a backup, as in Pulumi."""
        for other in self._storage.modified([f"{self.path}{suffix}" for suffix in (".gz", ".zst")]):
            self._storage.rename(other, backup_path(other))


def check(snapshot: Snapshot) -> None:
    """Raises StateError, naming what is wrong, for a snapshot that breaks the rules."""
    found = problems(snapshot)
    if found:
        raise broken(found)


def broken(found: Sequence[str]) -> StateError:
    """The error for a state that breaks rules."""
    return StateError(
        f"the new state breaks {len(found)} rule(s) and was not written: {found[0]}",
        hint="what is on disk is right; please report this with `tomo doctor`'s output",
        detail="\n".join(found[:_SHOWN_PROBLEMS]),
    )


def journal_path(path: str) -> str:
    """Where a run on a checkpoint keeps its journal.

    Pulumi's CLI passes over what isn't .json, .json.gz or .json.zst, as it does over .bak.
    """
    return f"{path.removesuffix('.json')}.journal"


def backup_path(path: str) -> str:
    """Where the content before the last write is kept."""
    return f"{path}.bak"
