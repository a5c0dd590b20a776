"""The states that plans are measured on really say that nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.fleets import container_names, fleet_text
from bench.states import PASSPHRASE, make_fleet, make_program, make_volumes
from bench.timing import BenchError, timed
from tomo.model.step import Op
from tomo.service.deployments import Deployments
from tomo.service.runs import PlanRequest, PlanResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.spec.load import fleet_from_text


def planned(folder: Path) -> PlanResult:
    settings = replace(Settings(home=folder), passphrase=PASSPHRASE)
    return Deployments(Doors(settings)).plan(PlanRequest(Place(folder), look=False))


@pytest.mark.slow  # applies 100 resources to a host in memory
def test_a_fleet_of_many_resources_is_as_declared(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet", 200)

    result = planned(tmp_path / "fleet")

    assert not result.has_changes
    assert result.plan.counts[Op.SAME] >= 200


@pytest.mark.slow  # applies 200 resources to a host in memory
def test_a_fleet_of_containers_with_volumes_is_as_declared(tmp_path: Path) -> None:
    make_volumes(tmp_path / "fleet", 200)

    result = planned(tmp_path / "fleet")

    assert not result.has_changes
    assert result.plan.counts[Op.SAME] >= 400


@pytest.mark.slow  # imports the SDK
def test_a_program_of_many_resources_is_as_declared(tmp_path: Path) -> None:
    make_program(tmp_path / "program", 20)

    result = planned(tmp_path / "program")

    assert not result.has_changes
    assert result.plan.counts[Op.SAME] >= 20


def test_the_measured_fleet_is_valid() -> None:
    text = fleet_text([], 3, "one")

    loaded = fleet_from_text(
        text.replace("servers: []", "servers: [host]").replace("servers:\n", _SERVER), Path("f")
    )

    assert list(loaded.fleet.apps["load"].definition.services) == ["c00", "c01", "c02"]
    assert container_names(3)[0] == "load-c00"


def test_the_measured_fleet_with_volumes_is_valid() -> None:
    text = fleet_text([], 2, "one", volumes=True)

    loaded = fleet_from_text(
        text.replace("servers: []", "servers: [host]").replace("servers:\n", _SERVER), Path("f")
    )

    definition = loaded.fleet.apps["load"].definition
    assert [mount.volume for service in definition.services.values() for mount in service.mounts] == [
        "c00",
        "c01",
    ]
    assert list(definition.volumes) == ["c00", "c01"]


_SERVER = "servers:\n  host: {host: 192.0.2.1, user: root}\n"


def test_a_program_that_fails_is_not_measured() -> None:
    with pytest.raises(BenchError, match=r"ended with \[3\]"):
        timed(["sh", "-c", "exit 3"])


def test_time_and_memory_of_a_program_are_its_own() -> None:
    took = timed(["sh", "-c", "exit 0"])

    assert took.seconds > 0
    assert took.peak_mb > 0
