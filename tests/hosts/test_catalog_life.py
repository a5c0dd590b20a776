"""Apps of the catalog from their first apply to their end, many at once on one real server.

An app whose software is in Debian runs as that; every other image is a stand-in that answers its ports and
health check. `APPS=all` takes the whole catalog, which `make apps` does; else it is a choice of all kinds.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.docker import try_docker
from lab.hosts import Host
from lab.lab import Lab
from lab.stand_ins import MARKER, write_archive
from lab.waiting import until
from tests.hosts.conftest import MakeSite, Site, changes
from tests.life import debian_images
from tests.life.choice import chosen
from tests.life.entries import (
    CATALOG,
    SECRET,
    containers,
    fleet_part,
    reach_of_the_page,
    released,
    write_catalog,
)
from tests.life.stand_ins import stand_ins
from tomo.backup.manifest import Manifest
from tomo.model.values import Secret
from tomo.service.app_history import mark_of
from tomo.service.app_updates import AppUpdates, RollBackAppRequest, UpdateAppsRequest
from tomo.service.backups.cases import Backups
from tomo.service.backups.requests import CreateBackupRequest, RestoreBackupRequest
from tomo.service.new_versions import rolled_back
from tomo.service.runs import RunResult
from tomo.service.secret_names import Secrets, SetSecretRequest
from tomo.service.workspace import Place

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(1800)]

BATCH = 32
DOCKER = "docker: {daemon: {default-address-pools: [{base: 10.213.0.0/16, size: 24}]}}"
"""Every app has a network of its own, and Docker's own address pools hold some thirty."""
KEY = "backup.key"


def wanted_apps() -> list[str]:
    """The apps of this run: all, those that are named, or the choice."""
    named = os.environ.get("APPS", "")
    return CATALOG.ids() if named == "all" else named.split(",") if named else chosen()


def batches() -> list[list[str]]:
    ids = wanted_apps()
    return [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]


# --- the server and its images -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Host]:
    """A server that has both releases of every image that the chosen apps name."""
    (host,) = lab.hosts("apps", docker_installed=True)
    apps = [CATALOG.get(app) for app in wanted_apps()]
    wanted = [*stand_ins(apps, 1), *stand_ins(apps, 2)]
    made = [(one, debian_images.built_of_debian(one.reference)) for one in wanted]
    real = [debian_images.build(lab.images, one.reference, how, one.revision) for one, how in made if how]
    load(host, ["docker", "save", *real] if real else [])
    archive = lab.folder / "stand-ins.tar"
    write_archive(lab.images, [one for one, how in made if not how], archive)
    load(host, ["cat", str(archive)])
    try_docker("image", "rm", "--no-prune", *real)
    yield host
    lab.remove(host)


def load(host: Host, archive: Sequence[str]) -> None:
    """Puts the images that a command writes out into a server's Docker."""
    if archive:
        into = ["docker", "exec", "--interactive", host.container, "docker", "load", "--quiet"]
        with subprocess.Popen(archive, stdout=subprocess.PIPE) as source:
            subprocess.run(into, stdin=source.stdout, stdout=subprocess.DEVNULL, check=True)


# --- the fleet ----------------------------------------------------------------------------------------


def declare(site: Site, apps: Sequence[str], end: str = "") -> None:
    """Writes the fleet file; `end` is written into each app."""
    server = site.server(site.hosts[0], DOCKER)
    lan = address_of(site.hosts[0])
    parts = "".join(fleet_part(app, end) for app in apps)
    backup = f"backup: {{to: backups, recipients: [{recipient(site)}]}}\n"
    site.file.write_text(
        f"fleet: life\n{backup}catalogs: [entries]\nservers:\n{server}    lan: {lan}\napps:\n{parts}"
    )
    for name in sorted(set(re.findall(r"secret: (own\.\w+)", parts))):
        Secrets(site.doors).set(SetSecretRequest(Place(site.folder), name, Secret(SECRET)))


def recipient(site: Site) -> str:
    """The public half of the key that backups are made for; the key is made where there is none."""
    import pyrage

    key = site.folder / KEY
    if not key.exists():
        key.write_text(str(pyrage.x25519.Identity.generate()))
    return str(pyrage.x25519.Identity.from_str(key.read_text()).to_public())


def update(site: Site) -> None:
    """Brings every app to the release that the catalog has now, and shows that nothing is left to do."""
    changed = AppUpdates(site.doors).update(UpdateAppsRequest(Place(site.folder), lambda _: True))
    assert changed.run is not None
    assert changed.run.exit_code == 0, problems(changed.run)
    assert changes(site.plan().plan) == []
    assert changes(site.plan(look=False).plan) == []


def roll_back(site: Site, apps: Sequence[str]) -> None:
    """Takes every app back to how it was before: one by its own command, the others by what that writes."""
    first, *others = apps
    changed = AppUpdates(site.doors).rollback(
        RollBackAppRequest(Place(site.folder), name=first, confirm=lambda _: True)
    )
    assert changed.run is not None
    assert changed.run.exit_code == 0, problems(changed.run)
    workspace, text = site.doors.open(Place(site.folder)), site.file.read_text()
    for app in others:
        text = rolled_back(text, app, mark_of(workspace, app, None))
    site.file.write_text(text)
    site.converge()


def back_up(site: Site) -> list[Manifest]:
    """One backup of each app with data, and of the installation."""
    made = Backups(site.doors).create(CreateBackupRequest(Place(site.folder)))
    assert [f"{each.instance}: {each.error}" for each in made.failed] == []
    return [each for each in made.made if each.volumes]


def restore(site: Site, backups: Sequence[Manifest]) -> None:
    """Puts every backup in the place of what is there."""
    for each in backups:
        request = RestoreBackupRequest(
            Place(site.folder), each.name, lambda _: True, identities=(site.folder / KEY,), first=False
        )
        assert not Backups(site.doors).restore(request).declined


# --- what is on the server ----------------------------------------------------------------------------

ASK_FOR_STATUS = """
exec 3<>"/dev/tcp/$3/$1" || exit 0
printf 'GET %s HTTP/1.0\\r\\nHost: localhost:%s\\r\\n\\r\\n' "$2" "$1" >&3
read -r line <&3
echo "$line"
"""


def address_of(host: Host) -> str:
    """Its address in the network of this machine's Docker."""
    return host.inside("ip", "-4", "-brief", "address", "show", "eth0").split()[2].partition("/")[0]


def listed(host: Host, *argv: str) -> list[str]:
    """What a listing of the server's Docker shows, sorted."""
    return sorted(host.inside("docker", *argv).splitlines())


def what_is_there(host: Host) -> dict[str, object]:
    """All that apps leave traces in; what Docker was set up with is the server's."""
    return {
        "containers": listed(host, "ps", "--all", "--quiet"),
        "volumes": listed(host, "volume", "ls", "--quiet"),
        "networks": listed(host, "network", "ls", "--format", "{{.Name}}"),
        "files": host.inside(
            "sh", "-c", "find /var/lib/tomo -mindepth 1 -not -path '*/tomo/docker*' 2>/dev/null || true"
        ),
    }


def unwell(host: Host, apps: Sequence[str], release: int) -> list[str]:
    """Services that don't run this release's image, or don't pass the health check that their app declares."""
    rows = listed(host, "ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.Image}} {{.Status}}")
    seen = {name: rest for name, _, rest in (row.partition(" ") for row in rows)}
    images = dict(
        line.split()
        for line in listed(host, "images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
    )
    found = []
    for name, service in (each for app in apps for each in containers(app)):
        image, _, status = seen.get(name, "").partition(" ")
        checked = service.healthcheck and service.healthcheck.tests() != ("NONE",)
        wanted = "(healthy)" if checked else "Up "
        right = image in {images.get(released(service.image, release)), released(service.image, release)}
        found += [] if wanted in status and right else [f"{name}: {image} {status}"]
    return found


def unanswered(host: Host, app: str) -> list[str]:
    """Pages of the entry's own tests that don't answer as they should, at the port people reach."""
    found = []
    for test in CATALOG.get(app).tests:
        (reach, port), page = reach_of_the_page(app), test.http
        address = "127.0.0.1" if reach == "local" else address_of(host)
        seen = host.inside("bash", "-c", ASK_FOR_STATUS, "ask", str(port), page.path, address)
        if seen.split()[1:2] != [str(page.status)]:
            found.append(f"{app}: {page.path} at {port} answers `{seen}`, not {page.status}")
    return found


MARK = f"""
cd /var/lib/docker/volumes
for volume in */; do
    file=$volume/_data/{MARKER}
    [ -e "$file" ] || echo "of the ${{volume%/}}" >"$file"
done
"""
WRECK = f"for file in /var/lib/docker/volumes/*/_data/{MARKER}; do echo wrecked >$file; done"


def data(host: Host) -> dict[str, str]:
    """The marker in each volume that has a name; those without one go with their container."""
    found = host.inside(
        "sh", "-c", f"grep -H . /var/lib/docker/volumes/*/_data/{MARKER} || true"
    ).splitlines()
    markers = {path.split("/")[-3]: text for path, _, text in (line.partition(":") for line in found)}
    return {volume: text for volume, text in markers.items() if not re.fullmatch("[0-9a-f]{64}", volume)}


# --- the test -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("apps", batches(), ids=lambda apps: f"{apps[0]}-and-{len(apps) - 1}-more")
def test_apps_live_from_their_first_apply_to_their_end(
    apps: list[str], host: Host, make_site: MakeSite
) -> None:
    site = make_site([host])
    before = what_is_there(host)
    try:
        live(site, host, apps)

        assert what_is_there(host) == before
        record(apps)
    finally:
        host.inside("sh", "-c", SWEEP)


SWEEP = "docker ps -aq | xargs -r docker rm -fv; docker volume ls -q | xargs -r docker volume rm; docker network prune -f"


def live(site: Site, host: Host, apps: Sequence[str]) -> None:
    entries = site.folder / "entries"
    write_catalog(entries, apps, 1)
    declare(site, apps)
    with told("apply"):
        site.converge()
    assert unwell(host, apps, 1) == []
    assert [line for app in apps for line in unanswered(host, app)] == []
    stand_ins_marked = data(host)
    host.inside("sh", "-c", MARK)
    markers = data(host)
    assert stand_ins_marked.items() <= markers.items()

    write_catalog(entries, apps, 2)
    with told("update"):
        update(site)
    assert unwell(host, apps, 2) == []
    assert data(host) == markers

    with told("rollback"):
        roll_back(site, apps)
    assert unwell(host, apps, 1) == []
    assert data(host) == markers

    with told("backup"):
        backups = back_up(site)
    saved = {volume.docker_name for each in backups for volume in each.volumes}
    host.inside("sh", "-c", WRECK)
    with told("restore"):
        restore(site, backups)
    assert {volume: text for volume, text in data(host).items() if volume in saved} == {
        volume: text for volume, text in markers.items() if volume in saved
    }
    until(lambda: unwell(host, apps, 1) == [], "the health of apps after a restore", within=180)
    assert changes(site.plan().plan) == []

    markers = data(host)
    with told("remove"):
        declare(site, apps, "    state: absent")
        site.converge()
        assert listed(host, "ps", "--all", "--quiet") == []
        assert data(host) == markers
        declare(site, apps, "    state: absent\n    remove_data: true")
        site.converge()


def record(apps: Sequence[str]) -> None:
    """Notes who lived through it, for the page of tested apps."""
    if path := os.environ.get("APPS_RECORD"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write("".join(f"{app}\n" for app in apps))


@contextmanager
def told(what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - start:.1f} s")


def problems(run: RunResult) -> list[str]:
    """What went wrong, for a reader of the test's output."""
    shown = [each.message for each in run.shown.shortfalls]
    return [*shown, *(str(each.error) + each.error.detail for each in (*run.failures, *run.shown.failures))]
