"""Policies over real plans: which are in force, what they stop, what a saved plan says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worlds import CONTAINER, World
from tomo.errors import ApprovalMissing, ExitCode, PlanRefused, PolicyDenied, SpecError
from tomo.model.approval import Approval
from tomo.model.finding import Level
from tomo.policy.policies import BUILT_IN, built_in
from tomo.service.deployments import Deployments
from tomo.service.plans.making import KeptPlan, SavePlanRequest, ShowPlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.policies import InForce, PolicyTerms
from tomo.service.runs import ApplyRequest, PlanRequest, RunResult
from tomo.service.workspace import Place

SOCKET = "            - {host: /var/run/docker.sock, path: /var/run/docker.sock}\n"
DENY = "schema: tomo.policy/v1\nextends: none\nrules: {docker-socket: deny}\n"
ASK = "schema: tomo.policy/v1\nextends: none\nrules: {docker-socket: {level: require_approval, approvals: {role: admin}}}\n"
WARN = "schema: tomo.policy/v1\nextends: none\nrules: {docker-socket: warn}\n"


@pytest.fixture
def risky(world: World) -> World:
    """A fleet whose app reaches its host's Docker."""
    mount = "            - {volume: data, path: /data}\n"
    world.edit(mount, mount + SOCKET)
    return world


def policies(world: World, text: str, name: str = "tomo-policy.yaml") -> Path:
    file = world.folder / name
    file.write_text(text)
    return file


def kept(world: World, name: str = "plan.json", **options: object) -> KeptPlan:
    request = PlanRequest(world.place, **options)  # type: ignore[arg-type]
    return SavedPlans(world.doors).save(SavePlanRequest(request, world.folder / name))


def apply_kept(world: World, name: str = "plan.json", terms: PolicyTerms | None = None) -> RunResult:
    request = ApplyPlanRequest(
        world.place, world.folder / name, lambda _: None, policy=terms or PolicyTerms()
    )
    return SavedPlans(world.doors).apply(request)


def untouched(world: World) -> bool:
    return world.nas.docker.container_names == [] and not world.nas.docker.writes and not world.state.exists()


# --- what is in force --------------------------------------------------------------------------------


def test_by_default_a_risk_is_told_and_stops_nobody(risky: World) -> None:
    planned = risky.plan()

    ran = risky.apply()

    assert {finding.level for finding in planned.judgement.findings} == {Level.WARN}
    assert planned.judgement.source == ""
    assert (planned.exit_code, ran.exit_code) == (ExitCode.OK, ExitCode.OK)
    assert risky.nas.docker.container_names == [CONTAINER]


def test_an_ordinary_fleet_has_no_findings_by_default(world: World) -> None:
    assert world.plan().judgement.findings == ()


def test_a_plan_that_changes_nothing_has_no_findings(risky: World) -> None:
    risky.apply()

    assert risky.plan().judgement.findings == ()


def test_the_file_beside_the_fleet_is_in_force_and_named(risky: World) -> None:
    policies(risky, DENY)

    judgement = risky.plan().judgement

    assert judgement.source == "tomo-policy.yaml"
    assert [(each.rule, each.host) for each in judgement.denied] == [("docker-socket", "nas")]


def test_an_option_comes_before_the_environment_and_that_before_the_folder(risky: World) -> None:
    policies(risky, DENY)
    policies(risky, ASK, "ask.yaml")
    policies(risky, WARN, "warn.yaml")
    settings = replace(risky.settings, variables={"TOMO_POLICY": str(risky.folder / "ask.yaml")})
    doors = replace(risky.doors, settings=settings)

    by_variable = Deployments(doors).plan(PlanRequest(risky.place)).judgement
    by_option = Deployments(doors).plan(PlanRequest(Place(risky.folder, policy=Path("warn.yaml")))).judgement

    assert [each.level for each in by_variable.findings] == [Level.REQUIRE_APPROVAL]
    assert [each.level for each in by_option.findings] == [Level.WARN]


def test_the_caller_decides_whatever_the_folder_says(risky: World) -> None:
    policies(risky, "schema: tomo.policy/v1\nextends: none\n")
    base = PolicyTerms(policies=InForce(built_in("strict"), "base"))

    judgement = risky.plan(policy=base).judgement

    assert judgement.source == "base"
    assert "docker-socket" in {finding.rule for finding in judgement.denied}


def test_a_file_with_mistakes_stops_every_plan(risky: World) -> None:
    policies(risky, "schema: tomo.policy/v1\nrules: {privilegd: deny}\n")

    with pytest.raises(SpecError):
        risky.plan()
    with pytest.raises(SpecError):
        risky.apply()
    assert untouched(risky)


def test_a_link_that_leads_nowhere_is_a_missing_file_not_a_folder_without_policies(risky: World) -> None:
    (risky.folder / "tomo-policy.yaml").symlink_to("gone.yaml")

    with pytest.raises(SpecError):
        risky.plan()


# --- apply -------------------------------------------------------------------------------------------


def test_a_denial_is_in_the_plan_and_stops_the_apply_before_anybody_is_asked(risky: World) -> None:
    policies(risky, DENY)
    asked: list[object] = []

    planned = risky.plan()
    ran = risky.apply(confirm=lambda shown: bool(asked.append(shown)) or True)

    assert planned.exit_code is ExitCode.POLICY
    assert isinstance(ran.refusal, PolicyDenied)
    assert ran.exit_code is ExitCode.POLICY
    assert asked == []
    assert untouched(risky)


def test_an_approval_that_is_missing_stops_the_apply_and_not_the_plan(risky: World) -> None:
    policies(risky, ASK)

    planned, ran = risky.plan(), risky.apply()

    assert planned.exit_code is ExitCode.OK
    assert isinstance(ran.refusal, ApprovalMissing)
    assert ran.exit_code is ExitCode.POLICY
    assert "1 approval of the role `admin`" in ran.refusal.message
    assert untouched(risky)


def test_a_destroy_is_judged_too(risky: World) -> None:
    risky.apply()
    policies(risky, "schema: tomo.policy/v1\nrules: {deletes: deny}\n")

    ran = risky.apply(destroy=True, look=False)

    assert ran.exit_code is ExitCode.POLICY
    assert risky.nas.docker.container_names == [CONTAINER]


def test_only_a_saved_plan_has_approvals(risky: World) -> None:
    policies(risky, ASK)
    terms = PolicyTerms(approvals=lambda _digest: [Approval("ann", "admin")])

    ran = Deployments(risky.doors).apply(ApplyRequest(risky.place, lambda _: True, policy=terms))

    assert isinstance(ran.refusal, ApprovalMissing)


# --- saved plans -------------------------------------------------------------------------------------


def test_findings_are_part_of_the_file_and_the_same_plan_has_the_same_bytes(risky: World) -> None:
    policies(risky, ASK)

    first, second = kept(risky, "one.json"), kept(risky, "two.json")

    body = json.loads((risky.folder / "one.json").read_text())["body"]
    assert first.digest == second.digest
    assert [finding["rule"] for finding in body["policy"]["findings"]] == ["docker-socket"]
    assert body["policy"]["source"] == "tomo-policy.yaml"


def test_a_saved_plan_shows_what_was_found_when_it_was_made(risky: World) -> None:
    policies(risky, ASK)
    plan = kept(risky)

    shown = SavedPlans(risky.doors).show(ShowPlanRequest(plan.file)).shown

    assert shown.judgement == plan.shown.judgement


def test_other_findings_make_another_digest(risky: World) -> None:
    policies(risky, ASK)
    asking = kept(risky, "one.json").digest
    policies(risky, WARN)

    assert kept(risky, "two.json").digest != asking


@pytest.mark.parametrize(("text", "error"), [(DENY, PolicyDenied), (ASK, ApprovalMissing)])
def test_a_saved_plan_is_refused_and_not_used_up(risky: World, text: str, error: type[Exception]) -> None:
    policies(risky, text)
    kept(risky)

    for _ in range(2):
        with pytest.raises(error):
            apply_kept(risky)

    assert untouched(risky)


def test_a_refused_saved_plan_dials_nobody(risky: World) -> None:
    policies(risky, DENY)
    kept(risky)
    ran_before = len(risky.nas.ran)

    with pytest.raises(PolicyDenied):
        apply_kept(risky)

    assert len(risky.nas.ran) == ran_before


def test_given_approvals_let_the_very_plan_through_that_they_are_for(risky: World) -> None:
    policies(risky, ASK)
    digest = kept(risky).digest

    def approvals(asked: str) -> Sequence[Approval]:
        return [Approval("ann", "admin")] if asked == digest else []

    ran = apply_kept(risky, terms=PolicyTerms(approvals=approvals))

    assert ran.exit_code is ExitCode.OK, [str(failure.error) for failure in ran.failures]
    assert risky.nas.docker.container_names == [CONTAINER]


ALL_RULES = "".join(f"  {name}: warn\n" for name in BUILT_IN)


@pytest.mark.parametrize("looked_at", ["changes", "everything"])
@pytest.mark.parametrize("applied_before", [False, True])
def test_every_rule_finds_the_same_in_a_saved_plan_as_when_it_was_made(
    risky: World, looked_at: str, applied_before: bool
) -> None:
    if applied_before:
        risky.apply()
        risky.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    policies(risky, f"schema: tomo.policy/v1\nlook_at: {looked_at}\nrules:\n{ALL_RULES}")
    plan = kept(risky)

    ran = apply_kept(risky)

    assert plan.shown.judgement.findings
    assert ran.exit_code is ExitCode.OK, [str(failure.error) for failure in ran.failures]


def test_a_plan_made_under_other_policies_is_refused(risky: World) -> None:
    policies(risky, WARN)
    kept(risky)
    policies(risky, DENY)

    with pytest.raises(PlanRefused) as caught:
        apply_kept(risky)

    assert "policies" in caught.value.message
    assert untouched(risky)


def test_a_comment_in_the_policy_file_is_no_other_policy(risky: World) -> None:
    policies(risky, WARN)
    kept(risky)
    policies(risky, "# why not\n" + WARN)

    assert apply_kept(risky).exit_code is ExitCode.OK


def test_the_policies_of_the_fleets_folder_do_not_count_where_the_caller_names_others(risky: World) -> None:
    policies(risky, DENY)
    base = PolicyTerms(policies=InForce(built_in("none")))
    kept(risky, policy=base)

    assert apply_kept(risky, terms=base).exit_code is ExitCode.OK
