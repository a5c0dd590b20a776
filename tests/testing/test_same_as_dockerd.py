"""The fake and a real dockerd are shown the same requests and must answer the same, field by field."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.docker


@pytest.fixture
def both(real_image: str, make_engines: Any) -> Iterator[tuple[Any, Any]]:
    yield from make_engines(real_image, f"tomo-{uuid.uuid4().hex[:8]}")


_VARYING = {
    "ResolvConfPath",
    "HostnamePath",
    "HostsPath",
    "LogPath",
    "GraphDriver",
    "Pid",
    "Propagation",
    "Mountpoint",
    "AppArmorProfile",
    "PublicPort",
    "IPPrefixLen",
}
_HEX = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_ADDRESS = re.compile(r"\b(172|192\.168)\.\d+\.\d+(\.\d+)?(/\d\d)?|02:42(:[0-9a-f]{2}){4}")
_LISTED = re.compile(r"(?<=network endpoints: )\S+(, \S+)+")


def normal(value: Any, key: str = "") -> Any:
    """A value with what cannot be the same taken out: ids, moments, addresses, places on the disk."""
    if key in _VARYING:
        return bool(value)
    if isinstance(value, dict):
        return {_HEX.sub("<id>", name): normal(item, name) for name, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        items = [normal(item) for item in value]
        return sorted(items, key=repr) if key in {"Mounts", "Ports"} else items
    if isinstance(value, str):
        if value.startswith("0001-01-01"):
            return "<never>"
        text = _ADDRESS.sub("<address>", _TIME.sub("<time>", _HEX.sub("<id>", value)))
        # Docker lists them in the order of a Go map, which is chance.
        text = _LISTED.sub(lambda listed: ", ".join(sorted(listed[0].split(", "))), text)
        return "<disk>" if key == "Source" and "volumes/" in value else text
    if key in {"Created", "Size", "VirtualSize"}:
        return "<number>"
    return value


def differences(fake: Any, real: Any, path: str = "") -> list[str]:
    """Where two normal values differ, one line for each place."""
    if isinstance(fake, dict) and isinstance(real, dict):
        keys = sorted(fake.keys() | real.keys())
        pairs = [(fake.get(key, "<absent>"), real.get(key, "<absent>"), f"{path}.{key}") for key in keys]
        return [line for pair in pairs for line in differences(*pair)]
    if isinstance(fake, list) and isinstance(real, list) and len(fake) == len(real):
        pairs = [
            (one, other, f"{path}[{number}]")
            for number, (one, other) in enumerate(zip(fake, real, strict=True))
        ]
        return [line for pair in pairs for line in differences(*pair)]
    return [] if fake == real else [f"{path}: fake {fake!r}, real {real!r}"]


def same(both: tuple[Any, Any], method: str, path: str, body: Any = None) -> Any:
    fake, real = (engine.call(method, path, body) for engine in both)
    assert fake[0] == real[0], (method, path, fake, real)
    assert differences(normal(fake[1]), normal(real[1]), f"{method} {path} ") == []
    return fake[1]


WIDE: dict[str, Any] = {
    "Env": ["A=1", "FROM_IMAGE=2"],
    "Labels": {"x": "y"},
    "User": "1:1",
    "Hostname": "hh",
    "Domainname": "dd",
    "StopTimeout": 7,
    "OpenStdin": True,
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/anonymous": {}},
    "Healthcheck": {"Test": ["CMD", "/bin/true"], "Interval": 3_000_000_000, "Retries": 2},
}
WIDE_HOST: dict[str, Any] = {
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "Memory": 64 << 20,
    "MemoryReservation": 32 << 20,
    "CpuShares": 200,
    "NanoCpus": 500_000_000,
    "CapAdd": ["NET_ADMIN"],
    "CapDrop": ["MKNOD"],
    "Dns": ["192.0.2.53"],
    "DnsOptions": [],
    "ExtraHosts": ["h:192.0.2.4"],
    "ReadonlyRootfs": True,
    "ShmSize": 1 << 24,
    "Tmpfs": {"/scratch": "size=1m"},
    "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
    "PidsLimit": 50,
    "SecurityOpt": ["no-new-privileges"],
    "Sysctls": {"net.ipv4.ip_forward": "1"},
    "GroupAdd": ["5"],
    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/xx", "CgroupPermissions": "rwm"}],
}


def wide(both: tuple[Any, Any]) -> dict[str, Any]:
    fake, _ = both
    volume, network = fake.name("volume"), fake.name("network")
    bindings = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(fake.port())}],
        "53/udp": [{"HostPort": str(fake.port())}],
    }
    mounts = [
        {"Type": "tmpfs", "Target": "/memory", "TmpfsOptions": {"SizeBytes": 1_000_000}},
        {"Type": "volume", "Source": volume, "Target": "/again", "ReadOnly": True},
        {"Type": "bind", "Source": "/etc", "Target": "/host-etc", "ReadOnly": True},
    ]
    host = {
        **WIDE_HOST,
        "Binds": [f"{volume}:/data:ro", "/etc:/etc2"],
        "Mounts": mounts,
        "PortBindings": bindings,
        "NetworkMode": network,
    }
    endpoints = {network: {"Aliases": ["web", "w2"]}}
    return {**WIDE, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": endpoints}}


def created(both: tuple[Any, Any], suffix: str, body: dict[str, Any]) -> str:
    name = both[0].name(suffix)
    for engine in both:
        status, answer = engine.call(
            "POST", f"/containers/create?name={name}", {"Image": engine.image, **body}
        )
        assert status == 201, answer
    return name


def test_a_wide_container_is_inspected_alike_from_creation_to_stop(both: tuple[Any, Any]) -> None:
    same(both, "POST", "/networks/create", {"Name": both[0].name("network"), "CheckDuplicate": True})
    name = created(both, "wide", wide(both))

    same(both, "GET", f"/containers/{name}/json")
    same(both, "POST", f"/containers/{name}/start")
    same(both, "GET", f"/containers/{name}/json")
    same(both, "GET", f'/containers/json?filters={{"name":["{name}"]}}')
    same(both, "GET", f"/networks/{both[0].name('network')}")
    same(both, "POST", f"/containers/{name}/stop?t=0")
    same(both, "GET", f"/containers/{name}/json")


@pytest.mark.parametrize(
    "host",
    [
        None,
        {},
        {"NetworkMode": "host"},
        {"NetworkMode": "none"},
        {"Privileged": True},
        {"PidMode": "host", "IpcMode": "host"},
        {"Memory": 32 << 20, "MemorySwap": -1},
        {"RestartPolicy": {"Name": "unless-stopped"}, "Init": False},
        {"PublishAllPorts": True, "Init": True},
        {"Binds": [], "Dns": [], "CapAdd": [], "Tmpfs": {}, "PortBindings": {}},
    ],
)
def test_host_configs_get_the_same_defaults(both: tuple[Any, Any], host: Any) -> None:
    name = created(both, "plain", {} if host is None else {"HostConfig": host})

    inspected = [engine.call("GET", f"/containers/{name}/json")[1] for engine in both]
    if host and host.get("NetworkMode") == "host":
        for entry in inspected:
            entry["Config"]["Hostname"] = "<host>"

    assert normal(inspected[0]) == normal(inspected[1])


@pytest.mark.parametrize(
    "config",
    [
        {"Entrypoint": ["/bin/echo"]},
        {"Entrypoint": ["/bin/echo"], "Cmd": ["a b", "c"]},
        {"Cmd": ["/bin/true"], "Env": [], "Labels": {"image": "other"}},
        {"Healthcheck": {"Test": ["NONE"]}},
        {"Healthcheck": {"Test": ["CMD-SHELL", "exit 0"], "StartPeriod": 5_000_000_000}},
        {"ExposedPorts": {"81/tcp": {}}, "Volumes": {"/more": {}}},
        {"StopSignal": "SIGINT", "StopTimeout": 0},
        {"WorkingDir": "/etc", "User": "nobody", "Tty": True},
    ],
)
def test_configs_are_completed_from_the_image_alike(both: tuple[Any, Any], config: Any) -> None:
    name = created(both, "config", {"HostConfig": {}, **config})

    fake, real = (engine.call("GET", f"/containers/{name}/json")[1] for engine in both)

    assert normal(fake) == normal(real)


def test_networks_and_volumes_are_shown_alike(both: tuple[Any, Any]) -> None:
    one, two, volume = (both[0].name(suffix) for suffix in ("one", "two", "volume"))
    pool = {"Subnet": "10.203.7.0/24", "Gateway": "10.203.7.9", "IPRange": "10.203.7.128/25"}
    same(both, "POST", "/networks/create", {"Name": one})
    same(
        both,
        "POST",
        "/networks/create",
        {
            "Name": two,
            "Internal": True,
            "Attachable": True,
            "IPAM": {"Config": [pool]},
            "Labels": {"a": "b"},
            "Options": {"com.docker.network.driver.mtu": "1400"},
        },
    )
    same(both, "POST", "/volumes/create", {"Name": volume, "Labels": {"l": "1"}})

    same(both, "GET", f"/networks/{one}")
    same(both, "GET", f"/networks/{two}")
    same(both, "GET", f'/networks?filters={{"name":["{one}"]}}')
    same(both, "GET", f"/volumes/{volume}")
    same(both, "GET", f'/volumes?filters={{"name":["{volume}"]}}')


def test_connecting_and_disconnecting_leaves_the_same_settings(both: tuple[Any, Any]) -> None:
    network = both[0].name("network")
    same(both, "POST", "/networks/create", {"Name": network})
    name = created(both, "joined", {"HostConfig": {}})
    connect = {"Container": name, "EndpointConfig": {"Aliases": ["db"]}}

    same(both, "POST", f"/networks/{network}/connect", connect)
    same(both, "GET", f"/containers/{name}/json")
    same(both, "POST", f"/containers/{name}/start")
    same(both, "GET", f"/containers/{name}/json")
    same(both, "POST", f"/networks/{network}/connect", connect)
    same(both, "POST", "/networks/bridge/disconnect", {"Container": name})
    same(both, "POST", "/networks/bridge/disconnect", {"Container": name})
    same(both, "POST", "/networks/bridge/connect", {"Container": name})
    same(both, "GET", f"/containers/{name}/json")
    same(both, "DELETE", f"/networks/{network}")
    same(both, "GET", f"/networks/{network}")


def test_a_life_of_pauses_stops_renames_and_updates_is_answered_alike(both: tuple[Any, Any]) -> None:
    name = created(both, "life", {"HostConfig": {}, "Healthcheck": {"Test": ["CMD", "/bin/true"]}})
    path, other = f"/containers/{name}", both[0].name("other")
    created(both, "taken", {})
    for method, tail, body in (
        ("POST", "/start", None),
        ("POST", "/start", None),
        ("DELETE", "", None),
        ("POST", "/pause", None),
        ("POST", "/pause", None),
        ("GET", "/json", None),
        ("POST", "/stop?t=0", None),
        ("POST", "/unpause", None),
        ("POST", "/stop?t=0", None),
        ("GET", "/json", None),
        ("POST", "/kill", None),
        ("POST", "/pause", None),
        ("POST", "/update", {"Memory": 64 << 20}),
        ("POST", "/update", {"Memory": 64 << 20, "MemorySwap": 128 << 20, "CpuShares": 12}),
        ("POST", "/update", {"RestartPolicy": {"Name": "always"}}),
        ("POST", "/update", {"RestartPolicy": {"Name": "sometimes"}}),
        ("GET", "/json", None),
        ("POST", f"/rename?name={name}", None),
        ("POST", f"/rename?name={both[0].name('taken')}", None),
        ("POST", "/rename?name=a/b", None),
        ("POST", f"/rename?name={other}", None),
        ("GET", "/json", None),
    ):
        same(both, method, path + tail, body)
    same(both, "POST", f"/containers/{other}/start")
    same(both, "POST", f"/containers/{other}/kill?signal=KILL")
    same(both, "GET", f"/containers/{other}/json")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/containers/nope/json", None),
        ("DELETE", "/containers/nope", None),
        ("POST", "/containers/nope/start", None),
        ("GET", "/images/nope/json", None),
        ("DELETE", "/images/nope", None),
        ("POST", "/images/nope/tag?repo=x&tag=y", None),
        ("GET", "/networks/nope", None),
        ("DELETE", "/networks/nope", None),
        ("DELETE", "/networks/bridge", None),
        ("POST", "/networks/nope/connect", {"Container": "x"}),
        ("POST", "/networks/bridge/connect", {"Container": "nope"}),
        ("POST", "/networks/create", {"Name": "host"}),
        ("POST", "/networks/create", {"Name": ""}),
        ("POST", "/networks/create", {"Name": "x", "Driver": "nope"}),
        ("GET", "/volumes/nope", None),
        ("DELETE", "/volumes/nope", None),
        ("POST", "/volumes/create", {"Name": "a/b"}),
        ("POST", "/volumes/create", {"Name": "ab", "Driver": "nope"}),
        ("GET", "/nope", None),
        ("GET", "/exec/nope/json", None),
        ("GET", '/containers/json?filters={"bogus":["true"]}', None),
        ("GET", '/containers/json?filters={"status":["bogus"]}', None),
        ("POST", "/containers/create?name=ab", {"Image": "nope:1"}),
        ("POST", "/containers/create?name=ab", {"Image": "nope"}),
        ("POST", "/containers/create?name=ab", {"Image": "sha256:" + "a" * 64}),
        ("POST", "/containers/create?name=a/b", {"Image": "IMAGE"}),
        ("POST", "/containers/create?name=ab", {"Image": "IMAGE", "HostConfig": {"Memory": 1000}}),
        (
            "POST",
            "/containers/create?name=ab",
            {"Image": "IMAGE", "HostConfig": {"Memory": 1 << 28, "MemorySwap": 1 << 20}},
        ),
        ("POST", "/containers/create?name=ab", {"Image": "IMAGE", "HostConfig": {"MemorySwap": 1 << 28}}),
        (
            "POST",
            "/containers/create?name=ab",
            {"Image": "IMAGE", "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}},
        ),
        (
            "POST",
            "/containers/create?name=ab",
            {"Image": "IMAGE", "HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}}},
        ),
        (
            "POST",
            "/containers/create?name=ab",
            {"Image": "IMAGE", "NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}},
        ),
    ],
)
def test_refusals_have_the_same_words(both: tuple[Any, Any], method: str, path: str, body: Any) -> None:
    answers = []
    for engine in both:
        sent = {**body, "Image": engine.image} if body and body.get("Image") == "IMAGE" else body
        answers.append(engine.call(method, path, sent))

    assert normal(answers[0]) == normal(answers[1])


def test_taken_names_volumes_and_ports_are_refused_in_the_same_words(both: tuple[Any, Any]) -> None:
    volume, port = both[0].name("volume"), str(both[0].port())
    bindings = {"7777/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
    host = {"Binds": [f"{volume}:/data"], "PortBindings": bindings}
    first = created(both, "first", {"HostConfig": host})
    second = created(both, "second", {"HostConfig": {"PortBindings": bindings}})
    same(both, "POST", f"/containers/{first}/start")

    same(both, "DELETE", f"/volumes/{volume}")
    for engine in both:
        engine.answer = engine.call("POST", f"/containers/create?name={first}", {"Image": engine.image})
    assert normal(both[0].answer) == normal(both[1].answer)
    same(both, "POST", f"/containers/{second}/start")
    fake, real = (engine.call("GET", f"/containers/{second}/json")[1]["State"] for engine in both)
    assert normal(fake) == normal(real)


def test_images_are_shown_alike(both: tuple[Any, Any]) -> None:
    shown = []
    for engine in both:
        _, image = engine.call("GET", f"/images/{engine.image}/json")
        shown.append({name: image[name] for name in image if name not in {"RepoTags", "RootFS", "Comment"}})
        assert image["RepoTags"] == [engine.image]

    fake, real = map(normal, shown)

    assert fake == real
