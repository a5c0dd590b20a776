"""Containers that run on a real server are taken into the fleet: same id, same start, an empty plan."""

import shlex

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.conftest import PASSPHRASE, MakeSite, Site, changes
from tomo.service.imports import Adopted, Adoptions, AdoptRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

pytestmark = pytest.mark.hosts

IMAGE = "tomo-test/web:1"


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    [host] = lab.hosts("iota", docker_installed=True, mirrors=[registry.mirror])
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    return make_site([host])


def docker(host: Host, *argv: str) -> str:
    done = host.ssh(shlex.join(["docker", *argv]))
    assert done.code == 0, done.err
    return done.out.strip()


def life(host: Host) -> list[str]:
    """What must not change: name, id, start and restarts of every container."""
    ids = docker(host, "ps", "--all", "--quiet").split()
    return sorted(docker(host, "inspect", "-f", "{{.Name}}={{.Id}}={{.State.StartedAt}}", *ids).splitlines())


def adopt(site: Site, app: str = "", **options: object) -> Adopted:
    settings = Settings.from_environment({"TOMO_PASSPHRASE": PASSPHRASE, "HOME": str(site.folder)})
    request = AdoptRequest(Place(site.folder), site.hosts[0].name, lambda _: True, app, **options)
    return Adoptions(Doors(settings)).adopt(request)


def assert_untouched(site: Site, host: Host, before: list[str]) -> None:
    assert life(host) == before
    assert changes(site.plan().plan) == []
    assert changes(site.plan(look=False).plan) == []
    site.converge()
    assert life(host) == before


def test_an_app_is_found_again_after_its_state_was_lost(site: Site, host: Host) -> None:
    site.write()
    site.converge()
    before = life(host)
    for path in (site.folder / ".pulumi" / "stacks").rglob("*.json*"):
        path.unlink()

    adopted = adopt(site, "site")

    assert adopted.run.exit_code == 0, [f.error.message for f in adopted.run.shown.failures]
    assert_untouched(site, host, before)


def test_what_was_started_by_hand_is_taken_in_as_it_is(site: Site, host: Host) -> None:
    docker(host, "network", "create", "back_net")
    shared = ["--detach", "--network", "back_net", "--restart", "unless-stopped"]
    docker(
        host, "run", *shared, "--name", "hand_made", "--env", "A_PASSWORD=t0p-s3cret", "--env", "B=${x}",
        "--publish", "127.0.0.1:18088:80", "--volume", "hand_data:/data", "--volume", "/etc/hostname:/h:ro",
        "--memory", "64m", "--cap-drop", "MKNOD", "--label", "a.b=c", "--log-opt", "max-size=1m",
        "--health-cmd", "/bin/busybox true", "--health-interval", "7s", "--hostname", "web7", IMAGE,
    )  # fmt: skip
    mount = "type=volume,source=labelled,target=/data"
    docker(host, "volume", "create", "--label", "who=me", "labelled")
    docker(host, "run", *shared, "--name", "second", "--network-alias", "db", "--mount", mount, IMAGE)
    before = life(host)

    adopted = adopt(site, everything=True)

    assert sorted(adopted.apps) == ["hand-made", "second"]
    assert adopted.secrets == ("hand-made.A_PASSWORD",)
    assert "t0p-s3cret" not in "".join(p.read_text() for p in site.folder.rglob("*") if p.is_file())
    assert_untouched(site, host, before)
