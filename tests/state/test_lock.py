from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
from pathlib import Path

import pytest

from tomo.errors import StateError, StateLocked
from tomo.state.backend import FileBackend
from tomo.state.local import LocalStorage
from tomo.state.lock import LEASE_SECONDS, LockOwner, StackLock

ME = LockOwner.this_process("kim")


def lock_folder(backend: FileBackend) -> Path:
    return Path(backend.location) / ".pulumi" / "locks" / "organization" / "shop" / "dev"


def test_the_lock_file_is_the_one_the_real_cli_writes(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME):
        (path,) = lock_folder(backend).iterdir()
        content = json.loads(path.read_text())

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json", path.name)
    assert list(content)[:4] == ["pid", "username", "hostname", "timestamp"]
    assert content["pid"] == os.getpid()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", content["timestamp"])
    # The CLI shows the name to whoever finds the stack locked.
    assert content["username"] == "kim (Tomo; if that run is gone: tomo state repair)"


def test_the_lock_is_gone_afterwards_also_after_an_error(backend: FileBackend) -> None:
    with pytest.raises(RuntimeError), backend.lock("shop", "dev", owner=ME):
        raise RuntimeError

    assert backend.locks("shop", "dev") == []


def test_a_second_taker_is_refused_and_told_who_holds_it(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME), pytest.raises(StateLocked) as caught:
        backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()

    message = caught.value.message
    told = (
        "`dev`",
        "`kim`",
        f"`{socket.gethostname()}`",
        str(os.getpid()),
        "since",
        "expires in",
        "still runs",
    )
    for part in told:
        assert part in message
    assert "tomo state repair" in caught.value.hint
    assert "--lock-wait" in caught.value.hint
    assert backend.locks("shop", "dev") == []


def test_the_lock_of_a_process_that_died_here_is_taken_over_and_that_is_told(backend: FileBackend) -> None:
    context = multiprocessing.get_context("fork")

    def die() -> None:
        backend.lock("shop", "dev", owner=LockOwner.this_process("sam")).__enter__()
        os._exit(9)

    child = context.Process(target=die)
    child.start()
    child.join()
    told: list[str] = []

    with backend.lock("shop", "dev", owner=ME, tell=told.append):
        [held] = backend.locks("shop", "dev")

    assert held.owner is not None
    assert held.owner.pid == os.getpid()
    assert len(told) == 1
    assert "took over the lock of a run that is gone: `sam`" in told[0]


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(backend: FileBackend) -> None:
    backend.lock("shop", "dev", owner=ME).__enter__()
    [path] = lock_folder(backend).iterdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "tomo": {**content["tomo"], "started": "1"}}))

    with backend.lock("shop", "dev", owner=ME):
        assert not path.exists()


def test_a_lock_of_the_real_cli_is_never_broken_whatever_its_age(backend: FileBackend) -> None:
    theirs = lock_folder(backend) / "11111111-1111-1111-1111-111111111111.json"
    theirs.parent.mkdir(parents=True)
    owner = {"pid": 2**22 + 1, "username": "sam", "hostname": socket.gethostname()}
    theirs.write_text(json.dumps({**owner, "timestamp": "2020-01-01T00:00:00Z"}))

    with pytest.raises(StateLocked, match="runs no more"):
        backend.lock("shop", "dev", owner=ME).__enter__()

    assert theirs.exists()


class Later(LocalStorage):
    """A storage whose clock a test moves on."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead * 1_000_000_000


def test_a_lock_that_was_not_renewed_in_time_is_dead(tmp_path: Path) -> None:
    storage = Later(tmp_path)
    backend = FileBackend(storage)
    backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()
    told: list[str] = []
    storage.ahead = LEASE_SECONDS + 1

    with backend.lock("shop", "dev", owner=ME, tell=told.append):
        pass

    assert "`sam` on `elsewhere`, process 1" in told[0]
    assert "expired 1 second ago" in told[0]


def test_a_lock_of_another_machine_holds_until_then_and_says_all_there_is(tmp_path: Path) -> None:
    storage = Later(tmp_path)
    backend = FileBackend(storage)
    backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()
    storage.ahead = LEASE_SECONDS - 60

    with pytest.raises(StateLocked) as caught:
        backend.lock("shop", "dev", owner=ME).__enter__()

    for part in ("`sam`", "`elsewhere`", "process 1", "1 minute ago", "expires in"):
        assert part in caught.value.message


def test_a_renewed_lock_holds_longer(tmp_path: Path) -> None:
    storage = Later(tmp_path)
    backend = FileBackend(storage)
    with backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")) as lock:
        storage.ahead = LEASE_SECONDS - 1
        lock.renew()
        storage.ahead = LEASE_SECONDS + 60

        with pytest.raises(StateLocked):
            backend.lock("shop", "dev", owner=ME).__enter__()
        lock.guard()


def test_a_run_whose_lock_someone_removed_writes_no_more(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME) as lock:
        backend.unlock("shop", "dev")
        lock.renew()

        with pytest.raises(StateLocked, match="was removed while this run held it"):
            lock.guard()

        assert backend.locks("shop", "dev") == []


def test_a_taker_that_may_wait_gets_the_lock_when_the_owner_is_done(backend: FileBackend) -> None:
    other = backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere"))
    other.__enter__()
    told: list[str] = []
    folder = ".pulumi/locks/organization/shop/dev"

    def pause(_seconds: float) -> None:
        other.__exit__(None, None, None)

    lock = StackLock(backend.storage, folder, stack="dev", owner=ME, wait=30, tell=told.append, pause=pause)
    with lock:
        pass

    assert len(told) == 1
    assert "waiting 30 s" in told[0]


def test_a_taker_waits_no_longer_than_asked(backend: FileBackend) -> None:
    waited: list[float] = []
    folder = ".pulumi/locks/organization/shop/dev"
    with backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")):
        lock = StackLock(backend.storage, folder, stack="dev", owner=ME, wait=2.5, pause=waited.append)

        with pytest.raises(StateLocked):
            lock.__enter__()

    assert sum(waited) == 2.5


def test_what_a_renewal_that_was_cut_off_left_is_no_lock(backend: FileBackend) -> None:
    lock_folder(backend).mkdir(parents=True)
    (lock_folder(backend) / ".x.json.abc.tmp").write_text("{")

    with backend.lock("shop", "dev", owner=ME):
        pass


def test_nothing_is_said_about_processes_of_another_machine(backend: FileBackend) -> None:
    backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()

    with pytest.raises(StateLocked) as caught:
        backend.lock("shop", "dev", owner=ME).__enter__()

    assert "run" not in caught.value.message.replace("run `", "")


def test_a_lock_that_appears_at_the_same_instant_makes_both_step_back(backend: FileBackend) -> None:
    other = lock_folder(backend) / "11111111-1111-1111-1111-111111111111.json"

    class LettingAnotherIn(LocalStorage):
        def create(self, path: str, content: bytes) -> None:
            # The first look has found the folder empty.
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_text("{}")
            super().create(path, content)

    lock = FileBackend(LettingAnotherIn(Path(backend.location))).lock("shop", "dev", owner=ME)

    with pytest.raises(StateLocked, match="unreadable lock file"):
        lock.__enter__()

    assert list(lock_folder(backend).iterdir()) == [other]


def test_a_lock_that_can_not_be_made_says_why_it_can_not(backend: FileBackend) -> None:
    class ReadOnly(LocalStorage):
        def create(self, path: str, content: bytes) -> None:
            raise StateError("can't make it")

        def remove(self, *paths: str) -> None:
            raise StateError("can't remove it")

    lock = FileBackend(ReadOnly(Path(backend.location))).lock("shop", "dev", owner=ME)

    with pytest.raises(StateError, match="can't make it"):
        lock.__enter__()


def test_unlock_removes_every_lock_even_unreadable_ones(backend: FileBackend) -> None:
    backend.lock("shop", "dev", owner=ME).__enter__()
    (lock_folder(backend) / "x.json").write_text("")
    (lock_folder(backend) / "x.json.attrs").write_text("{}")

    removed = backend.unlock("shop", "dev")

    assert len(removed) == 2
    assert list(lock_folder(backend).iterdir()) == []


def test_a_lock_removed_by_someone_else_is_no_error_at_the_end(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME):
        backend.unlock("shop", "dev")


def test_stacks_are_locked_apart(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME), backend.lock("shop", "prod", owner=ME):
        assert len(backend.locks("shop", "dev")) == len(backend.locks("shop", "prod")) == 1


def test_of_many_takers_at_once_at_most_one_holds_the_lock(backend: FileBackend) -> None:
    import threading

    start, holding, most = threading.Barrier(8), [], []

    def take() -> None:
        start.wait()
        try:
            with backend.lock("shop", "dev", owner=ME):
                holding.append(1)
                most.append(len(holding))
                holding.pop()
        except StateLocked:
            pass

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(most, default=1) == 1
    assert backend.locks("shop", "dev") == []
