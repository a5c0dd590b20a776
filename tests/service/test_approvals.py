"""Where approvals are on, a plan is applied after somebody has agreed to that very plan, and not before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.approval.people import Person, person
from tests.databases import put_database
from tests.worlds import CONTAINER, World
from tomo.approval.agreement import Agreement, SignedAgreement, expiry
from tomo.errors import ApprovalMissing, ApprovalRefused, ExitCode, PlanRefused, UsageError
from tomo.model.people import Role, User
from tomo.service.agreed import require_countable
from tomo.service.app_updates import AppUpdates, RollBackAppRequest, UpdateAppsRequest
from tomo.service.approvals import ApprovalListing, ApprovalUseCases, ApproveRequest, ListApprovalsRequest
from tomo.service.plans.making import SavePlanRequest, ShowPlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, RunResult
from tomo.service.who import people_of

__all__ = ["person"]

MakePerson = Callable[..., Person]


@pytest.fixture
def kim(person: MakePerson) -> Person:
    return person("kim")


@pytest.fixture
def guarded(world: World, kim: Person) -> World:
    """A fleet whose plans need somebody's approval; Kim may give it."""
    file = world.folder.parent / "approvers"
    file.write_text(kim.line)
    return replace(world, settings=replace(world.settings, approvers=file))


def kept(world: World, **options: object) -> Path:
    file = world.folder / "plan.json"
    SavedPlans(world.doors).save(SavePlanRequest(PlanRequest(world.place, **options), file))
    return file


def agreement(world: World, file: Path, **changed: str) -> Agreement:
    shown = SavedPlans(world.doors).show(ShowPlanRequest(file))
    until = expiry(datetime.now(UTC) + timedelta(hours=1))
    return replace(Agreement(shown.saved.basis.stack_id, shown.digest, "0f" * 16, until), **changed)


def put(world: World, plan: Path, signed: SignedAgreement) -> None:
    """Lays an approval beside the state, under the plan that it is looked for with."""
    workspace = world.doors.open(world.place)
    digest = SavedPlans(world.doors).show(ShowPlanRequest(plan)).digest
    folder = f".pulumi/tomo/{workspace.project}/{workspace.stack}/approvals/{digest.replace(':', '-')}"
    workspace.backend.storage.create(f"{folder}/{signed.agreement.nonce}.json", signed.text)


def apply(world: World, plan: Path, *approvals: Path) -> RunResult:
    request = ApplyPlanRequest(world.place, plan, lambda _: None, approvals=approvals)
    return SavedPlans(world.doors).apply(request)


def listing(world: World, plan: Path) -> ApprovalListing:
    return ApprovalUseCases(world.doors).list(ListApprovalsRequest(world.place, plan))


def refused(world: World, plan: Path, *approvals: Path) -> str:
    writes = len(world.nas.docker.writes)
    with pytest.raises(ApprovalMissing) as caught:
        apply(world, plan, *approvals)
    assert caught.value.exit_code is ExitCode.POLICY
    assert len(world.nas.docker.writes) == writes
    return f"{caught.value.message}\n{caught.value.detail}\n{caught.value.hint}"


def test_an_approved_plan_is_applied_and_the_note_of_its_use_says_who_agreed(
    guarded: World, kim: Person
) -> None:
    plan = kept(guarded)
    put(guarded, plan, kim.signs(agreement(guarded, plan)))

    result = apply(guarded, plan)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert guarded.nas.docker.container_names == [CONTAINER]
    [note] = guarded.folder.rglob(".pulumi/tomo/*/*/used/*.json")
    assert json.loads(note.read_text())["approvals"] == [{"person": "kim", "role": "user"}]


def test_a_plan_that_nobody_agreed_to_is_refused_and_not_used_up(guarded: World, kim: Person) -> None:
    plan = kept(guarded)

    message = refused(guarded, plan)

    assert "nobody has approved" in message
    assert "tomo approve" in message
    put(guarded, plan, kim.signs(agreement(guarded, plan)))
    assert apply(guarded, plan).exit_code is ExitCode.OK


def test_every_other_way_to_apply_is_refused(guarded: World, world: World) -> None:
    made = guarded.apply()
    world.apply()
    writes = len(guarded.nas.docker.writes)

    removed = guarded.apply(destroy=True)

    for result in (made, removed):
        assert result.exit_code is ExitCode.POLICY
        assert isinstance(result.refusal, ApprovalMissing)
        assert "tomo plan -o" in result.refusal.hint
    assert len(guarded.nas.docker.writes) == writes
    assert guarded.nas.docker.container_names == [CONTAINER]


def test_an_app_is_neither_updated_nor_rolled_back_where_approvals_are_on(
    guarded: World, world: World
) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    world.apply()
    writes, file = len(guarded.nas.docker.writes), guarded.file.read_bytes()

    back = AppUpdates(guarded.doors).rollback(RollBackAppRequest(guarded.place, lambda _: True, "web"))
    guarded.edit("tomo-test/web:2.0", "tomo-test/web:1.0")
    updated = AppUpdates(guarded.doors).update(UpdateAppsRequest(guarded.place, lambda _: True, ("web",)))

    for changed in (back, updated):
        assert changed.run is not None
        assert isinstance(changed.run.refusal, ApprovalMissing)
        assert "`--propose`" in changed.run.refusal.hint
        assert changed.run.exit_code is ExitCode.POLICY
    assert len(guarded.nas.docker.writes) == writes
    assert guarded.file.read_bytes() == file.replace(b"web:2.0", b"web:1.0")


def test_an_apply_without_changes_needs_nobody(guarded: World, world: World) -> None:
    world.apply()

    result = guarded.apply()

    assert result.exit_code is ExitCode.OK


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"plan": "sha256:" + "cd" * 32}, "for another plan or stack"),
        ({"stack_id": "another"}, "for another plan or stack"),
        ({"expires": "2020-01-01T00:00:00Z"}, "counted until 2020-01-01T00:00:00Z"),
    ],
)
def test_an_approval_of_something_else_or_of_earlier_does_not_count(
    guarded: World, kim: Person, changed: dict[str, str], reason: str
) -> None:
    plan = kept(guarded)
    put(guarded, plan, kim.signs(agreement(guarded, plan, **changed)))

    assert reason in refused(guarded, plan)
    assert reason in listing(guarded, plan).counted.void[0]


def test_an_approval_by_nobody_who_may_does_not_count(guarded: World, person: MakePerson) -> None:
    plan = kept(guarded)
    put(guarded, plan, person("eve").signs(agreement(guarded, plan)))

    assert "not signed by anybody who may approve" in refused(guarded, plan)


def test_a_damaged_approval_does_not_count_and_stops_no_other(guarded: World, kim: Person) -> None:
    plan = kept(guarded)
    signed = kim.signs(agreement(guarded, plan))
    put(guarded, plan, replace(signed, agreement=replace(signed.agreement, nonce="aa" * 16)))
    put(guarded, plan, signed)

    seen = listing(guarded, plan)

    assert [each.person for each in seen.counted.approvals] == ["kim"]
    assert len(seen.counted.void) == 1
    assert apply(guarded, plan).exit_code is ExitCode.OK


def test_an_approval_in_a_file_counts_too(guarded: World, kim: Person, tmp_path: Path) -> None:
    plan = kept(guarded)
    file = tmp_path / "kim.json"
    file.write_bytes(kim.signs(agreement(guarded, plan)).text)

    assert "nobody has approved" in refused(guarded, plan)
    assert apply(guarded, plan, file).exit_code is ExitCode.OK


def test_a_person_counts_once_however_often_they_agree(guarded: World, kim: Person) -> None:
    plan = kept(guarded)
    for nonce in ("1a" * 16, "2b" * 16):
        put(guarded, plan, kim.signs(agreement(guarded, plan, nonce=nonce)))

    assert [each.person for each in listing(guarded, plan).counted.approvals] == ["kim"]


def test_a_person_under_two_names_counts_once(guarded: World, kim: Person, person: MakePerson) -> None:
    laptop = person("kim@laptop")
    assert guarded.settings.approvers is not None
    guarded.settings.approvers.write_text(kim.line + laptop.line)
    put_database(guarded.settings.data_folder)
    with people_of(guarded.settings) as store, store.changing() as people:
        people.add_user(User("u1", "kim", Role.USER), "")
    plan = kept(guarded)
    put(guarded, plan, kim.signs(agreement(guarded, plan)))
    put(guarded, plan, laptop.signs(agreement(guarded, plan, nonce="1a" * 16)))

    assert len(listing(guarded, plan).counted.approvals) == 1


def test_an_approval_that_the_database_keeps_from_counting_is_refused_when_it_is_made(
    guarded: World, kim: Person
) -> None:
    put_database(guarded.settings.data_folder)
    with people_of(guarded.settings) as store, store.changing() as people:
        people.add_user(User("u1", "kim", Role.READONLY), "")
    made = kim.signs(agreement(guarded, kept(guarded)))

    with pytest.raises(ApprovalRefused, match="`kim` has the role `readonly`"):
        require_countable(guarded.settings, made, "x")


def test_whoever_applies_a_kept_plan_may_not_agree_alone_where_policy_wants_another(
    guarded: World, person: MakePerson
) -> None:
    tester, lee = replace(person("tester"), name="tester@example.org"), person("lee")
    assert guarded.settings.approvers is not None
    guarded.settings.approvers.write_text(tester.line + lee.line)
    (guarded.folder / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\n"
        "rules: {new-host: {level: require_approval, approvals: {distinct_person: true}}}\n"
    )
    plan = kept(guarded)
    put(guarded, plan, tester.signs(agreement(guarded, plan)))

    said = refused(guarded, plan)

    assert "1 approval by somebody else" in said
    assert "`tester@example.org` has agreed, but it is theirs: somebody else has to" in said
    put(guarded, plan, lee.signs(agreement(guarded, plan, nonce="1a" * 16)))
    assert apply(guarded, plan).exit_code is ExitCode.OK


def test_without_a_file_of_approvers_nothing_is_asked(world: World) -> None:
    assert apply(world, kept(world)).exit_code is ExitCode.OK


def test_declining_signs_nothing(guarded: World, kim: Person) -> None:
    plan = kept(guarded)
    request = ApproveRequest(guarded.place, plan, lambda *_: False, kim.key)

    assert ApprovalUseCases(guarded.doors).approve(request) is None
    assert listing(guarded, plan).counted.approvals == ()


def test_what_can_not_be_approved_is_refused_before_anything_is_asked(guarded: World, kim: Person) -> None:
    plan = kept(guarded)

    def asked(*_: object) -> bool:
        pytest.fail("it was asked")

    use_cases = ApprovalUseCases(guarded.doors)
    for lasts in (timedelta(), timedelta(days=91)):
        with pytest.raises(UsageError, match="can't last"):
            use_cases.approve(ApproveRequest(guarded.place, plan, asked, kim.key, lasts))
    with pytest.raises(ApprovalRefused, match="can't be read"):
        use_cases.approve(ApproveRequest(guarded.place, plan, asked, guarded.folder / "none"))
    with pytest.raises(PlanRefused, match="no saved plan"):
        use_cases.approve(ApproveRequest(guarded.place, kim.key, asked, kim.key))
