"""What dockerd makes of a container's configuration: defaults, the image's settings, refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tomo.testing.dockerd.http import Json
from tomo.testing.dockerd.refused import ApiError

OMIT: Final = object()
_NAME: Final = re.compile(r"^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
_LEAST_MEMORY: Final = 6 << 20
_RESTART: Final = frozenset({"", "no", "always", "unless-stopped", "on-failure"})
_MASKED: Final = tuple(
    f"/{path}"
    for path in (
        "proc/asound",
        "proc/acpi",
        "proc/kcore",
        "proc/keys",
        "proc/latency_stats",
        "proc/timer_list",
        "proc/timer_stats",
        "proc/sched_debug",
        "proc/scsi",
        "sys/firmware",
    )
)
_READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_HOST_CONFIG: Final[Mapping[str, Any]] = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": None,
    "NetworkMode": "",
    "PortBindings": None,
    "RestartPolicy": None,
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "",
    "Dns": None,
    "DnsOptions": None,
    "DnsSearch": None,
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "StorageOpt": OMIT,
    "Tmpfs": OMIT,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 0,
    "Sysctls": OMIT,
    "Runtime": OMIT,
    "ConsoleSize": (0, 0),
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "BlkioWeightDevice": None,
    "BlkioDeviceReadBps": None,
    "BlkioDeviceWriteBps": None,
    "BlkioDeviceReadIOps": None,
    "BlkioDeviceWriteIOps": None,
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": None,
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "KernelMemory": 0,
    "KernelMemoryTCP": 0,
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": None,
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
    "Mounts": OMIT,
    "MaskedPaths": None,
    "ReadonlyPaths": None,
    "Init": OMIT,
}
_CONFIG: Final[Mapping[str, Any]] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "ExposedPorts": OMIT,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Healthcheck": OMIT,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "NetworkDisabled": OMIT,
    "MacAddress": OMIT,
    "OnBuild": None,
    "Labels": None,
    "StopSignal": OMIT,
    "StopTimeout": OMIT,
    "Shell": OMIT,
}
_UPDATABLE: Final = (
    "BlkioWeight",
    "CpuShares",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpusetCpus",
    "CpusetMems",
    "KernelMemory",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "NanoCpus",
    "PidsLimit",
)


def check_name(name: str) -> str:
    """The name without its slash, or Docker's refusal."""
    if not _NAME.match(name):
        message = f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        raise ApiError(400, message)
    return name.removeprefix("/")


def host_config(given: Mapping[str, Any] | None) -> Json:
    """A HostConfig with everything the daemon fills in."""
    config = _filled(_HOST_CONFIG, given or {})
    _check_resources(config)
    config["RestartPolicy"] = restart_policy(config["RestartPolicy"])
    log = config["LogConfig"] or {}
    config["LogConfig"] = {"Type": log.get("Type") or "json-file", "Config": log.get("Config") or {}}
    config["NetworkMode"] = config["NetworkMode"] or "default"
    config["CgroupnsMode"] = config["CgroupnsMode"] or "host"
    config["IpcMode"] = config["IpcMode"] or "private"
    config["ShmSize"] = config["ShmSize"] or 64 << 20
    config["PortBindings"] = _bindings(config["PortBindings"])
    config["ConsoleSize"] = list(config["ConsoleSize"])
    if config["Memory"] > 0 and config["MemorySwap"] == 0:
        config["MemorySwap"] = config["Memory"] * 2
    if config["MemorySwappiness"] == -1:
        config["MemorySwappiness"] = None
    _fill_security(config)
    # The runtime is filled in with the HostConfig; without one only the first start does it.
    if given is not None and not config.get("Runtime"):
        config = _with_runtime(config)
    return config


def _bindings(given: Mapping[str, Any] | None) -> Json | None:
    """Port bindings with both of their fields, sorted by port as Go prints maps."""
    if given is None:
        return None
    empty = {"HostIp": "", "HostPort": ""}
    return {port: [{**empty, **one} for one in given[port] or []] for port in sorted(given)}


def _with_runtime(config: Json) -> Json:
    return _filled(_HOST_CONFIG, {**config, "Runtime": "runc"})


def started_host_config(config: Json) -> Json:
    """The HostConfig after a start."""
    return config if config.get("Runtime") else _with_runtime(config)


def _fill_security(config: Json) -> None:
    if config["Privileged"]:
        config["MaskedPaths"] = config["ReadonlyPaths"] = None
    else:
        config["MaskedPaths"] = list(_MASKED) if config["MaskedPaths"] is None else config["MaskedPaths"]
        paths = config["ReadonlyPaths"]
        config["ReadonlyPaths"] = list(_READ_ONLY) if paths is None else paths
    shares_host = config["Privileged"] or config["PidMode"] == "host" or config["IpcMode"] == "host"
    if shares_host and config["SecurityOpt"] is None:
        config["SecurityOpt"] = ["label=disable"]


def restart_policy(given: Mapping[str, Any] | None) -> Json:
    """The restart policy whole, or Docker's refusal."""
    policy = {"Name": "", "MaximumRetryCount": 0, **(given or {})}
    name, retries = policy["Name"], policy["MaximumRetryCount"]
    if name not in _RESTART:
        raise ApiError(400, f"invalid restart policy '{name}'")
    if retries and name != "on-failure":
        raise ApiError(400, f"maximum retry count cannot be used with restart policy '{name}'")
    if retries < 0:
        raise ApiError(400, "maximum retry count cannot be negative")
    return policy


def _check_resources(config: Mapping[str, Any]) -> None:
    memory, swap, reservation = config["Memory"], config["MemorySwap"], config["MemoryReservation"]
    if 0 < memory < _LEAST_MEMORY:
        raise ApiError(400, "Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        raise ApiError(400, "Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0:
        message = "You should always set the Memory limit when using Memoryswap limit, see usage"
        raise ApiError(400, message)
    if memory > 0 and reservation > memory:
        message = "Minimum memory limit can not be less than memory reservation limit, see usage"
        raise ApiError(400, message)
    if config["NanoCpus"] and (config["CpuPeriod"] or config["CpuQuota"]):
        raise ApiError(400, "Conflicting options: Nano CPUs and CPU Period cannot both be set")


def updated_host_config(old: Json, changes: Mapping[str, Any], container_id: str) -> Json:
    """The HostConfig after `docker update`: only what is given and not zero counts."""
    given = {name: changes[name] for name in _UPDATABLE if changes.get(name)}
    memory, swap = given.get("Memory", 0), given.get("MemorySwap", 0)
    _check_resources({**_HOST_CONFIG, **given, **({"MemorySwap": 0} if not memory else {})})
    if memory and swap == 0 and memory > old["MemorySwap"]:
        message = "Memory limit should be smaller than already set memoryswap limit, update the memoryswap"
        raise ApiError(409, f"Cannot update container {container_id}: {message} at the same time")
    new = {**old, **given}
    if (changes.get("RestartPolicy") or {}).get("Name"):
        new["RestartPolicy"] = restart_policy(changes["RestartPolicy"])
        if old["AutoRemove"] and new["RestartPolicy"]["Name"] != "no":
            message = "Restart policy cannot be updated because AutoRemove is enabled for the container"
            raise ApiError(409, f"Cannot update container {container_id}: {message}")
    return new


def container_config(given: Mapping[str, Any], image: Mapping[str, Any]) -> Json:
    """A container's Config: what was asked for, completed from the image."""
    config = _filled(_CONFIG, given)
    config["User"] = config["User"] or image.get("User", "")
    config["WorkingDir"] = config["WorkingDir"] or image.get("WorkingDir", "")
    config["Labels"] = {**(image.get("Labels") or {}), **(config["Labels"] or {})}
    config["Env"] = _merged_env(config["Env"], image.get("Env"))
    config["Volumes"] = _union(image.get("Volumes"), config["Volumes"]) or config["Volumes"]
    ports = _union(image.get("ExposedPorts"), given.get("ExposedPorts"))
    health = _merged_healthcheck(given.get("Healthcheck"), image.get("Healthcheck"))
    signal = given.get("StopSignal") or image.get("StopSignal")
    config.update(
        {"ExposedPorts": ports or OMIT, "Healthcheck": health or OMIT, "StopSignal": signal or OMIT}
    )
    if not config["Entrypoint"]:
        config["Cmd"] = config["Cmd"] or image.get("Cmd")
        if config["Entrypoint"] is None:
            config["Entrypoint"] = image.get("Entrypoint")
    elif config["Entrypoint"] == [""]:
        config["Entrypoint"] = None
    return _filled(_CONFIG, config)


def command_of(config: Mapping[str, Any]) -> list[str]:
    """Entrypoint and command in one, or Docker's refusal of none at all."""
    argv = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
    if not argv:
        raise ApiError(400, "No command specified")
    return argv


def has_healthcheck(config: Mapping[str, Any]) -> bool:
    """Whether Docker will probe it."""
    test = (config.get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def _filled(template: Mapping[str, Any], given: Mapping[str, Any]) -> Json:
    """The template's keys in its order, with given values that aren't null; what is omitted stays out."""
    merged = {name: default if given.get(name) is None else given[name] for name, default in template.items()}
    return {
        name: value
        for name, value in merged.items()
        if value is not OMIT and not (template[name] is OMIT and value in ({}, [], ""))
    }


def _union(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Json:
    merged = {**(one or {}), **(other or {})}
    return {key: merged[key] for key in sorted(merged)}


def _merged_env(given: list[str] | None, image: list[str] | None) -> list[str] | None:
    names = {entry.split("=", 1)[0] for entry in given or []}
    inherited = [entry for entry in image or [] if entry.split("=", 1)[0] not in names]
    if given is None and not inherited:
        return None
    return [*(given or []), *inherited]


def _merged_healthcheck(given: Mapping[str, Any] | None, image: Mapping[str, Any] | None) -> Json:
    merged = {**(image or {}), **{name: value for name, value in (given or {}).items() if value}}
    order = ("Test", "Interval", "Timeout", "StartPeriod", "Retries")
    return {name: merged[name] for name in order if merged.get(name)}
