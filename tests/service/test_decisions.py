"""People approve, reject and apply what was proposed; what nobody agreed to, or is not what it was, is refused."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.approval.people import Person, person
from tests.databases import put_database
from tests.worlds import CONTAINER, World, salt
from tomo.approval.agreement import Agreement, expiry
from tomo.approval.shelf import Shelf
from tomo.errors import (
    ApprovalMissing,
    ApprovalRefused,
    ExitCode,
    PlanRefused,
    PolicyDenied,
    ProposalClosed,
    TomoError,
    UsageError,
)
from tomo.model.people import Person as Somebody
from tomo.model.people import Role
from tomo.model.proposal import Proposal, ProposalState
from tomo.model.values import Secret
from tomo.service.app_edits import AppSettings
from tomo.service.audits import Audits, ListAuditRequest
from tomo.service.configs import Configs, SetConfigRequest
from tomo.service.decisions import (
    AppliedProposal,
    ApplyProposalRequest,
    ApproveProposalRequest,
    Decided,
    Decisions,
    RejectProposalRequest,
)
from tomo.service.marketplace.store import marketplace_of
from tomo.service.propose.aging import this_process
from tomo.service.propose.catalog_changes import RateApp
from tomo.service.propose.changes import AsDeclared, InstallApp, UninstallApp, UpdateApp
from tomo.service.propose.other_changes import AddUser, ChangeSetting, RunCommand, SetUserRole
from tomo.service.propose.proposing import Change, ProposeRequest, Proposing, ShowProposalRequest
from tomo.service.propose.store import proposals_of
from tomo.service.recording import Actor, Trail, checksum
from tomo.service.who import people_of
from tomo.service.workspace import Place
from tomo.testing.shell import Outcome

__all__ = ["person"]

NOW = float(int(datetime.now(UTC).timestamp()))
ASSISTANT = "claude-code 2.0"
MakePerson = Callable[..., Person]


@pytest.fixture(autouse=True)
def database(tmp_path: Path) -> Path:
    return put_database(tmp_path / "home" / ".local" / "share" / "tomo")


@pytest.fixture
def kim(person: MakePerson) -> Person:
    return person("kim")


@pytest.fixture
def guarded(world: World, kim: Person) -> World:
    """A fleet whose plans need somebody's signature; Kim may give it."""
    file = world.folder.parent / "approvers"
    file.write_text(kim.line)
    return replace(world, settings=replace(world.settings, approvers=file))


def propose(world: World, change: Change | None = None, **options: Any) -> Proposal:
    change = change or UpdateApp("web", AppSettings({"GREETING": "good day"}))
    given = {"assistant": ASSISTANT, "person": "tester", **options}
    return Proposing(world.doors, lambda: NOW).propose(ProposeRequest(world.place, change, **given)).proposal


def nobody() -> None:
    raise ApprovalRefused("approving needs a person at a terminal, and there is none")


def decisions(world: World, *, terminal: bool = True, now: float = NOW) -> Decisions:
    return Decisions(world.doors, lambda: now, (lambda: None) if terminal else nobody)


def approve(
    world: World, proposal: Proposal, *, answer: bool = True, terminal: bool = True
) -> Decided | None:
    request = ApproveProposalRequest(proposal.id, lambda *_: answer)
    return decisions(world, terminal=terminal).approve(request)


def apply(
    world: World,
    proposal: Proposal,
    *,
    answer: bool = True,
    terminal: bool = True,
    now: float = NOW,
    **options: Any,
) -> AppliedProposal:
    request = ApplyProposalRequest(proposal.id, lambda _: answer, lambda _: None, **options)
    return decisions(world, terminal=terminal, now=now).apply(request)


def state_of(world: World, proposal: Proposal) -> ProposalState:
    return current(world, proposal).state


def current(world: World, proposal: Proposal) -> Proposal:
    return Proposing(world.doors, lambda: NOW).show(ShowProposalRequest(proposal.id)).proposal


def sign(world: World, proposal: Proposal, somebody: Person, **changed: str) -> None:
    """Lays somebody's signature where `tomo approve` puts it."""
    until = expiry(datetime.now(UTC) + timedelta(hours=1))
    made = replace(Agreement(proposal.stack_id, proposal.digest, "0f" * 16, until), **changed)
    workspace = world.doors.open(world.place)
    Shelf(workspace.backend.storage, workspace.project, workspace.stack).put(somebody.signs(made))


def refused(world: World, proposal: Proposal, error: type[TomoError], **options: Any) -> str:
    """Why it is refused, with nothing done to the host or the fleet file."""
    writes, file = len(world.nas.docker.writes), world.file.read_bytes()
    with pytest.raises(error) as caught:
        apply(world, proposal, **options)
    assert caught.value.exit_code in {ExitCode.PLAN_REFUSED, ExitCode.POLICY}
    assert len(world.nas.docker.writes) == writes
    assert world.file.read_bytes() == file
    return f"{caught.value.message}\n{caught.value.detail}"


# --- without signatures ----------------------------------------------------------------------------------


def test_an_approved_proposal_is_applied_and_the_fleet_file_says_it(world: World) -> None:
    world.apply()
    proposal = propose(world)
    approve(world, proposal)

    result = apply(world, proposal, yes=True)

    assert result.exit_code is ExitCode.OK
    assert "GREETING=good day" in world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    assert "GREETING: good day" in world.file.read_text()
    assert "# my home" in world.file.read_text()
    assert not world.plan().has_changes
    states = [(each.state, each.actor) for each in current(world, proposal).transitions]
    assert states == [
        (ProposalState.PROPOSED, f"{ASSISTANT} for tester"),
        (ProposalState.APPROVED, "tester"),
        (ProposalState.APPLIED, "tester"),
    ]


def test_an_assistants_proposal_that_nobody_approved_is_refused_without_a_question(world: World) -> None:
    proposal = propose(world)

    assert "nobody has approved it" in refused(world, proposal, ApprovalMissing, yes=True)
    assert "nobody has approved it" in refused(world, proposal, ApprovalMissing, terminal=False)
    assert state_of(world, proposal) is ProposalState.PROPOSED


def test_at_a_terminal_a_person_is_asked_and_that_counts(world: World) -> None:
    proposal = propose(world)

    declined = apply(world, proposal, answer=False)
    assert declined.declined
    assert state_of(world, proposal) is ProposalState.PROPOSED
    done = apply(world, proposal)

    assert done.exit_code is ExitCode.OK
    assert [each.note for each in current(world, proposal).transitions[1:]] == ["at the terminal", ""]


def test_a_persons_own_proposal_is_applied_with_yes(world: World) -> None:
    proposal = propose(world, assistant="", person="")

    assert apply(world, proposal, yes=True, terminal=False).exit_code is ExitCode.OK


def test_approving_needs_a_terminal_and_a_yes(world: World) -> None:
    proposal = propose(world)

    with pytest.raises(ApprovalRefused, match="a person at a terminal"):
        approve(world, proposal, terminal=False)
    assert approve(world, proposal, answer=False) is None
    assert state_of(world, proposal) is ProposalState.PROPOSED


def test_what_was_rejected_is_not_applied(world: World) -> None:
    proposal = propose(world)

    decisions(world).reject(RejectProposalRequest(proposal.id, "not on a Friday"))

    assert "was rejected by `tester` (not on a Friday)" in refused(world, proposal, ProposalClosed)
    with pytest.raises(ProposalClosed):
        approve(world, proposal)


def test_what_was_approved_can_still_be_rejected(world: World) -> None:
    proposal = propose(world)
    approve(world, proposal)

    decisions(world).reject(RejectProposalRequest(proposal.id))

    assert state_of(world, proposal) is ProposalState.REJECTED


def test_a_proposal_is_applied_once(world: World) -> None:
    proposal = propose(world)
    apply(world, proposal)

    assert "was applied by `tester`" in refused(world, proposal, ProposalClosed)
    with pytest.raises(ProposalClosed, match="was applied by `tester`"):
        decisions(world).reject(RejectProposalRequest(proposal.id))


def test_a_run_that_fails_is_noted_as_failed_and_not_repeated(world: World) -> None:
    proposal = propose(world)
    world.nas.faults.disk_full = True

    result = apply(world, proposal)

    assert result.exit_code is ExitCode.FAILED
    assert current(world, proposal).transitions[-1].state is ProposalState.FAILED
    assert "GREETING: good day" in world.file.read_text()
    world.nas.faults.disk_full = False
    assert "was applied by `tester` and failed" in refused(world, proposal, ProposalClosed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda world: world.edit("# my home", "# our home"), "the fleet file was changed"),
        (lambda world: world.apply(), "the state moved"),
    ],
)
def test_what_is_not_what_it_was_is_stale(world: World, change: Callable[[World], object], said: str) -> None:
    world.apply()
    proposal = propose(world)
    approve(world, proposal)
    change(world)

    assert said in refused(world, proposal, ProposalClosed)
    assert state_of(world, proposal) is ProposalState.STALE


def test_what_is_over_is_expired(world: World) -> None:
    proposal = propose(world, lasts=3600)
    approve(world, proposal)

    assert "has expired" in refused(world, proposal, ProposalClosed, now=NOW + 3600)


def test_a_plan_that_does_not_hold_leaves_the_fleet_file_as_it_was(world: World) -> None:
    world.apply()
    proposal = propose(world)
    approve(world, proposal)
    ssh = world.settings.home / ".ssh" / "config"
    ssh.write_text("Host 192.0.2.10\n  HostName 192.0.2.11\n")

    assert "the host `nas` was at" in refused(world, proposal, PlanRefused)
    assert state_of(world, proposal) is ProposalState.APPROVED
    ssh.unlink()
    assert apply(world, proposal).exit_code is ExitCode.OK


def test_a_change_of_the_fleet_file_in_the_last_moment_is_not_written_over(world: World) -> None:
    proposal = propose(world)
    approve(world, proposal)

    def show(_shown: object) -> None:
        world.edit("# my home", "# our home")

    with pytest.raises(PlanRefused, match="was changed since"):
        decisions(world).apply(ApplyProposalRequest(proposal.id, lambda _: True, show))

    assert "# our home" in world.file.read_text()
    assert "good day" not in world.file.read_text()
    assert state_of(world, proposal) is ProposalState.STALE


def test_a_changed_byte_of_the_plan_is_refused(world: World, database: Path) -> None:
    proposal = propose(world)
    approve(world, proposal)
    with closing(sqlite3.connect(database)) as there, there:
        there.execute(
            "UPDATE proposal_texts SET content = CAST(replace(CAST(content AS TEXT), 'good day', 'good sky') AS BLOB)"
            " WHERE name = 'plan'"
        )

    assert "changed after it was made" in refused(world, proposal, PlanRefused)


def test_another_fleet_file_in_the_database_is_refused(world: World, database: Path) -> None:
    proposal = propose(world)
    approve(world, proposal)
    with closing(sqlite3.connect(database)) as there, there:
        there.execute("UPDATE proposal_texts SET content = ? WHERE name = 'after'", (b"fleet: home\n",))

    assert "changed after it was made" in refused(world, proposal, PlanRefused)


def test_no_other_change_is_shown_beside_the_plan_whatever_the_database_says(
    world: World, database: Path
) -> None:
    proposal = propose(world)
    other = b"fleet: home\nservers: {}\n"
    digest = hashlib.sha256(other).hexdigest()
    with closing(sqlite3.connect(database)) as there, there:
        there.execute("UPDATE proposal_texts SET content = ? WHERE name = 'after'", (other,))
        there.execute("UPDATE proposals SET base = json_set(base, '$.after', ?)", (digest,))

    with pytest.raises(PlanRefused, match="changed after it was made"):
        Proposing(world.doors, lambda: NOW).show(ShowProposalRequest(proposal.id))
    refused(world, proposal, PlanRefused)


# --- at once, and killed ---------------------------------------------------------------------------------


def test_what_somebody_else_applies_right_now_is_not_applied_again(world: World) -> None:
    import os

    proposal = propose(world)
    approve(world, proposal)
    with proposals_of(world.settings) as store:
        store.begin(proposal.id, int(NOW), this_process(os.getpid()))

    assert "is being applied already" in refused(world, proposal, ProposalClosed)
    with pytest.raises(ProposalClosed, match="is being applied"):
        decisions(world).reject(RejectProposalRequest(proposal.id))


def test_a_process_that_died_before_it_did_anything_gives_it_back(world: World) -> None:
    proposal = propose(world)
    approve(world, proposal)
    with proposals_of(world.settings) as store:
        store.begin(proposal.id, int(NOW), gone())
        after = store.text(proposal.id, "after")
    world.file.write_bytes(after)

    assert state_of(world, proposal) is ProposalState.APPROVED
    assert apply(world, proposal, yes=True).exit_code is ExitCode.OK


def test_a_process_that_died_in_the_middle_is_found_by_the_ledger(world: World) -> None:
    proposal = propose(world)
    approve(world, proposal)
    workspace = world.doors.open(world.place)
    workspace.backend.plans(workspace.project, workspace.stack).use(proposal.digest, time="t", user="u")
    with proposals_of(world.settings) as store:
        store.begin(proposal.id, int(NOW), gone())

    found = current(world, proposal)

    assert found.state is ProposalState.FAILED
    assert "ended without saying how" in found.transitions[-1].note


def test_a_command_whose_process_died_has_failed_and_is_not_run_again(world: World) -> None:
    proposal = command(world, "greet")
    approve(world, proposal)
    with proposals_of(world.settings) as store:
        store.begin(proposal.id, int(NOW), gone())

    assert "see what of it was done" in refused(world, proposal, ProposalClosed)
    assert state_of(world, proposal) is ProposalState.FAILED


def gone() -> str:
    """A process of this machine that ended long ago."""
    import os

    return json.dumps({**json.loads(this_process(os.getpid())), "started": "1"})


# --- signatures ------------------------------------------------------------------------------------------


def test_where_approvals_are_on_a_signature_is_needed_and_enough(guarded: World, kim: Person) -> None:
    proposal = propose(guarded)

    assert "nobody has approved" in refused(guarded, proposal, ApprovalMissing, yes=True)
    assert "nobody has approved" in refused(guarded, proposal, ApprovalMissing)
    sign(guarded, proposal, kim)
    result = apply(guarded, proposal, terminal=False, yes=True)

    assert result.exit_code is ExitCode.OK
    assert [each.actor for each in current(guarded, proposal).transitions[1:]] == ["kim", "tester"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plan": "sha256:" + "cd" * 32}, "nobody has approved"),
        ({"stack_id": "another"}, "for another plan or stack"),
        ({"expires": "2020-01-01T00:00:00Z"}, "counted until"),
    ],
)
def test_a_signature_for_something_else_does_not_count(
    guarded: World, kim: Person, changed: dict[str, str], said: str
) -> None:
    proposal = propose(guarded)
    sign(guarded, proposal, kim, **changed)

    assert said in refused(guarded, proposal, ApprovalMissing)


POLICY = """\
schema: tomo.policy/v1
rules:
  replaces: {level: require_approval, approvals: {count: COUNT, role: ROLE, distinct_person: DISTINCT}}
auto_approve: [image-update]
"""


def under(world: World, *, count: int = 1, role: str = "user", distinct: bool = False) -> None:
    text = (
        POLICY.replace("COUNT", str(count)).replace("ROLE", role).replace("DISTINCT", str(distinct).lower())
    )
    (world.folder / "tomo-policy.yaml").write_text(text)


def new_image(world: World, **options: Any) -> Proposal:
    world.apply()
    return propose(world, UpdateApp("web", images={"": "tomo-test/web:2.0"}), **options)


def add_approver(world: World, somebody: Person) -> None:
    assert world.settings.approvers is not None
    with world.settings.approvers.open("a") as file:
        file.write(somebody.line)


def test_the_person_it_acts_for_may_not_approve_alone_where_policy_wants_another(
    world: World, guarded: World, kim: Person, person: MakePerson
) -> None:
    lee = person("lee")
    add_approver(guarded, lee)
    world.apply()
    under(guarded, distinct=True)
    change = UpdateApp("web", images={"": "tomo-test/web:2.0"})
    proposal = propose(guarded, change, person="kim")
    sign(guarded, proposal, kim)

    assert "by somebody else" in refused(guarded, proposal, ApprovalMissing)
    sign(guarded, proposal, lee, nonce="1a" * 16)
    assert apply(guarded, proposal).exit_code is ExitCode.OK


def test_an_own_proposal_may_be_approved_where_policy_does_not_mind(
    world: World, guarded: World, kim: Person
) -> None:
    world.apply()
    under(guarded)
    change = UpdateApp("web", images={"": "tomo-test/web:2.0"})
    proposal = propose(guarded, change, person="kim")
    sign(guarded, proposal, kim)

    assert apply(guarded, proposal).exit_code is ExitCode.OK


def test_harmless_classes_never_cover_an_assistants_proposal(world: World) -> None:
    under(world)
    proposal = new_image(world)

    assert "this plan needs 1 approval" in refused(world, proposal, ApprovalMissing)
    own = propose(world, UpdateApp("web", images={"": "tomo-test/web:2.0"}), assistant="")
    assert apply(world, own, yes=True).exit_code is ExitCode.OK


def test_two_people_are_needed_where_policy_says_two(
    world: World, guarded: World, kim: Person, person: MakePerson
) -> None:
    lee = person("lee")
    add_approver(guarded, lee)
    world.apply()
    under(guarded, count=2)
    proposal = propose(guarded, UpdateApp("web", images={"": "tomo-test/web:2.0"}))
    sign(guarded, proposal, kim)

    assert "2 approvals" in refused(guarded, proposal, ApprovalMissing)
    assert state_of(guarded, proposal) is ProposalState.PROPOSED
    sign(guarded, proposal, lee, nonce="1a" * 16)
    apply(guarded, proposal)

    approved = current(guarded, proposal).transitions[1]
    assert (approved.state, set(approved.actor.split(", "))) == (ProposalState.APPROVED, {"kim", "lee"})


def test_where_approvals_are_off_and_a_policy_wants_one_the_hint_says_how_to_turn_them_on(
    world: World,
) -> None:
    under(world)
    proposal = new_image(world)

    for decide in (approve, apply):
        with pytest.raises(ApprovalMissing) as caught:
            decide(world, proposal)

        assert "TOMO_APPROVERS=FILE" in caught.value.hint
        assert "`tomo-policy.yaml`" in caught.value.hint


def test_where_policies_changed_since_it_is_to_be_proposed_anew(world: World) -> None:
    proposal = propose(world)
    under(world)

    with pytest.raises(PlanRefused, match="the policies in force") as caught:
        approve(world, proposal)

    assert "proposed anew" in caught.value.hint


def test_what_a_policy_denies_nobody_can_agree_to(world: World) -> None:
    world.apply()
    (world.folder / "tomo-policy.yaml").write_text("schema: tomo.policy/v1\nrules: {deletes: deny}\n")
    proposal = propose(world, UninstallApp("web"))

    with pytest.raises(PolicyDenied):
        approve(world, proposal)
    refused(world, proposal, PolicyDenied)


def test_another_policy_than_the_one_it_was_made_under_is_refused(world: World) -> None:
    proposal = propose(world)
    (world.folder / "tomo-policy.yaml").write_text("schema: tomo.policy/v1\nrules: {deletes: deny}\n")

    assert "the policies in force are not those" in refused(world, proposal, PlanRefused)


# --- roles from the database -----------------------------------------------------------------------------


def add_user(world: World, name: str, role: Role, **changed: Any) -> None:
    from tomo.model.people import User

    with people_of(world.settings) as store, store.changing() as people:
        people.add_user(User(name, name, role, **changed), "")


@pytest.mark.parametrize(("role", "changed"), [(Role.READONLY, {}), (Role.ADMIN, {"disabled": True})])
def test_somebody_whom_the_database_keeps_out_does_not_approve(
    guarded: World, kim: Person, role: Role, changed: dict[str, Any]
) -> None:
    proposal = propose(guarded)
    sign(guarded, proposal, kim)
    add_user(guarded, "kim", role)
    if changed:
        with people_of(guarded.settings) as store, store.changing() as people:
            people.change_user("kim", disabled=True)

    assert "the approval of `kim` doesn't count" in refused(guarded, proposal, ApprovalMissing)


def test_the_database_of_ones_own_account_makes_nobody_an_admin(
    world: World, guarded: World, kim: Person
) -> None:
    world.apply()
    under(guarded, role="admin")
    proposal = propose(guarded, UpdateApp("web", images={"": "tomo-test/web:2.0"}))
    sign(guarded, proposal, kim)
    add_user(guarded, "kim", Role.ADMIN)

    assert "of the role `admin`" in refused(guarded, proposal, ApprovalMissing)


def test_a_shared_database_says_the_role_where_the_file_does_not(
    world: World, guarded: World, kim: Person, database: Path
) -> None:
    shared = replace(guarded, settings=replace(guarded.settings, database_url=f"sqlite:///{database}"))
    world.apply()
    under(shared, role="admin")
    proposal = propose(shared, UpdateApp("web", images={"": "tomo-test/web:2.0"}))
    sign(shared, proposal, kim)
    add_user(shared, "kim", Role.ADMIN)

    assert apply(shared, proposal).exit_code is ExitCode.OK


# --- changes without a plan ------------------------------------------------------------------------------


def command(world: World, *argv: str) -> Proposal:
    return propose(world, RunCommand("nas", argv))


def test_a_command_runs_once_with_exactly_its_arguments(world: World) -> None:
    seen: list[list[str]] = []

    def greet(argv: list[str], *_: object) -> Outcome:
        seen.append(list(argv))
        return Outcome(0, "hello\n", "")

    world.nas.commands["greet"] = greet  # type: ignore[assignment]
    proposal = command(world, "greet", "two words", "$(reboot)")
    assert "nobody has approved it" in refused(world, proposal, ApprovalMissing, yes=True)

    done = apply(world, proposal)

    assert done.exit_code is ExitCode.OK
    assert done.output is not None
    assert done.output.stdout == "hello\n"
    assert len(seen) == 1
    assert seen[0][-2:] == ["two words", "$(reboot)"]
    assert state_of(world, proposal) is ProposalState.APPLIED
    assert current(world, proposal).output == done.output
    refused(world, proposal, ProposalClosed)


def test_a_command_is_not_run_again_whatever_the_database_says(world: World, database: Path) -> None:
    seen: list[str] = []

    def greet(argv: list[str], *_: object) -> Outcome:
        seen.append(argv[-1])
        return Outcome(0, "", "")

    world.nas.commands["greet"] = greet  # type: ignore[assignment]
    proposal = command(world, "greet", "once")
    approve(world, proposal)
    apply(world, proposal)
    [note] = world.folder.rglob(".pulumi/tomo/*/*/used/*.json")
    with closing(sqlite3.connect(database)) as there, there:
        there.execute("UPDATE proposals SET state = 'approved', begun = 0, begun_by = ''")
        there.execute("DELETE FROM proposal_transitions WHERE state = 'applied'")

    assert "was done before" in refused(world, proposal, PlanRefused)
    assert seen == ["once"]
    assert json.loads(note.read_text())["plan"] == proposal.digest


def test_a_command_that_fails_is_noted_as_failed(world: World) -> None:
    world.nas.commands["greet"] = lambda *_: Outcome(3, "", "no\n")  # type: ignore[assignment]
    proposal = command(world, "greet")

    done = apply(world, proposal)

    assert done.exit_code is ExitCode.FAILED
    assert current(world, proposal).transitions[-1].note == "exit code 3"
    assert state_of(world, proposal) is ProposalState.FAILED


def test_what_a_command_leaves_is_cut_and_has_no_secret_in_it(world: World) -> None:
    Configs(world.doors).set(SetConfigRequest(world.place, "MINE", Secret("hunter2-hunter2")))
    world.nas.commands["greet"] = lambda *_: Outcome(0, "hunter2-hunter2 " + "x" * 70_000, "")  # type: ignore[assignment]
    proposal = command(world, "greet")

    done = apply(world, proposal)

    assert done.output is not None
    assert done.output.cut
    assert len(done.output.stdout) == 64 * 1024
    assert "hunter2" not in done.output.stdout


def test_a_command_that_was_changed_in_the_database_is_refused(world: World, database: Path) -> None:
    proposal = command(world, "greet")
    approve(world, proposal)
    with closing(sqlite3.connect(database)) as there, there:
        there.execute("UPDATE proposals SET change = replace(change, 'greet', 'reboot')")

    assert "do not fit its digest" in refused(world, proposal, PlanRefused)
    with pytest.raises(PlanRefused, match="do not fit its digest"):
        Proposing(world.doors).show(ShowProposalRequest(proposal.id))


def test_the_rule_for_commands_holds_for_a_proposed_one(guarded: World, kim: Person) -> None:
    (guarded.folder / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\nrules:\n  commands: {level: require_approval, approvals: {role: admin}}\n"
    )
    proposal = command(guarded, "greet")
    signed = kim.signs(
        Agreement(
            proposal.stack_id, proposal.digest, "0f" * 16, expiry(datetime.now(UTC) + timedelta(hours=1))
        )
    )
    with proposals_of(guarded.settings) as store:
        store.put_text(proposal.id, "approval-0f", signed.text)

    assert [each.rule for each in proposal.review.findings] == ["commands"]
    assert "of the role `admin`" in refused(guarded, proposal, ApprovalMissing)
    assert guarded.settings.approvers is not None
    guarded.settings.approvers.write_text(kim.line.replace("\n", " role=admin\n"))
    guarded.nas.commands["greet"] = lambda *_: Outcome(0, "", "")  # type: ignore[assignment]
    assert apply(guarded, proposal).exit_code is ExitCode.OK


def test_a_persons_role_is_changed_once_it_was_agreed_to(world: World) -> None:
    add_user(world, "tester", Role.ADMIN, account="tester")
    add_user(world, "anna", Role.USER)
    proposal = propose(world, SetUserRole("anna", Role.READONLY))

    apply(world, proposal)

    with people_of(world.settings) as store, store.reading() as people:
        found = people.user(name="anna")
    assert found is not None
    assert found.role is Role.READONLY
    assert state_of(world, proposal) is ProposalState.APPLIED


def test_a_person_is_added_without_a_password(world: World) -> None:
    add_user(world, "tester", Role.ADMIN, account="tester")
    proposal = propose(world, AddUser("anna", Role.USER))

    apply(world, proposal)

    with people_of(world.settings) as store, store.reading() as people:
        found = people.user(name="anna")
    assert found is not None
    assert (found.role, found.has_password) == (Role.USER, False)


def test_a_rating_that_was_agreed_to_is_the_persons_own(world: World) -> None:
    proposal = propose(world, RateApp("jellyfin", 4, "quick"))

    apply(world, proposal)

    with marketplace_of(world.settings) as market:
        [rating] = market.ratings("jellyfin")
    assert (rating.person, rating.stars, rating.note) == ("tester", 4, "quick")


# --- the record ------------------------------------------------------------------------------------------


def test_the_record_names_proposal_plan_and_who_agreed(world: World) -> None:
    trail = Trail(
        world.settings,
        Actor("tester@desk", "", "cli"),
        lambda _: None,
        lambda: Somebody("tester", Role.ADMIN),
    )
    doors = replace(world.doors, trail=trail)
    made = Proposing(doors, lambda: NOW).propose(
        ProposeRequest(world.place, InstallApp("miniflux", ("nas",)), assistant=ASSISTANT)
    )

    Decisions(doors, lambda: NOW, lambda: None).apply(
        ApplyProposalRequest(made.proposal.id, lambda _: True, lambda _: None)
    )

    entries = Audits(doors).list(ListAuditRequest())
    told = {each.event.action: each.event for each in entries}
    assert told.keys() == {"proposal.propose", "proposal.apply", "apply"}
    for action in ("proposal.apply", "apply"):
        assert told[action].plan == made.proposal.digest
        assert told[action].approval == "tester"
        assert told[action].details["proposal"] == made.proposal.id
    assert told["proposal.propose"].details["assistant"] == ASSISTANT


def test_the_record_has_the_checksums_of_the_fleet_file_and_config_that_a_proposal_changed(
    world: World,
) -> None:
    trail = Trail(world.settings, Actor("tester@desk", "", "cli"), lambda _: None)
    doors = replace(world.doors, trail=trail)
    made = Proposing(doors, lambda: NOW).propose(
        ProposeRequest(world.place, InstallApp("miniflux", ("nas",)))
    )
    files = {world.file: checksum(world.file), world.config: checksum(world.config)}

    Decisions(doors, lambda: NOW, lambda: None).apply(
        ApplyProposalRequest(made.proposal.id, lambda _: True, lambda _: None)
    )

    details = [each.event.details for each in Audits(doors).list(ListAuditRequest())]
    told = {key: value for each in details for key, value in each.items() if ".yaml." in key}
    assert told == {
        f"{file.name}.{when}": value
        for file, before in files.items()
        for when, value in (("old", before), ("new", checksum(file)))
    }


def test_who_may_only_look_may_not_approve_or_apply(world: World) -> None:
    from tomo.errors import NotAllowed

    proposal = propose(world)
    trail = Trail(
        world.settings, Actor("x@desk", "", "cli"), lambda _: None, lambda: Somebody("x", Role.READONLY)
    )
    use_cases = Decisions(replace(world.doors, trail=trail), lambda: NOW, lambda: None)

    for act in (
        lambda: use_cases.approve(ApproveProposalRequest(proposal.id, lambda *_: True)),
        lambda: use_cases.apply(ApplyProposalRequest(proposal.id, lambda _: True, lambda _: None)),
        lambda: use_cases.reject(RejectProposalRequest(proposal.id)),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_proposal_of_another_stack_is_refused_where_it_does_not_belong(
    world: World, tmp_path: Path
) -> None:
    from tests.worlds import make_world

    proposal = propose(world)
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other")

    with pytest.raises(PlanRefused, match="this is another one"):
        apply(world, proposal, place=other.place)


def test_policies_can_be_named_wherever_the_command_works(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = command(world, "greet")
    (tmp_path / "base.yaml").write_text("schema: tomo.policy/v1\nrules: {commands: deny}\n")
    monkeypatch.chdir(tmp_path)

    said = refused(world, proposal, PolicyDenied, place=Place(policy=Path("base.yaml")))

    assert "`greet` would run on `nas`" in said


def test_what_was_proposed_on_another_machine_is_applied_to_ones_own_copy(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.nas.commands["greet"] = lambda *_: Outcome(0, "", "")  # type: ignore[assignment]
    ran, changed = command(world, "greet"), propose(world)
    copy = world.folder.rename(tmp_path / "copy")

    for proposal in (ran, changed):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match="is not on this machine") as caught:
            approve(world, proposal)
        assert "`-C DIR`" in caught.value.hint
        monkeypatch.chdir(copy)
        assert approve(world, proposal) is not None
        assert apply(world, proposal).exit_code is ExitCode.OK

    assert "GREETING: good day" in (copy / "fleet.yaml").read_text()


def test_a_setting_of_a_program_is_set_and_removed_once_it_was_agreed_to(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: own\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {salt()}\n")
    place = Place(folder, stack="dev")
    stack_file = folder / "Pulumi.dev.yaml"

    for value in ("large", None):
        request = ProposeRequest(place, ChangeSetting("own:size", value), assistant=ASSISTANT)
        made = Proposing(world.doors, lambda: NOW).propose(request).proposal
        before = stack_file.read_text()
        assert "nobody has approved it" in refused(world, made, ApprovalMissing, yes=True)
        assert stack_file.read_text() == before
        assert apply(world, made).exit_code is ExitCode.OK
        assert ("own:size: large" in stack_file.read_text()) is (value is not None)


def test_asking_for_a_time_that_makes_no_sense_is_refused(world: World) -> None:
    proposal = propose(world, AsDeclared())

    with pytest.raises(UsageError, match="can't last"):
        decisions(world).approve(ApproveProposalRequest(proposal.id, lambda *_: True, lasts=timedelta()))


def test_of_two_people_who_apply_at_once_one_does(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    proposal = propose(world)
    approve(world, proposal)

    def attempt(_number: int) -> str:
        try:
            return str(int(apply(world, proposal, yes=True).exit_code))
        except TomoError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        outcomes = sorted(pool.map(attempt, range(3)))

    assert outcomes == ["0", "proposal-closed", "proposal-closed"]
    assert state_of(world, proposal) is ProposalState.APPLIED


def test_who_may_not_change_people_leaves_the_proposal_for_who_may(world: World) -> None:
    from tomo.errors import NotAllowed

    for name in ("anna", "tester"):
        add_user(world, name, Role.ADMIN, account=name)
    proposal = propose(world, SetUserRole("anna", Role.READONLY))
    trail = Trail(
        world.settings, Actor("u@desk", "", "cli"), lambda _: None, lambda: Somebody("u", Role.USER)
    )
    use_cases = Decisions(replace(world.doors, trail=trail), lambda: NOW, lambda: None)

    with pytest.raises(NotAllowed):
        use_cases.apply(ApplyProposalRequest(proposal.id, lambda _: True, lambda _: None))

    assert state_of(world, proposal) is ProposalState.APPROVED
    assert apply(world, proposal).exit_code is ExitCode.OK
