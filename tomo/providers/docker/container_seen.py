"""What an inspected container says, in the form in which a program writes inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tomo.model.values import Properties, Value
from tomo.providers.docker.container_fields import BY_NAME, CONTAINER, DAEMON_UPDATE
from tomo.providers.docker.inspected import (
    Inspected,
    config,
    host_config,
    label_list,
    listed,
    name_of,
    part,
    text_of,
    whole,
)
from tomo.providers.docker.schema import Values, as_text, canonical, identity, same_meaning
from tomo.providers.docker.units import MIB, duration, is_image_id, same_image

_NANO: Final = 1_000_000_000
_DAEMON_SHM: Final = 64
_NOTHING: Final = (None, "", "0s", 0)
_ID_CHARS: Final = 12


# --- one reader an input -----------------------------------------------------------------------------


def _from_config(key: str) -> Callable[[Inspected], Value]:
    return lambda found: config(found).get(key)


def _from_host(key: str) -> Callable[[Inspected], Value]:
    return lambda found: host_config(found).get(key)


def _mebibytes(key: str) -> Callable[[Inspected], Value]:
    def read(found: Inspected) -> Value:
        size = whole(host_config(found).get(key))
        return size // MIB if size > 0 else size

    return read


def _rates(key: str) -> Callable[[Inspected], Value]:
    def read(found: Inspected) -> Value:
        items = listed(host_config(found), key)
        return [
            {"path": text_of(i, "Path"), "rate": whole(i.get("Rate"))}
            for i in items
            if isinstance(i, Mapping)
        ]

    return read


def _labels(found: Inspected) -> Value:
    return label_list(config(found).get("Labels"))


def _ports(found: Inspected) -> Value:
    return list(_bound_ports(part(host_config(found), "PortBindings")))


def _bound_ports(bindings: Mapping[str, Value]) -> Iterator[Value]:
    for key in sorted(bindings):
        internal, _, protocol = key.partition("/")
        for bound in listed(bindings, key):
            if not isinstance(bound, Mapping) or not internal.isdigit():
                continue
            port: Values = {"internal": int(internal), "protocol": protocol or "tcp"}
            if (outer := text_of(bound, "HostPort")).isdigit() and int(outer):
                port["external"] = int(outer)
            port["ip"] = text_of(bound, "HostIp") or "0.0.0.0"  # noqa: S104  # compared, not bound
            yield port


def actual_ports(found: Inspected) -> list[Value]:
    """The ports as bound now; as asked for where the container doesn't run."""
    now = list(_bound_ports(part(found, "NetworkSettings", "Ports")))
    published = [port for port in now if isinstance(port, Mapping) and port.get("ip") != "::"]
    return [*published] or list(_bound_ports(part(host_config(found), "PortBindings")))


def _volumes(found: Inspected) -> Value:
    binds = [_bind(as_text(text)) for text in listed(host_config(found), "Binds")]
    # An image's volume where something else is mounted is named there all the same, but nobody made one.
    mounted = [item for item in listed(host_config(found), "Mounts") if isinstance(item, Mapping)]
    taken = {bind["containerPath"] for bind in binds} | {item.get("Target") for item in mounted}
    anonymous = [{"containerPath": path} for path in sorted(part(config(found), "Volumes").keys() - taken)]
    borrowed = [_borrowed(as_text(text)) for text in listed(host_config(found), "VolumesFrom")]
    return [*binds, *anonymous, *borrowed]


def _bind(text: str) -> Values:
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    flags = options.split(",") if options else []
    volume: Values = {"containerPath": target}
    volume["hostPath" if source.startswith("/") else "volumeName"] = source
    if "ro" in flags:
        volume["readOnly"] = True
    if relabel := next((flag for flag in flags if flag in {"z", "Z"}), ""):
        volume["selinuxRelabel"] = relabel
    return volume


def _borrowed(text: str) -> Values:
    container, _, mode = text.partition(":")
    return {"fromContainer": container, **({"readOnly": True} if mode == "ro" else {})}


def _mounts(found: Inspected) -> Value:
    return [_mount(item) for item in listed(host_config(found), "Mounts") if isinstance(item, Mapping)]


def _mount(item: Mapping[str, Value]) -> Values:
    mount: Values = {"target": text_of(item, "Target"), "type": text_of(item, "Type")}
    if source := text_of(item, "Source"):
        mount["source"] = source
    if item.get("ReadOnly"):
        mount["readOnly"] = True
    if propagation := text_of(part(item, "BindOptions"), "Propagation"):
        mount["bindOptions"] = {"propagation": propagation}
    if options := part(item, "TmpfsOptions"):
        pairs = {"mode": whole(options.get("Mode")), "sizeBytes": whole(options.get("SizeBytes"))}
        mount["tmpfsOptions"] = {name: value for name, value in pairs.items() if value}
    if options := part(item, "VolumeOptions"):
        mount["volumeOptions"] = _volume_options(options)
    return mount


def _volume_options(options: Mapping[str, Value]) -> Values:
    driver = part(options, "DriverConfig")
    made: Values = {
        "noCopy": bool(options.get("NoCopy")),
        "labels": label_list(options.get("Labels")),
        "driverName": text_of(driver, "Name"),
        "driverOptions": dict(part(driver, "Options")),
        "subpath": text_of(options, "Subpath"),
    }
    return {name: value for name, value in made.items() if value}


def networks(found: Inspected) -> Mapping[str, Value]:
    """The networks the container is in, by name."""
    return part(found, "NetworkSettings", "Networks")


def _network(name: str, endpoint: Mapping[str, Value], found: Inspected) -> Values:
    own = {text_of(found, "Id")[:_ID_CHARS], name_of(found), text_of(config(found), "Hostname")}
    addresses = part(endpoint, "IPAMConfig")
    made: Values = {
        "name": name,
        "aliases": [alias for alias in listed(endpoint, "Aliases") if alias not in own],
        "ipv4Address": text_of(addresses, "IPv4Address"),
        "ipv6Address": text_of(addresses, "IPv6Address"),
        "linkLocalIps": listed(addresses, "LinkLocalIPs"),
        "driverOpts": [f"{key}={as_text(value)}" for key, value in part(endpoint, "DriverOpts").items()],
        "gwPriority": whole(endpoint.get("GwPriority")),
    }
    return {key: value for key, value in made.items() if value}


def _networks_advanced(found: Inspected) -> Value:
    mode = text_of(host_config(found), "NetworkMode")
    names = set(networks(found))
    if mode in {"host", "none", "default", "bridge", ""} or mode.startswith("container:"):
        names -= {mode, "bridge"} if mode in {"default", ""} else {mode}
    return [_network(name, part(networks(found), name), found) for name in sorted(names)]


def _network_mode(found: Inspected) -> str:
    mode = text_of(host_config(found), "NetworkMode")
    return "bridge" if mode in {"", "default"} else mode


def _hosts(found: Inspected) -> Value:
    pairs = (as_text(text).partition(":") for text in listed(host_config(found), "ExtraHosts"))
    return [{"host": host, "ip": ip} for host, _, ip in pairs]


def _capabilities(found: Inspected) -> Value:
    adds, drops = listed(host_config(found), "CapAdd"), listed(host_config(found), "CapDrop")
    made = {"adds": adds, "drops": drops}
    return {name: items for name, items in made.items() if items} or None


def _devices(found: Inspected) -> Value:
    return [
        {
            "hostPath": text_of(item, "PathOnHost"),
            "containerPath": text_of(item, "PathInContainer"),
            "permissions": text_of(item, "CgroupPermissions"),
        }
        for item in listed(host_config(found), "Devices")
        if isinstance(item, Mapping)
    ]


def _device_requests(found: Inspected) -> Value:
    made = [
        _device_request(item)
        for item in listed(host_config(found), "DeviceRequests")
        if isinstance(item, Mapping)
    ]
    return [item for item in made if not _is_gpu(item)]


def _device_request(item: Mapping[str, Value]) -> Values:
    sets = [group for group in listed(item, "Capabilities") if isinstance(group, (list, tuple))]
    made: Values = {
        "driver": text_of(item, "Driver"),
        "count": whole(item.get("Count")),
        "deviceIds": listed(item, "DeviceIDs"),
        "capabilities": [capability for group in sets for capability in group],
        "options": dict(part(item, "Options")),
    }
    return {name: value for name, value in made.items() if value}


def _is_gpu(item: Properties) -> bool:
    return item.get("capabilities") == ["gpu"] and not item.get("driver") and not item.get("options")


def _gpus(found: Inspected) -> Value:
    for item in listed(host_config(found), "DeviceRequests"):
        if isinstance(item, Mapping) and _is_gpu(made := _device_request(item)):
            ids = made.get("deviceIds")
            return f"device={','.join(map(str, ids))}" if isinstance(ids, list) and ids else "all"
    return None


def _ulimits(found: Inspected) -> Value:
    return [
        {"name": text_of(item, "Name"), "soft": whole(item.get("Soft")), "hard": whole(item.get("Hard"))}
        for item in listed(host_config(found), "Ulimits")
        if isinstance(item, Mapping)
    ]


def _cpus(found: Inspected) -> Value:
    nano = whole(host_config(found).get("NanoCpus"))
    return f"{nano / _NANO:g}" if nano else None


def healthcheck(found: Inspected) -> Value:
    """The health check, completed as the official plugin records it; None where there is none."""
    health = part(config(found), "Healthcheck")
    if not health:
        return None
    return {
        "interval": duration(whole(health.get("Interval"))),
        "retries": whole(health.get("Retries")),
        "startInterval": duration(whole(health.get("StartInterval"))),
        "startPeriod": duration(whole(health.get("StartPeriod"))),
        "tests": listed(health, "Test"),
        "timeout": duration(whole(health.get("Timeout"))),
    }


def _image(found: Inspected) -> Value:
    named = text_of(config(found), "Image")
    return named if named and not is_image_id(named) else text_of(found, "Image")


READERS: Final[Mapping[str, Callable[[Inspected], Value]]] = {
    "image": _image,
    "name": name_of,
    "command": _from_config("Cmd"),
    "entrypoints": _from_config("Entrypoint"),
    "envs": _from_config("Env"),
    "labels": _labels,
    "ports": _ports,
    "publishAllPorts": _from_host("PublishAllPorts"),
    "volumes": _volumes,
    "mounts": _mounts,
    "networksAdvanced": _networks_advanced,
    "networkMode": _network_mode,
    "hosts": _hosts,
    "capabilities": _capabilities,
    "devices": _devices,
    "deviceRequests": _device_requests,
    "deviceCgroupRules": _from_host("DeviceCgroupRules"),
    "gpus": _gpus,
    "ulimits": _ulimits,
    "sysctls": _from_host("Sysctls"),
    "storageOpts": _from_host("StorageOpt"),
    "securityOpts": _from_host("SecurityOpt"),
    "logDriver": lambda found: part(host_config(found), "LogConfig").get("Type"),
    "logOpts": lambda found: part(host_config(found), "LogConfig").get("Config"),
    "dns": _from_host("Dns"),
    "dnsOpts": _from_host("DnsOptions"),
    "dnsSearches": _from_host("DnsSearch"),
    "domainname": _from_config("Domainname"),
    "hostname": _from_config("Hostname"),
    "user": _from_config("User"),
    "groupAdds": _from_host("GroupAdd"),
    "workingDir": _from_config("WorkingDir"),
    "privileged": _from_host("Privileged"),
    "readOnly": _from_host("ReadonlyRootfs"),
    "tty": _from_config("Tty"),
    "stdinOpen": _from_config("OpenStdin"),
    "pidMode": _from_host("PidMode"),
    "ipcMode": _from_host("IpcMode"),
    "usernsMode": _from_host("UsernsMode"),
    "cgroupParent": _from_host("CgroupParent"),
    "cgroupnsMode": _from_host("CgroupnsMode"),
    "cpus": _cpus,
    "shmSize": _mebibytes("ShmSize"),
    "runtime": _from_host("Runtime"),
    "stopSignal": _from_config("StopSignal"),
    "stopTimeout": _from_config("StopTimeout"),
    "restart": lambda found: part(host_config(found), "RestartPolicy").get("Name") or "no",
    "maxRetryCount": lambda found: part(host_config(found), "RestartPolicy").get("MaximumRetryCount"),
    "memory": _mebibytes("Memory"),
    "memoryReservation": _mebibytes("MemoryReservation"),
    "memorySwap": _mebibytes("MemorySwap"),
    "cpuShares": _from_host("CpuShares"),
    "cpuSet": _from_host("CpusetCpus"),
    "deviceReadBps": _rates("BlkioDeviceReadBps"),
    "deviceReadIops": _rates("BlkioDeviceReadIOps"),
    "deviceWriteBps": _rates("BlkioDeviceWriteBps"),
    "deviceWriteIops": _rates("BlkioDeviceWriteIOps"),
    "healthcheck": healthcheck,
    "tmpfs": _from_host("Tmpfs"),
    "init": _from_host("Init"),
    "cpuPeriod": _from_host("CpuPeriod"),
    "cpuQuota": _from_host("CpuQuota"),
    "rm": _from_host("AutoRemove"),
}

CHANGEABLE: Final = DAEMON_UPDATE | {"name", "cpus", "networksAdvanced"}
"""What can change on a container while its id stays; all else is fixed when it is made."""

# What the daemon fills in where a program says nothing, so that it is no one's wish.
_FILLED: Final = frozenset(
    {"hostname", "logDriver", "logOpts", "ipcMode", "runtime", "cgroupnsMode", "memorySwap", "securityOpts"}
)
# Lists and maps to which image or daemon add entries of their own.
_ADDED_TO: Final = frozenset({"envs", "labels", "securityOpts", "logOpts", "volumes"})
_OF_IMAGE: Final = {
    "command": "Cmd",
    "entrypoints": "Entrypoint",
    "user": "User",
    "workingDir": "WorkingDir",
    "stopSignal": "StopSignal",
}


# --- recorded against real ---------------------------------------------------------------------------


def observed(recorded: Properties, found: Inspected) -> Values:
    """The recorded inputs of this very container, with what has been changed on it since."""
    seen: Values = dict(recorded)
    for name in sorted(CHANGEABLE):
        field, given, real = BY_NAME[name], recorded.get(name), READERS[name](found)
        if name == "networksAdvanced":
            _put(seen, name, _observed_networks(recorded, found))
        elif name == "memorySwap" and given is None:
            continue
        elif not same_meaning(field, given, real):
            _put(seen, name, real if canonical(field, real) is not None else None)
    return seen


def compared(recorded: Properties, found: Inspected, image: Inspected) -> Values:
    """The inputs of another container against the recorded ones, every one compared.

    `image` is its image, inspected: what comes from there is no setting of the container.
    """
    seen: Values = {name: value for name, value in recorded.items() if name not in READERS}
    for field in CONTAINER:
        if field.name not in READERS:
            continue
        _put(seen, field.name, _compared(field.name, recorded, found, image))
    return seen


def _compared(name: str, recorded: Properties, found: Inspected, image: Inspected) -> Value:
    field, given, real = BY_NAME[name], recorded.get(name), READERS[name](found)
    if name == "image":
        return given if is_same_image(given, found, image) else real
    if name == "networksAdvanced":
        return _observed_networks(recorded, found)
    if name == "networkMode":
        joined = real in _given_names(recorded)
        return given if joined or same_meaning(field, given, real) else real
    if given is not None and same_meaning(field, given, real):
        return given
    if name == "healthcheck" and isinstance(given, Mapping) and isinstance(real, Mapping):
        # Daemons before 25 don't know a start interval and say nothing of it.
        unsaid = {key: value for key, value in given.items() if real.get(key) in _NOTHING}
        filled = {**real, **unsaid}
        return given if same_meaning(field, given, filled) else real
    if name in _ADDED_TO:
        return _own_entries(name, given, real, image)
    if given is None:
        return _surplus(name, real, image)
    return real if canonical(field, real) is not None else None


def _surplus(name: str, real: Value, image: Inspected) -> Value:
    field = BY_NAME[name]
    if name in _FILLED or canonical(field, real) is None or same_meaning(field, None, real):
        return None
    if name == "shmSize" and real == _DAEMON_SHM:
        return None
    if name == "healthcheck" and part(config(image), "Healthcheck"):
        same = same_meaning(field, real, healthcheck(image))
        return None if same else real
    if name in _OF_IMAGE and same_meaning(field, real, config(image).get(_OF_IMAGE[name])):
        return None
    return real


def _own_entries(name: str, given: Value, real: Value, image: Inspected) -> Value:
    """The entries of a list or map that are the container's own: declared, or not its image's."""
    if isinstance(real, Mapping):
        declared = given if isinstance(given, Mapping) else {}
        kept: Value = {k: v for k, v in real.items() if k in declared}
        return _as_given(name, given, kept)
    field = BY_NAME[name]
    from_image = _image_entries(name, image)
    wanted = {identity(field, item) for item in given} if isinstance(given, (list, tuple)) else set()
    if name == "securityOpts":
        return _as_given(name, given, [item for item in _items(real) if identity(field, item) in wanted])
    own = [i for i in _items(real) if identity(field, i) in wanted or _key(name, i) not in from_image]
    return _as_given(name, given, own)


def _as_given(name: str, given: Value, own: Value) -> Value:
    if same_meaning(BY_NAME[name], given, own):
        return given
    return own or None


def _items(value: Value) -> Sequence[Value]:
    return value if isinstance(value, (list, tuple)) else []


def _key(name: str, item: Value) -> str:
    """An entry with its value, as text."""
    if name == "volumes" and isinstance(item, Mapping):
        return (
            as_text(item.get("containerPath") or "") if len(item) == 1 else json.dumps(item, sort_keys=True)
        )
    if isinstance(item, Mapping):
        return f"{item.get('label')}={item.get('value')}"
    return as_text(item)


def _image_entries(name: str, image: Inspected) -> set[str]:
    if name == "envs":
        return {as_text(item) for item in listed(config(image), "Env")}
    if name == "labels":
        return {f"{key}={as_text(value)}" for key, value in part(config(image), "Labels").items()}
    return set(part(config(image), "Volumes"))


def is_same_image(given: Value, found: Inspected, image: Inspected) -> bool:
    """Whether a container runs the image that an input means, by id or by name."""
    wanted = same_image(given) if given is not None else None
    made_from = text_of(config(found), "Image")
    names = [made_from, text_of(found, "Image"), *listed(image, "RepoTags"), *listed(image, "RepoDigests")]
    return wanted in {same_image(name) for name in names if name}


def _given_names(recorded: Properties) -> set[str]:
    items = recorded.get("networksAdvanced")
    return {as_text(item.get("name")) for item in _items(items) if isinstance(item, Mapping)}


def _observed_networks(recorded: Properties, found: Inspected) -> Value:
    given = [item for item in _items(recorded.get("networksAdvanced")) if isinstance(item, Mapping)]
    real = networks(found)
    known: dict[str, str] = {}
    for name in real:
        known |= {name: name, text_of(part(real, name), "NetworkID") or name: name}
    seen: list[Value] = []
    for item in given:
        name = known.get(as_text(item.get("name")), "")
        if name:
            seen.append(_observed_network(item, name, found))
    declared = {known.get(as_text(item.get("name")), "") for item in given}
    mode = _network_mode(found)
    extra = [name for name in sorted(real) if name not in declared and name != mode]
    seen += [_network(name, part(real, name), found) for name in extra]
    same = same_meaning(BY_NAME["networksAdvanced"], given, seen)
    return recorded.get("networksAdvanced") if same else seen


def _observed_network(given: Properties, name: str, found: Inspected) -> Properties:
    """A declared network as the container stands in it: the recorded form where that means the same."""
    endpoint = part(networks(found), name)
    real = _network(name, endpoint, found)
    real["name"] = given.get("name")
    if given.get("macAddress"):
        real["macAddress"] = text_of(endpoint, "MacAddress") or given.get("macAddress")
    every = {as_text(alias) for alias in listed(endpoint, "Aliases")}
    declared = {as_text(alias) for alias in _items(given.get("aliases"))}
    if declared <= every:
        real["aliases"] = given.get("aliases")
    # Older daemons don't know it and say nothing.
    real["gwPriority"] = endpoint.get("GwPriority", given.get("gwPriority"))
    return {key: value for key, value in real.items() if value is not None}


def _put(values: Values, name: str, value: Value) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value
