"""Policies as people see them."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Tomo
from tests.service.test_policies import ASK, DENY, SOCKET, WARN, policies
from tests.worlds import World
from tomo.errors import ExitCode

CASES = """\
schema: tomo.policy/v1
rules: {privileged: deny}
tests:
  - name: a privileged container is denied
    resources: [{type: container, name: web, inputs: {privileged: true}}]
    expect: {privileged: deny}
  - name: an ordinary container is fine
    resources: [{type: container, name: web, app: page, inputs: {privileged: false}}]
"""


@pytest.fixture
def risky(world: World) -> World:
    """A fleet whose app reaches its host's Docker."""
    mount = "            - {volume: data, path: /data}\n"
    world.edit(mount, mount + SOCKET)
    return world


def test_a_plan_shows_findings_and_where_they_come_from(risky: World, tomo: Tomo) -> None:
    policies(risky, DENY)

    ran = tomo(risky, "plan")

    assert ran.code == ExitCode.POLICY
    assert "Policies in tomo-policy.yaml\n  deny `web` reaches its host's Docker by" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    assert not [line for line in ran.out.splitlines() if line != line.rstrip()]


def test_a_file_that_finds_nothing_is_named_all_the_same(world: World, tomo: Tomo) -> None:
    policies(world, DENY)

    ran = tomo(world, "plan")

    assert ran.code == ExitCode.OK
    assert "Policies in tomo-policy.yaml find nothing." in ran.out
    assert "Policies in tomo\\-policy.yaml** find nothing." in tomo(world, "plan", "--markdown").out


def test_without_findings_the_default_set_is_not_spoken_of(world: World, tomo: Tomo) -> None:
    assert "olicies" not in tomo(world, "plan").out


def test_json_and_markdown_have_the_findings(risky: World, tomo: Tomo) -> None:
    policies(risky, ASK)

    as_json, markdown = tomo(risky, "plan", "--json"), tomo(risky, "plan", "--markdown")

    [finding] = as_json.json["policy"]["findings"]
    assert as_json.code == ExitCode.OK
    assert finding["rule"] == "docker-socket"
    assert finding["level"] == "require_approval"
    assert finding["quorum"] == {"approvers": 1, "role": "admin", "distinct_person": False}
    assert finding["field"] == "volumes[1].hostPath"
    assert "require_approval (1 approval of the role `admin`) on nas: `web` reaches" in markdown.out


@pytest.mark.parametrize("text", [DENY, ASK])
def test_apply_refuses_with_its_own_exit_code_and_yes_changes_nothing(
    risky: World, text: str, tomo: Tomo
) -> None:
    policies(risky, text)

    ran = tomo(risky, "apply", "--yes")
    tomo(risky, "plan", "-o", str(risky.folder / "plan.json"))
    saved = tomo(risky, "apply", str(risky.folder / "plan.json"), "--yes")

    assert (ran.code, saved.code) == (ExitCode.POLICY, ExitCode.POLICY)
    assert "nothing was done" in ran.err
    assert "hint: " in ran.err
    assert risky.nas.docker.writes == []


def test_event_lines_tell_findings_as_pulumi_does(risky: World, tomo: Tomo) -> None:
    policies(risky, DENY)

    ran = tomo(risky, "apply", "--yes", "--json")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    [event] = [line["policyEvent"] for line in lines if "policyEvent" in line]
    assert ran.code == ExitCode.POLICY
    assert (event["policyName"], event["enforcementLevel"]) == ("docker-socket", "mandatory")
    assert [line["sequence"] for line in lines] == list(range(len(lines)))


def test_the_option_names_another_file_from_the_folder_that_c_names(risky: World, tomo: Tomo) -> None:
    policies(risky, DENY)
    policies(risky, WARN, "other.yaml")

    ran = tomo(risky, "apply", "--yes", "--policy", "other.yaml")

    assert ran.code == ExitCode.OK, ran.err
    assert "Policies in other.yaml" in ran.out


# --- list --------------------------------------------------------------------------------------------


def test_list_says_what_is_in_force_and_where_it_comes_from(world: World, tomo: Tomo) -> None:
    policies(world, "schema: tomo.policy/v1\nextends: strict\nrules: {public-port: {allow: [443]}}\n")

    shown, as_json = tomo(world, "policy", "list"), tomo(world, "policy", "list", "--json")

    rules = {rule["rule"]: rule for rule in as_json.json["rules"]}
    assert "In force: tomo-policy.yaml." in shown.err
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    assert (rules["public-port"]["from"], rules["public-port"]["options"]) == (
        "tomo-policy.yaml", {"allow": ["443"]},
    )  # fmt: skip
    assert rules["public-port"]["level"] == "require_approval"
    assert rules["privileged"]["from"] == "strict"


def test_a_folder_of_policies_needs_no_fleet(nothing: World, tomo: Tomo) -> None:
    policies(nothing, CASES)

    assert tomo(nothing, "policy", "list").code == ExitCode.OK
    assert tomo(nothing, "policy", "test").code == ExitCode.OK


# --- test --------------------------------------------------------------------------------------------


def test_the_cases_of_a_file_are_run(world: World, tomo: Tomo) -> None:
    policies(world, CASES)

    ran = tomo(world, "policy", "test")

    assert ran.code == ExitCode.OK
    assert "pass  a privileged container is denied" in ran.out
    assert "2 passed, 0 failed, in tomo-policy.yaml." in ran.err


def test_a_case_that_fails_says_what_was_expected_and_found(world: World, tomo: Tomo) -> None:
    policies(world, CASES.replace("privileged: false", "privileged: true"))

    ran = tomo(world, "policy", "test")
    as_json = tomo(world, "policy", "test", "--json")

    assert ran.code == ExitCode.FAILED
    assert "FAIL  an ordinary container is fine" in ran.out
    assert "expected nothing\n      found    privileged: deny" in ran.out
    assert (as_json.code, as_json.json["passed"]) == (ExitCode.FAILED, False)


def test_a_case_that_expects_an_unknown_rule_is_a_mistake_in_the_file(world: World, tomo: Tomo) -> None:
    policies(world, CASES.replace("expect: {privileged: deny}", "expect: {privilged: deny}"))

    ran = tomo(world, "policy", "test")

    assert ran.code == ExitCode.FAILED
    assert "tomo-policy.yaml:6: tests.0.expect.privilged: there is no rule `privilged`" in ran.err
    assert "did you mean `privileged`?" in ran.err


def test_a_file_without_cases_says_what_else_can_be_tested(world: World, tomo: Tomo) -> None:
    policies(world, DENY)

    ran = tomo(world, "policy", "test")

    assert ran.code == ExitCode.USAGE
    assert "tomo policy test PLAN" in ran.err


def test_a_saved_plan_is_judged_by_the_policies_in_force_now(risky: World, tomo: Tomo) -> None:
    tomo(risky, "plan", "-o", str(risky.folder / "plan.json"))
    policies(risky, DENY)

    ran = tomo(risky, "policy", "test", str(risky.folder / "plan.json"))
    as_json = tomo(risky, "policy", "test", str(risky.folder / "plan.json"), "--json")

    assert ran.code == ExitCode.POLICY
    assert "deny" in ran.out
    assert "1 denied, 0 waiting for an approval, 0 to be aware of." in ran.err
    assert (as_json.json["denied"], len(as_json.json["findings"])) == (True, 1)


def test_without_a_passphrase_a_saved_plan_is_judged_by_its_own_policies_as_when_it_was_made(
    risky: World, tomo: Tomo
) -> None:
    policies(risky, "schema: tomo.policy/v1\nextends: strict\n")
    tomo(risky, "plan", "-o", str(risky.folder / "plan.json"))
    made = tomo(risky, "show", str(risky.folder / "plan.json"), "--json").json["policy"]

    ran = tomo(risky, "policy", "test", str(risky.folder / "plan.json"), "--json")

    assert ran.json["findings"] == made["findings"]


def test_the_fleet_as_it_is_now_is_judged_too(risky: World, tomo: Tomo) -> None:
    policies(risky, ASK)

    ran = tomo(risky, "policy", "test", "--present")

    assert ran.code == ExitCode.OK
    assert "0 denied, 1 waiting for an approval" in ran.err


def test_a_plan_and_the_present_can_not_both_be_judged(risky: World, tomo: Tomo) -> None:
    both = tomo(risky, "policy", "test", "plan.json", "--present")
    useless = tomo(risky, "policy", "test", "--no-refresh")

    assert (both.code, useless.code) == (ExitCode.USAGE, ExitCode.USAGE)
