"""Recorded answers of a real daemon, brought into the form in which programs write inputs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tomo.providers.docker.container_body import create_body, update_body
from tomo.providers.docker.container_fields import CONTAINER
from tomo.providers.docker.container_life import demultiplexed, has_health_check, health_limit
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.container_seen import READERS, compared, observed
from tomo.providers.docker.schema import differences

WIDE = json.loads((Path(__file__).parent / "wide.json").read_text(encoding="utf-8"))


@pytest.fixture
def wide() -> Any:
    return copy.deepcopy(WIDE)


@pytest.mark.parametrize("name", sorted(set(READERS) & set(WIDE["inputs"])))
def test_each_property_is_read_in_its_meaning(name: str) -> None:
    inputs, container, image = WIDE["inputs"], WIDE["container"], WIDE["image"]

    seen = compared(inputs, container, image)

    assert seen.get(name) == inputs[name]


def test_the_recorded_container_gives_the_recorded_outputs(wide: Any) -> None:
    assert outputs(wide["inputs"], wide["container"]) == wide["outputs"]


def test_nothing_is_seen_as_changed_on_it(wide: Any) -> None:
    assert observed(wide["inputs"], wide["container"]) == wide["inputs"]


CHANGED_BY_HAND = [
    ("restart", lambda c: c["HostConfig"]["RestartPolicy"].update(Name="always")),
    ("maxRetryCount", lambda c: c["HostConfig"]["RestartPolicy"].update(MaximumRetryCount=9)),
    ("memory", lambda c: c["HostConfig"].update(Memory=1 << 30)),
    ("memoryReservation", lambda c: c["HostConfig"].update(MemoryReservation=0)),
    ("cpuShares", lambda c: c["HostConfig"].update(CpuShares=2)),
    ("cpuSet", lambda c: c["HostConfig"].update(CpusetCpus="0")),
    ("cpus", lambda c: c["HostConfig"].update(NanoCpus=2_000_000_000)),
    ("name", lambda c: c.update(Name="/renamed")),
    ("networksAdvanced", lambda c: c["NetworkSettings"]["Networks"].popitem()),
    ("networksAdvanced", lambda c: c["NetworkSettings"]["Networks"].update(extra={"NetworkID": "x"})),
    (
        "deviceReadBps",
        lambda c: c["HostConfig"].update(BlkioDeviceReadBps=[{"Path": "/dev/sda", "Rate": 1}]),
    ),
]


@pytest.mark.parametrize(("name", "change"), CHANGED_BY_HAND)
def test_what_was_changed_by_hand_is_seen(wide: Any, name: str, change: Any) -> None:
    change(wide["container"])

    seen = observed(wide["inputs"], wide["container"])

    found = differences(CONTAINER, seen, wide["inputs"])
    assert {diff.path.partition("[")[0] for diff in found} == {name}


def test_a_swap_limit_that_the_daemon_fills_in_is_nobodys_wish(wide: Any) -> None:
    wide["container"]["HostConfig"]["MemorySwap"] = 12345 << 20

    assert "memorySwap" not in observed(wide["inputs"], wide["container"])


OTHER_SETTINGS = [
    ("image", lambda c: (c.update(Image="sha256:" + "b" * 64), c["Config"].update(Image="other:1"))),
    ("command", lambda c: c["Config"].update(Cmd=["other"])),
    ("envs", lambda c: c["Config"].update(Env=["A=2"])),
    ("labels", lambda c: c["Config"]["Labels"].update(added="1")),
    ("ports", lambda c: c["HostConfig"].update(PortBindings={})),
    ("volumes", lambda c: c["HostConfig"]["Binds"].pop()),
    ("mounts", lambda c: c["HostConfig"]["Mounts"].pop()),
    ("networkMode", lambda c: c["HostConfig"].update(NetworkMode="host")),
    ("hosts", lambda c: c["HostConfig"].update(ExtraHosts=None)),
    ("capabilities", lambda c: c["HostConfig"].update(CapAdd=["SYS_TIME"])),
    ("devices", lambda c: c["HostConfig"].update(Devices=None)),
    ("ulimits", lambda c: c["HostConfig"].update(Ulimits=None)),
    ("sysctls", lambda c: c["HostConfig"].update(Sysctls={})),
    ("securityOpts", lambda c: c["HostConfig"].update(SecurityOpt=None)),
    ("logOpts", lambda c: c["HostConfig"]["LogConfig"].update(Config={"max-size": "9m"})),
    ("privileged", lambda c: c["HostConfig"].update(Privileged=True)),
    ("readOnly", lambda c: c["HostConfig"].update(ReadonlyRootfs=False)),
    ("tmpfs", lambda c: c["HostConfig"].update(Tmpfs=None)),
    ("healthcheck", lambda c: c["Config"]["Healthcheck"].update(Retries=7)),
    ("user", lambda c: c["Config"].update(User="7")),
    ("pidMode", lambda c: c["HostConfig"].update(PidMode="host")),
    ("gpus", lambda c: c["HostConfig"].update(DeviceRequests=[{"Count": -1, "Capabilities": [["gpu"]]}])),
    (
        "deviceRequests",
        lambda c: c["HostConfig"].update(DeviceRequests=[{"Driver": "cdi", "DeviceIDs": ["a/b=c"]}]),
    ),
]


@pytest.mark.parametrize(("name", "change"), OTHER_SETTINGS)
def test_another_setting_of_one_made_by_hand_is_seen(wide: Any, name: str, change: Any) -> None:
    change(wide["container"])

    image = wide["image"] if name != "image" else {**wide["image"], "RepoTags": [], "RepoDigests": []}
    seen = compared(wide["inputs"], wide["container"], image)

    found = differences(CONTAINER, seen, wide["inputs"])
    assert {diff.path.partition("[")[0].partition(".")[0] for diff in found} == {name}


def test_what_comes_from_the_image_is_no_setting(wide: Any) -> None:
    plain = {"image": wide["inputs"]["image"], "name": "wide"}
    container = wide["container"]
    container["HostConfig"] = {"NetworkMode": "default", "ShmSize": 67108864, "RestartPolicy": {"Name": ""}}
    container["NetworkSettings"] = {"Networks": {"bridge": {}}}
    container["Config"] = {**wide["image"]["Config"], "Image": wide["inputs"]["image"], "Hostname": "abc"}
    container["Name"] = "/wide"

    assert differences(CONTAINER, compared(plain, container, wide["image"]), plain) == []


def test_an_image_is_the_same_by_name_and_by_id(wide: Any) -> None:
    by_id = {**wide["inputs"], "image": wide["image"]["Id"]}

    assert compared(by_id, wide["container"], wide["image"])["image"] == by_id["image"]


# --- bodies ------------------------------------------------------------------------------------------


def test_the_first_network_is_part_of_the_create_call(wide: Any) -> None:
    body = create_body(wide["inputs"])

    assert list(body["NetworkingConfig"]["EndpointsConfig"]) == ["tomo-test-rec-net"]
    assert body["HostConfig"]["NetworkMode"] == "bridge"


def test_a_plain_container_asks_for_nothing_special() -> None:
    body = create_body({"image": "x", "name": "y"})

    assert {"Entrypoint", "Cmd", "Healthcheck"} & set(body) == set()
    assert body["HostConfig"] == {
        "NetworkMode": "bridge",
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,
        "Privileged": False,
        "PublishAllPorts": False,
        "ReadonlyRootfs": False,
    }


def test_a_memory_limit_takes_its_swap_limit_with_it() -> None:
    assert update_body({"memory": 256}, {"memory": 64})["MemorySwap"] == 512 << 20
    assert update_body({}, {"memory": 64})["MemorySwap"] == -1
    assert update_body({"memory": 256, "memorySwap": 300}, {})["MemorySwap"] == 300 << 20


def test_gpus_become_a_device_request() -> None:
    body = create_body({"image": "x", "gpus": "device=0,2"})

    request = {"Count": 0, "DeviceIDs": ["0", "2"], "Capabilities": [["gpu"]]}
    assert body["HostConfig"]["DeviceRequests"] == [request]
    assert READERS["gpus"]({"HostConfig": body["HostConfig"]}) == "device=0,2"


def test_framed_and_plain_logs_are_read() -> None:
    framed = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x04 two"

    assert demultiplexed(framed) == b"one two"
    assert demultiplexed(b"plain text of a terminal") == b"plain text of a terminal"


def test_the_time_to_become_healthy_is_the_longer_of_both() -> None:
    check = {"Test": ["CMD", "x"], "Interval": 60_000_000_000, "Retries": 3, "StartPeriod": 30_000_000_000}
    found = {"Config": {"Healthcheck": check}}

    assert health_limit(found, {"waitTimeout": 10}) >= 210
    assert health_limit(found, {"waitTimeout": 900}) == 900
    assert not has_health_check({"Config": {"Healthcheck": {"Test": ["NONE"]}}})


@pytest.mark.parametrize("bound", ["Binds", "Mounts"])
def test_a_volume_of_the_image_where_something_is_mounted_is_none_of_its_own(wide: Any, bound: str) -> None:
    container, image = wide["container"], wide["image"]
    mounted = READERS["volumes"](container) if bound == "Binds" else READERS["mounts"](container)
    path = mounted[0].get("containerPath") or mounted[0]["target"]

    for inspected in (container, image):
        inspected["Config"]["Volumes"] = {**(inspected["Config"].get("Volumes") or {}), path: {}}

    assert differences(CONTAINER, wide["inputs"], compared(wide["inputs"], container, image)) == []
