from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tomo.errors import (
    BecomeRefused,
    CommandFailed,
    ConnectionLost,
    DiskFull,
    DockerUnavailable,
    HostKeyChanged,
    HostUnreachable,
    LoginRefused,
)
from tomo.model.connection import HostSpec
from tomo.model.values import Secret
from tomo.providers.dynamic.facts import docker_complaint, look
from tomo.resources.scripts import docker_install_script, facts_script
from tomo.testing.fake_docker import FakeRegistry
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.hardware import Hardware
from tomo.testing.shell import Outcome


@pytest.fixture
def host() -> FakeHost:
    return FakeHost("web", registry=FakeRegistry(names=["nginx:1.27"]))


def install(host: FakeHost, **daemon: Any) -> Any:
    return host.run_text(docker_install_script(), env={"TOMO_DOCKER_DAEMON": json.dumps(daemon)})


def test_the_facts_are_read_by_tomos_own_parser(host: FakeHost) -> None:
    facts = look(host)

    assert (facts.os, facts.os_version, facts.arch, facts.cpus) == ("debian", "12", "amd64", 2)
    assert (facts.memory, facts.root, facts.docker_version, facts.daemon) == (4 << 30, "yes", "", {})


def test_other_hardware_is_what_a_look_finds() -> None:
    host = FakeHost(hardware=Hardware(os="alpine", machine="aarch64", memory_kib=512 << 10))

    facts = look(host)

    assert (facts.os, facts.arch, facts.memory) == ("alpine", "arm64", 512 << 20)


def test_docker_is_there_after_its_installation_and_a_second_one_changes_nothing(host: FakeHost) -> None:
    with pytest.raises(DockerUnavailable):
        host.open_docker()

    first = install(host, **{"registry-mirrors": ["http://mirror.example"]})
    second = install(host, **{"registry-mirrors": ["http://mirror.example"]})

    assert first.text.splitlines()[0] == "installing Docker"
    assert second.text == "Docker 20.10.24+dfsg1 is running"
    assert docker_complaint(look(host), {"daemon": {"registry-mirrors": ["http://mirror.example"]}}) == ""
    host.open_docker().close()


def test_another_version_of_docker_is_installed_where_one_is_asked_for(host: FakeHost) -> None:
    install(host)

    host.run_text(docker_install_script(), env={"TOMO_DOCKER_VERSION": "5:24.0.7-1~debian.12"})

    facts = look(host)
    assert facts.docker_version == "24.0.7"
    assert docker_complaint(facts, {"version": "5:24.0.7-1~debian.12"}) == ""


def test_the_fake_says_what_the_real_script_says(host: FakeHost) -> None:
    install(host, debug=True)
    real = set(re.findall(r"\bsay (\w+) ", facts_script()))

    said = host.run(["sh", "-s"], stdin=facts_script().encode()).text

    assert {line.partition("=")[0] for line in said.splitlines()} == real


def test_daemon_json_is_merged_and_keys_no_longer_asked_for_go(host: FakeHost) -> None:
    host.files.write("/etc/docker/daemon.json", b'{"debug": true}')
    install(host, **{"live-restore": True, "labels": ["a=b"]})

    install(host, labels=["a=b"])

    assert json.loads(host.read_file("/etc/docker/daemon.json") or b"") == {"debug": True, "labels": ["a=b"]}
    assert host.docker.settings == {"debug": True, "labels": ["a=b"]}


def test_a_removed_docker_and_an_edited_daemon_json_are_seen(host: FakeHost) -> None:
    install(host, debug=True)
    host.files.write("/etc/docker/daemon.json", b'{"debug": false}')
    edited = docker_complaint(look(host), {"daemon": {"debug": True}})

    host.remove_docker_by_hand()

    assert edited == "daemon.json has another debug"
    assert docker_complaint(look(host), {}) == "docker is not installed"
    with pytest.raises(DockerUnavailable):
        host.open_docker()


def test_containers_are_still_there_when_docker_comes_back(host: FakeHost) -> None:
    install(host)
    host.docker.run_by_hand("app", "nginx:1.27", HostConfig={"RestartPolicy": {"Name": "always"}})
    host.remove_docker_by_hand()

    install(host)

    assert host.docker.inspect("app")["State"]["Running"]


@pytest.mark.parametrize(
    ("fault", "value", "code"),
    [
        ("package_lock", "apt-get (process 7)", "package-lock-held"),
        ("disk_full", True, "disk-full"),
        ("no_network", True, "no-network"),
    ],
)
def test_an_installation_fails_in_the_words_of_the_real_script(
    host: FakeHost, fault: str, value: Any, code: str
) -> None:
    setattr(host.faults, fault, value)

    result = install(host)

    assert result.exit_code == 1
    assert result.stderr.decode().startswith(f"tomo-error: {code}: ")
    assert not host.docker_installed


def test_an_installation_needs_root() -> None:
    host = FakeHost(spec=HostSpec(host="web", user="ada"))

    assert "become-refused" in install(host).stderr.decode()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unreachable", HostUnreachable),
        ("login_refused", LoginRefused),
        ("host_key_changed", HostKeyChanged),
    ],
)
def test_a_broken_host_raises_what_a_real_connection_would(
    host: FakeHost, fault: str, error: type[Exception]
) -> None:
    setattr(host.faults, fault, True)

    with pytest.raises(error):
        host.run(["true"])
    assert host.dialled == 0


def test_a_host_without_sudo_refuses_only_those_who_ask_for_it(host: FakeHost) -> None:
    host.faults.no_sudo = True

    host.run(["true"])

    with pytest.raises(BecomeRefused):
        host.seen_as(HostSpec(host="web", user="ada", become=True)).run(["true"])


def test_a_full_disk_refuses_files_and_shows_in_docker(host: FakeHost) -> None:
    host.install_docker()
    host.faults.disk_full = True

    with pytest.raises(DiskFull):
        host.write_file("/etc/app.conf", b"x")
    stream = host.open_docker()
    stream.sendall(b"POST /images/create?fromImage=nginx&tag=1.27 HTTP/1.1\r\nContent-Length: 0\r\n\r\n")

    assert b"no space left on device" in stream.recv(4096)


def test_a_connection_is_lost_after_as_many_calls_as_asked_and_then_comes_back(host: FakeHost) -> None:
    host.install_docker()
    stream = host.open_docker()
    host.faults.lost_after = 1
    host.run(["true"])

    with pytest.raises(ConnectionResetError):
        stream.sendall(b"GET /_ping HTTP/1.1\r\n\r\n")
    with pytest.raises(BrokenPipeError):
        stream.sendall(b"GET /_ping HTTP/1.1\r\n\r\n")
    host.run(["true"])

    assert host.dialled == 2


def test_a_lost_connection_names_the_host(host: FakeHost) -> None:
    host.faults.lost_after = 0

    with pytest.raises(ConnectionLost, match="web"):
        host.run(["true"])


def test_files_are_written_whole_and_keep_their_inode(host: FakeHost) -> None:
    host.write_file("/srv/app/a.conf", b"one", mode=0o600, owner="1000:1000")
    inode = host.files.get("/srv/app/a.conf").inode
    host.write_file("/srv/app/a.conf", b"two", mode=0o640)

    stat, folder, missing = host.stat_files(["/srv/app/a.conf", "/srv/app", "/nope"])

    assert (stat.mode, stat.size, folder.is_directory, missing) == (0o640, 3, True, None)
    assert host.files.get("/srv/app/a.conf").inode == inode
    assert host.read_file("/srv/app/a.conf") == b"two"
    host.remove_file("/srv/app/a.conf")
    host.remove_file("/srv/app/a.conf")
    assert host.read_file("/srv/app/a.conf") is None


def test_commands_run_from_argument_lists_and_from_text(host: FakeHost) -> None:
    host.commands["uptime"] = lambda _args, _stdin: Outcome(0, "up\n")

    text = host.run_text('echo "$GREETING" > /tmp/said && cat /tmp/said; uname -s', env={"GREETING": "hello"})

    assert text.text == "hello\nLinux"
    assert host.run(["uptime"]).text == "up"
    assert host.run(["cat"], stdin=b"in").stdout == b"in"
    assert host.run(["nothing"], check=False).exit_code == 127
    with pytest.raises(CommandFailed) as failure:
        host.run(["cat", "/nope"])
    assert "No such file" in failure.value.detail


def test_failing_text_stops_an_and_chain_and_goes_on_after_a_semicolon(host: FakeHost) -> None:
    result = host.run_text("false && echo no || echo or; echo err >&2; exit 3")

    assert (result.exit_code, result.stdout, result.stderr) == (3, b"or\n", b"err\n")


def test_a_bind_mount_needs_its_source_or_makes_it_as_docker_does(host: FakeHost) -> None:
    host.install_docker()

    host.docker.run_by_hand("app", "nginx:1.27", HostConfig={"Binds": ["/srv/new:/data"]})

    assert host.files.get("/srv/new").is_directory


def test_a_pool_gives_one_connection_a_spec_and_no_answer_for_strangers() -> None:
    pool = FakeConnections({"192.0.2.1": FakeHost("web"), "db": FakeHost("db")})
    spec = HostSpec(host="192.0.2.1", user="root", password=Secret("x"))

    assert pool.get(spec) is pool.get(spec)
    assert pool.get(HostSpec(host="192.0.2.2", name="db")).run(["hostname"]).text == "db"
    with pytest.raises(HostUnreachable):
        pool.get(HostSpec(host="192.0.2.9")).run(["true"])
    pool.close()


def test_a_reboot_ends_streams_and_brings_docker_back(host: FakeHost) -> None:
    host.install_docker()
    stream = host.open_docker()

    host.reboot()

    assert stream.recv(1) == b""
    host.open_docker().close()


def test_a_drift_by_command_line_is_possible_too(host: FakeHost) -> None:
    host.install_docker()
    host.docker.run_by_hand("app", "nginx:1.27")

    host.run_text("docker rm -f app")
    host.run(["systemctl", "stop", "docker"])

    assert host.docker.running is False
    assert look(host).docker_version == ""


def test_a_failed_dial_stands_until_it_is_dialled_again(host: FakeHost) -> None:
    pool = FakeConnections({"192.0.2.1": host})
    connection = pool.get(HostSpec("192.0.2.1", "root"))
    host.faults.unreachable = True
    with pytest.raises(HostUnreachable):
        connection.run(["true"])
    host.faults.unreachable = False

    with pytest.raises(HostUnreachable) as again:
        connection.run(["true"])
    pool.redial(again.value)

    assert connection.run(["true"]).exit_code == 0


def test_a_host_is_dialled_before_its_first_use_and_only_once() -> None:
    fake = FakeHost()
    pool = FakeConnections({"192.0.2.1": fake})

    pool.prepare(HostSpec("192.0.2.1", "root"))
    pool.get(HostSpec("192.0.2.1", "root")).run(["true"])

    assert fake.dialled == 1
