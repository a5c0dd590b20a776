"""What use cases leave in the audit record, also where they are refused, fail or are stopped."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.audit.events import event
from tests.databases import put_database
from tests.worlds import World
from tomo.audit.chain import sealed
from tomo.audit.retention import Policy
from tomo.audit.waiting import Waiting
from tomo.db.address import database_address
from tomo.errors import AuditBroken, AuditUnwritable, ConfigMissing, DatabaseError, PlanRefused, UsageError
from tomo.model.audit import AuditEvent, AuditOutcome
from tomo.model.values import Secret
from tomo.service.audits import (
    Audits,
    ExportAuditRequest,
    ListAuditRequest,
    RetainAuditRequest,
    VerifyAuditRequest,
)
from tomo.service.deployments import Deployments
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.recording import Actor, Trail, audit_store, checksum, recorded
from tomo.service.runs import ApplyRequest, PlanRequest, RefreshRequest
from tomo.service.secret_names import RemoveSecretRequest, Secrets, SetSecretRequest
from tomo.service.servers import RemoveServerRequest, Servers
from tomo.service.state_edits import ForgetRequest, StateEdits
from tomo.service.who import person_here
from tomo.service.wiring import Doors


@pytest.fixture(autouse=True)
def _database(world: World) -> None:
    """A database that is there already."""
    put_database(world.settings.data_folder)


WHO = Actor("anna@desk", "owner", "cli")


def doors_of(world: World, told: list[str] | None = None) -> Doors:
    """The world's doors, with a record of what goes through them."""
    told = [] if told is None else told
    return replace(world.doors, trail=Trail(world.settings, WHO, told.append))


def events(world: World, *, everything: bool = False) -> list[AuditEvent]:
    listed = Audits(world.doors).list(ListAuditRequest(50, everything))
    return [entry.event for entry in listed]


def outcomes(world: World, *, everything: bool = False) -> list[tuple[str, str]]:
    return [(each.action, each.outcome.value) for each in events(world, everything=everything)]


def apply(doors: Doors, world: World, *, agreed: bool = True) -> None:
    Deployments(doors).apply(ApplyRequest(world.place, lambda _: agreed, message="a test"))


def test_an_apply_is_recorded_before_it_begins_and_when_it_has_ended(world: World) -> None:
    apply(doors_of(world), world)

    begun, done = events(world, everything=True)

    assert (begun.outcome, done.outcome) == (AuditOutcome.BEGUN, AuditOutcome.DONE)
    assert (done.actor, done.role, done.surface, done.object) == ("anna@desk", "owner", "cli", "tomo/home")
    assert begun.correlation == done.correlation
    assert begun.run == done.run != ""
    assert int(done.details["create"]) > 0


def test_an_apply_that_a_person_declined_is_recorded(world: World) -> None:
    apply(doors_of(world), world, agreed=False)

    assert outcomes(world) == [("apply", "declined")]


def test_an_apply_that_fails_is_recorded_with_its_exit_code(world: World) -> None:
    world.nas.faults.unreachable = True

    apply(doors_of(world), world)

    assert outcomes(world) == [("apply", "failed")]


def test_what_ends_with_an_error_names_its_code(world: World) -> None:
    doors = doors_of(world)

    with pytest.raises(UsageError):
        Servers(doors).remove(RemoveServerRequest(world.place, "nas"))

    (event,) = events(world)
    assert (event.action, event.outcome) == ("server.remove", AuditOutcome.REFUSED)
    assert event.object == "tomo/home#nas"
    assert event.details["error"] == "usage"


def test_a_run_that_is_torn_away_leaves_what_it_began(world: World) -> None:
    trail = doors_of(world).trail
    assert trail is not None

    with pytest.raises(KeyboardInterrupt), recorded(doors_of(world), "apply", "x"):
        raise KeyboardInterrupt

    assert outcomes(world, everything=True) == [("apply", "begun"), ("apply", "stopped")]


def test_a_settings_change_has_the_checksums_of_before_and_after(world: World) -> None:
    before = checksum(world.config)

    Secrets(doors_of(world)).set(SetSecretRequest(world.place, "MAIL", Secret("hunter22")))

    (event,) = events(world)
    assert event.details == {
        "Pulumi.home.yaml.old": before,
        "Pulumi.home.yaml.new": checksum(world.config),
    }
    assert "hunter22" not in str(event)


def test_secrets_that_an_apply_makes_change_the_config_and_its_entry_says_so(world: World) -> None:
    before = checksum(world.config)

    apply(doors_of(world), world)

    (event,) = events(world)
    assert event.details["Pulumi.home.yaml.old"] == before
    assert event.details["Pulumi.home.yaml.new"] == checksum(world.config) != before


def test_a_secret_that_is_not_there_is_recorded_as_failed(world: World) -> None:
    with pytest.raises(ConfigMissing):
        Secrets(doors_of(world)).remove(RemoveSecretRequest(world.place, "NONE"))

    assert outcomes(world) == [("secret.remove", "failed")]


def test_edits_of_the_state_and_refreshes_are_recorded(world: World) -> None:
    doors = doors_of(world)
    apply(doors, world)
    Deployments(doors).refresh(RefreshRequest(world.place, lambda _: True))
    urn = next(each.urn for each in world.plan().plan.steps if each.urn.type.endswith(":Container"))
    StateEdits(doors).forget(ForgetRequest(world.place, urn, lambda _: False))

    assert outcomes(world)[1:] == [("refresh", "done"), ("state.delete", "declined")]


def test_a_saved_plan_is_named_by_its_digest_also_where_it_is_refused(world: World, tmp_path: Path) -> None:
    doors = doors_of(world)
    file = tmp_path / "plan"
    kept = SavedPlans(doors).save(SavePlanRequest(PlanRequest(world.place), file))
    request = ApplyPlanRequest(world.place, file, lambda _: None)

    SavedPlans(doors).apply(request)
    with pytest.raises(PlanRefused):
        SavedPlans(doors).apply(request)

    first, second = events(world)
    assert (first.outcome, second.outcome) == (AuditOutcome.DONE, AuditOutcome.REFUSED)
    assert first.plan == second.plan == kept.digest


# --- where the database can't be written -------------------------------------------------------------


def broken(world: World) -> Path:
    """Puts something in the database's place that is none."""
    file = world.settings.data_folder / "tomo.db"
    file.write_bytes(b"not a database at all, of no use to anybody" * 30)
    return file


def test_an_apply_goes_on_where_the_database_is_broken_and_its_entries_wait(world: World) -> None:
    file, told = broken(world), []

    apply(doors_of(world, told), world)

    assert world.state.exists()
    assert "wait in" in told[0]
    file.unlink()
    assert outcomes(world, everything=True) == [("apply", "begun"), ("apply", "done")]


def test_nothing_is_begun_where_nothing_can_be_recorded(world: World) -> None:
    shutil.rmtree(world.settings.data_folder)
    world.settings.data_folder.write_text("a file where the folder should be")

    with pytest.raises(AuditUnwritable):
        apply(doors_of(world), world)

    assert not world.state.exists()


def test_an_end_that_can_not_be_recorded_is_told_whole(world: World) -> None:
    told: list[str] = []
    folder = world.settings.data_folder

    with recorded(doors_of(world, told), "apply", "x"):
        Waiting(folder).file.unlink()
        Waiting(folder).file.mkdir()
        (folder / "tomo.db").unlink()
        (folder / "tomo.db").mkdir()

    entry = json.loads(told[0].partition("keep this entry: ")[2])
    assert (entry["action"], entry["outcome"]) == ("apply", "done")


def test_a_database_of_a_server_without_its_driver_or_answer_is_told(world: World) -> None:
    settings = replace(world.settings, database_url="postgresql://x@127.0.0.1:1/y")
    told: list[str] = []
    doors = replace(world.doors, settings=settings, trail=Trail(settings, WHO, told.append))

    apply(doors, world)

    assert world.state.exists()
    assert "`postgresql://x@127.0.0.1:1/y`" in told[0]


def test_where_a_shared_database_is_away_nobody_may_change_anything_and_that_is_recorded(
    world: World,
) -> None:
    settings = replace(world.settings, database_url="postgresql://x@127.0.0.1:1/y")
    trail = Trail(settings, WHO, lambda _: None, lambda: person_here(settings))

    with pytest.raises(DatabaseError):
        apply(replace(world.doors, settings=settings, trail=trail), world)

    assert not world.state.exists()
    assert b'"refused"' in Waiting(settings.data_folder).file.read_bytes()


# --- the record's own use cases ----------------------------------------------------------------------


def some(world: World, count: int = 3) -> None:
    for number in range(count):
        with recorded(doors_of(world), f"test.{number}", "x"):
            pass


def rows(world: World, statement: str) -> None:
    file = database_address(world.settings).file
    assert file
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(statement)


def test_a_record_shortened_with_its_head_is_found_by_this_machines_note(world: World) -> None:
    some(world)
    rows(
        world,
        "DELETE FROM audit_entries WHERE number > 4;"
        "UPDATE audit_head SET number = 4, digest = (SELECT digest FROM audit_entries WHERE number = 4);",
    )

    found = Audits(world.doors).verify(VerifyAuditRequest())

    assert [each.message for each in found.findings] == [
        "entries 5 to 6 are missing: this machine's own note knows entry 6"
    ]


def test_what_is_recorded_afterwards_does_not_hide_that_the_record_was_shortened(world: World) -> None:
    some(world)
    rows(
        world,
        "DELETE FROM audit_entries WHERE number > 4;"
        "UPDATE audit_head SET number = 4, digest = (SELECT digest FROM audit_entries WHERE number = 4);",
    )

    some(world, 2)
    found = Audits(world.doors).verify(VerifyAuditRequest())

    assert [each.message for each in found.findings] == [
        "entry 6 is not the one that this machine's own note knows"
    ]


def test_after_another_machines_retention_a_newer_head_takes_the_place_of_the_note(
    world: World, tmp_path: Path
) -> None:
    shared = replace(world.settings, database_url=f"sqlite:///{database_address(world.settings).file}")
    here = Audits(replace(world.doors, settings=shared))
    there = Audits(replace(world.doors, settings=replace(shared, home=tmp_path / "there")))
    old = [event(number, time="2020-01-01T00:00:00Z") for number in range(1, 7)]
    with audit_store(shared) as store:
        store.append(old[:2], sealed)
        here.verify(VerifyAuditRequest())
        store.append(old, sealed)

    there.retain(RetainAuditRequest(Policy(30)))
    alone = here.verify(VerifyAuditRequest()).findings
    told = here.verify(VerifyAuditRequest(str(there.verify(VerifyAuditRequest()).head))).findings

    assert ["entry 2 was removed" in each.message for each in alone] == [True]
    assert told == here.verify(VerifyAuditRequest()).findings == ()


def test_a_head_that_was_noted_is_found_again(world: World) -> None:
    some(world)
    audits = Audits(world.doors)

    head = audits.verify(VerifyAuditRequest()).head
    some(world)

    assert audits.verify(VerifyAuditRequest(str(head))).findings == ()
    assert audits.verify(VerifyAuditRequest(f"{head.number}:{'0' * 64}")).findings
    with pytest.raises(UsageError):
        audits.verify(VerifyAuditRequest("12:short"))


def test_retention_says_first_what_it_would_remove_and_leaves_a_whole_record(world: World) -> None:
    old = [event(number, time="2020-01-01T00:00:00Z") for number in range(1, 5)]
    with audit_store(world.settings) as store:
        store.append(old, sealed)
    some(world, 1)
    audits, policy = Audits(doors_of(world)), Policy(30)

    foreseen = audits.retain(RetainAuditRequest(policy, dry_run=True))
    before = [entry.number for entry in audits.export(ExportAuditRequest())]
    audits.retain(RetainAuditRequest(policy))

    assert (foreseen.first, foreseen.last) == (1, 4)
    assert before == [1, 2, 3, 4, 5, 6]
    assert [entry.number for entry in audits.export(ExportAuditRequest())] == [5, 6, 7]
    assert audits.verify(VerifyAuditRequest()).findings == ()


def test_retention_leaves_a_record_alone_that_is_not_whole(world: World) -> None:
    some(world)
    rows(world, "UPDATE audit_entries SET time = '2020-01-01T00:00:00Z' WHERE number <= 4;")

    with pytest.raises(AuditBroken):
        Audits(doors_of(world)).retain(RetainAuditRequest(Policy(30)))

    assert len(list(Audits(world.doors).export(ExportAuditRequest()))) == 6


def test_without_a_trail_nothing_is_recorded(world: World) -> None:
    world.apply()

    assert events(world) == []


def test_the_record_can_not_be_read_where_the_database_is_broken(world: World) -> None:
    broken(world)

    with pytest.raises(DatabaseError):
        events(world)
