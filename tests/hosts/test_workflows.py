"""The workflow files of the docs on a real server: a request is planned, merged, applied, and nothing is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts import Host
from lab.registry import Registry
from tests.docs.workflows import GitHub, GitLab, Repository, build_wheel, python_of_its_own
from tests.hosts.conftest import TWO_CONTAINERS
from tests.worlds import PASSPHRASE, keys, salt

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900)]

TOKEN = "canary-of-a-token-on-a-host"


@pytest.fixture(params=[GitHub, GitLab], ids=lambda kind: kind.name)
def platform(
    request: pytest.FixtureRequest, docker_hosts: list[Host], tmp_path: Path
) -> Iterator[GitHub | GitLab]:
    """A platform with an empty fleet, the login key of the server and the passphrase as its secrets."""
    repository = Repository(tmp_path / "repository")
    sealed = keys().for_salt(salt()).encrypt(TOKEN)
    config = f"encryptionsalt: {salt()}\nconfig:\n  tomo:site.TOKEN:\n    secure: {sealed}\n"
    name = f"ci-{request.param.name}"
    repository.commit(
        "main", {"fleet.yaml": f"fleet: {name}\nservers: {{}}\napps: {{}}\n", f"Pulumi.{name}.yaml": config}
    )
    (tmp_path / "state").mkdir()
    wheel = build_wheel(tmp_path / "wheel")
    variables = {"TOMO_PACKAGE": str(wheel), "TOMO_STATE_URL": f"file://{tmp_path}/state"}
    made = request.param(repository, tmp_path / "runner", python_of_its_own(tmp_path / "python"), variables)
    key = docker_hosts[0].identity.read_text()
    yield made.start({"TOMO_PASSPHRASE": PASSPHRASE, "TOMO_SSH_KEY": key, "TOMO_KNOWN_HOSTS": ""})
    if isinstance(made, GitLab):
        made.end()


def fleet(name: str, host: Host, registry: Registry, greeting: str) -> str:
    """A fleet with one app on one server, whose login key is the job's own."""
    app = TWO_CONTAINERS.format(server=host.name, greeting=greeting, tag="1", port=18180)
    return (
        f"fleet: {name}\nservers:\n  {host.name}:\n    host: {host.address}\n    port: {host.port}\n"
        f"    user: {host.user}\n    host_key: {host.host_key}\n"
        f"    docker: {{registry_mirrors: ['{registry.mirror}']}}\napps:{app}"
    )


def greeting_of(host: Host) -> str:
    return host.ssh("docker", "inspect", "--format", "'{{.Config.Env}}'", "site-page").out


def test_a_request_reaches_a_server_when_it_is_merged(
    platform: GitHub | GitLab, docker_hosts: list[Host], registry: Registry
) -> None:
    repository, name = platform.repository, f"ci-{platform.name}"
    host = docker_hosts[1 if isinstance(platform, GitLab) else 0]
    for greeting in ("hello", "hej"):
        branch = f"say-{greeting}"
        repository.commit(branch, {"fleet.yaml": fleet(name, host, registry, greeting)})

        planned = platform.request(branch)
        applied = platform.merged(repository.squash(branch), branch)

        assert planned.ok, planned.log
        assert applied.ok, applied.log
        assert f"GREETING={greeting}" in greeting_of(host)

    assert "not looked at" in platform.comments[0]
    assert "not looked at" not in platform.comments[1]
    assert "GREETING=hej" in platform.comments[1]
    by_hand = platform.by_hand()
    assert by_hand.ok, by_hand.log
    assert "nothing to do" in by_hand.log

    without = fleet(name, host, registry, "hej").partition("apps:")[0] + "apps: {}\n"
    repository.commit("main", {"fleet.yaml": without})
    removed = platform.by_hand()
    assert removed.ok, removed.log
    assert "site-page" not in host.ssh("docker", "ps", "--all", "--format", "'{{.Names}}'").out
    left = [*platform.logs, *platform.comments]
    left += [file.read_text() for kept in platform.artifacts.values() for file in kept.iterdir()]
    assert not [each for each in left if TOKEN in each or PASSPHRASE in each]
