"""A command after one that was killed: it says what happened, and goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worlds import World
from tomo.errors import ExitCode, Interrupted, JournalMismatch, StateLocked, UsageError
from tomo.model.events import Event, StepDone
from tomo.model.snapshot import OperationType, PendingOperation
from tomo.model.urn import Urn
from tomo.service.deployments import Deployments
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.recovery import ways_out
from tomo.service.repairs import RepairRequest, Repairs
from tomo.service.runs import ApplyRequest, PlanRequest, RunResult
from tomo.service.workspace import LockTerms


class Killed(BaseException):
    """The end of the process."""


def killed_after(world: World, steps: int) -> None:
    """An apply that is gone after so many steps: its files are as they were then, with its lock."""
    store, aside = world.folder / ".pulumi", world.folder / "aside"
    done: list[Event] = []

    def watch(event: Event) -> None:
        if isinstance(event, StepDone) and event.step.entry.provider and not event.planning:
            done.append(event)
            if len(done) == steps:
                shutil.copytree(store, aside)
            if len(done) >= steps:
                raise Killed

    with pytest.raises(Killed):
        Deployments(world.doors).apply(ApplyRequest(world.place, lambda _: True, sink=watch, parallel=1))
    shutil.rmtree(store)
    aside.rename(store)
    [lock] = (store / "locks").rglob("*.json")
    content = json.loads(lock.read_text())
    content["tomo"]["started"] = "1"
    lock.write_text(json.dumps(content))


def apply(world: World, tell: Callable[[str], None] = lambda _line: None) -> RunResult:
    request = ApplyRequest(world.place, lambda _: True, lock=LockTerms(tell=tell))
    return Deployments(world.doors).apply(request)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_the_next_apply_takes_over_says_so_and_comes_to_the_end(world: World, steps: int) -> None:
    killed_after(world, steps)
    told: list[str] = []

    result = apply(world, told.append)

    assert result.exit_code is ExitCode.OK
    assert "took over the lock of a run that is gone" in told[0]
    notes = [line.message for line in result.shown.plan.diagnostics]
    assert any("an interrupted run" in note and "its journal is folded" in note for note in notes)
    assert world.nas.docker.container_names == ["web"]
    assert not list(world.folder.rglob("*.journal"))
    assert Deployments(world.doors).plan(PlanRequest(world.place)).plan.changes == ()


def test_a_plan_tells_of_it_and_writes_nothing(world: World) -> None:
    killed_after(world, 3)
    before = files(world.folder)

    result = Deployments(world.doors).plan(PlanRequest(world.place))

    notes = [line.message for line in result.plan.diagnostics]
    assert any("what its journal holds counts in this plan" in note for note in notes)
    assert files(world.folder) == before


def test_repair_releases_the_lock_and_folds_the_journal_in(world: World) -> None:
    killed_after(world, 3)
    shown: list[str] = []

    result = Repairs(world.doors).repair(
        RepairRequest(world.place, lambda lines: shown.extend(lines) or True)
    )

    assert "the lock of" in shown[0]
    assert result.unsettled == ()
    assert any("its journal is folded into the state" in line for line in result.lines)
    assert list((world.folder / ".pulumi" / "locks").rglob("*.json")) == []
    assert not list(world.folder.rglob("*.journal"))


def test_repair_does_nothing_while_the_run_goes_on(world: World) -> None:
    apply(world)

    with world.doors.open(world.place).lock(), pytest.raises(StateLocked, match="still runs"):
        Repairs(world.doors).repair(RepairRequest(world.place, lambda _: True))


def test_repair_that_nobody_agrees_to_does_nothing(world: World) -> None:
    killed_after(world, 3)
    before = files(world.folder)

    result = Repairs(world.doors).repair(RepairRequest(world.place, lambda _: False))

    assert result.declined
    assert files(world.folder) == before


def test_a_journal_of_another_state_is_set_aside_by_repair_only(world: World) -> None:
    killed_after(world, 3)
    world.state.write_bytes(world.state.read_bytes() + b"\n")
    shown: list[str] = []

    with pytest.raises(JournalMismatch):
        Deployments(world.doors).plan(PlanRequest(world.place))
    result = Repairs(world.doors).repair(
        RepairRequest(world.place, lambda lines: shown.extend(lines) or True, drop_journal=True)
    )

    assert any("the state does not have: urn:pulumi:" in line for line in shown)
    assert "the journal is kept as" in result.lines[-1]
    assert apply(world).exit_code is ExitCode.OK


# --- what nobody can tell --------------------------------------------------------------------------------


@pytest.fixture
def unknown(world: World) -> Urn:
    """A command of the stack's whose creation was cut off."""
    apply(world)
    workspace = world.doors.open(world.place)
    stored = workspace.stored()
    assert stored is not None
    provider = next(e for e in stored.snapshot.resources if e.type == "pulumi:providers:docker")
    like = next(e for e in stored.snapshot.resources if e.type.startswith("command:"))
    urn = Urn.make("home", "tomo", None, "command:remote:Command", "migrate")
    entry = replace(like, urn=urn, id="", outputs={}, inputs={**like.inputs, "create": "migrate.sh"})
    pending = (PendingOperation(entry, OperationType.CREATING),)
    workspace.writer(stored.salt).save(replace(stored.snapshot, pending_operations=pending))
    assert provider
    return urn


def test_an_apply_stops_at_what_nobody_can_tell_and_says_what_to_type(world: World, unknown: Urn) -> None:
    with pytest.raises(Interrupted, match="migrate") as caught:
        apply(world)

    assert f"tomo state repair --forget '{unknown}'" in caught.value.hint
    assert f"tomo state repair --keep '{unknown}'" in caught.value.hint
    noted = Deployments(world.doors).plan(PlanRequest(world.place)).plan.diagnostics
    assert any("nothing tells whether the command has run" in line.message for line in noted)


@pytest.mark.parametrize("answer", ["forget", "keep"])
def test_what_a_person_says_of_it_holds(world: World, unknown: Urn, answer: str) -> None:
    said = {"forget": (unknown.name,)} if answer == "forget" else {"keep": {str(unknown): ""}}

    result = Repairs(world.doors).repair(RepairRequest(world.place, lambda _: True, **said))  # type: ignore[arg-type]

    snapshot = world.doors.open(world.place).snapshot()
    assert result.unsettled == snapshot.pending_operations == ()
    assert (unknown in {entry.urn for entry in snapshot.resources}) == (answer == "keep")


def test_forgetting_and_keeping_one_and_the_same_is_refused(world: World, unknown: Urn) -> None:
    before = files(world.folder)

    with pytest.raises(UsageError, match="`migrate` can't be forgotten and kept"):
        Repairs(world.doors).repair(
            RepairRequest(world.place, lambda _: True, forget=(unknown.name,), keep={str(unknown): ""})
        )

    assert files(world.folder) == before


def test_what_to_type_asks_for_an_id_where_only_a_person_knows_it(unknown: Urn) -> None:
    made = Urn.make("dev", "shop", None, "pulumi-python:dynamic:Resource", "db")

    assert ways_out(made)[1] == f"tomo state repair --keep '{made}=ID'"
    assert ways_out(unknown)[1] == f"tomo state repair --keep '{unknown}'"


@pytest.mark.parametrize("answer", ["forget", "keep=", ""])
def test_at_a_terminal_repair_asks(world: World, unknown: Urn, answer: str) -> None:
    result = Repairs(world.doors).repair(
        RepairRequest(world.place, lambda _: True, decide=lambda _resolved: answer)
    )

    assert [each.urn for each in result.unsettled] == ([] if answer else [unknown])


def test_a_kept_plan_is_neither_made_nor_applied_beside_a_journal(world: World) -> None:
    plans = SavedPlans(world.doors)
    request = SavePlanRequest(PlanRequest(world.place), world.folder / "plan.json")
    plans.save(request)
    killed_after(world, 3)

    with pytest.raises(Interrupted, match="no saved plan can rest on it"):
        plans.save(replace(request, file=world.folder / "other.json"))
    with pytest.raises(Interrupted):
        plans.apply(ApplyPlanRequest(world.place, request.file, lambda _: None))

    assert not (world.folder / "other.json").exists()
