"""The stack's lock, by the very protocol of the Pulumi CLI (engine-spec 4.2)."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import orjson

from tomo.errors import StateError, StateLocked, TomoError
from tomo.model.storage import Storage
from tomo.state.clock import Clock, age, parse_rfc3339, rfc3339


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who holds or takes a lock."""

    pid: int
    username: str
    hostname: str

    @classmethod
    def this_process(cls, username: str) -> LockOwner:
        """The owner that this process is."""
        return cls(os.getpid(), username, socket.gethostname())


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock file as found; `owner` is None where the file can't be read.

    `path` is the file's in its storage, `place` where a person finds it.
    """

    path: str
    place: str
    owner: LockOwner | None = None
    taken: str = ""

    def describe(self, now: float) -> str:
        """One line for people: who, where, since when, and whether that process lives."""
        if self.owner is None:
            return f"unreadable lock file `{self.place}`"
        since = parse_rfc3339(self.taken)
        ago = f" ({age(now - since)} ago)" if since is not None else ""
        who = f"`{self.owner.username}` on `{self.owner.hostname}`, process {self.owner.pid}"
        return f"{who}, since {self.taken}{ago}{self._liveness()}"

    def _liveness(self) -> str:
        if self.owner is None or self.owner.hostname != socket.gethostname():
            return ""
        return "; it still runs" if is_alive(self.owner.pid) else "; it runs no more"


class StackLock:
    """Holds a stack's lock while the `with` block runs; raises StateLocked where someone else does.

    A lock never expires: one of a dead process stays until a person removes it.
    """

    def __init__(
        self, storage: Storage, folder: str, *, stack: str, owner: LockOwner, clock: Clock = time.time_ns
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._path = f"{folder}/{uuid.uuid4()}.json"
        self._stack = stack
        self._owner = owner
        self._clock = clock

    def __enter__(self) -> Self:
        self._refuse_if_held()
        try:
            self._write()
            # Two may have seen no lock at the same instant: then both see each other here.
            self._refuse_if_held()
        except BaseException:
            self._storage.remove(self._path)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What the run failed of matters more than that its lock stays: the next command names the lock.
        with suppress(TomoError) if error is not None else nullcontext():
            self._storage.remove(self._path)

    def _refuse_if_held(self) -> None:
        others = [lock for lock in held_locks(self._storage, self._folder) if lock.path != self._path]
        if others:
            raise locked(self._stack, others, now=self._clock() / 1e9)

    def _write(self) -> None:
        content = orjson.dumps(
            {
                "pid": self._owner.pid,
                "username": self._owner.username,
                "hostname": self._owner.hostname,
                "timestamp": rfc3339(self._clock()),
            }
        )
        # Written under the final name at once: the CLI takes any other file here for a lock too.
        self._storage.create(self._path, content)


def held_locks(storage: Storage, folder: str) -> list[HeldLock]:
    """Every lock in a stack's lock folder, oldest first."""
    found = [entry for entry in storage.list(folder) if entry.is_file and not entry.name.endswith(".attrs")]
    locks = (_read(storage, f"{folder}/{entry.name}") for entry in found)
    return sorted(locks, key=lambda lock: (lock.taken, lock.path))


def remove_locks(storage: Storage, folder: str) -> list[HeldLock]:
    """Removes every lock and returns what was removed; an owner that still runs is not stopped."""
    found = held_locks(storage, folder)
    storage.remove(*(path for lock in found for path in (lock.path, f"{lock.path}.attrs")))
    return found


def locked(stack: str, locks: Sequence[HeldLock], *, now: float) -> StateLocked:
    """The error that names who holds the lock."""
    lines = [lock.describe(now) for lock in locks]
    return StateLocked(
        f"stack `{stack}` is locked by {'; and by '.join(lines)}",
        hint="wait for it to end; if that process is gone, run `tomo state unlock`",
        detail="\n".join(lock.place for lock in locks),
    )


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _read(storage: Storage, path: str) -> HeldLock:
    place = storage.location(path)
    try:
        found = orjson.loads(storage.read(path))
        owner = LockOwner(int(found["pid"]), str(found["username"]), str(found["hostname"]))
        return HeldLock(path, place, owner, str(found["timestamp"]))
    except (StateError, ValueError, KeyError, TypeError):
        # Half-written or foreign: it still says that somebody holds the stack.
        return HeldLock(path, place)
