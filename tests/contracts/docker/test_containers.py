"""Containers on a real daemon and on the fake one: made, seen unchanged, changed, removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import ContainerExited, ContainerUnhealthy, DockerError, ImageNotFound, NameTaken, PortTaken
from tomo.model.diff import DiffKind
from tomo.model.provider import ReadStatus
from tomo.providers.docker.resource import top_level


def wide_inputs(bench: Any, network: str, second: str, volume: str) -> dict[str, Any]:
    return {
        "image": bench.image,
        "name": bench.name("wide"),
        "command": ["/bin/sleep", "900"],
        "entrypoints": ["/bin/busybox"],
        "envs": ["B=two", "A=1=1", "EMPTY=", "QUOTE='\"$(x)\n"],
        "labels": [{"label": "z.app", "value": "x"}, {"label": "a b", "value": ""}],
        "ports": [
            {"internal": 80, "external": bench.port(), "ip": "127.0.0.1"},
            {"internal": 53, "protocol": "udp", "external": bench.port()},
            {"internal": 81},
        ],
        "volumes": [
            {"containerPath": "/data", "volumeName": volume},
            {"containerPath": "/host", "hostPath": "/tmp", "readOnly": True},
            {"containerPath": "/anonymous"},
        ],
        "mounts": [
            {"target": "/ram", "type": "tmpfs", "tmpfsOptions": {"sizeBytes": 1048576, "mode": 0o700}},
            {"target": "/vol", "type": "volume", "source": volume, "readOnly": True},
        ],
        "networksAdvanced": [
            {"name": network, "aliases": ["web", "www"]},
            {"name": second, "aliases": ["back"]},
        ],
        "hosts": [{"host": "db.local", "ip": "10.1.2.3"}, {"host": "six", "ip": "fd00::1"}],
        "healthcheck": {
            "tests": ["CMD", "/bin/busybox", "true"],
            "interval": "1m30s",
            "timeout": "500ms",
            "startPeriod": "2s",
            "startInterval": "1s",
            "retries": 2,
        },
        "memory": 64,
        "memoryReservation": 32,
        "cpuShares": 512,
        "ulimits": [{"name": "nofile", "soft": 1024, "hard": 2048}],
        "capabilities": {"adds": ["NET_ADMIN"], "drops": ["CAP_MKNOD"]},
        "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/nothing"}],
        "sysctls": {"net.core.somaxconn": "256"},
        "tmpfs": {"/scratch": "size=1m"},
        "user": "0:0",
        "hostname": "wide",
        "domainname": "example.test",
        "dns": ["1.1.1.1"],
        "dnsOpts": ["ndots:2"],
        "dnsSearches": ["example.test"],
        "groupAdds": ["12"],
        "logDriver": "json-file",
        "logOpts": {"max-size": "1m"},
        "stopSignal": "SIGKILL",
        "stopTimeout": 3,
        "init": False,
        "readOnly": True,
        "shmSize": 32,
        "workingDir": "/tmp",
        "restart": "on-failure",
        "maxRetryCount": 3,
        "stdinOpen": True,
        "securityOpts": ["no-new-privileges:true"],
        "ipcMode": "shareable",
        "cgroupnsMode": "host",
        "cpus": "0.5",
    }


def made_wide(bench: Any) -> tuple[dict[str, Any], Any]:
    _, network = bench.create("Network", {"name": bench.name("net")})
    bench.create("Network", {"name": bench.name("net2")})
    bench.create("Volume", {"name": bench.name("data")})
    assert network.id
    return bench.create(
        "Container", wide_inputs(bench, bench.name("net"), bench.name("net2"), bench.name("data"))
    )


def test_a_wide_container_is_seen_as_it_was_asked_for(bench: Any) -> None:
    inputs, made = made_wide(bench)

    seen = bench.read("Container", made.id, inputs, made.outputs)

    assert seen.status is ReadStatus.FOUND
    assert seen.inputs == inputs
    assert seen.drift == ()
    assert not bench.diff("Container", seen.inputs, inputs, seen.outputs).changed
    assert set(seen.outputs) == set(made.outputs)


def test_a_wide_container_made_anew_by_hand_with_the_same_settings_is_taken_over(bench: Any) -> None:
    inputs, made = made_wide(bench)

    seen = bench.read("Container", "0" * 64, inputs, made.outputs)

    assert (seen.status, seen.id) == (ReadStatus.FOUND, made.id)
    assert {k: (v, inputs.get(k)) for k, v in seen.inputs.items() if v != inputs.get(k)} == {}
    assert set(seen.inputs) == set(inputs)
    assert [(diff.path, diff.kind) for diff in seen.drift] == [("id", DiffKind.UPDATE)]
    assert "same settings" in seen.drift[0].why


def test_an_import_gives_the_inputs_a_program_would_write(bench: Any) -> None:
    inputs, made = made_wide(bench)

    imported = bench.read("Container", made.id)

    checked = bench.checked("Container", imported.inputs)
    found = bench.diff("Container", checked, inputs, imported.outputs)
    # What the daemon fills in is nobody's wish, so an import leaves it out.
    left_out = {"healthcheck", "hostname", "logDriver", "logOpts", "ipcMode", "cgroupnsMode", "securityOpts"}
    surprising = [diff for diff in found.properties if top_level(diff.path) not in left_out]
    assert surprising == []


def test_a_container_is_never_on_the_default_bridge_when_networks_are_given(bench: Any) -> None:
    bench.create("Network", {"name": bench.name("net")})

    _, made = bench.container("c", networksAdvanced=[{"name": bench.name("net")}])

    attached = bench.inspect(made.id)["NetworkSettings"]["Networks"]
    assert set(attached) == {bench.name("net")}


def test_uploads_are_in_the_container_before_it_starts(bench: Any) -> None:
    _, made = bench.container(
        "up",
        command=["/bin/cat", "/etc/deep/er/hello"],
        uploads=[{"file": "/etc/deep/er/hello", "content": "hello there\n", "executable": True}],
        attach=True,
        logs=True,
    )

    assert made.outputs["containerLogs"] == "hello there\n"
    assert made.outputs["exitCode"] == 0


def test_a_container_that_exits_at_once_is_removed_and_tells_its_last_words(bench: Any) -> None:
    with pytest.raises(ContainerExited) as raised:
        bench.container("bad", command=["/bin/sh", "-c", "echo no such thing; exit 3"])

    assert "exit code 3" in raised.value.message
    assert "no such thing" in raised.value.detail
    assert bench.inspect(bench.name("bad")) is None


def test_one_that_keeps_restarting_counts_as_exited(bench: Any) -> None:
    with pytest.raises(ContainerExited):
        bench.container("loop", command=["/bin/sh", "-c", "exit 1"], restart="always")

    assert bench.inspect(bench.name("loop")) is None


def test_an_unhealthy_container_is_removed_and_tells_what_its_check_said(bench: Any) -> None:
    health = {"tests": ["CMD-SHELL", "echo not yet; exit 1"], "interval": "100ms", "retries": 1}

    with pytest.raises(ContainerUnhealthy) as raised:
        bench.container("ill", wait=True, waitTimeout=10, healthcheck=health)

    assert "not yet" in raised.value.detail
    assert bench.inspect(bench.name("ill")) is None


def test_waiting_ends_when_the_container_is_healthy(bench: Any) -> None:
    health = {"tests": ["CMD", "/bin/busybox", "true"], "interval": "100ms"}

    _, made = bench.container("well", wait=True, waitTimeout=20, healthcheck=health)

    assert bench.inspect(made.id)["State"]["Health"]["Status"] == "healthy"


def test_an_image_that_is_not_there_is_told_by_name(bench: Any) -> None:
    with pytest.raises(ImageNotFound, match="no-such-image:9"):
        bench.container("none", image="tomo-test/no-such-image:9")


def test_a_name_taken_by_a_foreign_container_stops_with_a_hint(bench: Any) -> None:
    foreign = bench.run_by_hand(bench.name("c"))

    with pytest.raises(NameTaken) as raised:
        bench.container("c")

    assert bench.name("c") in raised.value.message
    assert "docker rm -f" in raised.value.hint
    assert bench.inspect(foreign)["State"]["Running"]


def test_what_an_interrupted_create_left_is_put_out_of_the_way(bench: Any) -> None:
    left = bench.by_hand(
        "POST",
        "/containers/create",
        {"Image": bench.image, "Env": ["A=1"], "StopSignal": "SIGKILL"},
        name=bench.name("c"),
    )

    _, made = bench.container("c", envs=["A=1"])

    assert made.id != left["Id"]


def test_a_taken_port_is_told_with_its_holder(bench: Any) -> None:
    port = bench.port()
    bench.container("first", ports=[{"internal": 80, "external": port}])

    with pytest.raises(PortTaken) as raised:
        bench.container("second", ports=[{"internal": 80, "external": port}])

    assert str(port) in raised.value.message
    assert bench.name("first") in raised.value.message
    assert bench.inspect(bench.name("second")) is None


def test_limits_and_restart_policy_change_in_place(bench: Any) -> None:
    inputs, made = bench.container("c", memory=64, restart="no")
    wanted = bench.checked("Container", {**inputs, "memory": 256, "restart": "unless-stopped"}, inputs)

    updated = bench.update("Container", made.id, inputs, made.outputs, wanted)

    seen = bench.read("Container", made.id, wanted, updated.outputs)
    assert updated.init_errors == ()
    assert (updated.outputs["memory"], updated.outputs["restart"]) == (256, "unless-stopped")
    assert seen.inputs == wanted
    assert bench.inspect(made.id)["HostConfig"]["Memory"] == 256 << 20


@pytest.mark.parametrize(("act", "word"), [("stop", "stopped"), ("pause", "paused")])
def test_one_that_must_run_and_does_not_is_drift_and_is_started(bench: Any, act: str, word: str) -> None:
    inputs, made = bench.container("c")
    bench.by_hand("POST", f"/containers/{made.id}/{act}")

    seen = bench.read("Container", made.id, inputs, made.outputs)
    diff = bench.diff("Container", seen.inputs, inputs, seen.outputs)
    bench.update("Container", made.id, seen.inputs, seen.outputs, inputs)

    assert seen.inputs["mustRun"] is False
    assert [(d.path, d.drift) for d in seen.drift] == [("mustRun", True)]
    assert word in seen.drift[0].why
    assert (diff.changed, diff.replaces) == (True, False)
    assert bench.read("Container", made.id, inputs, made.outputs).inputs == inputs


def test_an_edited_restart_policy_is_drift_and_is_put_back(bench: Any) -> None:
    inputs, made = bench.container("c", restart="unless-stopped")
    bench.by_hand("POST", f"/containers/{made.id}/update", {"RestartPolicy": {"Name": "no"}})

    seen = bench.read("Container", made.id, inputs, made.outputs)
    bench.update("Container", made.id, seen.inputs, seen.outputs, inputs)

    assert [(d.path, d.old, d.new) for d in seen.drift] == [("restart", "no", "unless-stopped")]
    assert bench.read("Container", made.id, inputs, made.outputs).drift == ()


def test_a_removed_container_is_gone(bench: Any) -> None:
    inputs, made = bench.container("c")
    bench.by_hand("DELETE", f"/containers/{made.id}", force="1")

    assert bench.read("Container", made.id, inputs, made.outputs).status is ReadStatus.GONE


def test_one_replaced_by_hand_with_another_env_is_recognised_by_name(bench: Any) -> None:
    inputs, made = bench.container("c", envs=["A=1"])
    bench.by_hand("DELETE", f"/containers/{made.id}", force="1")
    other = bench.run_by_hand(bench.name("c"), Env=["A=2", "EXTRA=1"])

    seen = bench.read("Container", made.id, inputs, made.outputs)

    assert seen.id == other
    assert sorted(seen.inputs["envs"]) == ["A=2", "EXTRA=1"]
    assert [(d.path, d.kind) for d in seen.drift][-1] == ("id", DiffKind.UPDATE_REPLACE)
    assert "recreated outside Tomo" in seen.drift[-1].why
    assert bench.diff("Container", seen.inputs, inputs, seen.outputs).replaces


def test_a_disconnected_network_is_drift_that_replaces(bench: Any) -> None:
    bench.create("Network", {"name": bench.name("net")})
    bench.create("Network", {"name": bench.name("net2")})
    networks = [{"name": bench.name("net")}, {"name": bench.name("net2")}]
    inputs, made = bench.container("c", networksAdvanced=networks)
    bench.by_hand("POST", f"/networks/{bench.name('net2')}/disconnect", {"Container": made.id})

    seen = bench.read("Container", made.id, inputs, made.outputs)

    assert [d.kind for d in seen.drift] == [DiffKind.ADD_REPLACE]
    assert "disconnected from the network" in seen.drift[0].why
    assert bench.diff("Container", seen.inputs, inputs, seen.outputs).replaces


def test_deleting_twice_is_fine(bench: Any) -> None:
    inputs, made = bench.container("c")

    bench.delete("Container", made.id, inputs)
    bench.delete("Container", made.id, inputs)

    assert bench.inspect(made.id) is None


def test_many_containers_are_seen_in_one_look(bench: Any) -> None:
    pairs = [bench.container(f"n{number}", envs=[f"N={number}"]) for number in range(3)]
    from tomo.model.provider import ReadRequest

    urn = bench.urn("Container")
    requests = [ReadRequest(urn, made.id, inputs, made.outputs) for inputs, made in pairs] * 30

    seen = bench.provider.read(requests)

    assert [result.inputs["envs"] for result in seen] == [["N=0"], ["N=1"], ["N=2"]] * 30


def test_outputs_have_the_official_keys_and_types(bench: Any) -> None:
    golden = _golden("docker:index/container:Container")
    bench.create("Network", {"name": bench.name("net")})
    bench.create("Volume", {"name": bench.name("data")})
    wanted = {
        **{key: value for key, value in golden["inputs"].items() if key != "__defaults"},
        "image": bench.image,
        "name": bench.name("web"),
        "networksAdvanced": [{"name": bench.name("net"), "aliases": ["web"]}],
        "volumes": [{"containerPath": "/data", "volumeName": bench.name("data")}],
        "ports": [{"internal": 80, "external": bench.port(), "ip": "127.0.0.1", "protocol": "tcp"}],
    }

    inputs, made = bench.create("Container", wanted)

    official = {key: value for key, value in golden["outputs"].items() if not key.startswith("__")}
    assert shape(made.outputs) == shape(official)
    assert set(inputs) == {key for key in golden["inputs"] if key != "__defaults"}


def _golden(type_: str) -> dict[str, Any]:
    path = Path(__file__).parents[2] / "providers" / "docker" / "golden_docker.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    return next(entry for entry in entries if entry["type"] == type_)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]] if value and isinstance(value[0], dict) else "list"
    return type(value).__name__


def test_what_docker_refuses_is_told_with_the_host(bench: Any) -> None:
    with pytest.raises(DockerError, match="bench"):
        bench.container("c", volumes=[{"containerPath": "/x", "volumeName": "in valid"}])
