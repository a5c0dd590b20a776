"""Which hosts are dialled before a look begins, and which are dialled again after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.worlds import NAS, World, host_key
from tomo.errors import ConfigMissing, ExitCode, SpecError
from tomo.model.selection import Selection
from tomo.service.deployments import Deployments
from tomo.service.opening import opened
from tomo.service.runs import PlanRequest, PlanResult
from tomo.spec.glance import GlancedServer

SECOND = """\
  pi:
    host: 192.0.2.11
    user: root
    host_key: {key}
apps:
"""


def prepared(world: World) -> list[str]:
    """The hosts that the last command dialled in advance."""
    return [spec.host for spec in world.dialled[-1].prepared]


def test_a_plan_begins_to_dial_what_the_state_records(world: World) -> None:
    world.apply()
    before = world.nas.dialled

    result = world.plan()

    assert prepared(world) == [NAS]
    assert world.nas.dialled == before + 1
    assert not result.has_changes


def test_a_host_that_no_apply_has_accepted_is_not_dialled_in_advance(world: World) -> None:
    world.plan()
    first = prepared(world)
    world.apply()
    world.edit("apps:\n", SECOND.format(key=host_key(1)))

    world.plan()

    assert first == []
    assert prepared(world) == [NAS]


@pytest.mark.parametrize("options", [{"look": False}, {"selection": Selection(targets=("web",))}])
def test_what_looks_at_nothing_or_a_part_dials_nothing_in_advance(
    world: World, options: dict[str, object]
) -> None:
    world.apply()

    world.plan(**options)

    assert prepared(world) == []


def test_a_missing_credential_is_not_replaced_by_another(world: World) -> None:
    world.apply()
    world.edit("    user: root\n", "    user: root\n    password: {secret: nowhere}\n")

    with pytest.raises(ConfigMissing):
        world.plan()

    assert prepared(world) == []


def test_a_file_with_a_mistake_is_refused_and_its_connections_end(world: World) -> None:
    world.apply()
    world.edit("    server: nas\n", "    server: nas\n    sever: nas\n")

    with pytest.raises(SpecError, match="1 mistake"):
        world.plan()

    assert prepared(world) == [NAS]
    assert world.dialled[-1].open == 0


def test_connections_made_as_the_checked_fleet_has_it_not_are_not_used(world: World) -> None:
    world.apply()
    workspace = world.doors.open(world.place)
    assert workspace.glance is not None
    other = GlancedServer(NAS, {"user": "somebody"})
    workspace.glance = replace(workspace.glance, servers={"nas": other})

    with opened(world.doors, workspace, looks=True) as session:
        first, second = world.dialled[-2:]
        used = session.connections

    assert used is second
    assert first.open == 0
    assert [spec.host for spec in second.prepared] == [NAS]


def test_a_host_that_was_silent_in_the_plan_is_dialled_again_by_the_run(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    world.nas.faults.unreachable = True

    def comes_up(_shown: PlanResult) -> bool:
        world.nas.faults.unreachable = False
        return True

    result = world.apply(confirm=comes_up)

    assert result.exit_code is ExitCode.OK, result.failures
    assert not world.plan().has_changes


def test_a_text_that_is_only_proposed_is_checked_before_anybody_is_dialled(world: World) -> None:
    world.apply()
    proposed = world.file.read_bytes().replace(b"    user: root\n", b"    usr: root\n")
    dialled = len(world.dialled)

    with pytest.raises(SpecError, match="1 mistake"):
        Deployments(world.doors).plan(PlanRequest(replace(world.place, proposed=proposed)))

    assert world.dialled[dialled:] == []


@pytest.mark.parametrize(("look", "times"), [(True, 1), (False, 0)])
def test_a_surface_gets_ready_while_hosts_let_somebody_in(world: World, look: bool, times: int) -> None:
    world.apply()
    ready: list[str] = []
    doors = replace(world.doors, meanwhile=lambda: ready.extend(prepared(world)))

    Deployments(doors).plan(PlanRequest(world.place, look=look))

    assert ready == [NAS] * times
