"""Docker itself on a real server: rotation, upgrades within a pin, reloads and restarts, ports past ufw."""

from __future__ import annotations

import json

import pytest

from lab.hosts import Host
from lab.lab import Lab
from tests.hosts.conftest import MakeSite, Site, changes

pytestmark = pytest.mark.hosts

NEWER = "20.10.25+dfsg1-1tomo1"
# The same package with a higher version, in a repository of the server's own.
REPACK = f"""
set -e
mkdir -p /srv/repo /tmp/pack && cd /tmp/pack
apt-get -q download docker.io >/dev/null 2>&1
dpkg-deb -R docker.io_*.deb tree
sed -i 's/^Version: .*/Version: {NEWER}/' tree/DEBIAN/control
dpkg-deb -Znone -b tree /srv/repo/docker.io.deb >/dev/null
cd /srv/repo
{{ dpkg-deb -f docker.io.deb; echo "Filename: ./docker.io.deb"; echo "Size: $(stat -c %s docker.io.deb)"
echo "SHA256: $(sha256sum docker.io.deb | cut -d' ' -f1)"; }} >Packages
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/own.list
apt-get -q update >/dev/null
"""


@pytest.fixture(scope="module")
def site(lab: Lab, make_site: MakeSite) -> Site:
    return make_site(lab.hosts("epsilon"))


def docker_of(site: Site, options: str) -> str:
    return f"docker: {{registry_mirrors: ['{site.registry.mirror}'], {options}}}"


def told(site: Site) -> list[str]:
    return [shortfall.message for shortfall in site.plan().shortfalls]


def started(host: Host) -> str:
    return host.ssh("docker", "inspect", "--format", "'{{.Id}} {{.State.StartedAt}}'", "site-page").out


def test_a_new_docker_rotates_logs_and_stays_within_its_pin(site: Site) -> None:
    host = site.hosts[0]
    site.write(docker=docker_of(site, "version: '20.10.*'"))

    site.converge()

    daemon = json.loads(host.ssh("cat", "/etc/docker/daemon.json").out)
    assert daemon["log-opts"] == {"max-size": "10m", "max-file": "3"}
    kept = host.ssh("docker", "inspect", "--format", "'{{json .HostConfig.LogConfig}}'", "site-page").out
    assert json.loads(kept) == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_settings_that_docker_takes_up_by_itself_interrupt_nothing(site: Site) -> None:
    before = started(site.hosts[0])
    site.write(
        docker=docker_of(site, "version: '20.10.*', live_restore: true, insecure_registries: ['r.lan:1']")
    )

    planned = told(site)
    site.converge()

    assert planned == []
    assert started(site.hosts[0]) == before
    assert site.hosts[0].ssh("docker", "info", "--format", "'{{.LiveRestoreEnabled}}'").out == "true\n"


def test_an_upgrade_is_a_step_from_one_version_to_the_next_and_leaves_containers_running(site: Site) -> None:
    host, before = site.hosts[0], started(site.hosts[0])
    assert host.ssh(REPACK, timeout=120).code == 0

    shown = site.plan()
    site.converge()

    name = f"update {host.name}-docker"
    assert changes(shown.plan) == [name]
    [note] = [each.message for each in shown.shortfalls]
    assert f"from 20.10.24+dfsg1 to {NEWER}, within `20.10.*`" in note
    assert host.ssh("dpkg-query -W -f '${Version}' docker.io").out == NEWER
    assert started(host) == before


def test_a_downgrade_is_refused_by_name_and_changes_nothing(site: Site) -> None:
    site.write(docker=docker_of(site, "version: '19.*', live_restore: true"))

    result = site.apply()

    assert result.exit_code == 1
    assert any("is not downgraded" in each.message for each in result.shown.shortfalls)
    assert site.hosts[0].ssh("dpkg-query -W -f '${Version}' docker.io").out == NEWER


def test_new_log_settings_replace_no_container_that_runs(site: Site) -> None:
    before = started(site.hosts[0])
    site.write(docker=docker_of(site, "version: '20.10.*', live_restore: true, logs: {driver: local}"))

    site.converge()

    assert started(site.hosts[0]) == before


def test_ports_that_docker_publishes_past_ufw_are_told(site: Site) -> None:
    host = site.hosts[0]
    assert (
        host.ssh("apt-get -qy install ufw >/dev/null 2>&1 && ufw allow 22/tcp && ufw --force enable").code
        == 0
    )
    text = site.file.read_text()

    guarded = told(site)
    site.file.write_text(text.replace("expose: local", "expose: public"))
    past = told(site)

    assert "Status: active" in host.ssh("ufw status").out
    assert guarded == []
    assert past == [
        f"ufw on `{host.name}` does not guard 18080/tcp (site-page): Docker publishes ports past it"
    ]
    host.ssh("ufw --force disable")
    assert told(site) == []


def test_unused_images_go_by_policy_and_volumes_and_declared_images_stay(site: Site) -> None:
    host = site.hosts[0]
    assert host.ssh("docker volume create mine && docker tag tomo-test/web:1 second:1").code == 0
    assert host.ssh("docker pull -q tomo-test/web:2 && docker pull -q tomo-test/broken:1").code == 0
    assert (
        host.ssh("docker tag tomo-test/web:2 again:2 && docker create --name keeper tomo-test/broken:1").code
        == 0
    )
    assert host.ssh("docker rm -f site-page").code == 0, "what the fleet declares need not run"
    site.write(docker=docker_of(site, "version: '20.10.*', live_restore: true, prune: {older_than: 1h}"))
    young = told(site)
    # When an image was last pulled or tagged, in Docker's own files.
    aged = host.ssh(
        "systemctl stop docker.socket docker; "
        "for file in /var/lib/docker/image/overlay2/imagedb/metadata/sha256/*/lastUpdated; do "
        "printf 2020-01-01T00:00:00Z >$file; done; systemctl start docker"
    )
    assert aged.code == 0, aged.err

    shown = site.plan()
    site.converge()

    left = host.ssh("docker image ls --format '{{.Repository}}:{{.Tag}}'").out.split()
    assert not any("images" in line for line in young)
    [note] = [each.message for each in shown.shortfalls if "unused" in each.message]
    assert note.startswith("1 unused image of ")
    assert f"goes from `{host.name}`: " in note
    assert sorted(left) == ["second:1", "tomo-test/broken:1", "tomo-test/web:1"]
    assert host.ssh("docker volume ls -q -f name=mine").out == "mine\n"
