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
