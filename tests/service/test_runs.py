"""Plan and apply through the service, on hosts in memory: what works, each drift, each failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.worlds import CONTAINER, NAS, World
from tomo.errors import ConfigMissing, ExitCode, PassphraseWrong, SpecError, StateCorrupt, StateLocked
from tomo.model.events import Result
from tomo.model.step import Op
from tomo.service.apps import AddAppRequest, Apps
from tomo.service.deployments import Deployments
from tomo.service.runs import PlanRequest, PlanResult
from tomo.state.lock import LockOwner
from tomo.testing.registry import ImageDefinition, exits, unhealthy


def changed(result: PlanResult) -> set[str]:
    """Types and operations of what would change, in a few letters."""
    return {f"{step.op.pulumi_name} {step.type.rsplit(':', 1)[-1]}" for step in result.plan.changes}


def applied(world: World) -> World:
    assert world.apply().exit_code is ExitCode.OK
    return world


# --- what works --------------------------------------------------------------------------------------


def test_a_first_plan_shows_everything_and_touches_nothing(world: World) -> None:
    before = sorted(path.name for path in world.folder.iterdir())

    result = world.plan()

    assert {"create Container", "create Volume", "create RemoteImage"} <= changed(result)
    assert result.new_secrets == ("web.TOKEN",)
    assert sorted(path.name for path in world.folder.iterdir()) == before
    assert world.nas.docker.container_names == []
    assert not world.nas.docker_installed


def test_a_first_apply_installs_docker_and_starts_the_app(world: World) -> None:
    result = world.apply()

    assert result.result is Result.SUCCEEDED, result.failures
    assert world.nas.docker_installed
    assert world.nas.docker.container_names == [CONTAINER]
    assert world.nas.docker.volume_names == ["web-data"]
    assert result.outputs["urls"] == {"web": "http://127.0.0.1:8080"}


def test_a_second_plan_is_empty_with_and_without_a_look(world: World) -> None:
    applied(world)

    looked, blind = world.plan(), world.plan(look=False)

    assert not looked.has_changes, changed(looked)
    assert not blind.has_changes, changed(blind)


def test_a_second_apply_writes_nothing_on_the_host(world: World) -> None:
    applied(world)
    writes = len(world.nas.docker.writes)

    result = world.apply()

    assert result.exit_code is ExitCode.OK
    assert len(world.nas.docker.writes) == writes


def test_a_generated_secret_reaches_the_container_and_no_file_in_the_open(world: World) -> None:
    applied(world)

    env = world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    token = next(entry for entry in env if entry.startswith("TOKEN=")).removeprefix("TOKEN=")

    assert len(token) == 24
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert all(token.encode() not in path.read_bytes() for path in files)


def test_a_changed_input_changes_container_and_file(world: World) -> None:
    applied(world)
    world.edit("    server: nas\n", "    server: nas\n    inputs: {GREETING: good morning}\n")

    result = world.apply()

    assert result.exit_code is ExitCode.OK
    assert "GREETING=good morning" in world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    assert not world.plan().has_changes


def test_an_app_that_left_the_file_leaves_the_host_and_its_data_stays(world: World) -> None:
    applied(world)
    text = world.file.read_text()
    world.file.write_text(text[: text.index("apps:")] + "apps: {}\n")

    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    assert world.nas.docker.container_names == []
    assert world.nas.docker.volume_names == ["web-data"]


def test_an_absent_app_put_back_opens_its_old_data(world: World) -> None:
    applied(world)
    token = world.config.read_text()
    world.edit("    server: nas\n", "    server: nas\n    state: absent\n")
    applied(world)
    assert world.nas.docker.container_names == []

    world.edit("    state: absent\n", "")
    applied(world)

    assert world.nas.docker.container_names == [CONTAINER]
    assert world.config.read_text() == token


def test_removed_data_is_really_removed(world: World) -> None:
    applied(world)
    world.edit("    server: nas\n", "    server: nas\n    state: absent\n    remove_data: true\n")

    plan = world.plan()
    applied(world)

    assert "delete Volume" in changed(plan)
    assert world.nas.docker.volume_names == []


def test_destroy_removes_containers_and_keeps_volumes(world: World) -> None:
    applied(world)

    result = world.apply(destroy=True, look=False)

    assert result.exit_code is ExitCode.OK, result.failures
    assert world.nas.docker.container_names == []
    assert world.nas.docker.volume_names == ["web-data"]


def test_a_plan_that_is_declined_does_nothing(world: World) -> None:
    result = world.apply(confirm=lambda _shown: False)

    assert result.declined
    assert result.exit_code is ExitCode.FAILED
    assert world.nas.docker.container_names == []
    assert not world.state.exists()


# --- drift -------------------------------------------------------------------------------------------

DRIFTS: dict[str, Callable[[World], object]] = {
    "container removed": lambda world: world.nas.docker.remove_by_hand(CONTAINER),
    "container stopped": lambda world: world.nas.docker.stop_by_hand(CONTAINER),
    "container paused": lambda world: world.nas.docker.pause_by_hand(CONTAINER),
    "restart policy edited": lambda world: world.nas.docker.edit_restart_by_hand(CONTAINER, "no"),
    "replaced by hand with another env": lambda world: world.nas.docker.replace_by_hand(
        CONTAINER, Env=["GREETING=other"]
    ),
    "mounted file edited": lambda world: world.nas.write_file(
        "/var/lib/tomo/home/web/server/etc/page.conf", b"edited"
    ),
    "volume removed": lambda world: world.nas.docker.remove_volume_by_hand("web-data"),
    "image tag moved on the host": lambda world: world.nas.docker.retag_by_hand("tomo-test/web:1.0"),
    "container crashed": lambda world: world.nas.docker.stop_by_hand(CONTAINER, 137),
    "docker removed": lambda world: world.nas.remove_docker_by_hand(),
    "docker stopped": lambda world: world.nas.stop_docker_by_hand(),
}


@pytest.mark.parametrize("kind", DRIFTS)
def test_drift_is_seen_and_repaired(world: World, kind: str) -> None:
    applied(world)
    DRIFTS[kind](world)

    plan = world.plan()
    repair = world.apply()

    assert plan.has_changes
    assert repair.exit_code is ExitCode.OK, (repair.failures, repair.shown.plan.unlooked)
    assert not world.plan().has_changes
    assert world.nas.docker.inspect(CONTAINER)["State"]["Running"]


@pytest.mark.parametrize("act", ["disconnect", "remove"])
def test_a_network_that_was_pulled_away_is_seen_and_repaired(bare: World, act: str) -> None:
    Apps(bare.doors).add(AddAppRequest(bare.place, "miniflux", ("nas",)))
    applied(bare)
    if act == "disconnect":
        bare.nas.docker.disconnect_by_hand("miniflux", "miniflux-server")
    else:
        bare.nas.docker.remove_network_by_hand("miniflux")

    plan = bare.plan()
    repair = bare.apply()

    assert plan.has_changes
    assert repair.exit_code is ExitCode.OK, repair.failures
    assert not bare.plan().has_changes
    assert "miniflux" in bare.nas.docker.inspect("miniflux-server")["NetworkSettings"]["Networks"]


def test_an_edited_daemon_json_is_seen_and_repaired(world: World) -> None:
    world.edit("    user: root\n", "    user: root\n    docker: {daemon: {log-level: warn}}\n")
    applied(world)
    world.nas.write_file("/etc/docker/daemon.json", b'{"log-level": "debug"}')

    plan = world.plan()
    applied(world)

    assert plan.has_changes
    assert b'"warn"' in (world.nas.read_file("/etc/docker/daemon.json") or b"")
    assert not world.plan().has_changes


def test_drift_tells_what_happened_and_changes_nothing(world: World) -> None:
    applied(world)
    world.nas.docker.stop_by_hand(CONTAINER)
    state = world.state.read_bytes()

    result = world.drift()

    (step,) = result.plan.steps
    assert step.urn.name == "web@nas"
    assert any("stopped" in diff.why for diff in step.diffs)
    assert world.state.read_bytes() == state


def test_there_is_no_drift_right_after_an_apply(world: World) -> None:
    applied(world)

    result = world.drift()

    assert result.plan.steps == ()


# --- failures ----------------------------------------------------------------------------------------


def test_an_unreachable_host_is_named_and_nothing_is_lost(world: World) -> None:
    applied(world)
    world.nas.faults.unreachable = True

    result = world.plan()

    assert {host.host for host in result.plan.unlooked} == {"nas"}
    assert result.exit_code is ExitCode.FAILED
    assert not any(step.op is Op.DELETE for step in result.plan.steps)


@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        ("unreachable", "host-unreachable", ExitCode.FAILED),
        ("login_refused", "login-refused", ExitCode.LOGIN),
        ("host_key_changed", "host-key-changed", ExitCode.LOGIN),
        ("host_key_unknown", "host-key-unknown", ExitCode.LOGIN),
    ],
)
def test_a_host_that_lets_nobody_in_fails_the_first_apply(
    world: World, fault: str, code: str, exit_code: ExitCode
) -> None:
    setattr(world.nas.faults, fault, True)

    result = world.apply()

    assert result.exit_code is exit_code
    assert code in {failure.error.code for failure in result.failures}


def test_no_sudo_is_refused_before_docker_is_installed(world: World) -> None:
    world.edit("    user: root\n", "    user: ann\n    become: sudo\n")
    world.nas.faults.no_sudo = True

    result = world.apply()

    assert result.exit_code is not ExitCode.OK
    assert "become-refused" in {failure.error.code for failure in result.failures}
    assert not world.nas.docker_installed


def test_a_full_disk_says_so(world: World) -> None:
    world.nas.faults.disk_full = True

    result = world.apply()

    assert result.exit_code is ExitCode.FAILED
    assert any("space" in str(failure.error) for failure in result.failures)


def test_an_image_that_does_not_exist_is_named(world: World) -> None:
    world.edit("tomo-test/web:1.0", "tomo-test/none:9")

    result = world.apply()

    (failure,) = result.failures
    assert failure.error.code == "image-not-found"
    assert "tomo-test/none:9" in str(failure.error)


def test_a_container_that_exits_at_once_leaves_its_last_words(world: World) -> None:
    world.registry.add(ImageDefinition("tomo-test/web:1.0", behaviour=exits(3, stderr="no licence found\n")))

    result = world.apply()

    (failure,) = result.failures
    assert failure.error.code == "container-exited"
    assert "no licence found" in failure.error.detail


def test_an_unhealthy_update_puts_the_old_container_back(world: World) -> None:
    applied(world)
    old = world.nas.docker.inspect(CONTAINER)["Id"]
    world.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=unhealthy("refused")))
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")

    result = world.apply()

    assert result.exit_code is ExitCode.FAILED
    assert {failure.error.code for failure in result.failures} == {"container-unhealthy"}
    now = world.nas.docker.inspect(CONTAINER)
    assert now["Id"] == old
    assert now["State"]["Running"]


def test_a_taken_port_is_named(world: World) -> None:
    world.nas.install_docker()
    world.nas.docker.occupy_port(8080)

    result = world.apply()

    assert {failure.error.code for failure in result.failures} == {"port-taken"}


def test_a_name_that_is_taken_is_never_taken_over(world: World) -> None:
    world.nas.install_docker()
    world.nas.docker.run_by_hand(CONTAINER, "tomo-test/web:1.0")
    theirs = world.nas.docker.inspect(CONTAINER)["Id"]

    result = world.apply()

    assert "name-taken" in {failure.error.code for failure in result.failures}
    assert world.nas.docker.inspect(CONTAINER)["Id"] == theirs


def test_a_locked_stack_is_left_alone(world: World) -> None:
    workspace = world.doors.open(world.place)
    holder = LockOwner(1, "ann", "elsewhere")

    with workspace.backend.lock("tomo", "home", owner=holder), pytest.raises(StateLocked, match="`ann`"):
        world.apply()

    assert world.nas.docker.container_names == []


def test_a_plan_needs_no_lock(world: World) -> None:
    workspace = world.doors.open(world.place)

    with workspace.backend.lock("tomo", "home", owner=LockOwner(1, "ann", "elsewhere")):
        result = world.plan()

    assert result.exit_code is ExitCode.OK


def test_a_wrong_passphrase_stops_before_the_host_is_changed(world: World) -> None:
    applied(world)
    doors = world.with_settings(passphrase="wrong")

    with pytest.raises(PassphraseWrong, match="does not open"):
        Deployments(doors).plan(PlanRequest(world.place))


def test_a_corrupt_state_is_left_as_it_is(world: World) -> None:
    applied(world)
    world.state.write_bytes(b'{"version": 3, "checkpoint": ')

    with pytest.raises(StateCorrupt) as caught:
        world.plan()

    assert "tomo state import" in caught.value.hint
    assert world.state.read_bytes() == b'{"version": 3, "checkpoint": '


def test_an_unknown_app_is_a_mistake_with_a_line(world: World) -> None:
    world.file.write_text(world.file.read_text() + "  music: {app: navidrom, server: nas}\n")

    with pytest.raises(SpecError) as caught:
        world.plan()

    (problem,) = caught.value.problems
    assert problem.line > 0
    assert "navidrome" in problem.hint


def test_an_invalid_spec_lists_every_mistake(world: World) -> None:
    world.edit("    user: root\n", "    user: root\n    prot: 22\n")
    world.edit("    server: nas\n", "    server: nsa\n    colour: red\n")

    with pytest.raises(SpecError) as caught:
        world.plan()

    assert len(caught.value.problems) >= 2


def test_a_secret_that_is_not_set_is_named_with_the_command(world: World) -> None:
    world.edit("    server: nas\n", "    server: nas\n    env: {EXTRA: {secret: nowhere}}\n")

    with pytest.raises(ConfigMissing) as caught:
        world.plan()

    assert caught.value.hint == "set each: `tomo secret set nowhere`"


@pytest.mark.parametrize("calls", [2, 4, 8, 16])
def test_a_lost_connection_loses_no_resource(world: World, calls: int) -> None:
    world.nas.faults.lost_after = calls

    # One step at a time and each once: otherwise it depends on the moment whether a try again mends it.
    first = world.apply(parallel=1, retry=False)
    second = world.apply()

    assert first.exit_code is ExitCode.FAILED
    assert second.exit_code is ExitCode.OK, second.failures
    assert world.nas.docker.container_names == [CONTAINER]


@pytest.mark.parametrize(
    "hostile",
    [
        "'; touch /tmp/x; '",
        "$(reboot)",
        "`id`",
        'a "quoted" \\ word',
        "two\nlines",
        "${HOME} $HOME %s",
        "ünïcode 🐘",
    ],
)
def test_a_hostile_value_reaches_the_container_as_it_is(world: World, hostile: str) -> None:
    written = json.dumps(hostile.replace("${", "$${"), ensure_ascii=False)
    world.edit("    server: nas\n", f"    server: nas\n    env: {{EXTRA: {written}}}\n")

    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    assert f"EXTRA={hostile}" in world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    assert not world.plan().has_changes


def test_two_servers_are_brought_up_side_by_side(world: World) -> None:
    world.edit("apps:\n", "  pi: {host: 192.0.2.11, user: root}\napps:\n")
    world.edit("    server: nas\n", "    servers: [nas, pi]\n")

    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    assert all(host.docker.container_names == [CONTAINER] for host in world.hosts.values())
    assert not world.plan().has_changes


def test_one_host_that_is_down_does_not_stop_the_other(world: World) -> None:
    world.edit("apps:\n", "  pi: {host: 192.0.2.11, user: root}\napps:\n")
    world.edit("    server: nas\n", "    servers: [nas, pi]\n")
    world.hosts[NAS].faults.unreachable = True

    result = world.apply()

    assert result.exit_code is ExitCode.FAILED
    assert world.hosts["192.0.2.11"].docker.container_names == [CONTAINER]


def test_settings_of_the_environment_are_not_shown(world: World) -> None:
    assert "correct horse" not in repr(replace(world.settings, user="x"))
