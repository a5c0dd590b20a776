"""What a run puts on disk: a journal while it goes on, a checkpoint when it ends."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.state.conftest import PROVIDER, STACK, container
from tomo.engine.recorder import Recorder
from tomo.errors import JournalMismatch, StateCorrupt, StateError
from tomo.model.changes import Change, Folding
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, Snapshot
from tomo.model.urn import Urn
from tomo.model.values import Secret
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend, StoredStack
from tomo.state.codec import SnapshotEncoder
from tomo.state.integrity import RunningCheck, problems
from tomo.state.journal import JournalEncoder, JournalHead, first_line, read_journal
from tomo.state.local import LocalAppender, LocalStorage
from tomo.state.saver import RunSaver
from tomo.state.seals import Seals

Fleet = Callable[[int], Snapshot]
HEAD = JournalHead("organization/shop/dev", "run-1", "base")


def begun(backend: FileBackend, stored: StoredStack | None, seals: Seals | None = None) -> RunSaver:
    return backend.saver("shop", "dev", seals, base=stored, owner="kim")


def stored_fleet(backend: FileBackend, managers: PassphraseManagers, snapshot: Snapshot) -> StoredStack:
    backend.writer("shop", "dev", None).save(snapshot)
    return backend.load("shop", "dev", managers)


def running(stored: StoredStack, saver: RunSaver) -> Recorder:
    """A run that has come past the stack and its provider."""
    recorder = Recorder(stored.snapshot, saver)
    for entry in stored.snapshot.resources[:2]:
        recorder.add(entry, entry)
    return recorder


def journal_file(backend: FileBackend) -> Path:
    return Path(backend.location) / ".pulumi" / "stacks" / "shop" / "dev.journal"


def checkpoint_file(backend: FileBackend) -> Path:
    return journal_file(backend).with_name("dev.json")


# --- a run ---------------------------------------------------------------------------------------------


def test_a_step_is_in_the_journal_and_the_checkpoint_stays(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(3))
    before = checkpoint_file(backend).read_bytes()
    recorder = running(stored, begun(backend, stored))
    new = container("new")

    recorder.begin(new, OperationType.CREATING)
    recorder.add(new, None, intent=new)

    assert checkpoint_file(backend).read_bytes() == before
    assert journal_file(backend).stat().st_mode & 0o777 == 0o600
    assert backend.load("shop", "dev", managers).snapshot == recorder.snapshot()


def test_when_a_run_ends_everything_is_in_the_checkpoint_and_the_journal_gone(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(3))
    recorder = running(stored, begun(backend, stored))
    new = container("new")
    recorder.begin(new, OperationType.CREATING)
    recorder.add(new, None, intent=new)

    recorder.finish()

    assert not journal_file(backend).exists()
    after = backend.load("shop", "dev", managers)
    assert (after.snapshot, after.journal) == (recorder.snapshot(), None)


def test_a_run_in_which_nothing_is_done_writes_no_journal(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    written: list[str] = []

    class Watched(LocalStorage):
        def append(self, path: str) -> LocalAppender:
            written.append(path)
            return super().append(path)

    backend = FileBackend(Watched(Path(backend.location)))
    stored = stored_fleet(backend, managers, fleet(3))
    recorder = Recorder(stored.snapshot, begun(backend, stored))
    for entry in stored.snapshot.resources:
        recorder.add(entry, entry)

    recorder.finish()

    assert written == []
    assert backend.load("shop", "dev", managers).snapshot.resources == stored.snapshot.resources


def test_a_stack_that_is_not_there_yet_begins_as_an_empty_one(
    backend: FileBackend, managers: PassphraseManagers
) -> None:
    recorder = Recorder(Snapshot(), begun(backend, None))
    stack = ResourceState(STACK, "pulumi:pulumi:Stack", custom=False)

    recorder.begin(stack, OperationType.CREATING)

    found = backend.load("shop", "dev", managers)
    assert found.journal is not None
    assert [op.resource.urn for op in found.snapshot.pending_operations] == [STACK]


def test_a_crash_between_the_checkpoint_and_the_journals_end_is_no_trouble(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    class Crashing(LocalStorage):
        def remove(self, *paths: str) -> None:
            raise StateError(f"the power is cut before the end of {paths}")

    stored = stored_fleet(backend, managers, fleet(3))
    recorder = running(stored, begun(FileBackend(Crashing(Path(backend.location))), stored))
    new = container("new")
    recorder.begin(new, OperationType.CREATING)
    recorder.add(new, None, intent=new)

    recorder.finish()

    after = backend.load("shop", "dev", managers)
    assert journal_file(backend).exists()
    assert (after.journal, after.snapshot) == (None, recorder.snapshot())
    again = running(after, begun(backend, after))
    again.begin(container("more"), OperationType.CREATING)
    assert backend.load("shop", "dev", managers).journal is not None


def test_a_journal_of_another_state_is_refused_with_both_digests(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet, tmp_path: Path
) -> None:
    stored = stored_fleet(backend, managers, fleet(3))
    running(stored, begun(backend, stored)).begin(container("new"), OperationType.CREATING)
    other = FileBackend(tmp_path / "other").writer("shop", "dev", None)
    other.save(fleet(4))
    checkpoint_file(backend).write_bytes((tmp_path / "other/.pulumi/stacks/shop/dev.json").read_bytes())

    with pytest.raises(JournalMismatch) as caught:
        backend.load("shop", "dev", managers)

    assert stored.digest in caught.value.message
    assert other.digest in caught.value.message
    assert "tomo state repair --drop-journal" in caught.value.hint


def test_a_journal_set_aside_is_kept(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(3))
    running(stored, begun(backend, stored)).begin(container("new"), OperationType.CREATING)
    raw = journal_file(backend).read_bytes()

    place = backend.drop_journal("shop", "dev")

    assert Path(place).read_bytes() == raw
    assert backend.load("shop", "dev", managers).snapshot == stored.snapshot


def test_a_checkpoint_written_beside_a_journal_takes_its_place(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(3))
    running(stored, begun(backend, stored)).begin(container("new"), OperationType.CREATING)
    journal_file(backend).write_bytes(journal_file(backend).read_bytes() + b"half a li")
    left = backend.load("shop", "dev", managers)

    backend.writer("shop", "dev", None).save(replace(left.snapshot, pending_operations=()))

    assert not journal_file(backend).exists()
    assert backend.load("shop", "dev", managers).snapshot == stored.snapshot


def test_secrets_are_sealed_in_the_journal(
    backend: FileBackend, managers: PassphraseManagers, seals: Seals
) -> None:
    recorder = Recorder(Snapshot(), begun(backend, None, seals))
    stack = ResourceState(
        STACK, "pulumi:pulumi:Stack", custom=False, inputs={"password": Secret("hunter2"), "n": 1}
    )

    recorder.begin(stack, OperationType.CREATING)

    assert b"hunter2" not in journal_file(backend).read_bytes()
    [operation] = backend.load("shop", "dev", managers).snapshot.pending_operations
    assert operation.resource.inputs == stack.inputs


def test_a_snapshot_that_breaks_the_rules_is_refused_at_the_step_that_breaks_them(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))
    recorder = running(stored, begun(backend, stored))
    lost = container("new", dependencies=(Urn("urn:pulumi:dev::shop::a:b:C::lost"),))
    recorder.begin(lost, OperationType.CREATING)

    with pytest.raises(StateError, match="a:b:C::lost"):
        recorder.add(lost, None, intent=lost)

    [left] = backend.load("shop", "dev", managers).snapshot.pending_operations
    assert left.resource.urn == lost.urn


def test_what_could_not_be_written_is_written_with_the_next(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))
    recorder = running(stored, begun(backend, stored))
    first, second = container("first"), container("second")
    recorder.begin(first, OperationType.CREATING)

    def full(_handle: int, _content: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StateError, match="No space left"):
            recorder.add(first, None, intent=first)
    recorder.begin(second, OperationType.CREATING)

    assert backend.load("shop", "dev", managers).snapshot == recorder.snapshot()


def test_a_disk_that_fills_up_takes_what_was_done_and_lets_nothing_more_begin(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))
    recorder = running(stored, begun(backend, stored))
    first, second = container("first"), container("second")
    disk = SmallDisk(monkeypatch)
    recorder.begin(first, OperationType.CREATING)

    disk.fills_up()
    recorder.add(first, None, intent=first)
    with pytest.raises(StateError, match="No space left"):
        recorder.begin(second, OperationType.CREATING)

    left = backend.load("shop", "dev", managers).snapshot
    assert left == recorder.snapshot()
    assert left.pending_operations == ()
    assert first.urn in {entry.urn for entry in left.resources}


def test_a_run_on_a_full_disk_begins_nothing(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))
    recorder = running(stored, begun(backend, stored))
    SmallDisk(monkeypatch).fills_up()

    with pytest.raises(StateError, match="No space left"):
        recorder.begin(container("first"), OperationType.CREATING)

    assert recorder.snapshot() == backend.load("shop", "dev", managers).snapshot


class SmallDisk:
    """A disk of which only a reserve is left once it's full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reserves: set[int] = set()
        self._full = False
        self._write, self._close = os.pwrite, os.close
        monkeypatch.setattr(os, "posix_fallocate", self._reserved)
        monkeypatch.setattr(os, "pwrite", self._written)
        monkeypatch.setattr(os, "close", self._closed)

    def fills_up(self) -> None:
        self._full = True

    def _reserved(self, handle: int, _start: int, _size: int) -> None:
        if self._full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._reserves.add(handle)

    def _written(self, handle: int, content: bytes, at: int) -> int:
        if self._full and self._reserves:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(handle, content, at)

    def _closed(self, handle: int) -> None:
        self._reserves.discard(handle)
        self._close(handle)


def test_many_steps_at_once_share_writes_and_each_finds_its_own_on_disk(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))
    recorder = running(stored, begun(backend, stored))
    late: list[str] = []

    def step(name: str) -> None:
        entry = container(name)
        recorder.begin(entry, OperationType.CREATING)
        journal = read_journal(journal_file(backend).read_bytes())
        assert journal is not None
        pending = journal.folded(stored.snapshot, None).pending_operations
        if entry.urn not in [op.resource.urn for op in pending]:
            late.append(name)
        recorder.add(entry, None, intent=entry)

    threads = [threading.Thread(target=step, args=(f"n{number}",)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert late == []
    assert backend.load("shop", "dev", managers).snapshot == recorder.snapshot()


def test_a_run_that_may_write_no_more_does_not(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    stored = stored_fleet(backend, managers, fleet(1))

    def lost() -> None:
        raise StateError("the lock is lost")

    saver = backend.saver("shop", "dev", None, base=stored, guard=lost)

    with pytest.raises(StateError, match="lost"):
        running(stored, saver).begin(container("new"), OperationType.CREATING)
    with pytest.raises(StateError, match="lost"):
        saver.finish(stored.snapshot)

    assert not journal_file(backend).exists()


def test_the_bytes_of_a_step_do_not_grow_with_the_state(
    backend: FileBackend, managers: PassphraseManagers, fleet: Fleet
) -> None:
    # Counted, not timed.
    grown = []
    for count in (10, 1000):
        stored = stored_fleet(backend, managers, fleet(count))
        recorder = running(stored, begun(backend, stored))
        first, second = container("first"), container("second")
        recorder.begin(first, OperationType.CREATING)
        before = journal_file(backend).stat().st_size
        recorder.begin(second, OperationType.CREATING)
        grown.append(journal_file(backend).stat().st_size - before)
        recorder.finish()

    assert grown[0] == grown[1]


# --- the lines -------------------------------------------------------------------------------------------


def lines(count: int) -> list[bytes]:
    encoder = JournalEncoder(HEAD.run, SnapshotEncoder(None))
    recorded: list[Sequence[Change]] = []

    class Kept:
        def ready(self) -> None: ...

        def offer(self, changes: Sequence[Change]) -> int:
            recorded.append(changes)
            return 0

        def wait(self, ticket: int) -> None: ...

        def finish(self, snapshot: Snapshot) -> None: ...

    recorder = Recorder(Snapshot(), Kept())
    for number in range(count):
        recorder.begin(container(f"c{number}"), OperationType.CREATING)
    return [first_line(HEAD), *map(encoder.line, recorded)]


def test_every_torn_end_is_ignored() -> None:
    whole = lines(3)
    raw = b"".join(whole)
    ends = list(itertools.accumulate(map(len, whole)))

    for cut in range(len(raw) + 1):
        journal = read_journal(raw[:cut])

        # The line break itself says nothing: a line is whole without it.
        complete = sum(cut >= end - 1 for end in ends)
        assert (0 if journal is None else 1 + len(journal.lines)) == complete


def test_a_torn_line_that_is_written_again_counts_once() -> None:
    head, one, two, three = lines(3)

    journal = read_journal(head + one + two[:20] + b"\n" + two + two + three)

    assert journal is not None
    assert [line["line"] for line in journal.lines] == [1, 2, 3]


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_line_changed_in_the_middle_is_found(changed: int) -> None:
    whole = lines(3)
    whole[changed] = whole[changed].replace(b"{", b"[", 1)

    with pytest.raises(StateCorrupt, match="damaged"):
        read_journal(b"".join(whole))


def test_a_line_of_another_run_does_not_count() -> None:
    other = JournalEncoder("run-2", SnapshotEncoder(None), lines=3).end("abc")

    journal = read_journal(b"".join([*lines(3), other]))

    assert journal is not None
    assert (journal.end, journal.torn) == ("", True)


# --- any run ---------------------------------------------------------------------------------------------

NAMES = [f"r{number}" for number in range(6)]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["same", "update", "create", "condemn", "remove", "begin"]), st.sampled_from(NAMES)
    ),
    max_size=24,
)


@settings(max_examples=80)
@given(st.lists(st.sampled_from(NAMES), unique=True), ACTS)
def test_every_prefix_of_a_journal_leads_to_the_snapshot_of_its_moment(
    there: list[str], acts: list[tuple[str, str]]
) -> None:
    head = (
        ResourceState(STACK, "pulumi:pulumi:Stack", custom=False),
        ResourceState(PROVIDER, "pulumi:providers:docker", custom=True, id="p1"),
    )
    base = Snapshot((*head, *map(container, there)))
    offered: list[Sequence[Change]] = []
    moments: list[Snapshot] = []

    class Watched:
        def ready(self) -> None: ...

        def offer(self, changes: Sequence[Change]) -> int:
            offered.append(changes)
            moments.append(recorder.snapshot())
            return len(offered)

        def wait(self, ticket: int) -> None: ...

        def finish(self, snapshot: Snapshot) -> None: ...

    recorder = Recorder(base, Watched())
    for entry in head:
        recorder.add(entry, entry)
    _act(recorder, base, acts)
    recorder.finish()
    encoder = JournalEncoder(HEAD.run, SnapshotEncoder(None))
    written = [first_line(HEAD), *map(encoder.line, offered)]

    check = RunningCheck(base)
    for count, moment in enumerate(moments, 1):
        journal = read_journal(b"".join(written[: count + 1]))
        assert journal is not None
        assert journal.folded(base, None) == moment
        check.apply(offered[count - 1])
        assert bool(check.problems()) == bool(problems(moment))
    folding = Folding(base)
    for changes in offered:
        folding.apply(changes)
    assert folding.snapshot() == recorder.snapshot()


def _act(recorder: Recorder, base: Snapshot, acts: list[tuple[str, str]]) -> None:
    """What an engine may do, and a little it never would: each resource is registered once."""
    olds = {entry.urn.name: entry for entry in base.resources[2:]}
    done: set[str] = set()
    for act, name in acts:
        old = olds.get(name)
        if name in done:
            continue
        done.add(name)
        wanted = container(name, protect=True)
        if act == "same" and old is not None:
            recorder.add(replace(old), old)
        elif act == "begin":
            recorder.begin(wanted, OperationType.CREATING)
        elif act == "remove" and old is not None:
            recorder.begin(old, OperationType.DELETING)
            recorder.remove(old, intent=old)
        elif act == "condemn" and old is not None:
            recorder.begin(wanted, OperationType.CREATING)
            recorder.add(wanted, None, intent=wanted, condemned=old)
        else:
            recorder.begin(wanted, OperationType.UPDATING if old else OperationType.CREATING)
            recorder.add(wanted, old, intent=wanted)
