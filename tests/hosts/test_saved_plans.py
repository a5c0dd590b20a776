"""A kept plan on a real server, which begins without Docker: applied as it stands, once; drift in between is refused."""

from pathlib import Path

import pytest

from lab.hosts import Host
from lab.lab import Lab
from tests.hosts.conftest import MakeSite, Site
from tomo.errors import ExitCode, PlanRefused
from tomo.service.plans.making import KeptPlan, SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, RunResult
from tomo.service.workspace import Place

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    [host] = lab.hosts("kappa")
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    site = make_site([host])
    site.write()
    return site


def keep(site: Site, name: str) -> KeptPlan:
    plans = SavedPlans(site.doors)
    return plans.save(SavePlanRequest(PlanRequest(Place(site.folder)), site.folder / name))


def apply(site: Site, name: str) -> RunResult:
    plan = ApplyPlanRequest(Place(site.folder), Path(site.folder / name), lambda _: None)
    return SavedPlans(site.doors).apply(plan)


def test_a_kept_plan_is_applied_once_and_held_to(site: Site, host: Host) -> None:
    keep(site, "first.json")

    first = apply(site, "first.json")

    assert first.exit_code is ExitCode.OK, [str(failure.error) for failure in first.failures]
    assert not site.plan().has_changes
    with pytest.raises(PlanRefused, match="used before"):
        apply(site, "first.json")

    one, two = keep(site, "one.json"), keep(site, "two.json")
    assert one.file.read_bytes() == two.file.read_bytes()

    site.write(greeting="hej")
    keep(site, "second.json")
    assert host.ssh("docker", "stop", "-t", "0", "site-page").code == 0

    held = apply(site, "second.json")

    assert held.exit_code is ExitCode.PLAN_REFUSED
    assert any("`mustRun` is not as the plan saw it" in str(failure.error) for failure in held.failures)

    keep(site, "third.json")
    third = apply(site, "third.json")

    assert third.exit_code is ExitCode.OK, [str(failure.error) for failure in third.failures]
    assert not site.plan().has_changes
