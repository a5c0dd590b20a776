"""The scripts for hosts, really run by dash and busybox in front of recorded systems and stub package managers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tomo.resources.scripts import docker_install_script, docker_prune_script, facts_script

SYSTEMS = {
    "debian": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
    "ubuntu": 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble\n',
    "raspbian": 'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nID=raspbian\nID_LIKE=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    "rocky": 'NAME="Rocky Linux"\nVERSION="9.5 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\nPRETTY_NAME="Rocky Linux 9.5 (Blue Onyx)"\n',
    "rhel": 'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"\n',
    "centos": 'NAME="CentOS Stream"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\nPRETTY_NAME="CentOS Stream 9"\n',
    "fedora": 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42 (Server Edition)"\n',
    "alpine": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.0\nPRETTY_NAME="Alpine Linux v3.22"\n',
    "arch": 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n',
}
MOVED = (
    "/etc/os-release",
    "/etc/docker",
    "/etc/apt",
    "/etc/ufw",
    "/var/run/docker.pid",
    "/etc/yum.repos.d",
    "/etc/pki",
    "/var/lib/tomo",
    "/run/systemd/system",
    "/proc/locks",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/etc/timezone",
)
TOOLS = [
    "awk",
    "base64",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "date",
    "df",
    "env",
    "getconf",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "printf",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sort",
    "tail",
    "tr",
    "uname",
    "wc",
]
MANAGERS = {"debian": "apt-get", "rpm": "dnf", "alpine": "apk", "arch": "pacman"}
SHELLS = ["sh", "busybox"]

DOCKER = """#!/bin/sh
[ "$1" = --version ] && { echo "Docker version 27.3.1"; exit 0; }
[ -e "$ROOT/running" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
grep -qs refuse-me "$ROOT/etc/docker/daemon.json" && exit 1
echo 27.3.1
"""
STUBS = {
    "id": "echo ${FAKE_UID:-0}",
    "apt-get": 'manager apt-get "$@"',
    "dnf": 'manager dnf "$@"',
    "apk": 'case "$1" in search) [ ! -e "$ROOT/no-community" ] && echo docker-27.3.1-r0; exit 0;; info) [ -e "$ROOT/bin/dockerd" ] && echo docker-27.3.1-r0; exit 0;; esac; manager apk "$@"',
    "pacman": 'case "$1" in -Q) [ -e "$ROOT/bin/dockerd" ] && echo docker 27.3.1-1; exit 0;; esac; manager pacman "$@"',
    "dpkg-query": '[ "$4" = docker-ce ] && { echo; exit; }; [ -e "$ROOT/bin/dockerd" ] && [ "$4" = docker.io ] && echo 27.3.1-0ubuntu1',
    "dpkg": 'case "$1" in --compare-versions) exec /usr/bin/dpkg "$@";; esac; echo amd64',
    "rpm": '[ -e "$ROOT/bin/dockerd" ] && [ "$4" = docker-ce ] && echo 27.3.1-1.el9',
    "systemctl": 'log systemctl "$@"; case "$1" in start|restart) : >"$ROOT/running";; is-enabled) [ -e "$ROOT/enabled" ];; enable) : >"$ROOT/enabled";; esac',
    "rc-service": 'log rc-service "$@"; : >"$ROOT/running"',
    "rc-update": 'log rc-update "$@"',
    "curl": 'log curl "$@"; while [ "$1" != -o ]; do shift; done; echo key >"$2"',
    "gpg": 'echo "fpr:::::::::${FAKE_KEY:-9DC858229FC7DD38854AE2D88D81803C0EBFCD88}:"',
}
COMMON = """#!/bin/sh
log() { echo "$@" >>"$ROOT/calls"; }
manager() {
  log "$@"
  case "$FAKE_FAILURE" in
    '') ;;
    *) [ "$2" = update ] || [ "$2" = -Sy ] || { echo "$FAKE_FAILURE" >&2; exit 100; } ;;
  esac
  case " $* " in
    *" docker.io"*|*" docker-ce"*|*" moby-engine"*|*" docker "*|*" docker="*)
      cp "$ROOT/docker" "$ROOT/bin/docker"; echo '#!/bin/sh' >"$ROOT/bin/dockerd"; chmod +x "$ROOT/bin/dockerd" "$ROOT/bin/docker" ;;
  esac
}
"""


@dataclass
class Host:
    """A system in a folder."""

    root: Path
    shell: str

    def install(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(docker_install_script(), **{"TOMO_DOCKER_SITE": "packages.example", **variables})

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        for path in MOVED:
            script = script.replace(path, f"{self.root}{path}")
        script = script.replace('PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"\n', "")
        # busybox has a `sleep` of its own, before any stub.
        script = (
            script.replace("sleep 5", "sleep 0")
            .replace("sleep 1", "sleep 0")
            .replace("start_seconds=60", "start_seconds=2")
        )
        argv = ["/bin/sh"] if self.shell == "sh" else ["/bin/busybox", "sh"]
        environment = {
            "PATH": str(self.root / "bin"),
            "ROOT": str(self.root),
            "TMPDIR": str(self.root),
            **variables,
        }
        return subprocess.run(
            [*argv, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=30
        )

    @property
    def calls(self) -> str:
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""

    def forget_calls(self) -> None:
        (self.root / "calls").unlink(missing_ok=True)

    @property
    def daemon_json(self) -> Path:
        return self.root / "etc/docker/daemon.json"

    def stub(self, name: str, body: str) -> None:
        path = self.root / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(COMMON + body + "\n")
        path.chmod(0o755)


def host_of(tmp_path: Path, system: str, shell: str = "sh") -> Host:
    if shell == "busybox" and not Path("/bin/busybox").exists():
        pytest.fail("busybox-static is not installed: the scripts must be tested with it")
    (tmp_path / "bin").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(SYSTEMS[system])
    host = Host(tmp_path, shell)
    for tool in TOOLS:
        if found := shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin"):
            (tmp_path / "bin" / tool).symlink_to(found)
    wanted = {
        "debian": "apt-get dpkg dpkg-query",
        "rpm": "dnf rpm",
        "alpine": "apk rc-service rc-update",
        "arch": "pacman",
    }[family(system)]
    others = set(STUBS) - {
        "apt-get",
        "dpkg",
        "dpkg-query",
        "dnf",
        "rpm",
        "apk",
        "pacman",
        "rc-service",
        "rc-update",
        "systemctl",
    }
    for name in [*wanted.split(), *others]:
        host.stub(name, STUBS[name])
    if system != "alpine":
        host.stub("systemctl", STUBS["systemctl"])
        (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "docker").write_text(DOCKER)
    return host


def family(system: str) -> str:
    return {
        "debian": "debian",
        "ubuntu": "debian",
        "raspbian": "debian",
        "alpine": "alpine",
        "arch": "arch",
    }.get(system, "rpm")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("system", SYSTEMS)
def test_docker_is_installed_enabled_and_started_on(system: str, shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, system, shell)

    done = host.install(FAKE_KEY="060A61C51B558A7F742B77AAC52FEB6B621E9F35")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Docker 27.3.1 is running\n")
    package = {"debian": "install docker.io", "alpine": "apk add docker", "arch": "--noconfirm docker"}.get(
        family(system)
    )
    assert (
        package or {"fedora": "install moby-engine"}.get(system, "install docker-ce docker-ce-cli")
    ) in host.calls
    assert ("rc-update -q add docker" if system == "alpine" else "systemctl enable -q docker") in host.calls


@pytest.mark.parametrize("system", ["debian", "rocky", "alpine"])
def test_a_second_run_changes_nothing_on(system: str, shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, system, shell)
    daemon = '{"registry-mirrors":["http://m"]}'
    variables = {"FAKE_KEY": "060A61C51B558A7F742B77AAC52FEB6B621E9F35", "TOMO_DOCKER_DAEMON": daemon}
    host.install(**variables)
    host.forget_calls()
    written = host.daemon_json.read_text()

    done = host.install(**variables)

    assert done.returncode == 0
    assert "restart" not in host.calls
    assert MANAGERS[family(system)] not in host.calls
    assert host.daemon_json.read_text() == written


def test_daemon_json_is_merged_and_what_the_fleet_no_longer_says_goes(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.daemon_json.parent.mkdir()
    host.daemon_json.write_text('{"data-root": "/srv/docker", "debug": true}')

    host.install(TOMO_DOCKER_DAEMON='{"registry-mirrors":["http://m"],"debug":false}')
    first = json.loads(host.daemon_json.read_text())
    host.install(TOMO_DOCKER_DAEMON='{"insecure-registries":["r:5000"]}')
    second = json.loads(host.daemon_json.read_text())
    host.install(TOMO_DOCKER_DAEMON="{}")

    assert first == {"data-root": "/srv/docker", "debug": False, "registry-mirrors": ["http://m"]}
    assert second == {"data-root": "/srv/docker", "insecure-registries": ["r:5000"]}
    assert json.loads(host.daemon_json.read_text()) == {"data-root": "/srv/docker"}


def test_a_persons_own_settings_stay_as_they_are_written(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "alpine", shell)
    host.daemon_json.parent.mkdir()
    odd = '{ "dns": [ "1.1.1.1" ],"a\\"b}": {"x":"}, {", "y": [1,\n 2.5e3]},\t"mine":null }'
    host.daemon_json.write_text(odd)

    done = host.install(TOMO_DOCKER_DAEMON='{"registry-mirrors":["http://m"]}')

    text = host.daemon_json.read_text()
    assert done.returncode == 0
    assert json.loads(text) == {**json.loads(odd), "registry-mirrors": ["http://m"]}
    assert '{"x":"}, {", "y": [1,\n 2.5e3]}' in text


def test_settings_that_say_the_same_in_another_form_are_not_written(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.daemon_json.parent.mkdir()
    same = '{\n"registry-mirrors" :\t[ "http://m" ]}'
    host.daemon_json.write_text(same)

    host.install(TOMO_DOCKER_DAEMON='{"registry-mirrors":["http://m"]}')

    assert host.daemon_json.read_text() == same


@pytest.mark.parametrize(
    "broken",
    ["[]", '{"a"}', '{"a":1', '{"a":1,}', '{"a" 1}', '{"a":"x}', "{a:1}", '{"a":1} x', '{"a":}', "null"],
)
def test_what_is_no_json_object_is_never_written_over(broken: str, shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "alpine", shell)
    host.daemon_json.parent.mkdir()
    host.daemon_json.write_text(broken)

    done = host.install(TOMO_DOCKER_DAEMON='{"debug":true}')

    assert done.returncode == 1
    assert "tomo-error: daemon-json:" in done.stderr
    assert host.daemon_json.read_text() == broken


def test_a_broken_daemon_json_is_left_alone_and_named(tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian")
    host.daemon_json.parent.mkdir()
    host.daemon_json.write_text("{broken")

    done = host.install(TOMO_DOCKER_DAEMON='{"debug":true}')

    assert "is not valid JSON" in done.stderr
    assert host.daemon_json.read_text() == "{broken"


def test_settings_with_which_docker_does_not_start_are_taken_back(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.install(TOMO_DOCKER_DAEMON='{"debug":true}')

    done = host.install(TOMO_DOCKER_DAEMON='{"debug":"refuse-me"}')

    assert done.returncode == 1
    assert "the old one is back" in done.stderr
    assert json.loads(host.daemon_json.read_text()) == {"debug": True}


@pytest.mark.parametrize(
    "text", ["$(touch pwned)", "'; touch pwned; '", '"; touch pwned; "', "`touch pwned`", "\\n\\t"]
)
def test_hostile_parameters_never_reach_the_shell(
    text: str, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = host_of(tmp_path, "debian", shell)

    host.install(
        TOMO_DOCKER_DAEMON=json.dumps({"log-level": text}),
        TOMO_DOCKER_VERSION=text,
        TOMO_DOCKER_CHANNEL="distro",
        TOMO_DOCKER_DRIFT=text,
    )
    host.install(TOMO_DOCKER_DAEMON=json.dumps({"log-level": text}))

    assert not list(tmp_path.rglob("pwned"))
    assert json.loads(host.daemon_json.read_text()) == {"log-level": text}


@pytest.mark.parametrize(
    ("system", "version", "command"),
    [
        ("debian", "27.3.1-1", "install docker.io=27.3.1-1"),
        ("fedora", "27.3.1", "install moby-engine-27.3.1"),
        ("alpine", "27.3.1-r9", "apk add docker=27.3.1-r9"),
        ("rocky", "3:27.3.1-1.el9", "install docker-ce-3:27.3.1-1.el9"),
    ],
)
def test_a_pinned_version_is_asked_for_by_name(
    system: str, version: str, command: str, tmp_path: Path
) -> None:
    host = host_of(tmp_path, system)

    host.install(TOMO_DOCKER_VERSION=version, FAKE_KEY="060A61C51B558A7F742B77AAC52FEB6B621E9F35")

    assert command in host.calls


def test_a_docker_that_is_there_is_not_upgraded(tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian")
    host.install()
    host.forget_calls()

    unpinned, pinned = host.install(), host.install(TOMO_DOCKER_VERSION="27.3.1")

    assert (unpinned.returncode, pinned.returncode) == (0, 0)
    assert "apt-get" not in host.calls


def test_dockers_own_repository_is_set_up_with_a_checked_key(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "ubuntu", shell)
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)

    done = host.install(TOMO_DOCKER_CHANNEL="docker")

    assert done.returncode == 0, done.stderr
    source = (tmp_path / "etc/apt/sources.list.d/tomo-docker.list").read_text()
    assert "https://packages.example/linux/ubuntu noble stable" in source
    assert "signed-by=" in source
    assert "install docker-ce docker-ce-cli containerd.io" in host.calls


@pytest.mark.parametrize("system", ["debian", "rocky"])
def test_another_key_stops_everything(system: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, system)

    done = host.install(TOMO_DOCKER_CHANNEL="docker", FAKE_KEY="0000000000000000000000000000000000000000")

    assert done.returncode == 1
    assert "tomo-error: wrong-key:" in done.stderr
    assert "docker-ce" not in host.calls


@pytest.mark.parametrize("system", ["alpine", "arch"])
def test_where_docker_has_no_repository_the_channel_is_refused(system: str, tmp_path: Path) -> None:
    done = host_of(tmp_path, system).install(TOMO_DOCKER_CHANNEL="docker")

    assert "tomo-error: not-supported:" in done.stderr


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("E: You don't have enough free space: No space left on device", "disk-full"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend", "package-lock-held"),
        ("Temporary failure resolving 'mirror'", "no-network"),
        ("E: Unable to locate package docker.io", "package-manager"),
    ],
)
def test_what_goes_wrong_is_explained(failure: str, code: str, shell: str, tmp_path: Path) -> None:
    done = host_of(tmp_path, "debian", shell).install(FAKE_FAILURE=failure)

    assert done.returncode == 1
    assert f"tomo-error: {code}:" in done.stderr
    assert "tomo-hint: " in done.stderr
    assert failure in done.stdout


def test_too_little_disk_is_said_before_anything_is_done(tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian")
    host.stub("df", "echo h; echo /dev/vda1 1000000 990000 10240 99% /var")

    done = host.install()

    assert "only 10 MiB are free below /var, and Docker needs 600" in done.stderr
    assert host.calls == ""


def test_a_login_that_is_not_root_is_told_what_to_write(tmp_path: Path) -> None:
    done = host_of(tmp_path, "debian").install(FAKE_UID="1000")

    assert "write `become: sudo`" in done.stderr


def test_an_unknown_system_is_named(tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian")
    (tmp_path / "etc/os-release").write_text("ID=plan9\n")

    assert "the distribution `plan9` is not known" in host.install().stderr


def test_alpines_missing_repository_is_named(tmp_path: Path) -> None:
    host = host_of(tmp_path, "alpine")
    (tmp_path / "no-community").touch()

    assert "community repository" in host.install().stderr


def test_a_held_lock_is_waited_for_and_its_holder_named(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    script = docker_install_script().replace("lock_seconds=300", "lock_seconds=10")
    lock = tmp_path / "lock-frontend"
    lock.touch()
    (tmp_path / "proc").mkdir()
    line = f"1: POSIX  ADVISORY  WRITE {os.getpid()} 08:01:{lock.stat().st_ino} 0 EOF\n"
    (tmp_path / "proc/locks").write_text(line)

    done = host.run(script.replace("/var/lib/dpkg/lock-frontend", str(lock)))

    assert "which uses the package manager" in done.stdout
    assert f"(process {os.getpid()}) for more than 10 s" in done.stderr


OFFERS = {
    "debian": ("apt-cache", "printf ' docker.io | %s | mirror\\n' 28.0.1-1 27.3.2-0ubuntu1 27.3.1-0ubuntu1"),
    "rocky": (
        "dnf",
        'case "$*" in *repoquery*) printf "%s\\n" 27.3.1-1.el9 28.0.1-1.el9 27.3.2-1.el9; exit;; esac\nmanager dnf "$@"',
    ),
}
FIRST = '{"log-driver":"json-file","log-opts":{"max-file":"3","max-size":"10m"}}'


@pytest.mark.parametrize(
    ("system", "newer"), [("debian", "docker.io=27.3.2-0ubuntu1"), ("rocky", "docker-ce-27.3.2-1.el9")]
)
def test_docker_is_upgraded_within_its_pin_to_what_the_plan_showed(
    system: str, newer: str, tmp_path: Path
) -> None:
    host = host_of(tmp_path, system)
    host.stub(*OFFERS[system])
    key = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"
    target = newer.partition("=")[2] or newer.removeprefix("docker-ce-")
    pinned = {"TOMO_DOCKER_VERSION": "27.3.*", "FAKE_KEY": key}
    first = host.install(**pinned)
    host.forget_calls()

    same = host.install(**pinned)
    before = host.calls
    host.install(**pinned, TOMO_DOCKER_TARGET=target)

    assert (first.returncode, same.returncode) == (0, 0), first.stderr + same.stderr
    assert "install" not in before
    assert newer in host.calls


@pytest.mark.parametrize(
    ("version", "target", "code"),
    [("26.1.*", "", "package-missing"), ("27.3.0-1", "", "docker-downgrade"), ("27.*", "28.0.1-1", "")],
)
def test_docker_never_leaves_its_pin_and_is_never_downgraded(
    version: str, target: str, code: str, shell: str, tmp_path: Path
) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.stub(*OFFERS["debian"])
    host.install()
    host.forget_calls()

    done = host.install(TOMO_DOCKER_VERSION=version, TOMO_DOCKER_TARGET=target)

    assert (f"tomo-error: {code}:" in done.stderr) == bool(code)
    assert "install docker" not in host.calls


def test_a_look_tells_the_newest_version_within_a_pin_that_is_newer(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.stub(*OFFERS["debian"])
    host.install()

    said = [host.run(f"set -- 'pin={pin}'\n{facts_script()}").stdout for pin in ("27.3.*", "28.*", "26.*")]

    assert "docker_offered=27.3.2-0ubuntu1\n" in said[0]
    assert "docker_offered=28.0.1-1\n" in said[1]
    assert "docker_offered" not in said[2]


def test_a_look_without_a_pin_asks_no_package_manager_also_where_its_command_is_marked(
    shell: str, tmp_path: Path
) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.stub(*OFFERS["debian"])
    host.install()
    for tool in set(TOOLS) - {"df", "ls", "readlink"}:
        (tmp_path / "bin" / tool).unlink()
    host.forget_calls()

    done = host.run(f"set -- tomo-0123456789abcdef\n{facts_script()}")

    assert (done.stderr, host.calls) == ("", "")
    assert "docker_offered" not in done.stdout
    assert done.stdout.endswith("end=yes\n")


@pytest.mark.parametrize(
    ("written", "told"),
    [("ENABLED=yes", True), ('ENABLED="yes"', True), ("ENABLED=no", False), (None, False)],
)
def test_a_look_tells_whether_ufw_is_on(written: str | None, told: bool, shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    if written is not None:
        (tmp_path / "etc/ufw").mkdir()
        (tmp_path / "etc/ufw/ufw.conf").write_text(f"# /etc/ufw/ufw.conf\n{written}\nLOGLEVEL=low\n")

    said = host.run(facts_script()).stdout

    assert ("firewall=ufw\n" in said) is told


def test_logs_are_rotated_where_docker_is_installed_and_nowhere_else(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)

    host.install(TOMO_DOCKER_FIRST=FIRST, TOMO_DOCKER_DAEMON='{"debug":true}')
    new = json.loads(host.daemon_json.read_text())
    host.daemon_json.write_text('{"debug": true}')
    host.install(TOMO_DOCKER_FIRST=FIRST, TOMO_DOCKER_DAEMON='{"debug":true}')

    assert new == {**json.loads(FIRST), "debug": True}
    assert json.loads(host.daemon_json.read_text()) == {"debug": True}


def test_what_somebody_said_of_logs_before_the_installation_stays(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.daemon_json.parent.mkdir()
    host.daemon_json.write_text('{"log-driver": "journald"}')

    host.install(TOMO_DOCKER_FIRST=FIRST)

    assert json.loads(host.daemon_json.read_text()) == {"log-driver": "journald"}


INFO = '[ "$1" = info ] && { n=$(cat "$ROOT/asked" 2>/dev/null); echo "$n"; echo x >>"$ROOT/asked"; exit; }\n'


@pytest.mark.parametrize(
    ("settings", "restarts"),
    [('{"registry-mirrors":["http://m"]}', False), ('{"debug":true,"registry-mirrors":["http://m"]}', True)],
)
def test_docker_goes_on_for_settings_that_it_takes_up_by_itself(
    settings: str, restarts: bool, shell: str, tmp_path: Path
) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.install()
    host.forget_calls()
    (tmp_path / "var/run").mkdir(parents=True)
    (tmp_path / "bin/docker").unlink()
    (tmp_path / "bin/docker").write_text(DOCKER.replace("#!/bin/sh\n", "#!/bin/sh\n" + INFO))
    (tmp_path / "bin/docker").chmod(0o755)
    with subprocess.Popen(["sleep", "60"]) as daemon:
        (tmp_path / "var/run/docker.pid").write_text(str(daemon.pid))

        done = host.install(TOMO_DOCKER_DAEMON=settings)

        daemon.terminate()
    assert done.returncode == 0
    assert ("systemctl restart docker" in host.calls) is restarts


PRUNED = """
log docker "$@"
case "$1 $2" in
  "image inspect")
    case "$*" in *--format*) echo "one:1 two:1 " ;; *) [ ! -e "$ROOT/gone" ] ;; esac ;;
  "image rm") [ "$4" != two:1 ] || : >"$ROOT/gone" ;;
esac
"""


def test_only_whole_ids_are_removed_and_nothing_by_force(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.stub("docker", PRUNED)
    listed = (
        f"one:1 1.0MB sha256:{'a' * 64}; x 1MB sha256:$(touch {tmp_path}/pwned); y 1MB sha256:abc; * /etc"
    )

    done = host.run(docker_prune_script(), TOMO_PRUNE_IMAGES=listed)

    assert (done.returncode, done.stdout) == (0, "1 images removed\n")
    assert "image rm -- one:1" in host.calls
    assert "-f" not in host.calls.split()
    assert "abc" not in host.calls
    assert not (tmp_path / "pwned").exists()


def test_an_image_that_is_used_by_now_is_not_removed(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.stub("docker", 'log docker "$@"; [ "$1" = ps ] && echo c1')

    done = host.run(docker_prune_script(), TOMO_PRUNE_IMAGES=f"one:1 1.0MB sha256:{'a' * 64}")

    assert "is used by now and stays" in done.stdout
    assert "image rm" not in host.calls


@pytest.mark.parametrize("system", SYSTEMS)
def test_facts_are_told_on(system: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, system, "busybox" if system == "alpine" else "sh")

    done = host.run(facts_script())

    said = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert done.stderr == ""
    assert said["os"] in SYSTEMS[system]
    assert said["os_name"] in SYSTEMS[system]
    assert said["end"] == "yes"
    assert int(said["cpus"]) > 0
    assert int(said["disk_kib"]) > 0
    assert said["root"] == "yes"


def test_facts_tell_docker_and_its_settings(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    host.install(TOMO_DOCKER_DAEMON='{"debug":true}')

    done = host.run(facts_script())

    said = [line.split("=", 1) for line in done.stdout.splitlines()]
    assert ["docker_client", "docker"] in said
    assert json.loads("".join(text for key, text in said if key == "daemon_json")) == {"debug": True}


def test_facts_are_found_by_the_shell_itself_but_for_disk_and_locks(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    for tool in set(TOOLS) - {"df", "ls", "readlink"}:
        (tmp_path / "bin" / tool).unlink()

    said = dict(line.split("=", 1) for line in host.run(facts_script()).stdout.splitlines())

    assert said["kernel"] == os.uname().release
    assert said["machine"] == os.uname().machine
    assert int(said["cpus"]) == os.cpu_count()
    assert int(said["memory_kib"]) > 0


def test_a_zone_by_another_name_than_the_links_is_told_by_the_link(shell: str, tmp_path: Path) -> None:
    host = host_of(tmp_path, "debian", shell)
    zones = tmp_path / "usr/share/zoneinfo"
    zones.mkdir(parents=True)
    (zones / "Europe").write_text("a zone")
    (zones / "Asia").write_text("another one")
    (tmp_path / "etc/localtime").symlink_to(zones / "Asia")
    (tmp_path / "etc/timezone").write_text("Europe\n")

    by_link = host.run(facts_script()).stdout
    (tmp_path / "etc/timezone").write_text("Asia\n")
    by_name = host.run(facts_script()).stdout

    assert "timezone=Asia\n" in by_link
    assert "timezone=Asia\n" in by_name


@pytest.mark.parametrize("script", [docker_install_script(), facts_script()])
def test_scripts_say_which_they_are_in_the_first_line(script: str) -> None:
    assert script.startswith("# tomo-script: ")
