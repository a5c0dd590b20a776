"""What goes wrong on real servers: a clear error with a hint and its exit code, nothing lost, nothing doubled."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.hosts import Host, make_identity
from lab.lab import Lab
from lab.registry import Registry
from lab.waiting import until
from tests.hosts.terminal import PASSPHRASE, Shown, Terminal, Typed
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend

pytestmark = pytest.mark.hosts

WELL = {"test": ["CMD", "/bin/busybox", "true"], "interval": "1s", "retries": 2}
SICK = {
    "test": ["CMD", "/bin/busybox", "sh", "-c", "echo database is locked; exit 1"],
    "interval": "1s",
    "retries": 1,
    "start": "0s",
}
LATER_WELL = {"test": ["CMD", "/bin/busybox", "test", "-e", "/well"], "interval": "1s", "retries": 900}
LOCK_FRONTEND = "/var/lib/dpkg/lock-frontend"


@dataclass
class Fleet:
    """A fleet that works: one container on each of two servers. A test writes a variant of it."""

    folder: Path
    hosts: list[Host]
    mirror: str

    @property
    def good(self) -> dict[str, Any]:
        """What the fleet declares when all is well, to change at will."""
        servers = {host.name: server(host, self.mirror) for host in self.hosts}
        first, second = self.hosts
        apps = {"one": app(first), "two": app(second)}
        return copy.deepcopy({"fleet": "failures", "servers": servers, "apps": apps})

    def write(self, declared: dict[str, Any] | None = None) -> None:
        """Writes the fleet file; JSON is YAML."""
        (self.folder / "fleet.yaml").write_text(
            json.dumps(declared or self.good, indent=1, ensure_ascii=False), "utf-8"
        )

    @property
    def state(self) -> Path:
        """The stack's checkpoint."""
        return self.folder / ".pulumi/stacks/tomo/failures.json"

    @property
    def locks(self) -> Path:
        """Where the stack's lock lies."""
        return self.folder / ".pulumi/locks/organization/tomo/failures"

    def recorded(self) -> tuple[list[str], list[Any]]:
        """The URNs in the state and its journal, and the names of what was begun and not ended."""
        stored = FileBackend(self.folder).load("tomo", "failures", PassphraseManagers(lambda: PASSPHRASE))
        pending = [op.resource.urn.name for op in stored.snapshot.pending_operations]
        return [entry.urn for entry in stored.snapshot.resources], pending

    def recorded_containers(self) -> set[str]:
        """The names of the containers in the state."""
        marked = [urn.rsplit("::", 1) for urn in self.recorded()[0]]
        return {name.split("@")[0] for kind, name in marked if kind.endswith(":Container")}


def server(host: Host, mirror: str, **changed: Any) -> dict[str, Any]:
    """One server's part of the fleet file."""
    return {
        "host": host.address,
        "port": host.port,
        "user": "root",
        "identity": str(host.identity),
        "host_key": host.host_key,
        "docker": {"registry_mirrors": [mirror]},
        **changed,
    }


def app(host: Host, image: str = "tomo-test/web:1", **service: Any) -> dict[str, Any]:
    """An app of one container; `service` changes what its one service declares."""
    main = {"image": image, "healthcheck": WELL, "stop": {"grace": "1s"}, **service}
    told = {"title": "Page", "tagline": "A page", "description": "A page.", "categories": ["networking"]}
    definition = {"schema": "tomo.app/v1", "id": "page", "version": "1", **told, "services": {"main": main}}
    return {"server": host.name, "definition": definition}


def containers(host: Host) -> list[str]:
    """Every container's name, running or not."""
    return sorted(host.ssh("docker", "ps", "-a", "--format", "'{{.Names}}'").out.split())


def container_id(host: Host, name: str) -> str:
    return host.ssh("docker", "inspect", "-f", "'{{.Id}} {{.State.StartedAt}}'", name).out.strip()


@pytest.fixture(scope="module")
def pair(lab: Lab, registry: Registry) -> Iterator[list[Host]]:
    hosts = lab.hosts("zeta", "eta", docker_installed=True, mirrors=[registry.mirror])
    yield hosts
    lab.remove(*hosts)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, pair: list[Host], registry: Registry) -> Fleet:
    return Fleet(tmp_path_factory.mktemp("failures"), pair, registry.mirror)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(capsys, monkeypatch, tmp_path)


def converged(fleet: Fleet, terminal: Terminal) -> None:
    """The good fleet applies, nothing is left to do, and each server has its one container."""
    fleet.write()
    applied = terminal.tomo(fleet.folder, "apply", "--yes")
    assert applied.code == 0, applied.text
    for look in ((), ("--no-refresh",)):
        planned = terminal.tomo(fleet.folder, "plan", "--detailed-exitcode", *look)
        assert planned.code == 0, planned.text
    assert [containers(host) for host in fleet.hosts] == [["one"], ["two"]]
    urns, pending = fleet.recorded()
    assert (len(urns), pending) == (len(set(urns)), [])
    assert not list(fleet.locks.glob("*"))


@pytest.fixture(autouse=True)
def _all_is_well_before_and_after(
    fleet: Fleet, terminal: Terminal, request: pytest.FixtureRequest
) -> Iterator[None]:
    if not fleet.state.exists():
        converged(fleet, terminal)
    yield
    converged(fleet, terminal)


def told(shown: Shown, code: int, *texts: str) -> None:
    """The exit code is the documented one, and every text is on the screen."""
    assert shown.code == code, shown.text
    for text in texts:
        assert text in shown.text, shown.text


# --- the road to a server ----------------------------------------------------------------------------


def test_a_server_that_is_down_stops_neither_the_plan_nor_the_apply_of_the_others(
    fleet: Fleet, terminal: Terminal
) -> None:
    zeta, eta = fleet.hosts
    good = fleet.good
    good["apps"]["one"] = app(zeta, env={"CHANGED": "1"})
    good["apps"]["two"] = app(eta, env={"CHANGED": "1"})
    fleet.write(good)
    zeta.stop()

    planned = terminal.tomo(fleet.folder, "plan")
    blind = terminal.tomo(fleet.folder, "plan", "--no-refresh")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(planned, 1, "two", "not looked at", "zeta", "refused the connection")
    told(blind, 0, "one", "two")
    told(applied, 1, "zeta", "refused the connection")
    assert "CHANGED=1" in eta.ssh("docker", "inspect", "two").out
    zeta.reboot()


def test_a_refused_login_ends_with_exit_code_5(fleet: Fleet, terminal: Terminal, tmp_path: Path) -> None:
    good = fleet.good
    good["servers"]["zeta"]["identity"] = str(make_identity(tmp_path))
    fleet.write(good)

    planned = terminal.tomo(fleet.folder, "plan")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(planned, 5, "zeta", "refused", "hint:")
    told(applied, 5, "zeta", "refused")


def test_a_changed_host_key_ends_with_exit_code_5(fleet: Fleet, terminal: Terminal) -> None:
    good = fleet.good
    good["servers"]["zeta"]["host_key"] = fleet.hosts[1].host_key
    fleet.write(good)

    planned = terminal.tomo(fleet.folder, "plan")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    for shown in (planned, applied):
        told(shown, 5, "zeta", "another host key", "no credential was sent", "hint:")


def test_an_unknown_host_key_ends_with_exit_code_5(fleet: Fleet, terminal: Terminal) -> None:
    good = fleet.good
    del good["servers"]["zeta"]["host_key"]
    fleet.write(good)

    planned = terminal.tomo(fleet.folder, "plan")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    for shown in (planned, applied):
        told(shown, 5, "zeta", "is not known", "SHA256:", "no credential was sent", "tomo server add zeta")


def test_a_login_that_may_not_sudo_is_told_so(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    good = fleet.good
    good["servers"]["zeta"] |= {"user": zeta.guest, "become": "sudo"}
    fleet.write(good)

    planned = terminal.tomo(fleet.folder, "plan")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    for shown in (planned, applied):
        told(shown, 1, "zeta", "sudo", "hint:")


def test_a_login_that_may_sudo_works_from_end_to_end(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    good = fleet.good
    good["servers"]["zeta"] |= {"user": zeta.sudoer, "become": "sudo"}
    good["apps"]["one"]["definition"]["files"] = [{"path": "/etc/note", "content": "x\n", "service": "main"}]
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")
    planned = terminal.tomo(fleet.folder, "plan", "--detailed-exitcode")

    told(applied, 0)
    told(planned, 0)
    assert zeta.ssh("docker", "exec", "one", "/bin/busybox", "cat", "/etc/note").out == "x\n"


# --- what the server can't do -----------------------------------------------------------------------


def test_a_full_disk_is_named_and_the_old_container_goes_on(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    before = container_id(zeta, "one")
    good = fleet.good
    long = "x" * 100_000
    good["apps"]["one"]["definition"]["files"] = [{"path": "/etc/long", "content": long, "service": "main"}]
    fleet.write(good)
    zeta.inside("sh", "-c", "mkdir -p /var/lib/tomo && mount -t tmpfs -o size=16k none /var/lib/tomo")

    try:
        applied = terminal.tomo(fleet.folder, "apply", "--yes")
    finally:
        zeta.inside("umount", "-l", "/var/lib/tomo")

    told(applied, 1, "zeta", "no space left", "hint:")
    assert container_id(zeta, "one") == before


def test_a_held_package_lock_is_waited_for(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    lock = f"use Fcntl; open(F, '>>', '{LOCK_FRONTEND}') or die; fcntl(F, F_SETLK, pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0)) or die"
    zeta.inside("systemd-run", "--unit=holder", "--service-type=exec", "perl", "-e", f"{lock}; sleep 8")
    good = fleet.good
    good["servers"]["zeta"]["docker"]["daemon"] = {"log-level": "warn"}
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(applied, 0)
    assert "holder.service" not in zeta.inside("systemctl", "list-units", "--state=active", "holder.service")


def test_a_port_that_a_process_holds_is_named_and_the_old_container_goes_on(
    fleet: Fleet, terminal: Terminal
) -> None:
    zeta = fleet.hosts[0]
    before = container_id(zeta, "one")
    zeta.inside("systemd-run", "--unit=taker", "systemd-socket-activate", "-l", "127.0.0.1:18081", "/bin/cat")
    until(lambda: "18081" in zeta.inside("ss", "-ltn"), "the port's taking", within=20)
    good = fleet.good
    port = {"name": "web", "container": 80, "host": 18081, "expose": "local"}
    good["apps"]["one"] = app(zeta, ports=[port])
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")
    zeta.inside("systemctl", "stop", "taker")

    told(applied, 1, "zeta", "18081", "hint:")
    assert container_id(zeta, "one").split()[0] == before.split()[0]


# --- what Docker refuses ----------------------------------------------------------------------------


def test_an_image_that_nobody_has_is_named_and_the_old_container_goes_on(
    fleet: Fleet, terminal: Terminal
) -> None:
    zeta = fleet.hosts[0]
    before = container_id(zeta, "one")
    good = fleet.good
    good["apps"]["one"] = app(zeta, "tomo-test/absent:1")
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(applied, 1, "zeta", "tomo-test/absent:1", "hint:")
    assert container_id(zeta, "one") == before


@pytest.mark.parametrize(
    ("service", "texts"),
    [
        ({"image": "tomo-test/broken:1"}, ["exit code 3", "cannot open /data: no such directory"]),
        ({"healthcheck": SICK}, ["unhealthy", "database is locked"]),
    ],
)
def test_a_new_app_whose_container_does_not_stay_well_says_why_and_leaves_none(
    fleet: Fleet, terminal: Terminal, service: dict[str, Any], texts: list[str]
) -> None:
    good = fleet.good
    good["apps"]["new"] = app(fleet.hosts[0], **service)
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(applied, 1, "`new`", *texts, "hint:")
    assert containers(fleet.hosts[0]) == ["one"]


def test_a_name_that_a_foreign_container_has_is_never_taken_over(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    zeta.ssh("docker", "run", "-d", "--name", "new", "-e", "MINE=1", "tomo-test/web:1")
    before = container_id(zeta, "new")
    good = fleet.good
    good["apps"]["new"] = app(zeta)
    fleet.write(good)

    applied = terminal.tomo(fleet.folder, "apply", "--yes")

    told(applied, 1, "new", "zeta", "hint:")
    assert container_id(zeta, "new") == before
    zeta.ssh("docker", "rm", "-f", "new")


# --- the state --------------------------------------------------------------------------------------


def test_a_corrupt_state_is_left_as_it_is(fleet: Fleet, terminal: Terminal, tmp_path: Path) -> None:
    kept = fleet.state.read_bytes()
    fleet.state.write_bytes(kept[: len(kept) // 2])

    shown = [terminal.tomo(fleet.folder, *command) for command in (["plan"], ["apply", "--yes"], ["outputs"])]

    left = fleet.state.read_bytes()
    fleet.state.write_bytes(kept)
    for each in shown:
        told(each, 1, "failures.json", "hint:")
    assert left == kept[: len(kept) // 2]


def test_a_lock_of_a_living_and_of_a_dead_process_stops_an_apply_until_it_is_removed(
    fleet: Fleet, terminal: Terminal
) -> None:
    for pid, word in ((os.getpid(), "still runs"), (999_999_999, "runs no more")):
        content = {
            "pid": pid,
            "username": "ada",
            "hostname": os.uname().nodename,
            "timestamp": "2026-01-02T03:04:05Z",
        }
        fleet.locks.mkdir(parents=True, exist_ok=True)
        (fleet.locks / "4c0de.json").write_text(json.dumps(content))

        applied = terminal.tomo(fleet.folder, "apply", "--yes")
        planned = terminal.tomo(fleet.folder, "plan")
        unlocked = terminal.tomo(fleet.folder, "state", "unlock", "--yes")

        told(applied, 1, "locked by `ada`", str(pid), word, "tomo state repair")
        told(planned, 0)
        told(unlocked, 0)


def test_a_wrong_passphrase_is_told_and_changes_nothing(
    fleet: Fleet, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fleet.state.read_bytes()
    good = fleet.good
    good["apps"]["one"] = app(fleet.hosts[0], env={"CHANGED": "1"})
    fleet.write(good)

    with monkeypatch.context() as patch:
        patch.setenv("TOMO_PASSPHRASE", "wrong")
        shown = [terminal.tomo(fleet.folder, *command) for command in (["plan"], ["apply", "--yes"])]

    for each in shown:
        told(each, 1, "passphrase", "hint:")
    assert fleet.state.read_bytes() == kept


# --- what a person wrote ----------------------------------------------------------------------------


def test_an_unknown_app_is_named_with_its_line_and_the_nearest_one(fleet: Fleet, terminal: Terminal) -> None:
    kept = fleet.state.read_bytes()
    good = fleet.good
    good["apps"]["photos"] = {"server": "zeta", "app": "jelyfin"}
    fleet.write(good)

    shown = [terminal.tomo(fleet.folder, *command) for command in (["plan"], ["apply", "--yes"])]

    for each in shown:
        told(each, 1, "fleet.yaml:", "`jelyfin`", "hint:", "`jellyfin`")
    assert fleet.state.read_bytes() == kept


def test_all_mistakes_of_a_fleet_are_told_at_once_with_their_lines(fleet: Fleet, terminal: Terminal) -> None:
    kept = fleet.state.read_bytes()
    (fleet.folder / "fleet.yaml").write_text(
        "fleet: failures\nservers:\n  zeta:\n    hots: 127.0.0.1\n    port: 70000\n"
        "apps:\n  one: {server: nowhere, app: whoami}\n  Two: {server: zeta, app: whoami}\n"
    )

    shown = [terminal.tomo(fleet.folder, *command) for command in (["plan"], ["apply", "--yes"])]

    for each in shown:
        told(each, 1, "fleet.yaml:4: ", "`hots`", "fleet.yaml:5: ", "fleet.yaml:8: ", "did you mean `host`")
    assert fleet.state.read_bytes() == kept


HOSTILE = """$(touch /tmp/pwned) `touch /tmp/pwned` "; touch /tmp/pwned; ' '' \\ \\n %s $HOME !! \t ; & | > /tmp/pwned
--flag * ? [a] {b,c} ~ # \x1b[31mred\x07 \u202e ünïcode 💥"""


def test_hostile_strings_arrive_as_they_are_and_are_run_by_nobody(fleet: Fleet, terminal: Terminal) -> None:
    zeta = fleet.hosts[0]
    Path("/tmp/pwned").unlink(missing_ok=True)
    good = fleet.good
    hold = ["/bin/busybox", "sh", "-c", 'trap "exit 0" TERM; sleep 3600 & wait', HOSTILE]
    good["apps"]["one"] = app(zeta, env={"HOSTILE": HOSTILE}, labels={"hostile": HOSTILE}, command=hold)
    good["apps"]["one"]["definition"]["files"] = [{"path": "/etc/h", "content": HOSTILE, "service": "main"}]
    fleet.write(good)

    planned = terminal.tomo(fleet.folder, "plan")
    applied = terminal.tomo(fleet.folder, "apply", "--yes")
    again = terminal.tomo(fleet.folder, "plan", "--detailed-exitcode")

    told(planned, 0)
    told(applied, 0)
    told(again, 0)
    [seen] = json.loads(zeta.ssh("docker", "inspect", "one").out)
    read = zeta.inside("docker", "exec", "one", "/bin/busybox", "cat", "/etc/h")
    assert f"HOSTILE={HOSTILE}" in seen["Config"]["Env"]
    assert seen["Config"]["Labels"]["hostile"] == HOSTILE
    assert seen["Config"]["Cmd"] == hold
    assert read == HOSTILE
    assert zeta.ssh("ls", "/tmp/pwned").code != 0
    assert not Path("/tmp/pwned").exists()
    assert not {"\x1b", "\x07", "\u202e"} & set(planned.text + applied.text)


# --- in the middle of an apply ----------------------------------------------------------------------


@pytest.fixture
def under_way(fleet: Fleet, terminal: Terminal) -> Iterator[Typed]:
    """An apply that waits for a container which has to be told that it is well."""
    good = fleet.good
    good["apps"]["new"] = app(fleet.hosts[0], healthcheck=LATER_WELL)
    good["apps"]["quick"] = app(fleet.hosts[1])
    fleet.write(good)
    typed = terminal.start(fleet.folder, "apply", "--yes")
    try:
        until(lambda: "new" in containers(fleet.hosts[0]), "the container's start", within=60)
        until(lambda: "quick" in fleet.recorded_containers(), "the record of what is done", within=60)
        yield typed
    finally:
        typed.kill()


def test_ctrl_c_ends_an_apply_cleanly(fleet: Fleet, under_way: Typed) -> None:
    under_way.signal(signal.SIGINT)
    ended = under_way.end()

    told(ended, 1, "Stopping:")
    assert "Traceback" not in ended.text
    recorded, (_, pending) = fleet.recorded_containers(), fleet.recorded()
    assert recorded == {"one", "two", "quick"}
    assert containers(fleet.hosts[0]) == ["one"]
    assert pending == []
    assert not list(fleet.locks.glob("*"))


def test_a_connection_that_breaks_in_the_middle_of_an_apply_is_made_again(
    fleet: Fleet, under_way: Typed
) -> None:
    zeta = fleet.hosts[0]
    zeta.inside("pkill", "-KILL", "-f", "^sshd: root")
    zeta.inside("docker", "exec", "new", "/bin/busybox", "touch", "/well")
    ended = under_way.end()

    told(ended, 0)
    assert fleet.recorded_containers() == {"one", "two", "quick", "new"}


def test_a_server_that_loses_power_in_the_middle_of_an_apply_is_told(fleet: Fleet, under_way: Typed) -> None:
    zeta = fleet.hosts[0]
    zeta.stop()
    ended = under_way.end()
    zeta.reboot()

    told(ended, 1, "container new@zeta", "refused the connection", "hint:")
    assert "Traceback" not in ended.text
    assert fleet.recorded()[1] == []
    assert fleet.recorded_containers() == {"one", "two", "quick", "new"}
    assert not list(fleet.locks.glob("*"))


def test_a_second_apply_at_the_same_time_is_told_who_is_at_it(
    fleet: Fleet, terminal: Terminal, under_way: Typed
) -> None:
    second = terminal.tomo(fleet.folder, "apply", "--yes")
    under_way.signal(signal.SIGINT)
    first = under_way.end()

    told(second, 1, "locked by", f"process {under_way.pid}", "still runs", "hint:")
    told(first, 1)


def test_an_apply_killed_in_the_middle_is_brought_to_its_end_by_the_next(
    fleet: Fleet, terminal: Terminal, under_way: Typed
) -> None:
    under_way.kill()

    pending = fleet.recorded()[1]
    planned = terminal.tomo(fleet.folder, "plan")
    again = terminal.tomo(fleet.folder, "apply", "--yes")

    assert pending == ["new@zeta"]
    told(planned, 0, "an interrupted run", "`new@zeta` was being created: it was made")
    told(again, 0, "took over the lock of a run that is gone")
    assert containers(fleet.hosts[0]) == ["new", "one"]
    assert fleet.recorded_containers() == {"one", "two", "quick", "new"}
    assert fleet.recorded()[1] == []
