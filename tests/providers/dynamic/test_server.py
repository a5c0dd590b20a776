"""`Server`: facts by one script that is really run, here in front of a folder of stub tools."""

from __future__ import annotations

import base64
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import DockerUnavailable, HostError, HostUnreachable, NotSupported, PackageLockHeld
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Unknown
from tomo.providers.dynamic.facts import docker_complaint, docker_target, facts_of
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.providers.dynamic.server import Server, ServerProvider
from tomo.resources.tokens import SERVER, SERVER_PROVIDER

URN = Urn.make("home", "tomo", None, SERVER, "nas")
INPUTS = {
    "host": "192.0.2.1",
    "user": "root",
    "docker": {"daemon": {"registry-mirrors": ["http://192.0.2.9"]}},
}
DAEMON = json.dumps({"registry-mirrors": ["http://192.0.2.9"], "debug": True})
OTHER = '{"registry-mirrors": []}'
WELL = f"os=debian\nmachine=aarch64\ncpus=4\nmemory_kib=2048\ndocker_client=docker\ndaemon_json={DAEMON}\npackage_lock=\nend=yes\n"


DOCKER = "Docker/20.10.24+dfsg1 (linux)"


class Greeting:
    """A stream to something that says who it is with every answer."""

    def __init__(self, server: str) -> None:
        self.answer = (
            f"HTTP/1.1 200 OK\r\n{server and f'Server: {server}'}\r\nContent-Length: 2\r\n\r\nOK".encode()
        )

    def sendall(self, data: bytes) -> None:
        assert data.startswith(b"GET /_ping HTTP/1.1\r\n")

    def recv(self, _size: int) -> bytes:
        answer, self.answer = self.answer, b""
        return answer

    def settimeout(self, _seconds: float | None) -> None:
        pass

    def close(self) -> None:
        pass


class ScriptedHosts:
    """Hosts that answer a look with the next of some texts, the last one again and again.

    `daemon` is what answers at the Docker socket calls itself, None where nothing does; `client` is what
    `docker --version` prints.
    """

    def __init__(self, *answers: Any, daemon: str | None = DOCKER, client: str = "Docker version 20") -> None:
        self.answers, self.looks = list(answers), 0
        self.daemon, self.client = daemon, client
        self.ran: list[list[str]] = []

    def get(self, spec: Any) -> Any:
        self.spec = spec
        return self

    def open_docker(self) -> Greeting:
        if self.daemon is None:
            raise DockerUnavailable("Docker on `h` is not running", host="h")
        return Greeting(self.daemon)

    def run(self, argv: Any, *, stdin: bytes = b"", timeout: Any = None, check: bool = True) -> Any:
        from tomo.model.connection import CommandResult

        if list(argv) == ["docker", "--version"]:
            return CommandResult(0, f"{self.client}\n".encode())
        assert list(argv[:2]) == ["sh", "-s"]
        self.ran.append(list(argv))
        assert stdin.startswith(b"# tomo-script: facts\n")
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return CommandResult(0, answer.encode())


def server(hosts: Any, pauses: list[float] | None = None) -> Server:
    waited = [] if pauses is None else pauses

    def pause(seconds: float) -> bool:
        waited.append(seconds)
        return False

    return Server(hosts, pause)


def test_the_facts_of_this_machine_are_really_found(hosts: Any) -> None:
    made = server(hosts).create(CreateRequest(URN, {"host": "192.0.2.1", "docker": False}))

    assert made.id == "nas"
    assert made.outputs["cpus"] > 0
    assert made.outputs["memory"] > 1 << 20
    assert made.outputs["disk"] > made.outputs["diskFree"] > 0
    assert made.outputs["arch"] in {"amd64", "arm64"}
    assert made.outputs["os"]
    assert made.outputs["dockerDrift"] == ""


def test_arch_and_sizes_are_told_in_dockers_words_and_bytes() -> None:
    outputs = server(ScriptedHosts(WELL)).create(CreateRequest(URN, INPUTS)).outputs

    assert (outputs["arch"], outputs["memory"], outputs["dockerVersion"]) == (
        "arm64",
        2048 * 1024,
        "20.10.24+dfsg1",
    )


def test_a_held_lock_is_waited_for(request: Any) -> None:
    pauses: list[float] = []
    said: list[str] = []
    hosts = ScriptedHosts(WELL.replace("package_lock=", "package_lock=apt-get (process 7)"), WELL)

    server(hosts, pauses).create(CreateRequest(URN, INPUTS, report=said.append))

    assert pauses == [3.0]
    assert said == ["waiting for apt-get (process 7), which uses the package manager"]


def test_a_lock_that_stays_held_is_an_error_that_names_the_process() -> None:
    hosts = ScriptedHosts(WELL.replace("package_lock=", "package_lock=unattended-upgr (process 7)"))

    with pytest.raises(PackageLockHeld, match=r"in use by unattended-upgr \(process 7\)"):
        server(hosts).create(CreateRequest(URN, INPUTS))

    assert hosts.looks == 101


def test_a_preview_looks_once_and_an_unreachable_host_leaves_facts_unknown() -> None:
    seen = server(ScriptedHosts(WELL)).create(CreateRequest(URN, INPUTS, preview=True))
    unseen = server(ScriptedHosts(HostUnreachable("no answer", host="h"))).create(
        CreateRequest(URN, INPUTS, preview=True)
    )

    assert (seen.id, seen.outputs["os"]) == ("", "debian")
    assert isinstance(unseen.outputs["os"], Unknown)
    assert unseen.outputs["dockerDrift"] == ""


def read(text: Any, said: str = "", inputs: dict[str, Any] | None = None, **docker: Any) -> Any:
    request = ReadRequest(URN, "nas", inputs or INPUTS, {**INPUTS, "dockerDrift": said, "diskFree": 1})
    [result] = server(ScriptedHosts(text, **docker)).read([request])
    return result


def test_a_look_at_a_well_server_keeps_inputs_and_the_recorded_word() -> None:
    result = read(WELL, said="3: docker is not installed")

    assert result.status is ReadStatus.FOUND
    assert result.inputs == INPUTS
    assert result.outputs["dockerDrift"] == "3: docker is not installed"
    assert result.drift == ()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("docker_client=docker", "x=", "docker is not installed"),
        (f"daemon_json={DAEMON}", "daemon_json=", "daemon.json lacks registry-mirrors"),
        (f"daemon_json={DAEMON}", "daemon_json={}x", "daemon.json is not valid JSON"),
        (
            f"daemon_json={DAEMON}",
            f"daemon_json={OTHER}",
            "daemon.json has another registry-mirrors",
        ),
    ],
)
def test_what_is_wrong_with_docker_becomes_a_new_counted_word(old: str, new: str, complaint: str) -> None:
    first, again = read(WELL.replace(old, new)), read(WELL.replace(old, new), said="1: whatever")

    assert first.outputs["dockerDrift"] == f"1: {complaint}"
    assert again.outputs["dockerDrift"] == f"2: {complaint}"


@pytest.mark.parametrize(
    ("daemon", "client", "complaint"),
    [
        (None, "Docker version 20", "docker does not run"),
        ("", "Docker version 20", "docker does not run"),
        (None, "podman version 4.3.1", "docker is not installed"),
        ("Libpod/4.3.1 (linux)", "podman version 4.3.1", "docker is not installed"),
    ],
)
def test_what_answers_at_the_socket_and_the_client_tell_whether_docker_runs(
    daemon: str | None, client: str, complaint: str
) -> None:
    result = read(WELL, daemon=daemon, client=client)

    assert result.outputs["dockerDrift"] == f"1: {complaint}"
    assert result.outputs["dockerVersion"] == ""


def test_a_stream_that_breaks_is_no_word_about_docker() -> None:
    hosts = ScriptedHosts(WELL)
    broken = Greeting(DOCKER)
    broken.answer = b""
    streams = [broken, Greeting(DOCKER)]
    hosts.open_docker = lambda: streams.pop(0)  # type: ignore[method-assign]

    outputs = server(hosts).create(CreateRequest(URN, INPUTS)).outputs

    assert outputs["dockerVersion"] == "20.10.24+dfsg1"


def test_settings_of_docker_may_take_several_lines() -> None:
    lines = '{\n"registry-mirrors": [\n"http://192.0.2.9"]\n}'.replace("\n", "\ndaemon_json=")

    result = read(WELL.replace(DAEMON, lines))

    assert result.outputs["dockerDrift"] == ""


@pytest.mark.parametrize(
    ("wanted", "fine"),
    [
        ("20.10.24", True),
        ("5:20.10.24-1~debian.12", True),
        ("20.10.24+dfsg1-1+b3", True),
        ("20.10.2", False),
        ("27.3.1", False),
    ],
)
def test_a_pinned_version_is_compared_with_the_running_one(wanted: str, fine: bool) -> None:
    facts = replace(facts_of(WELL, "h"), docker_version="20.10.24+dfsg1")

    complaint = docker_complaint(facts, {"version": wanted})

    assert complaint == ("" if fine else f"docker is 20.10.24+dfsg1, not {wanted}")


PINNED = {**INPUTS, "docker": {"pin": "20.10.*", "daemon": {}}}


def test_a_newer_version_within_the_pin_becomes_the_target_and_stays_it() -> None:
    offered = WELL.replace("end=yes", "docker_offered=5:20.10.25-1\nend=yes")

    none = read(WELL, inputs=PINNED).outputs
    newer = read(offered, inputs=PINNED).outputs
    request = ReadRequest(URN, "nas", PINNED, {**PINNED, "dockerTarget": "5:20.10.25-1"})
    [after] = server(ScriptedHosts(WELL)).read([request])

    assert none["dockerTarget"] == ""
    assert (newer["dockerTarget"], newer["dockerDrift"]) == ("5:20.10.25-1", "")
    assert after.outputs["dockerTarget"] == "5:20.10.25-1"


def test_a_target_outside_of_a_new_pin_is_forgotten() -> None:
    facts = replace(facts_of(WELL, "h"), docker_version="26.1.5")

    assert docker_target(facts, {"pin": "27.*"}, "26.1.5-1") == ""
    assert docker_target(replace(facts, docker_offered="27.3.1-1"), {"pin": "27.*"}, "26.1.5-1") == "27.3.1-1"
    assert docker_complaint(facts, {"pin": "27.*"}) == "docker is 26.1.5, not within 27.*"


def test_only_a_server_with_a_pin_has_its_package_lists_asked() -> None:
    plain, pinned = ScriptedHosts(WELL), ScriptedHosts(WELL)

    server(plain).create(CreateRequest(URN, INPUTS))
    server(pinned).create(CreateRequest(URN, PINNED))

    assert ["sh", "-s"] in plain.ran
    assert ["sh", "-s", "pin=20.10.*"] in pinned.ran


def test_a_server_that_is_left_alone_has_no_complaint() -> None:
    assert read("end=yes\n", inputs={"host": "h", "docker": False}).outputs["dockerDrift"] == ""


def test_an_unreachable_host_keeps_its_state() -> None:
    result = read(HostUnreachable("no answer", host="h", hint="check it"))

    assert (result.status, result.problem, result.hint, result.code) == (
        ReadStatus.UNREACHABLE,
        "no answer",
        "check it",
        "host-unreachable",
    )


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with pytest.raises(HostError, match="not complete"):
        server(ScriptedHosts("os=debian\n")).create(CreateRequest(URN, INPUTS))


def test_remote_text_is_capped_and_loses_control_characters() -> None:
    facts = facts_of(f"os_name=\x1b[31m{'x' * 5000}\nmemory_kib=$(id)\nend=yes\n", "h")

    assert len(facts.os_name) <= 200
    assert "\x1b" not in facts.os_name
    assert facts.memory == 0


def test_podman_in_dockers_place_is_refused_by_name() -> None:
    hosts = ScriptedHosts(WELL, daemon="Libpod/4.3.1 (linux)", client="podman version 4.3.1")

    with pytest.raises(NotSupported, match="Podman"):
        server(hosts).create(CreateRequest(URN, INPUTS))


def test_an_update_looks_again_and_keeps_the_word_about_docker() -> None:
    old = {**INPUTS, "dockerDrift": "2: docker does not run"}
    request = UpdateRequest(URN, "nas", INPUTS, old, {**INPUTS, "docker": {"daemon": {}}})

    assert server(ScriptedHosts(WELL)).update(request).outputs["dockerDrift"] == "2: docker does not run"


def test_inputs_are_checked_by_name() -> None:
    failures = server(None).check(CheckRequest(URN, {}, {"hots": "x", "docker": True})).failures

    assert [each.property for each in failures] == ["hots", "host", "docker"]


def test_any_changed_input_is_an_update() -> None:
    changed = server(None).diff(DiffRequest(URN, "nas", INPUTS, {}, {**INPUTS, "user": "tomo"}))
    same = server(None).diff(
        DiffRequest(URN, "nas", {**INPUTS, "__provider": "a"}, {}, {**INPUTS, "__provider": "b"})
    )

    assert (changed.changed, changed.replaces) == (True, False)
    assert same.changed is False


def test_deleting_a_server_does_not_touch_it() -> None:
    hosts = ScriptedHosts(WELL)

    server(hosts).delete(DeleteRequest(URN, "nas", INPUTS, {}))

    assert hosts.looks == 0


def test_the_state_names_a_class_and_carries_no_code() -> None:
    assert isinstance(pickle.loads(base64.b64decode(SERVER_PROVIDER)), ServerProvider)


def test_tomos_own_types_are_served_without_unpickling(tmp_path: Path) -> None:
    provider = DynamicProvider(ScriptedHosts(WELL))
    trap = base64.b64encode(
        f"\x80\x02cos\nsystem\nU{chr(len(f'touch {tmp_path}/x'))}touch {tmp_path}/x\x85R.".encode("latin-1")
    ).decode()
    inputs = {**INPUTS, "__provider": trap}

    made = provider.create(CreateRequest(URN, provider.check(CheckRequest(URN, {}, inputs)).inputs))
    [found] = provider.read([ReadRequest(URN, "nas", inputs, made.outputs)])

    assert made.outputs["__provider"] == trap
    assert found.status is ReadStatus.FOUND
    assert not (tmp_path / "x").exists()


def test_hosts_are_looked_at_side_by_side_and_answered_in_order() -> None:
    requests = [
        ReadRequest(
            Urn.make("h", "tomo", None, SERVER, f"s{n}"), f"s{n}", {"host": f"192.0.2.{n}", "docker": False}
        )
        for n in range(5)
    ]

    results = server(ScriptedHosts(WELL)).read(requests)

    assert [result.id for result in results] == ["s0", "s1", "s2", "s3", "s4"]


def test_unknown_inputs_are_not_dialled() -> None:
    hosts = ScriptedHosts(WELL)

    server(hosts).create(CreateRequest(URN, {**INPUTS, "host": UNKNOWN}, preview=True))

    assert hosts.looks == 0
