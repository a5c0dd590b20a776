"""A run killed at any instant: the next one finds out what was done and comes to the same end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.recovery import Fate, Recovery, Terms, recover
from tomo.engine.run import Options, World
from tomo.errors import StackNotFound, StateError, TomoError
from tomo.model.events import Result, ignore
from tomo.model.provider import (
    CreateRequest,
    CreateResult,
    DeleteRequest,
    Provider,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.source import ProgramRun
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend, StoredStack
from tomo.testing.fake_provider import TYPE, FakeProvider, FakeWorld
from tomo.testing.lifecycle import PROJECT, STACK, FunctionSource, Program
from tomo.testing.memory_storage import MemoryStorage

NOW = "2026-01-01T00:00:00Z"
NO_SECRETS = PassphraseManagers(lambda: "")


class Killed(BaseException):
    """The end of the process, at once."""


@dataclass
class Death:
    """Ends everything at one of the moments that are counted; what comes after that does not happen either."""

    at: int = -1
    moments: int = 0
    dead: bool = False

    def moment(self) -> None:
        if self.dead or self.moments == self.at:
            self.dead = True
            raise Killed
        self.moments += 1


class MortalProvider(FakeProvider):
    """A fake provider whose every act has a moment before and one behind it."""

    def __init__(self, world: FakeWorld, death: Death) -> None:
        super().__init__(world)
        self._death = death

    @contextmanager
    def _act(self, *, preview: bool) -> Iterator[None]:
        if not preview:
            self._death.moment()
        yield
        if not preview:
            self._death.moment()

    def create(self, request: CreateRequest) -> CreateResult:
        with self._act(preview=request.preview):
            return super().create(request)

    def update(self, request: UpdateRequest) -> UpdateResult:
        with self._act(preview=request.preview):
            return super().update(request)

    def delete(self, request: DeleteRequest) -> None:
        with self._act(preview=False):
            super().delete(request)


@dataclass
class Machine:
    """What outlives a process: the disk and the world. Every command starts anew from them."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    world: FakeWorld = field(default_factory=FakeWorld)
    death: Death = field(default_factory=Death)

    def load(self, package: str, version: str) -> Provider:
        return MortalProvider(self.world, self.death)

    @property
    def backend(self) -> FileBackend:
        return FileBackend(self.storage)

    def stored(self) -> StoredStack | None:
        try:
            return self.backend.load(PROJECT, STACK, NO_SECRETS)
        except StackNotFound:
            return None

    @property
    def snapshot(self) -> Snapshot:
        stored = self.stored()
        return stored.snapshot if stored else Snapshot()

    def recover(self, terms: Terms | None = None) -> Recovery:
        """As the service does it ahead of a run."""
        stored = self.stored()
        if stored is None:
            return Recovery(Snapshot())
        found = recover(stored.snapshot, self, lambda: NOW, terms or Terms(act=True))
        if stored.journal or found.resolved:
            self.backend.writer(PROJECT, STACK, None).save(found.snapshot)
        return found

    def up(self, program: Callable[[Program], None], *, dry: bool = False, parallel: int = 1) -> Outcome:
        if not dry:
            self.recover()
        stored = self.stored()
        ids = itertools.count(1)
        world = World(
            self,
            ignore,
            now=lambda: NOW,
            new_id=lambda: f"00000000-0000-4000-8000-{next(ids):012d}",
            saver=self.backend.saver(PROJECT, STACK, None, base=stored),
            executor=executor,
        )
        base = stored.snapshot if stored else Snapshot()
        run = ProgramRun(PROJECT, STACK, dry_run=dry)
        return Deployment(run, base, world, Options(parallel=parallel)).up(FunctionSource(program))

    def die_at(self, moment: int) -> None:
        """From now on counted; the storage's writes are moments too, and a torn one is another."""
        self.death = Death(moment)

        def before(_verb: str, _path: str, content: bytes) -> bytes | None:
            self.death.moment()
            try:
                self.death.moment()
            except Killed:
                # Power is cut in the middle of a write: of a growing file a part is there.
                if _verb == "append":
                    self.storage.files[_path] = _longer(self.storage, _path, content)
                raise
            return None

        self.storage.before = before
        self.storage.after = lambda *_: self.death.moment()

    def live(self) -> None:
        """A new process on the same machine."""
        self.death = Death()
        self.storage.before = self.storage.after = lambda *_: None


def _longer(storage: MemoryStorage, path: str, content: bytes):
    from dataclasses import replace

    found = storage.files[path]
    return replace(found, raw=found.raw + content[: len(content) // 2])


def thirty(p: Program) -> None:
    """Thirty steps: ten chains of three."""
    for number in range(10):
        first = p.res(f"a{number}", {"v": 1})
        second = p.res(f"b{number}", {"v": first.out("out")})
        p.res(f"c{number}", {"v": 1}, needs=[second])
    p.export(done=1)


def before_thirty(p: Program) -> None:
    for number in range(4):
        p.res(f"kept{number}", {"v": 1})
        p.res(f"updated{number}", {"v": 1})
        first = p.res(f"replaced{number}", {"r": 1})
        p.res(f"user{number}", {"v": first.out("out")})
        p.res(f"anew{number}", {"d": 1})
        p.res(f"gone{number}", {"v": 1})


def mixed_thirty(p: Program) -> None:
    """Creations, updates, replacements of both kinds, deletions: thirty and more."""
    for number in range(4):
        p.res(f"kept{number}", {"v": 1})
        p.res(f"updated{number}", {"v": 2})
        first = p.res(f"replaced{number}", {"r": 2})
        p.res(f"user{number}", {"v": first.out("out")})
        p.res(f"anew{number}", {"d": 2})
        p.res(f"new{number}", {"v": 1})


def is_whole(machine: Machine, program: Callable[[Program], None]) -> None:
    """Nothing lost, nothing twice, no orphan, and nothing left to do."""
    snapshot = machine.snapshot
    recorded = sorted(entry.id for entry in snapshot.resources if entry.type == TYPE)
    assert recorded == sorted(machine.world.things)
    names = [thing["auto"] for thing in machine.world.things.values()]
    assert len(names) == len(set(names))
    assert snapshot.pending_operations == ()
    assert not any(path.endswith(".journal") for path in machine.storage.files)
    assert machine.up(program, dry=True).plan.changes == ()


# Each with the distance of the moments that are tried: all of one, every fourth of the other.
CASES = {"creations": (None, thirty, 1), "everything": (before_thirty, mixed_thirty, 4)}


@pytest.mark.parametrize("case", CASES)
def test_a_run_killed_at_any_moment_of_thirty_steps_is_brought_to_its_end(case: str) -> None:
    first, second, stride = CASES[case]
    whole = _prepared(first)
    whole.die_at(-1)
    whole.up(second)
    moments = whole.death.moments
    whole.live()
    is_whole(whole, second)
    assert moments > 200

    for moment in range(0, moments, stride):
        machine = _prepared(first)
        machine.die_at(moment)
        with suppress(Killed):
            machine.up(second)
        assert machine.death.dead
        machine.live()

        outcome = machine.up(second)

        assert outcome.result is Result.SUCCEEDED
        is_whole(machine, second)


def _prepared(program: Callable[[Program], None] | None) -> Machine:
    machine = Machine()
    if program is not None:
        machine.up(program)
    return machine


def test_a_run_killed_while_it_recovers_is_brought_to_its_end_as_well() -> None:
    def interrupted() -> Machine:
        machine = Machine()
        machine.die_at(103)
        with suppress(Killed):
            machine.up(thirty)
        machine.live()
        return machine

    whole = interrupted()
    whole.die_at(-1)
    whole.recover()
    moments = whole.death.moments
    assert moments

    for moment in range(moments):
        machine = interrupted()
        machine.die_at(moment)
        with suppress(Killed):
            machine.recover()
        machine.live()
        machine.up(thirty)

        is_whole(machine, thirty)


@pytest.mark.parametrize("verb", ["append", "create", "write"])
def test_a_disk_that_is_full_at_any_write_loses_nothing(verb: str) -> None:
    for number in range(0, 70, 3):
        machine = Machine()
        writes = itertools.count()

        def full(
            doing: str,
            _path: str,
            _content: bytes,
            writes: Iterator[int] = writes,
            number: int = number,
        ) -> None:
            if doing == verb and next(writes) >= number:
                raise StateError("can't write: No space left on device")

        machine.storage.before = full
        with suppress(TomoError):
            machine.up(thirty, parallel=4)
        machine.live()
        machine.up(thirty)

        is_whole(machine, thirty)


def test_a_plan_after_a_crash_counts_what_was_done_and_writes_nothing() -> None:
    machine = Machine()
    machine.die_at(103)
    with suppress(Killed):
        machine.up(thirty)
    machine.live()
    made = len(machine.world.things)
    files = dict(machine.storage.files)

    stored = machine.stored()
    assert stored is not None
    found = recover(stored.snapshot, machine, lambda: NOW)

    assert sum(entry.type == TYPE for entry in found.snapshot.resources) == made
    assert found.snapshot.pending_operations == ()
    assert machine.storage.files == files


def pending(machine: Machine, name: str, kind: OperationType, **changes: object) -> None:
    """Lets the state say that an operation on a resource was begun."""
    from dataclasses import replace

    snapshot = machine.snapshot
    entry = next(each for each in snapshot.resources if each.urn.name == name)
    if kind is OperationType.CREATING:
        rest = tuple(each for each in snapshot.resources if each is not entry)
        entry = replace(entry, id="", outputs={})
        snapshot = replace(snapshot, resources=rest)
    operation = PendingOperation(replace(entry, **changes), kind)  # type: ignore[arg-type]
    machine.backend.writer(PROJECT, STACK, None).save(replace(snapshot, pending_operations=(operation,)))


def one(p: Program) -> None:
    p.res("a", {"v": 1})


def test_a_creation_on_a_silent_host_stays_open() -> None:
    machine = _prepared(one)
    pending(machine, "a", OperationType.CREATING)
    machine.world.silent.add("")

    found = machine.recover()

    assert [each.fate for each in found.unsettled] == [Fate.UNREACHED]
    assert len(machine.snapshot.pending_operations) == 1


class Mute(MortalProvider):
    """A provider that can't tell what became of a creation, nor look."""

    from tomo.model.provider import ProviderBase

    recover = ProviderBase.recover
    read = ProviderBase.read


class MuteMachine(Machine):
    def load(self, package: str, version: str) -> Provider:
        return Mute(self.world, self.death)


def test_a_creation_of_which_nothing_tells_stays_open_until_a_person_says() -> None:
    machine = MuteMachine()
    machine.up(one)
    pending(machine, "a", OperationType.CREATING)
    urn = machine.snapshot.pending_operations[0].resource.urn

    [left] = machine.recover().unsettled
    kept = recover(machine.snapshot, machine, lambda: NOW, Terms(keep={urn: "a-1"})).snapshot
    forgotten = recover(machine.snapshot, machine, lambda: NOW, Terms(forget=[urn])).snapshot

    assert (left.fate, left.urn) == (Fate.UNKNOWN, urn)
    assert [entry.id for entry in kept.resources if entry.urn == urn] == ["a-1"]
    assert [entry for entry in forgotten.resources if entry.urn == urn] == []
    assert kept.pending_operations == forgotten.pending_operations == ()


@pytest.mark.parametrize("kind", [OperationType.UPDATING, OperationType.DELETING])
def test_what_was_being_changed_is_as_a_look_finds_it(kind: OperationType) -> None:
    machine = _prepared(one)
    pending(machine, "a", kind)
    [id_] = machine.world.things
    machine.world.things[id_]["v"] = 7

    found = machine.recover()

    [entry] = [entry for entry in machine.snapshot.resources if entry.type == TYPE]
    assert entry.inputs["v"] == 7
    assert [each.fate for each in found.resolved] == [Fate.LOOKED_AT]


def test_what_was_being_deleted_and_is_gone_leaves_the_state_and_all_mentions_of_it() -> None:
    def two(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": 1}, needs=[a])

    machine = _prepared(two)
    pending(machine, "a", OperationType.DELETING)
    del machine.world.things["a-1"]

    machine.recover()

    [entry] = [entry for entry in machine.snapshot.resources if entry.type == TYPE]
    assert (entry.urn.name, entry.dependencies) == ("b", ())
