from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
from pathlib import Path

import pytest

from tomo.errors import StateLocked
from tomo.state.backend import FileBackend
from tomo.state.lock import LockOwner

ME = LockOwner.this_process("kim")


def lock_folder(backend: FileBackend) -> Path:
    return Path(backend.location) / ".pulumi" / "locks" / "organization" / "shop" / "dev"


def test_the_lock_file_is_the_one_the_real_cli_writes(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME):
        (path,) = lock_folder(backend).iterdir()
        content = json.loads(path.read_text())

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json", path.name)
    assert list(content) == ["pid", "username", "hostname", "timestamp"]
    assert content["pid"] == os.getpid()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z", content["timestamp"])


def test_the_lock_is_gone_afterwards_also_after_an_error(backend: FileBackend) -> None:
    with pytest.raises(RuntimeError), backend.lock("shop", "dev", owner=ME):
        raise RuntimeError

    assert backend.locks("shop", "dev") == []


def test_a_second_taker_is_refused_and_told_who_holds_it(backend: FileBackend) -> None:
    with backend.lock("shop", "dev", owner=ME), pytest.raises(StateLocked) as caught:
        backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()

    message = caught.value.message
    for part in ("`dev`", "`kim`", f"`{socket.gethostname()}`", str(os.getpid()), "ago", "still runs"):
        assert part in message
    assert "tomo state unlock" in caught.value.hint
    assert backend.locks("shop", "dev") == []


def test_a_dead_owner_on_this_machine_is_reported_and_not_overruled(backend: FileBackend) -> None:
    context = multiprocessing.get_context("fork")
    child = context.Process(target=int)
    child.start()
    child.join()
    dead = LockOwner(child.pid, "sam", socket.gethostname())
    backend.lock("shop", "dev", owner=dead).__enter__()

    with pytest.raises(StateLocked, match="runs no more"):
        backend.lock("shop", "dev", owner=ME).__enter__()

    assert [lock.owner for lock in backend.locks("shop", "dev")] == [dead]


def test_nothing_is_said_about_processes_of_another_machine(backend: FileBackend) -> None:
    backend.lock("shop", "dev", owner=LockOwner(1, "sam", "elsewhere")).__enter__()

    with pytest.raises(StateLocked) as caught:
        backend.lock("shop", "dev", owner=ME).__enter__()

    assert "run" not in caught.value.message.replace("run `", "")


def test_a_lock_that_appears_at_the_same_instant_makes_both_step_back(backend: FileBackend) -> None:
    other = lock_folder(backend) / "11111111-1111-1111-1111-111111111111.json"

    def clock_that_lets_another_in() -> int:
        # The time is asked for when the first look has found the folder empty.
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text("{}")
        return 0

    lock = FileBackend(Path(backend.location), clock=clock_that_lets_another_in).lock("shop", "dev", owner=ME)

    with pytest.raises(StateLocked, match="unreadable lock file"):
        lock.__enter__()

    assert list(lock_folder(backend).iterdir()) == [other]


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
