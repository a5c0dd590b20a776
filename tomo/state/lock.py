"""The stack's lock, by the very protocol of the Pulumi CLI (engine-spec 4.2)."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import Final, Self

import orjson

from tomo.errors import StateError, StateLocked, TomoError
from tomo.frozen import frozen
from tomo.model.storage import Storage
from tomo.state.clock import age, parse_rfc3339, rfc3339
from tomo.state.process import Process


@frozen
class LockOwner:
    """Who holds or takes a lock."""

    pid: int
    username: str
    hostname: str

    @classmethod
    def this_process(cls, username: str) -> LockOwner:
        """The owner that this process is."""
        return cls(os.getpid(), username, socket.gethostname())


@frozen
class Lease:
    """What Tomo's own locks say besides: by which process, until when, under which name."""

    process: Process
    expires: str
    owner: str


@frozen
class HeldLock:
    """A lock file as found; `owner` is None where the file can't be read, `lease` where it isn't Tomo's.

    `path` is the file's in its storage, `place` where a person finds it.
    """

    path: str
    place: str
    owner: LockOwner | None = None
    taken: str = ""
    lease: Lease | None = None

    def describe(self, now: float) -> str:
        """One line for people: who, where, since when, until when, and whether that process lives."""
        if self.owner is None:
            return f"unreadable lock file `{self.place}`"
        since = parse_rfc3339(self.taken)
        ago = f" ({age(now - since)} ago)" if since is not None else ""
        name = self.lease.owner if self.lease else self.owner.username
        who = f"`{name}` on `{self.owner.hostname}`, process {self.owner.pid}"
        return f"{who}, since {self.taken}{ago}{self._until(now)}{self._liveness()}"

    def is_dead(self, now: float) -> bool:
        """Whether it is one of Tomo's whose process is certainly gone, or that was not renewed in time.

        A lock of Pulumi's CLI is never dead: nothing in it says how long it holds.
        """
        if self.lease is None:
            return False
        expires = parse_rfc3339(self.lease.expires)
        return self._is_gone() or (expires is not None and expires < now)

    def runs_here(self) -> bool:
        """Whether its process is certainly one of this machine that runs."""
        if self.owner is None or self.owner.hostname != socket.gethostname():
            return False
        return is_alive(self.owner.pid) and not self._is_gone()

    def _is_gone(self) -> bool:
        here = self.owner is not None and self.owner.hostname == socket.gethostname()
        return here and self.lease is not None and self.lease.process.is_gone()

    def _until(self, now: float) -> str:
        expires = parse_rfc3339(self.lease.expires) if self.lease else None
        if expires is None:
            return ""
        return (
            f", expires in {age(expires - now)}" if expires > now else f", expired {age(now - expires)} ago"
        )

    def _liveness(self) -> str:
        if self.owner is None or self.owner.hostname != socket.gethostname():
            return ""
        return "; it still runs" if self.runs_here() else "; it runs no more"


LEASE_SECONDS: Final = 120
_RENEW_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 1.0


class StackLock:
    """Holds a stack's lock while the `with` block runs; raises StateLocked where someone else does.

    A lock of Tomo's whose owner is dead is taken over; one of Pulumi's CLI stays until a person removes it.
    While the block runs the lock is renewed. `wait` is how many seconds another owner is waited for; `tell`
    is told of both.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str,
        *,
        stack: str,
        owner: LockOwner,
        wait: float = 0.0,
        tell: Callable[[str], None] = lambda _line: None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._path = f"{folder}/{uuid.uuid4()}.json"
        self._stack = stack
        self._owner = owner
        self._wait, self._tell, self._pause = wait, tell, pause
        self._process = Process.of(owner.pid)
        self._taken = ""
        self._renewed = 0.0
        self._lost = False
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def __enter__(self) -> Self:
        left = self._wait
        while True:
            try:
                self._take()
                break
            except StateLocked as error:
                if left <= 0:
                    raise
                if left == self._wait:
                    self._tell(f"{error.message}; waiting {left:g} s for it")
            nap = min(_WAIT_SECONDS, left)
            self._pause(nap)
            left -= nap
        self._renewing = threading.Thread(target=self._keep_renewed, name="tomo-lock", daemon=True)
        self._renewing.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        # What the run failed of matters more than that its lock stays: the next command names the lock.
        with suppress(TomoError) if error is not None else nullcontext():
            self._storage.remove(self._path)

    def guard(self) -> None:
        """Raises StateLocked where the lock is no longer this run's; asks the disk only when it's overdue."""
        if not self._lost and time.time() - self._renewed > LEASE_SECONDS / 2:
            # The machine may have slept: others may have taken the lock for dead meanwhile.
            self.renew()
        if self._lost:
            raise StateLocked(
                f"the lock of stack `{self._stack}` was removed while this run held it; it writes no more",
                hint="run the command again: it finds out what this run has done",
            )

    def renew(self) -> None:
        """Says that the owner still lives; a lock that someone removed is not made again."""
        if not self._storage.modified([self._path]):
            self._lost = True
            return
        self._storage.write(self._path, self._content())
        self._renewed = time.time()

    # --- parts ------------------------------------------------------------------------------------------

    def _take(self) -> None:
        self._refuse_if_held()
        try:
            self._taken = rfc3339(self._storage.now())
            # Written under the final name at once: the CLI takes any other file here for a lock too.
            self._storage.create(self._path, self._content())
            # Two may have seen no lock at the same instant: then both see each other here.
            self._refuse_if_held()
        except BaseException:
            # Why it can't be made matters more than that what is left of it can't be removed.
            with suppress(TomoError):
                self._storage.remove(self._path)
            raise
        self._renewed = time.time()

    def _refuse_if_held(self) -> None:
        others = [lock for lock in held_locks(self._storage, self._folder) if lock.path != self._path]
        if not others:
            return
        now = self._storage.now() / 1e9
        dead = [lock for lock in others if lock.is_dead(now)]
        for lock in dead:
            self._storage.remove(lock.path)
            self._tell(f"took over the lock of a run that is gone: {lock.describe(now)}")
        living = [lock for lock in others if lock not in dead]
        if living:
            raise locked(self._stack, living, now=now)

    def _content(self) -> bytes:
        owner, process = self._owner, self._process
        expires = rfc3339(self._storage.now() + LEASE_SECONDS * 1_000_000_000)
        return orjson.dumps(
            {
                "pid": owner.pid,
                # The CLI shows these four, and this one is where it says what to do after a crash.
                "username": f"{owner.username} (Tomo; if that run is gone: tomo state repair)",
                "hostname": owner.hostname,
                "timestamp": self._taken,
                "tomo": {
                    "owner": owner.username,
                    "boot": process.boot,
                    "namespace": process.namespace,
                    "started": process.started,
                    "expires": expires,
                },
            }
        )

    def _keep_renewed(self) -> None:
        while not self._ended.wait(_RENEW_SECONDS) and not self._lost:
            # A disk or host that can't be reached now may be back in time; `guard` looks again.
            with suppress(TomoError):
                self.renew()


def held_locks(storage: Storage, folder: str) -> list[HeldLock]:
    """Every lock in a stack's lock folder, oldest first."""
    found = [entry for entry in storage.list(folder) if entry.is_file and not _is_aside(entry.name)]
    locks = (_read(storage, f"{folder}/{entry.name}") for entry in found)
    return sorted(locks, key=lambda lock: (lock.taken, lock.path))


def _is_aside(name: str) -> bool:
    """Side files of Pulumi's, and what a renewal that was cut off may have left."""
    return name.endswith(".attrs") or (name.startswith(".") and name.endswith(".tmp"))


def remove_locks(storage: Storage, folder: str) -> list[HeldLock]:
    """Removes every lock and returns what was removed; an owner that still runs is not stopped."""
    found = held_locks(storage, folder)
    storage.remove(*(f"{folder}/{entry.name}" for entry in storage.list(folder) if entry.is_file))
    return found


def locked(stack: str, locks: Sequence[HeldLock], *, now: float) -> StateLocked:
    """The error that names who holds the lock."""
    lines = [lock.describe(now) for lock in locks]
    return StateLocked(
        f"stack `{stack}` is locked by {'; and by '.join(lines)}",
        hint="wait for it to end, with `--lock-wait SECONDS`; if that run is gone, run `tomo state repair`",
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
        return HeldLock(path, place, owner, str(found["timestamp"]), _lease(found.get("tomo"), owner.pid))
    except (StateError, ValueError, KeyError, TypeError):
        # Half-written or foreign: it still says that somebody holds the stack.
        return HeldLock(path, place)


def _lease(found: object, pid: int) -> Lease | None:
    if not isinstance(found, dict):
        return None
    process = Process(pid, *(str(found.get(key) or "") for key in ("boot", "namespace", "started")))
    return Lease(process, str(found.get("expires") or ""), str(found.get("owner") or ""))
