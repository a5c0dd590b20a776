"""A fleet on the `pulumi` engine: the real CLI decides, and Tomo's providers stand for the official plugins.

The plugins `docker` and `command` can't be had where this is tested. So what is held here is everything but
them: the fleet as a Pulumi program, its secrets, steps, state and outputs, and both engines on one stack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from conformance.engines import PulumiCli
from conformance.plugin import served
from tests.worlds import CONTAINER, PASSPHRASE, World, keys, make_world
from tomo.errors import ExitCode
from tomo.providers.docker.resource import Pace
from tomo.providers.registry import ProviderRegistry
from tomo.service.deployments import Deployments
from tomo.service.outputs import Outputs
from tomo.service.runs import ApplyRequest, PlanRequest, PlanResult, RunResult
from tomo.service.status import OutputsRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.ssh.docker_host import spec_for_docker
from tomo.testing.fake_host import FakeConnections

pytestmark = [pytest.mark.pulumi_cli, pytest.mark.timeout(300)]
PACKAGES = ("docker", "command", "pulumi-python")


@dataclass
class Fleet:
    """A fleet whose file names the `pulumi` engine, and its host in memory."""

    world: World
    doors: Doors

    def plan(self, engine: str | None = None, **options: bool) -> PlanResult:
        return Deployments(self.doors).plan(PlanRequest(Place(self.world.folder, engine=engine), **options))

    def apply(self, engine: str | None = None, **options: bool) -> RunResult:
        place = Place(self.world.folder, engine=engine)
        return Deployments(self.doors).apply(ApplyRequest(place, lambda _: True, **options))


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: PulumiCli) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    world = make_world(folder)
    world.edit("fleet: home\n", "fleet: home\nengine: pulumi\n")
    settings = Settings(home=folder / "home", user="tester")
    registry = ProviderRegistry(
        FakeConnections(world.hosts),
        settings,
        lambda url, options: spec_for_docker(url, options, settings),
        pace=Pace(settle=0.0, poll=0.001),
    )
    with ExitStack() as stack:
        ports = [f"{name}:{stack.enter_context(served(registry.load(name, '')))}" for name in PACKAGES]
        environment = {
            "HOME": str(folder / "home"),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PATH": os.environ["PATH"],
            "TOMO_PASSPHRASE": PASSPHRASE,
            "TOMO_PULUMI": str(pulumi_cli._binary),
            "PULUMI_DEBUG_PROVIDERS": ",".join(ports),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        yield Fleet(world, Doors(Settings.from_environment(environment), world.connections, secrets=keys()))


def said(result: PlanResult | RunResult) -> object:
    return result.program_error, [str(failure.error) for failure in result.failures]


def nothing_to_do(result: PlanResult) -> bool:
    assert result.exit_code is ExitCode.OK, said(result)
    changes = [(step.op, step.urn, step.diffs) for step in result.plan.changes]
    assert not result.has_changes, changes
    return True


def test_a_fleet_lives_its_whole_life(fleet: Fleet) -> None:
    planned = fleet.plan()
    assert planned.exit_code is ExitCode.OK, said(planned)
    assert planned.new_secrets == ("web.TOKEN",)
    assert fleet.world.nas.docker.container_names == []

    done = fleet.apply()
    assert done.exit_code is ExitCode.OK, said(done)
    assert fleet.world.nas.docker.container_names == [CONTAINER]
    assert nothing_to_do(fleet.plan())

    fleet.world.edit("default: hello", "default: goodbye")
    changed = fleet.apply()
    assert changed.exit_code is ExitCode.OK, said(changed)
    assert "GREETING=goodbye" in fleet.world.nas.docker.inspect(CONTAINER)["Config"]["Env"]

    gone = fleet.apply(destroy=True)
    assert gone.exit_code is ExitCode.OK, said(gone)
    assert fleet.world.nas.docker.container_names == []


def test_tomo_s_own_engine_goes_on_with_it_and_back(fleet: Fleet) -> None:
    fleet.apply()

    assert nothing_to_do(fleet.plan("embedded"))
    fleet.world.edit("default: hello", "default: goodbye")
    fleet.apply("embedded")

    assert nothing_to_do(fleet.plan())


def test_its_outputs_are_those_of_tomo_s_own_engine(fleet: Fleet) -> None:
    fleet.apply()
    both = [
        Outputs(fleet.doors).outputs(OutputsRequest(Place(fleet.world.folder, engine=engine), False))
        for engine in ("pulumi", "embedded")
    ]

    assert both[0] == both[1]
    assert both[0]["urls"] == {"web": "http://127.0.0.1:8080"}
