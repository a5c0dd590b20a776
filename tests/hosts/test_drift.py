"""What was changed by hand is seen by the next plan, and the next apply puts it right."""

from pathlib import Path

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.conftest import MakeSite, Site, changes

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    [host] = lab.hosts("epsilon", docker_installed=True, mirrors=[registry.mirror])
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    site = make_site([host])
    site.write()
    site.converge()
    return site


def docker(host: Host, *argv: str) -> str:
    done = host.ssh("docker", *argv)
    assert done.code == 0, done.err
    return done.out.strip()


def repaired(site: Site) -> list[str]:
    """What the plan shows, all of it drift; it's repaired and nothing is left."""
    shown = site.plan().plan
    site.converge()
    return changes(shown)


def only(change: str, planned: list[str]) -> bool:
    """Whether the page's container changes in that way, and its neighbour not at all."""
    return any(item.startswith(f"{change} ") for item in planned) and not any(
        "neighbour" in i for i in planned
    )


def test_a_removed_container_is_made_anew(site: Site, host: Host) -> None:
    docker(host, "rm", "-f", "site-page")

    assert only("create", repaired(site))


def test_a_stopped_container_is_started(site: Site, host: Host) -> None:
    docker(host, "stop", "-t", "0", "site-page")

    assert only("update", repaired(site))
    assert docker(host, "inspect", "-f", "{{.State.Running}}", "site-page") == "true"


def test_a_paused_container_goes_on(site: Site, host: Host) -> None:
    docker(host, "pause", "site-page")

    assert only("update", repaired(site))
    assert docker(host, "inspect", "-f", "{{.State.Paused}}", "site-page") == "false"


def test_an_edited_restart_policy_is_set_back_in_place(site: Site, host: Host) -> None:
    before = docker(host, "inspect", "-f", "{{.Id}}", "site-page")
    docker(host, "update", "--restart", "no", "site-page")

    assert only("update", repaired(site))
    policy = docker(host, "inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "site-page")
    assert policy == "unless-stopped"
    assert docker(host, "inspect", "-f", "{{.Id}}", "site-page") == before


def test_a_container_made_by_hand_under_the_same_name_is_replaced(site: Site, host: Host) -> None:
    docker(host, "rm", "-f", "site-page")
    docker(host, "run", "-d", "--name", "site-page", "-e", "GREETING=forged", "tomo-test/web:1")

    shown = site.plan().plan
    site.converge()

    [step] = [step for step in shown.changes if step.urn.name.startswith("site-page")]
    assert step.op.pulumi_name == "replace"
    assert any("outside Tomo" in diff.why for diff in step.diffs)
    assert "GREETING=hello" in docker(host, "inspect", "site-page")


def test_a_container_made_by_hand_is_adopted_whole_until_the_rule_goes(site: Site, host: Host) -> None:
    declared = site.file.read_text()
    site.file.write_text(declared.replace("  site:\n", "  site:\n    drift: {'*': adopt}\n"))
    site.converge()
    docker(host, "rm", "-f", "site-page")
    options = ["-e", "GREETING=by-hand", "--user", "0:0", "--label", "by=hand", "--restart", "no"]
    made = docker(host, "run", "-d", "--name", "site-page", *options, "tomo-test/web:1")

    shown = site.plan().plan
    site.converge()

    assert any("adopted as it is" in diff.why for step in shown.changes for diff in step.diffs)
    assert docker(host, "inspect", "-f", "{{.Id}}", "site-page") == made

    site.file.write_text(declared)
    assert only("replace", repaired(site))
    assert "GREETING=hello" in docker(host, "inspect", "site-page")


def test_an_edited_mounted_file_is_written_again(site: Site, host: Host) -> None:
    path = host.ssh("find", "/var/lib/tomo", "-name", "site.conf").out.strip()
    host.ssh(f"echo 'answer = 41' > {path}")

    planned = repaired(site)

    assert any(item.startswith("update ") for item in planned)
    assert host.ssh("cat", path).out == "answer = 42\n"
    assert docker(host, "exec", "site-page", "/bin/busybox", "cat", "/etc/site.conf") == "answer = 42"


def test_a_removed_volume_is_made_anew_with_what_uses_it(site: Site, host: Host) -> None:
    docker(host, "rm", "-f", "site-page")
    docker(host, "volume", "rm", "site-data")

    planned = repaired(site)

    assert sum(item.startswith("create ") for item in planned) == 2
    assert docker(host, "volume", "ls", "-q", "--filter", "name=site-data") == "site-data"


def test_a_moved_image_tag_is_moved_back(site: Site, host: Host) -> None:
    declared = docker(host, "image", "inspect", "-f", "{{.Id}}", "tomo-test/web:1")
    docker(host, "pull", "-q", "tomo-test/web:2")
    docker(host, "tag", "tomo-test/web:2", "tomo-test/web:1")

    planned = repaired(site)

    assert any(item.startswith("update ") for item in planned)
    assert docker(host, "image", "inspect", "-f", "{{.Id}}", "tomo-test/web:1") == declared


def test_a_disconnected_network_is_connected_again(site: Site, host: Host) -> None:
    network = docker(
        host, "inspect", "-f", "'{{range $n, $_ := .NetworkSettings.Networks}}{{$n}}{{end}}'", "site-page"
    )
    docker(host, "network", "disconnect", network, "site-page")

    assert only("replace", repaired(site))
    assert network in docker(host, "inspect", "site-page")


def test_an_edited_daemon_json_is_merged_again(site: Site, host: Host) -> None:
    host.inside("sh", "-c", 'echo \'{"log-level": "warn"}\' > /etc/docker/daemon.json')

    planned = repaired(site)

    now = host.ssh("cat", "/etc/docker/daemon.json").out
    assert planned == [f"update {host.name}-docker"]
    assert "registry-mirrors" in now
    assert "log-level" in now


def test_a_removed_docker_is_installed_again_and_the_apps_come_back(site: Site, host: Host) -> None:
    host.inside("sh", "-c", "apt-get purge -qy docker.io && rm -rf /var/lib/docker/containers", timeout=300)

    planned = changes(site.plan().plan)
    first = site.apply()
    second = site.converge()

    assert f"update {host.name}-docker" in planned
    assert first.exit_code == 0, [str(failure.error) for failure in first.failures]
    assert changes(second.shown.plan) == []
    assert docker(host, "inspect", "-f", "{{.State.Running}}", "site-page") == "true"


def test_a_server_and_its_apps_leave_the_fleet_in_one_change(site: Site, host: Host) -> None:
    # The state knows the server's pinned key, and no credential: it is to be the usual one.
    usual = site.folder / ".ssh" / "id_ed25519"
    usual.parent.mkdir(mode=0o700)
    usual.write_bytes(Path(host.identity).read_bytes())
    usual.chmod(0o600)
    fleet = site.file.read_text().partition("\n")[0]
    site.file.write_text(f"{fleet}\nservers: {{}}\napps: {{}}\n")

    gone = site.apply()

    assert gone.exit_code == 0, [str(failure.error) for failure in gone.failures]
    assert docker(host, "ps", "-aq") == ""
