"""What a fleet file lets be of what somebody changed on a host, on hosts in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.worlds import CONTAINER, World
from tomo.errors import ExitCode
from tomo.model.step import Op
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest
from tomo.testing.dockerd.http import Request

PAGE = "/var/lib/tomo/home/web/server/etc/page.conf"


def rule(world: World, rules: str) -> World:
    """The fleet with rules for the app, applied."""
    world.edit("    server: nas\n", f"    server: nas\n    drift: {{{rules}}}\n")
    assert world.apply().exit_code is ExitCode.OK
    return world


def restart_of(world: World) -> str:
    return str(world.nas.docker.inspect(CONTAINER)["HostConfig"]["RestartPolicy"]["Name"])


def by_hand(world: World, **changes: Any) -> None:
    world.nas.docker.replace_by_hand(CONTAINER, **changes)


def limits(world: World, mebibytes: int) -> None:
    """What `docker update --memory` does."""
    body = json.dumps({"Memory": mebibytes << 20, "MemorySwap": mebibytes << 21}).encode()
    answer = world.nas.docker.answer(
        Request(
            "POST",
            f"/v1.41/containers/{CONTAINER}/update",
            headers={"content-type": "application/json"},
            body=body,
        )
    )
    assert answer.status == 200


KINDS: dict[str, tuple[str, Callable[[World], object]]] = {
    "restart policy edited": ("restart", lambda w: w.nas.docker.edit_restart_by_hand(CONTAINER, "no")),
    "container stopped": ("running", lambda w: w.nas.docker.stop_by_hand(CONTAINER)),
    "container paused": ("running", lambda w: w.nas.docker.pause_by_hand(CONTAINER)),
    "made anew with another env": ("env", lambda w: by_hand(w, Env=["GREETING=other"])),
    "mounted file edited": ("files", lambda w: w.nas.write_file(PAGE, b"edited")),
    "image tag moved": ("image", lambda w: w.nas.docker.retag_by_hand("tomo-test/web:1.0")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["", "*"])
def test_ignored_drift_is_neither_shown_nor_repaired(world: World, kind: str, word: str) -> None:
    field, change = KINDS[kind]
    rule(world, f'"{word or field}": ignore')
    change(world)
    before = world.nas.docker.inspect(CONTAINER)

    if kind == "made anew with another env":
        # Another id is to be recorded; the container itself is left as it is.
        assert world.apply().exit_code is ExitCode.OK
    assert not world.plan().has_changes
    assert world.drift().plan.steps == ()
    assert world.apply().exit_code is ExitCode.OK

    after = world.nas.docker.inspect(CONTAINER)
    assert (after["Id"], after["State"], after["Config"]) == (before["Id"], before["State"], before["Config"])
    assert after["HostConfig"] == before["HostConfig"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_for_another_field_lets_nothing_else_be(world: World, kind: str) -> None:
    field, change = KINDS[kind]
    rule(world, f'hostname: ignore, "{field}": revert')
    change(world)

    shown = world.plan()

    assert shown.has_changes
    assert world.apply().exit_code is ExitCode.OK
    assert not world.plan().has_changes


def test_a_service_has_rules_of_its_own(world: World) -> None:
    world.edit("    server: nas\n", "    server: nas\n    drift: {'*': ignore}\n")
    world.edit("    definition:\n", "    services: {server: {drift: {restart: revert}}}\n    definition:\n")
    assert world.apply().exit_code is ExitCode.OK
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")

    shown = world.plan()

    assert [step.op for step in shown.plan.changes] == [Op.UPDATE]


@pytest.mark.parametrize("how", ["ignore", "adopt"])
def test_a_changed_declaration_is_applied_all_the_same(world: World, how: str) -> None:
    rule(world, f"restart: {how}")
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")
    assert world.apply().exit_code is ExitCode.OK
    assert restart_of(world) == "no"

    world.edit("          env:\n", "          restart: always\n          env:\n")
    assert world.apply().exit_code is ExitCode.OK

    assert restart_of(world) == "always"
    assert not world.plan().has_changes


def test_what_is_adopted_is_shown_once_and_then_stays(world: World) -> None:
    rule(world, "restart: adopt")
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")

    shown, told = world.plan(), world.drift()
    assert world.apply().exit_code is ExitCode.OK

    [step] = shown.plan.changes
    [diff] = step.diffs
    assert (step.op, diff.path, diff.new) == (Op.UPDATE, "restart", "no")
    assert diff.why == "adopted as it is on the host"
    assert [step.urn.name for step in told.plan.steps] == ["web@nas"]
    assert restart_of(world) == "no"
    assert not world.plan().has_changes
    assert not world.plan(look=False).has_changes
    assert world.drift().plan.steps == ()


def test_what_is_adopted_goes_along_into_another_container(world: World) -> None:
    rule(world, "restart: adopt")
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")
    assert world.apply().exit_code is ExitCode.OK
    before = world.nas.docker.inspect(CONTAINER)["Id"]

    world.edit("name: GREETING, default: hello", "name: GREETING, default: hi")
    assert world.apply().exit_code is ExitCode.OK

    assert world.nas.docker.inspect(CONTAINER)["Id"] != before
    assert restart_of(world) == "no"
    assert not world.plan().has_changes


def test_adopting_and_replacing_in_one_run_keeps_the_hosts_value(world: World) -> None:
    rule(world, "restart: adopt")
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")
    world.edit("name: GREETING, default: hello", "name: GREETING, default: hi")

    assert world.apply().exit_code is ExitCode.OK

    assert restart_of(world) == "no"
    assert not world.plan().has_changes


def test_limits_are_adopted_too(world: World) -> None:
    world.edit("          env:\n", "          resources: {memory: 64M}\n          env:\n")
    rule(world, "resources: adopt")
    limits(world, 128)

    shown = world.plan()
    assert world.apply().exit_code is ExitCode.OK

    assert [diff.path for diff in shown.plan.changes[0].diffs] == ["memory"]
    assert world.nas.docker.inspect(CONTAINER)["HostConfig"]["Memory"] == 128 << 20
    assert not world.plan().has_changes


def test_a_kept_plan_holds_over_what_is_ignored(world: World) -> None:
    rule(world, "restart: ignore")
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")
    world.edit("name: GREETING, default: hello", "name: GREETING, default: hi")
    plans, file = SavedPlans(world.doors), world.folder / "plan.json"
    plans.save(SavePlanRequest(PlanRequest(world.place), file))

    result = plans.apply(ApplyPlanRequest(world.place, file, lambda _shown: None))

    assert result.exit_code is ExitCode.OK, result.failures
    assert not world.plan().has_changes


def test_refresh_records_what_is_adopted_and_nothing_that_is_ignored(world: World) -> None:
    rule(world, "restart: ignore")
    state = world.state.read_bytes()
    world.nas.docker.edit_restart_by_hand(CONTAINER, "no")

    assert world.drift().plan.steps == ()
    assert world.state.read_bytes() == state


# --- adopted, field by field -------------------------------------------------------------------------


def of_host(world: World, **changes: Any) -> None:
    """Made anew by hand with other settings of the kind that Docker keeps for the host."""
    by_hand(world, HostConfig={**world.nas.docker.inspect(CONTAINER)["HostConfig"], **changes})


def another_image(world: World) -> None:
    wanted = {"fromImage": "tomo-test/web", "tag": "2.0"}
    pulled = Request("POST", "/v1.41/images/create", query=wanted)
    assert world.nas.docker.answer(pulled).status == 200
    by_hand(world, Image="tomo-test/web:2.0")


ADOPTABLE: dict[str, tuple[str, Callable[[World], object]]] = {
    **{name: kind for name, kind in KINDS.items() if name != "image tag moved"},
    "another image": ("image", another_image),
    "a variable more": ("env", lambda w: by_hand(w, Env=[*variables(w), "EXTRA=1"])),
    "a label": ("labels", lambda w: by_hand(w, Labels={"by": "hand"})),
    "another user": ("user", lambda w: by_hand(w, User="12:12")),
    "another command": ("command", lambda w: by_hand(w, Cmd=["serve", "--loud"])),
    "another entrypoint": ("entrypoint", lambda w: by_hand(w, Entrypoint=["/other"], Cmd=None)),
    "another folder": ("working_dir", lambda w: by_hand(w, WorkingDir="/srv")),
    "another health check": ("healthcheck", lambda w: by_hand(w, Healthcheck={"Test": ["CMD", "other"]})),
    "a terminal": ("tty", lambda w: by_hand(w, Tty=True)),
    "an open input": ("stdin_open", lambda w: by_hand(w, OpenStdin=True)),
    "another signal": ("stop", lambda w: by_hand(w, StopSignal="SIGINT")),
    "another port": (
        "ports",
        lambda w: of_host(w, PortBindings={"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "9090"}]}),
    ),
    "another mount": ("mounts", lambda w: of_host(w, Binds=["/srv/other:/data:rw"])),
    "privileged": ("security", lambda w: of_host(w, Privileged=True)),
    "a kernel setting": ("sysctls", lambda w: of_host(w, Sysctls={"net.core.somaxconn": "1024"})),
    "another resolver": ("dns", lambda w: of_host(w, Dns=["192.0.2.53"])),
    "a host more": ("extra_hosts", lambda w: of_host(w, ExtraHosts=["db:192.0.2.9"])),
    "a group more": ("group_add", lambda w: of_host(w, GroupAdd=["44"])),
    "an init": ("init", lambda w: of_host(w, Init=True)),
    "a limit": ("ulimits", lambda w: of_host(w, Ulimits=[{"Name": "nofile", "Soft": 99, "Hard": 99}])),
}


def variables(world: World) -> list[str]:
    found: list[str] = world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    return found


def settings(world: World) -> tuple[object, ...]:
    """What the container was made with, without what each one has of its own."""
    found = world.nas.docker.inspect(CONTAINER)
    own = {"Hostname", "Image"}
    config = {key: value for key, value in found["Config"].items() if key not in own}
    config["Env"] = sorted(config["Env"])
    return (config, found["HostConfig"], found["Image"], found["State"]["Running"])


EACH = [*((kind, ADOPTABLE[kind][0]) for kind in ADOPTABLE), ("a variable more", "*")]


@pytest.mark.parametrize(("kind", "word"), EACH)
def test_whatever_is_adopted_is_shown_once_and_then_stays(world: World, kind: str, word: str) -> None:
    _, change = ADOPTABLE[kind]
    rule(world, f'"{word}": adopt')
    change(world)
    before = world.nas.docker.inspect(CONTAINER), world.nas.read_file(PAGE)

    shown = world.plan()
    assert world.apply().exit_code is ExitCode.OK

    reasons = {diff.why for step in shown.plan.changes for diff in step.diffs}
    assert "adopted as it is on the host" in reasons
    assert (world.nas.docker.inspect(CONTAINER), world.nas.read_file(PAGE)) == before
    assert not world.plan().has_changes
    assert not world.plan(look=False).has_changes
    assert world.drift().plan.steps == ()


@pytest.mark.parametrize(
    "kind", [name for name in ADOPTABLE if name not in {"mounted file edited", "container paused"}]
)
def test_a_container_in_place_of_the_adopted_one_is_like_it(world: World, kind: str) -> None:
    field, change = ADOPTABLE[kind]
    rule(world, f"{field}: adopt")
    change(world)
    assert world.apply().exit_code is ExitCode.OK
    before, id_ = settings(world), world.nas.docker.inspect(CONTAINER)["Id"]

    # A setting that no kind is about.
    world.edit("          ports:\n", "          hostname: elsewhere\n          ports:\n")
    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    assert world.nas.docker.inspect(CONTAINER)["Id"] != id_
    after = settings(world)
    assert after == before
    assert not world.plan().has_changes


@pytest.mark.parametrize(
    ("kind", "rule_before"),
    [*((kind, "adopt") for kind in ADOPTABLE), ("a variable more", "ignore"), ("another port", "ignore")],
)
def test_without_its_rule_what_was_let_be_is_made_as_declared(
    world: World, kind: str, rule_before: str
) -> None:
    field, change = ADOPTABLE[kind]
    declared = settings(world) if world.apply().exit_code is ExitCode.OK else ()
    rule(world, f"{field}: {rule_before}")
    change(world)
    assert world.apply().exit_code is ExitCode.OK

    world.edit(f"    drift: {{{field}: {rule_before}}}\n", "")
    shown = world.plan()
    result = world.apply()

    assert shown.has_changes
    assert result.exit_code is ExitCode.OK, result.failures
    assert (settings(world), world.nas.read_file(PAGE)) == (declared, b"greeting hello")
    assert not world.plan().has_changes


def test_an_adopted_file_keeps_its_content_when_its_mode_changes(world: World) -> None:
    rule(world, "files: adopt")
    world.nas.write_file(PAGE, b"edited")
    assert world.apply().exit_code is ExitCode.OK

    world.edit('content: "greeting ${input.GREETING}"', 'mode: "0600", content: "greeting ${input.GREETING}"')
    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    [found] = world.nas.stat_files([PAGE])
    assert found is not None
    assert (world.nas.read_file(PAGE), found.mode) == (b"edited", 0o600)
    assert not world.plan().has_changes


def test_a_container_in_place_of_a_paused_one_does_not_run_either(world: World) -> None:
    rule(world, "running: adopt")
    world.nas.docker.pause_by_hand(CONTAINER)
    assert world.apply().exit_code is ExitCode.OK

    world.edit("          ports:\n", "          hostname: elsewhere\n          ports:\n")
    assert world.apply().exit_code is ExitCode.OK

    assert world.nas.docker.inspect(CONTAINER)["State"]["Status"] == "created"
    assert not world.plan().has_changes


def test_an_adopted_secret_is_in_no_plan_and_sealed_in_the_state(world: World) -> None:
    rule(world, "env: adopt")
    by_hand(world, Env=["GREETING=hello", "TOKEN=typed-by-hand"])

    shown = world.plan()
    assert world.apply().exit_code is ExitCode.OK

    assert "typed-by-hand" not in repr(shown)
    assert b"typed-by-hand" not in world.state.read_bytes()
    assert "TOKEN=typed-by-hand" in variables(world)


def test_a_new_declaration_ends_what_was_adopted_of_it(world: World) -> None:
    rule(world, "env: adopt")
    by_hand(world, Env=["GREETING=other"])
    assert world.apply().exit_code is ExitCode.OK

    world.edit("name: GREETING, default: hello", "name: GREETING, default: hi")
    assert world.apply().exit_code is ExitCode.OK

    assert "GREETING=hi" in variables(world)
    assert not world.plan().has_changes
