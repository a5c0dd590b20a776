"""Container's inputs: kinds, defaults, what forces a replacement, and what must hold between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tomo.model.provider import CheckFailure
from tomo.model.values import Properties, Unknown, Value
from tomo.providers.docker.schema import Field, Fields, Kind, Values, as_int
from tomo.providers.docker.units import (
    nanoseconds,
    same_address,
    same_capability,
    same_duration,
    same_image,
)

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MAX_PORT: Final = 65535
_RATE_NAMES: Final = ("deviceReadBps", "deviceReadIops", "deviceWriteBps", "deviceWriteIops")


def variable(text: str) -> str:
    """The name in `NAME=value`."""
    return text.split("=", 1)[0]


def _same_device(value: Value) -> Value:
    if not isinstance(value, Mapping):
        return value
    return {**value, "containerPath": value.get("containerPath") or value.get("hostPath")}


def _label_fields() -> Fields:
    return (Field("label", required=True), Field("value", required=True))


def _same_volume(value: Value) -> Value:
    if not isinstance(value, Mapping):
        return value
    unused = {"hostPath": "volumeName", "fromContainer": "containerPath"}
    return {k: v for k, v in value.items() if k not in {unused[name] for name in unused if value.get(name)}}


LABELS: Final = Field("labels", Kind.BLOCKS, replaces=True, fields=_label_fields(), key=("label",))

_RATE: Final = (Field("path", required=True), Field("rate", Kind.INT, required=True))

_MOUNT: Final = (
    Field("target", required=True),
    Field("type", required=True, choices=("bind", "volume", "tmpfs", "npipe", "cluster", "image")),
    Field("source"),
    Field("readOnly", Kind.BOOL),
    Field("bindOptions", Kind.BLOCK, fields=(Field("propagation"),)),
    Field(
        "volumeOptions",
        Kind.BLOCK,
        fields=(
            Field("driverName"),
            Field("driverOptions", Kind.MAP),
            Field("labels", Kind.BLOCKS, fields=_label_fields(), key=("label",)),
            Field("noCopy", Kind.BOOL),
            Field("subpath"),
        ),
    ),
    Field("tmpfsOptions", Kind.BLOCK, fields=(Field("mode", Kind.INT), Field("sizeBytes", Kind.INT))),
)

_NETWORK: Final = (
    Field("name", required=True),
    Field("aliases", Kind.TEXTS),
    Field("ipv4Address"),
    Field("ipv6Address"),
    Field("linkLocalIps", Kind.TEXTS),
    Field("driverOpts", Kind.TEXTS, text_key=variable),
    Field("gwPriority", Kind.INT),
    Field("macAddress", same=lambda value: str(value).lower()),
)

_UPLOAD: Final = (
    Field("file", required=True),
    Field("content"),
    Field("contentBase64"),
    Field("source"),
    Field("sourceHash"),
    Field("executable", Kind.BOOL),
    Field("permissions"),
    Field("owner"),
    Field("group"),
)

_HEALTH: Final = (
    Field("tests", Kind.TEXTS, ordered=True),
    Field("interval", same=same_duration, default="0s"),
    Field("timeout", same=same_duration, default="0s"),
    Field("startPeriod", same=same_duration, default="0s"),
    Field("startInterval", same=same_duration, default="0s"),
    Field("retries", Kind.INT),
)

_PORT: Final = (
    Field("internal", Kind.INT, required=True),
    Field("external", Kind.INT),
    Field("ip", default="0.0.0.0", same=same_address),  # noqa: S104  # the official default
    Field("protocol", default="tcp", choices=("tcp", "udp", "sctp")),
)

_VOLUME: Final = (
    Field("containerPath"),
    Field("hostPath"),
    Field("volumeName"),
    Field("fromContainer"),
    Field("readOnly", Kind.BOOL),
    Field("selinuxRelabel", choices=("z", "Z")),
)

_DEVICE: Final = (
    Field("hostPath", required=True),
    Field("containerPath"),
    Field("permissions", zero="rwm"),
)

_DEVICE_REQUEST: Final = (
    Field("driver"),
    Field("count", Kind.INT),
    Field("deviceIds", Kind.TEXTS),
    Field("capabilities", Kind.TEXTS),
    Field("options", Kind.MAP),
)


def _blocks(name: str, fields: Fields, *key: str, ordered: bool = False) -> Field:
    return Field(name, Kind.BLOCKS, replaces=True, fields=fields, key=key, ordered=ordered)


CONTAINER: Final[Fields] = (
    Field("image", required=True, replaces=True, same=same_image),
    Field("name", replaces=True),
    Field("command", Kind.TEXTS, replaces=True, ordered=True),
    Field("entrypoints", Kind.TEXTS, replaces=True, ordered=True),
    Field("envs", Kind.TEXTS, replaces=True, text_key=variable),
    LABELS,
    _blocks("ports", _PORT, "internal", "protocol"),
    Field("publishAllPorts", Kind.BOOL, replaces=True),
    Field(
        "volumes",
        Kind.BLOCKS,
        replaces=True,
        fields=_VOLUME,
        key=("containerPath", "fromContainer"),
        same=_same_volume,
    ),
    _blocks("mounts", _MOUNT, "target"),
    _blocks("networksAdvanced", _NETWORK, "name"),
    Field("networkMode", replaces=True, default="bridge"),
    _blocks("hosts", (Field("host", required=True), Field("ip", required=True)), "host"),
    _blocks("uploads", _UPLOAD, "file"),
    Field(
        "capabilities",
        Kind.BLOCK,
        replaces=True,
        fields=(
            Field("adds", Kind.TEXTS, same=same_capability),
            Field("drops", Kind.TEXTS, same=same_capability),
        ),
    ),
    Field("devices", Kind.BLOCKS, replaces=True, fields=_DEVICE, key=("hostPath",), same=_same_device),
    _blocks("deviceRequests", _DEVICE_REQUEST),
    Field("deviceCgroupRules", Kind.TEXTS, replaces=True),
    Field("gpus", replaces=True),
    _blocks(
        "ulimits",
        (
            Field("name", required=True),
            Field("soft", Kind.INT, required=True),
            Field("hard", Kind.INT, required=True),
        ),
        "name",
    ),
    Field("sysctls", Kind.MAP, replaces=True),
    Field("storageOpts", Kind.MAP, replaces=True),
    Field("securityOpts", Kind.TEXTS, replaces=True),
    Field("logDriver", replaces=True),
    Field("logOpts", Kind.MAP, replaces=True),
    Field("dns", Kind.TEXTS, replaces=True),
    Field("dnsOpts", Kind.TEXTS, replaces=True),
    Field("dnsSearches", Kind.TEXTS, replaces=True),
    Field("domainname", replaces=True),
    Field("hostname", replaces=True),
    Field("user", replaces=True),
    Field("groupAdds", Kind.TEXTS, replaces=True),
    Field("workingDir", replaces=True),
    Field("privileged", Kind.BOOL, replaces=True),
    Field("readOnly", Kind.BOOL, replaces=True),
    Field("tty", Kind.BOOL, replaces=True),
    Field("stdinOpen", Kind.BOOL, replaces=True),
    Field("pidMode", replaces=True),
    Field("ipcMode", replaces=True),
    Field("usernsMode", replaces=True),
    Field("cgroupParent", replaces=True),
    Field("cgroupnsMode", replaces=True, choices=("private", "host")),
    Field("cpus", replaces=True, same=lambda value: _same_number(str(value))),
    Field("shmSize", Kind.INT, replaces=True),
    Field("runtime", replaces=True),
    Field("platform", replaces=True),
    Field("stopSignal", replaces=True),
    Field("stopTimeout", Kind.INT, replaces=True),
    # From here on: changed in place.
    Field("restart", zero="no", choices=("no", "on-failure", "always", "unless-stopped")),
    Field("maxRetryCount", Kind.INT),
    Field("memory", Kind.INT),
    Field("memoryReservation", Kind.INT),
    Field("memorySwap", Kind.INT),
    Field("cpuShares", Kind.INT),
    Field("cpuSet"),
    *(Field(name, Kind.BLOCKS, fields=_RATE, key=("path",)) for name in _RATE_NAMES),
    Field("mustRun", Kind.BOOL, default=True),
    Field("healthcheck", Kind.BLOCK, fields=_HEALTH),
    Field("tmpfs", Kind.MAP),
    Field("init", Kind.BOOL),
    Field("cpuPeriod", Kind.INT),
    Field("cpuQuota", Kind.INT),
    Field("rm", Kind.BOOL),
    Field("start", Kind.BOOL, default=True),
    Field("attach", Kind.BOOL),
    Field("logs", Kind.BOOL),
    Field("wait", Kind.BOOL),
    Field("waitTimeout", Kind.INT, default=60),
    Field("destroyGraceSeconds", Kind.INT),
    Field("removeVolumes", Kind.BOOL, default=True),
    Field("containerReadRefreshTimeoutMilliseconds", Kind.INT, default=15000),
)

BY_NAME: Final = {field.name: field for field in CONTAINER}

DAEMON_UPDATE: Final = frozenset(
    {
        "restart",
        "maxRetryCount",
        "memory",
        "memoryReservation",
        "memorySwap",
        "cpuShares",
        "cpuSet",
        *_RATE_NAMES,
    }
)
"""Inputs that the daemon's update call changes on a living container."""


def _same_number(text: str) -> str:
    try:
        return f"{float(text):g}" if text else text
    except ValueError:
        return text


# --- what must hold ----------------------------------------------------------------------------------


def problems(values: Values, hidden: frozenset[str] = frozenset()) -> Iterator[CheckFailure]:
    """What Docker would refuse, or misunderstand, said before anything is dialled."""
    name = values.get("name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        allowed = "letters, digits, `_`, `.`, `-`, two or more, the first a letter or digit"
        yield CheckFailure("name", f"`{name}` is no container name: {allowed}")
    if values.get("image") == "":
        yield CheckFailure("image", "`image` is empty")
    yield from _port_problems(values)
    yield from _env_problems(values, "envs" in hidden)
    yield from _storage_problems(values)
    yield from _upload_problems(values)
    yield from _health_problems(values)
    for index, label in _mappings(values, "labels"):
        if label.get("label") == "":
            yield CheckFailure(f"labels[{index}].label", f"`labels[{index}].label` is empty")
    if values.get("gpus") and values.get("deviceRequests"):
        yield CheckFailure("gpus", "`gpus` and `deviceRequests` can't be used together")
    if values.get("logs") is True and values.get("attach") is not True:
        yield CheckFailure("logs", "`logs` needs `attach` to be true as well")
    if values.get("rm") is True and values.get("restart", "no") not in {"no", ""}:
        yield CheckFailure("rm", f"`rm` can't go with `restart` `{values['restart']}`")
    yield from _number_problems(values)


def _mappings(values: Properties, name: str) -> Iterator[tuple[int, Mapping[str, Value]]]:
    items = values.get(name)
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, Mapping):
            yield index, item


def _port_problems(values: Values) -> Iterator[CheckFailure]:
    seen: dict[tuple[Value, ...], int] = {}
    for index, port in _mappings(values, "ports"):
        for side, low in (("internal", 1), ("external", 0)):
            number = as_int(port.get(side))
            if number is not None and not low <= number <= _MAX_PORT:
                where = f"ports[{index}].{side}"
                yield CheckFailure(where, f"`{where}` must be from 1 to {_MAX_PORT}, not `{number}`")
        outer = (port.get("external"), same_address(port.get("ip")), port.get("protocol"))
        if port.get("external") and not any(isinstance(part, Unknown) for part in outer):
            if outer in seen:
                where = f"ports[{index}].external"
                yield CheckFailure(
                    where, f"`{where}` publishes `{outer[0]}` again, as `ports[{seen[outer]}]` does"
                )
            seen.setdefault(outer, index)


def _env_problems(values: Values, hidden: bool) -> Iterator[CheckFailure]:  # noqa: FBT001
    envs = values.get("envs")
    for index, text in enumerate(envs if isinstance(envs, list) else []):
        if not isinstance(text, str):
            continue
        name, equals, _ = text.partition("=")
        if not name or not equals:
            said = "" if hidden else f", not `{text}`"
            yield CheckFailure(f"envs[{index}]", f"`envs[{index}]` must be `NAME=value`{said}")


def _storage_problems(values: Values) -> Iterator[CheckFailure]:
    targets: dict[Value, str] = {}
    for index, volume in _mappings(values, "volumes"):
        where = f"volumes[{index}]"
        target = volume.get("containerPath")
        if not target and not volume.get("fromContainer"):
            yield CheckFailure(where, f"`{where}` needs `containerPath` (or `fromContainer`)")
        host_path = volume.get("hostPath")
        if isinstance(host_path, str) and host_path and not host_path.startswith("/"):
            yield CheckFailure(f"{where}.hostPath", f"`{where}.hostPath` must be absolute, not `{host_path}`")
        yield from _target_problems(f"{where}.containerPath", target, targets)
    for index, mount in _mappings(values, "mounts"):
        yield from _target_problems(f"mounts[{index}].target", mount.get("target"), targets)


def _target_problems(where: str, target: Value, taken: dict[Value, str]) -> Iterator[CheckFailure]:
    if not isinstance(target, str) or not target:
        return
    if not target.startswith("/"):
        yield CheckFailure(where, f"`{where}` must be absolute, not `{target}`")
    if target in taken:
        yield CheckFailure(where, f"`{where}` mounts at `{target}` again, as `{taken[target]}` does")
    taken.setdefault(target, where)


def _upload_problems(values: Values) -> Iterator[CheckFailure]:
    for index, upload in _mappings(values, "uploads"):
        where = f"uploads[{index}]"
        given = [name for name in ("content", "contentBase64", "source") if upload.get(name) is not None]
        if len(given) != 1:
            yield CheckFailure(where, f"`{where}` needs exactly one of content, contentBase64, source")
        mode = upload.get("permissions")
        if isinstance(mode, str) and mode and not re.fullmatch(r"0?[0-7]{3,4}", mode):
            yield CheckFailure(f"{where}.permissions", f"`{where}.permissions` must be octal, not `{mode}`")


def _health_problems(values: Values) -> Iterator[CheckFailure]:
    health = values.get("healthcheck")
    if not isinstance(health, Mapping):
        return
    for name in ("interval", "timeout", "startPeriod", "startInterval"):
        text = health.get(name)
        if isinstance(text, str) and nanoseconds(text) is None:
            where = f"healthcheck.{name}"
            yield CheckFailure(where, f"`{where}` must be a duration such as `30s`, not `{text}`")
    tests = health.get("tests")
    first = tests[0] if isinstance(tests, list) and tests else None
    if isinstance(first, str) and first not in {"CMD", "CMD-SHELL", "NONE"}:
        reason = "`healthcheck.tests` must begin with `CMD`, `CMD-SHELL` or `NONE`"
        yield CheckFailure("healthcheck.tests", reason)


def _number_problems(values: Values) -> Iterator[CheckFailure]:
    for name in ("memory", "memoryReservation", "shmSize", "cpuShares", "waitTimeout", "maxRetryCount"):
        number = as_int(values.get(name))
        if number is not None and number < 0:
            yield CheckFailure(name, f"`{name}` must not be negative, not `{number}`")
    cpus = values.get("cpus")
    if isinstance(cpus, str) and not re.fullmatch(r"\d*\.?\d+", cpus):
        yield CheckFailure("cpus", f"`cpus` must be a number such as `1.5`, not `{cpus}`")
