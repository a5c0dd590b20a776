"""From a bare Debian server to a running app: Docker over SSH, images, networks, volumes, containers."""

import json

import pytest

from lab.hosts import Host
from tests.hosts.conftest import MakeSite, Site, changes

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def site(make_site: MakeSite, hosts: list[Host]) -> Site:
    site = make_site(hosts)
    site.write()
    return site


def test_the_first_plan_shows_everything_and_touches_nothing(site: Site, hosts: list[Host]) -> None:
    plan = site.plan()

    assert plan.exit_code == 0
    assert all(change.startswith("create ") for change in changes(plan.plan))
    assert plan.new_secrets == ("site.TOKEN",)
    assert [path.name for path in site.folder.iterdir()] == ["fleet.yaml"]
    assert hosts[0].ssh("command", "-v", "docker").code != 0


def test_the_first_apply_installs_docker_and_serves_the_page(site: Site, hosts: list[Host]) -> None:
    result = site.converge()

    page = hosts[0].ssh("docker", "exec", "site-page", "/bin/busybox", "wget", "-qO-", "http://127.0.0.1/")
    assert page.out.strip()
    assert result.outputs["urls"]
    assert hosts[1].ssh("docker", "version").code == 0


def test_the_generated_secret_reaches_the_container_and_no_plain_text_on_disk(
    site: Site, hosts: list[Host]
) -> None:
    env = json.loads(hosts[0].ssh("docker", "inspect", "-f", "'{{json .Config.Env}}'", "site-page").out)
    token = next(entry.removeprefix("TOKEN=") for entry in env if entry.startswith("TOKEN="))

    kept = b"".join(path.read_bytes() for path in site.folder.rglob("*") if path.is_file())

    assert len(token) == 24
    assert token.encode() not in kept
    assert token not in repr(site.events)


def test_a_changed_variable_swaps_only_its_container(site: Site, hosts: list[Host]) -> None:
    before = hosts[0].ssh("docker", "inspect", "-f", "{{.Id}}", "site-neighbour").out
    site.write(greeting="goodbye")

    result = site.converge()

    assert [step.op.pulumi_name for step in result.shown.plan.changes] == ["replace"]
    assert hosts[0].ssh("docker", "inspect", "-f", "{{.Id}}", "site-neighbour").out == before
    assert "GREETING=goodbye" in hosts[0].ssh("docker", "inspect", "site-page").out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("tomo-test/web:1\n          env", "tomo-test/broken:1\n          env"), "exit code"),
        (('busybox, "true"]', 'busybox, "false"]'), "health check"),
    ],
)
def test_a_new_container_that_is_not_well_goes_and_the_old_one_runs_again(
    site: Site, hosts: list[Host], change: tuple[str, str], told: str
) -> None:
    before = hosts[0].ssh("docker", "inspect", "-f", "{{.Id}}", "site-page").out
    text = site.file.read_text()
    site.file.write_text(text.replace(*change, 1))

    failed = site.apply()

    running = hosts[0].ssh("docker", "inspect", "-f", "'{{.Id}} {{.State.Running}}'", "site-page").out
    names = hosts[0].ssh("docker", "ps", "-a", "--format", "'{{.Names}}'").out.split()
    assert failed.exit_code == 1
    assert told in failed.failures[0].error.detail
    assert running.split() == [before.strip(), "true"]
    assert sorted(names) == ["site-neighbour", "site-page"]
    site.file.write_text(text)
    site.converge()


def test_an_app_marked_absent_goes_and_its_data_stays(site: Site, hosts: list[Host]) -> None:
    hosts[0].ssh("docker", "exec", "site-page", "/bin/busybox", "sh", "-c", "'echo kept > /data/note'")
    text = site.file.read_text()
    site.file.write_text(text.replace("  site:\n", "  site:\n    state: absent\n"))

    site.converge()
    gone = hosts[0].ssh("docker", "ps", "-aq").out
    site.file.write_text(text)
    site.converge()

    note = hosts[0].ssh("docker", "exec", "site-page", "/bin/busybox", "cat", "/data/note").out
    assert gone == ""
    assert note == "kept\n"


def test_removing_data_removes_the_volume_for_good(site: Site, hosts: list[Host]) -> None:
    text = site.file.read_text()
    site.file.write_text(text.replace("  site:\n", "  site:\n    state: absent\n    remove_data: true\n"))

    site.converge()

    assert hosts[0].ssh("docker", "volume", "ls", "-q").out == ""


def test_destroy_leaves_no_container_network_or_image_of_the_app_in_use(
    site: Site, hosts: list[Host]
) -> None:
    result = site.destroy()

    assert result.exit_code == 0, [str(f.error) for f in result.failures]
    assert hosts[0].ssh("docker", "ps", "-aq").out == ""
    assert "site" not in hosts[0].ssh("docker", "network", "ls", "--format", "'{{.Name}}'").out


def test_stack_file_is_readable_json(site: Site) -> None:
    raw = next((site.folder / ".pulumi" / "stacks" / "tomo").glob("*.json")).read_bytes()

    assert json.loads(raw)["version"] == 3
