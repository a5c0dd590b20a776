"""Plans through doors that only look: the same as any other, and nothing can come of them."""

from __future__ import annotations

import pytest

from tests.worlds import NAS, PI, World, host_key
from tomo.errors import ExitCode, LookOnly
from tomo.service.deployments import Deployments
from tomo.service.looking import accepted_hosts
from tomo.service.planning import Planning
from tomo.service.runs import ApplyRequest, PlanRequest, PlanResult
from tomo.service.status import Statuses, StatusRequest
from tomo.ssh.accepted import AcceptedHosts


def planned(world: World, accepted: AcceptedHosts | None = None) -> PlanResult:
    doors = world.doors.looking_only(accepted)
    return Planning(doors, doors.open(world.place)).plan(PlanRequest(world.place))


def accepted_by_file(world: World) -> AcceptedHosts:
    workspace = world.doors.open(world.place)
    fleet = workspace.fleet
    assert fleet is not None
    return accepted_hosts(fleet.fleet, workspace.config(), workspace.snapshot(), world.settings)


def accepted_by_state(world: World) -> AcceptedHosts:
    workspace = world.doors.open(world.place)
    return accepted_hosts(None, workspace.config(), workspace.snapshot(), world.settings)


def test_a_plan_is_the_same_one(world: World) -> None:
    world.apply()
    world.edit("hello", "good day")
    world.nas.docker.stop_by_hand("web")

    found, usual = planned(world, accepted_by_file(world)), world.plan()

    assert [(s.op, s.urn, s.diffs) for s in found.plan.steps] == [
        (s.op, s.urn, s.diffs) for s in usual.plan.steps
    ]
    assert found.has_changes


def test_what_people_read_is_read(world: World) -> None:
    world.apply()

    status = Statuses(world.doors.looking_only()).status(StatusRequest(world.place, live=True))

    assert [container.word for container in status.servers[0].apps[0].containers] == ["healthy"]


def test_an_apply_through_such_doors_changes_nothing(world: World) -> None:
    world.apply()
    world.edit("hello", "good day")
    before = world.nas.docker.inspect("web")
    doors = world.doors.looking_only()

    result = Deployments(doors).apply(ApplyRequest(world.place, lambda _shown: True))

    assert {failure.error.code for failure in result.failures} == {LookOnly.code}
    assert world.nas.docker.inspect("web") == before


def test_what_was_applied_counts_as_accepted(world: World) -> None:
    world.apply()

    assert planned(world, accepted_by_state(world)).plan.unlooked == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("host: 192.0.2.10", "host: 192.0.2.11"),
        ("user: root", "user: admin"),
        (host_key(), host_key(7)),
        ("user: root", "user: root\n    identity: ~/.ssh/other"),
        ("user: root", "user: root\n    proxy_jump: root@192.0.2.11"),
    ],
)
@pytest.mark.parametrize("by", [accepted_by_file, accepted_by_state])
def test_what_is_changed_is_said_and_not_dialled(world: World, by, before: str, after: str) -> None:
    world.apply()
    accepted = by(world)
    world.edit(before, after)
    dialled = {name: host.dialled for name, host in world.hosts.items()}

    found = planned(world, accepted)

    assert {each.code for each in found.plan.unlooked} >= {"host-not-accepted"}
    moved = {name for name, host in world.hosts.items() if host.dialled != dialled[name]}
    # What is recorded keeps its address, login and pin, and with those the host was accepted.
    recorded = before in {"host: 192.0.2.10", host_key()} or after == "user: admin"
    assert moved <= ({NAS} if recorded else set())
    assert found.exit_code == 0


def test_a_new_server_that_does_not_answer_is_said_in_the_plan(world: World) -> None:
    world.nas.faults.unreachable = True

    found = world.plan()

    assert [(each.host, each.code) for each in found.plan.unlooked] == [("nas", "host-unreachable")]
    assert found.exit_code == ExitCode.FAILED


def test_a_server_that_moved_to_a_silent_address_is_said_too(world: World) -> None:
    world.apply()
    world.edit("host: 192.0.2.10", "host: 192.0.2.11")
    world.hosts[PI].faults.unreachable = True

    found = world.plan()

    assert {each.code for each in found.plan.unlooked} == {"host-unreachable"}


def test_without_a_look_a_new_server_is_not_dialled(world: World) -> None:
    found = world.plan(look=False)

    assert found.plan.unlooked == ()
    assert found.exit_code == ExitCode.OK
    assert world.nas.dialled == 0
