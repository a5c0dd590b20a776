"""A run of Tomo's is killed, Pulumi's CLI comes by, and Tomo goes on."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from conformance.engines import Program, PulumiCli, TomoEngine
from conformance.store import PROJECT, STACK, Store
from conformance.vocabulary import Res
from tomo.engine.recovery import Terms, recover
from tomo.errors import JournalMismatch
from tomo.state.lock import LockOwner
from tomo.testing.fake_provider import FakeProviders

pytestmark = pytest.mark.pulumi_cli


def before() -> None:
    Res("kept", {"v": 1})


def wanted() -> None:
    Res("kept", {"v": 1})
    Res("made", {"v": 1})


def dying() -> None:
    Res("kept", {"v": 1})
    # What is answered is in the journal; then the process ends as by `kill -9`.
    Res("made", {"v": 1}).id.apply(lambda _id: os._exit(9))


def run_killed(store: Store, tomo: TomoEngine, program: Program) -> None:
    """Tomo in a process of its own that dies with the lock; the world is told what it made."""

    def run() -> None:
        store.backend.lock(PROJECT, STACK, owner=LockOwner.this_process("kim")).__enter__()
        tomo.up(store, program)

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
    assert child.exitcode == 9
    made = next(entry for entry in store.snapshot().resources if entry.urn.name == "made")
    store.world.things[made.id] = {key: made.inputs[key] for key in made.inputs}


@pytest.fixture
def interrupted(store: Store, tomo: TomoEngine) -> Store:
    assert tomo.up(store, before).ok
    run_killed(store, tomo, dying)
    return store


def test_the_cli_is_refused_and_shows_what_to_type(interrupted: Store, pulumi_cli: PulumiCli) -> None:
    refused = pulumi_cli.up(interrupted, wanted)

    assert not refused.ok
    assert "locked" in refused.said
    assert "tomo state repair" in refused.said
    assert "kim" in refused.said


def test_the_cli_reads_the_stack_beside_its_journal(interrupted: Store, pulumi_cli: PulumiCli) -> None:
    # A preview asks for no lock; the checkpoint is the one from before the run.
    seen = pulumi_cli.plan(interrupted, before)

    assert seen.ok, seen.said
    assert seen.changes == {}


def test_after_a_repair_the_cli_has_nothing_to_do(
    interrupted: Store, pulumi_cli: PulumiCli, tomo: TomoEngine
) -> None:
    stored = interrupted.backend.load(PROJECT, STACK, interrupted.secrets)
    found = recover(stored.snapshot, FakeProviders(interrupted.world), lambda: "", Terms(act=True))
    interrupted.backend.unlock(PROJECT, STACK)
    interrupted.backend.writer(PROJECT, STACK, stored.seals_under(interrupted.manager)).save(found.snapshot)

    for engine in (pulumi_cli, tomo):
        assert engine.plan(interrupted, wanted).changes == {}
        assert engine.up(interrupted, wanted).changes == {}


def test_what_the_cli_writes_in_between_makes_the_journal_another_states(
    interrupted: Store, pulumi_cli: PulumiCli, tomo: TomoEngine
) -> None:
    interrupted.backend.unlock(PROJECT, STACK)  # as `pulumi cancel` does
    assert pulumi_cli.up(interrupted, before).ok

    with pytest.raises(JournalMismatch) as caught:
        tomo.plan(interrupted, wanted)
    lost = interrupted.backend.only_in_journal(PROJECT, STACK)
    interrupted.backend.drop_journal(PROJECT, STACK)

    assert len({word for word in caught.value.message.split("`") if len(word) == 64}) == 2
    assert len(lost) == 1
    assert "::made (id made-" in lost[0]
    assert tomo.plan(interrupted, before).changes == {}
