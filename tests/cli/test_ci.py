"""`tomo ci`: what a job is told by exit codes and files, without a terminal and without a question."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.approval.people import Person, person
from tests.cli.conftest import Ran, Tomo
from tests.service.test_policies import ASK, DENY, SOCKET, policies
from tests.worlds import CONTAINER, PASSPHRASE, PI, World, host_key, salt
from tomo.approval.agreement import Agreement
from tomo.errors import ExitCode
from tomo.service.wiring import Doors

__all__ = ["person"]


@pytest.fixture
def job(world: World, tomo: Tomo) -> World:
    """A checkout whose secrets are committed and whose state is kept elsewhere."""
    tomo(world, "secret", "set", "web.TOKEN", stdin=b"canary-of-a-token\n")
    world.settings = replace(world.settings, state_url=f"file://{world.folder.parent}/state")
    (world.folder.parent / "state").mkdir()
    return world


def plan(tomo: Tomo, job: World, *more: str) -> Ran:
    made = ["--markdown", "out/plan.md", "--json", "out/plan.json", "--sarif", "out/plan.sarif"]
    files = [str(job.folder / word) if word.startswith("out/") else word for word in made]
    return tomo(job, "ci", "plan", "-o", str(kept(job)), *files, *more)


def kept(job: World) -> Path:
    return job.folder / "plan.tomo"


def text(job: World, name: str) -> str:
    return (job.folder / "out" / name).read_text()


def risky(job: World, rules: str) -> None:
    mount = "            - {volume: data, path: /data}\n"
    job.edit(mount, mount + SOCKET)
    policies(job, rules)


def test_a_plan_leaves_its_reports_and_is_applied(job: World, tomo: Tomo) -> None:
    planned = plan(tomo, job)

    applied = tomo(job, "ci", "apply", str(kept(job)), "--markdown", str(job.folder / "run.md"))

    assert planned.code == ExitCode.OK, planned.err
    assert "to create" in planned.out
    assert text(job, "plan.md").startswith("### Plan for `tomo/home`: ")
    assert json.loads(text(job, "plan.json"))["stack"] == "home"
    assert json.loads(text(job, "plan.sarif"))["version"] == "2.1.0"
    assert applied.code == ExitCode.OK, applied.err
    assert job.nas.docker.container_names == [CONTAINER]
    assert (job.folder / "run.md").read_text().startswith("### Applied: `tomo/home`: ")


def test_nothing_that_leaves_the_job_holds_a_secret(job: World, tomo: Tomo) -> None:
    secrets = ["canary-of-a-token", PASSPHRASE]

    planned = plan(tomo, job)
    applied = tomo(job, "ci", "apply", str(kept(job)), "--json", str(job.folder / "out" / "run.json"))

    left = [planned.out, planned.err, applied.out, applied.err, kept(job).read_text()]
    left += [file.read_text() for file in (job.folder / "out").iterdir()]
    assert len(left) == 9
    assert not [secret for secret in secrets for each in left if secret in each]
    assert "canary-of-a-token" in str(job.nas.docker.inspect(CONTAINER)["Config"]["Env"])


def test_reports_may_be_read_by_all_and_the_plan_by_its_owner(job: World, tomo: Tomo) -> None:
    plan(tomo, job)

    modes = {file.name: file.stat().st_mode & 0o777 for file in (job.folder / "out").iterdir()}

    assert set(modes.values()) == {0o644}
    assert kept(job).stat().st_mode & 0o777 == 0o600


def test_changes_are_told_by_the_exit_code_where_that_is_asked_for(job: World, tomo: Tomo) -> None:
    assert plan(tomo, job, "--detailed-exitcode").code == ExitCode.CHANGES
    tomo(job, "ci", "apply", str(kept(job)))

    assert plan(tomo, job, "--detailed-exitcode").code == ExitCode.OK


def test_a_plan_is_applied_once(job: World, tomo: Tomo) -> None:
    plan(tomo, job)
    tomo(job, "ci", "apply", str(kept(job)))

    again = tomo(job, "ci", "apply", str(kept(job)), "--markdown", str(job.folder / "run.md"))

    assert again.code == ExitCode.PLAN_REFUSED
    assert "was used before" in again.err
    assert (job.folder / "run.md").read_text().startswith("### Nothing was done\n")


def test_a_fleet_that_changed_since_is_refused(job: World, tomo: Tomo) -> None:
    plan(tomo, job)
    job.edit("tomo-test/web:1.0", "tomo-test/web:2.0")

    ran = tomo(job, "ci", "apply", str(kept(job)), "--json", str(job.folder / "run.json"))

    assert ran.code == ExitCode.PLAN_REFUSED
    told = json.loads((job.folder / "run.json").read_text())
    assert (told["exitCode"], told["errors"][0]["code"]) == (3, "plan-refused")
    assert job.nas.docker.container_names == []


def test_what_a_policy_denies_ends_the_job(job: World, tomo: Tomo) -> None:
    risky(job, DENY)

    planned = plan(tomo, job)
    applied = tomo(job, "ci", "apply", str(kept(job)))

    (result,) = json.loads(text(job, "plan.sarif"))["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("docker-socket", "error")
    assert (planned.code, applied.code) == (ExitCode.POLICY, ExitCode.POLICY)
    assert job.nas.docker.container_names == []


def test_what_waits_for_people_is_planned_and_not_applied(job: World, tomo: Tomo) -> None:
    risky(job, ASK)

    planned = plan(tomo, job)
    applied = tomo(job, "ci", "apply", str(kept(job)))

    assert (planned.code, applied.code) == (ExitCode.OK, ExitCode.POLICY)
    assert "It needs 1 approval of the role `admin`" in text(job, "plan.md")


def test_where_approvals_are_on_a_plan_waits_for_a_signature_in_a_file(
    job: World, tomo: Tomo, person: Callable[..., Person], tmp_path: Path
) -> None:
    kim = person("kim")
    (tmp_path / "approvers").write_text(kim.line)
    job.settings = replace(job.settings, approvers=tmp_path / "approvers")
    plan(tomo, job)
    body = json.loads(kept(job).read_text())
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    agreement = Agreement(body["body"]["basis"]["stack_id"], body["digest"], "ab" * 16, tomorrow)
    (tmp_path / "approval").write_bytes(kim.signs(agreement).text)

    alone = tomo(job, "ci", "apply", str(kept(job)))
    agreed = tomo(job, "ci", "apply", str(kept(job)), "--approval", str(tmp_path / "approval"))

    assert alone.code == ExitCode.POLICY
    assert agreed.code == ExitCode.OK, agreed.err
    assert job.nas.docker.container_names == [CONTAINER]


def test_a_mistake_in_the_fleet_is_in_the_report(job: World, tomo: Tomo) -> None:
    job.edit("    server: nas\n", "    server: nsa\n")

    ran = plan(tomo, job)

    assert ran.code == ExitCode.FAILED
    assert "there is no server `nsa`" in text(job, "plan.md")
    assert json.loads(text(job, "plan.json"))["errors"][0]["code"] == "invalid-spec"


def test_a_state_in_the_checkout_is_refused(world: World, tomo: Tomo) -> None:
    ran = plan(tomo, world)

    assert ran.code == ExitCode.USAGE
    assert "which ends with the job" in ran.err
    assert "TOMO_STATE_URL" in ran.err
    assert tomo(world, "ci", "apply", str(kept(world))).code == ExitCode.USAGE


def test_a_plan_that_is_not_kept_needs_no_lasting_state(world: World, tomo: Tomo) -> None:
    ran = tomo(world, "ci", "plan", "--markdown", str(world.folder / "plan.md"))

    assert ran.code == ExitCode.OK
    assert "exactly this" not in (world.folder / "plan.md").read_text()


def test_secrets_that_the_job_would_make_are_refused(job: World, tomo: Tomo) -> None:
    job.config.write_text(f"encryptionsalt: {salt()}\n")

    ran = plan(tomo, job)

    assert ran.code == ExitCode.FAILED
    assert "apply would generate `web.TOKEN`" in ran.err
    assert "tomo secret set web.TOKEN" in ran.err


def test_a_key_that_the_job_would_make_is_refused(job: World, tomo: Tomo) -> None:
    job.config.unlink()

    ran = plan(tomo, job)

    assert ran.code == ExitCode.FAILED
    assert "has no secrets key" in ran.err
    assert not job.config.exists()


# --- what people have agreed to ----------------------------------------------------------------------

PI_SERVER = """  pi:
    host: 192.0.2.11
    user: root
    host_key: {key}
apps:
"""


def base(job: World) -> str:
    """The fleet as it is now, in a folder of its own, as a checkout of the branch that a request is for."""
    folder = job.folder.parent / "base"
    folder.mkdir(exist_ok=True)
    for file in job.folder.glob("*.yaml"):
        (folder / file.name).write_bytes(file.read_bytes())
    return str(folder / "fleet.yaml")


def test_a_new_server_of_a_request_is_not_dialled_and_its_plan_is_applied(job: World, tomo: Tomo) -> None:
    agreed = base(job)
    job.edit("apps:\n", PI_SERVER.format(key=host_key(1)))

    planned = plan(tomo, job, "--base", agreed)

    assert planned.code == ExitCode.OK, planned.err
    assert (job.nas.dialled > 0, job.hosts[PI].dialled) == (True, 0)
    assert "not looked at: pi" in text(job, "plan.md")
    assert tomo(job, "ci", "apply", str(kept(job))).code == ExitCode.OK
    assert job.hosts[PI].dialled > 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("host: 192.0.2.10", "host: 192.0.2.11"),
        ("user: root", "user: admin"),
        (host_key(), host_key(7)),
        ("user: root", "user: root\n    identity: ~/.ssh/other"),
        ("user: root", "user: root\n    proxy_jump: root@192.0.2.99"),
    ],
    ids=["address", "user", "host key", "credential", "jump host"],
)
def test_a_changed_road_is_not_taken(job: World, tomo: Tomo, before: str, after: str) -> None:
    agreed = base(job)
    job.edit(before, after)

    planned = plan(tomo, job, "--base", agreed)

    assert planned.code == ExitCode.OK, planned.err
    assert [host.dialled for host in job.hosts.values()] == [0, 0]
    assert "not looked at: nas" in text(job, "plan.md")


def test_another_login_of_a_known_server_is_a_finding(job: World, tomo: Tomo) -> None:
    plan(tomo, job, "--base", base(job))
    tomo(job, "ci", "apply", str(kept(job)))
    agreed = base(job)
    job.edit("user: root", "user: root\n    identity: ~/.ssh/other")

    planned = plan(tomo, job, "--base", agreed)

    assert planned.code == ExitCode.OK, planned.err
    (result,) = json.loads(text(job, "plan.sarif"))["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("changed-host", "note")
    assert "the login of `nas` is not the one that people have accepted" in result["message"]["text"]
    assert tomo(job, "ci", "apply", str(kept(job))).code == ExitCode.OK


def test_a_base_without_a_fleet_has_no_hosts(job: World, tomo: Tomo) -> None:
    planned = plan(tomo, job, "--base", str(job.folder.parent / "nothing" / "fleet.yaml"))

    assert planned.code == ExitCode.OK, planned.err
    assert job.nas.dialled == 0


def test_without_a_base_only_what_was_applied_is_dialled(job: World, tomo: Tomo) -> None:
    plan(tomo, job)
    before = job.nas.dialled
    tomo(job, "ci", "apply", str(kept(job)))
    applied = job.nas.dialled

    plan(tomo, job)

    assert before == 0
    assert job.nas.dialled > applied


def test_the_policies_in_force_are_the_bases(job: World, tomo: Tomo) -> None:
    policies(job, DENY)
    agreed = base(job)
    risky(job, "schema: tomo.policy/v1\nextends: none\n")

    assert plan(tomo, job, "--base", agreed).code == ExitCode.POLICY
    assert plan(tomo, job).code == ExitCode.OK


def test_a_plan_of_a_request_only_looks(job: World, tomo: Tomo) -> None:
    plan(tomo, job, "--base", base(job))
    tomo(job, "ci", "apply", str(kept(job)))
    job.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    writes = len(job.nas.docker.writes)

    planned = plan(tomo, job, "--base", base(job))

    assert planned.code == ExitCode.OK, planned.err
    assert "to replace" in planned.out
    assert len(job.nas.docker.writes) == writes


@pytest.mark.parametrize("way", ["option", "file"])
def test_the_pulumi_engine_is_refused_since_it_dials_by_itself(job: World, tomo: Tomo, way: str) -> None:
    if way == "file":
        job.edit("fleet: home\n", "fleet: home\nengine: pulumi\n")
    engine = ["--engine", "pulumi"] if way == "option" else []

    planned = tomo(job, "ci", "plan", *engine)
    applied = tomo(job, "ci", "apply", "plan.tomo", *engine)

    assert (planned.code, applied.code) == (ExitCode.FAILED, ExitCode.FAILED)
    assert "not supported with the `pulumi` engine" in planned.err
    assert job.nas.dialled == 0


def test_a_program_has_no_base(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text("")

    ran = tomo(nothing, "ci", "plan", "--stack", "one", "--base", "fleet.yaml")

    assert ran.code == ExitCode.USAGE
    assert "only a fleet has a base" in ran.err


# --- logs --------------------------------------------------------------------------------------------


def test_nobody_is_asked_though_somebody_is_there(job: World, tomo: Tomo) -> None:
    def asked(prompt: str) -> str:
        pytest.fail(f"asked: {prompt}")

    settings = replace(job.settings, passphrase=None)
    doors = Doors(settings, job.connections, ask=asked, ask_passphrase=asked)

    ran = tomo(doors, "ci", "plan", "-C", str(job.folder), "-o", str(kept(job)))

    assert ran.code == ExitCode.FAILED
    assert "TOMO_PASSPHRASE" in ran.err


def test_the_log_has_no_colour_and_no_cursor_moves(job: World, tomo: Tomo) -> None:
    planned = plan(tomo, job)
    applied = tomo(job, "ci", "apply", str(kept(job)))

    assert "\x1b" not in planned.out + planned.err + applied.out + applied.err
    assert salt() in job.config.read_text()
