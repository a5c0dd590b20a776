"""Container's inputs as the Engine API wants them: the create body, endpoints, the update body."""

from __future__ import annotations

import base64
import binascii
import io
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tomo.errors import UsageError
from tomo.model.values import Properties, Value
from tomo.providers.docker.inputs import blocks, labels, number, text, text_map, texts, truth
from tomo.providers.docker.schema import Values
from tomo.providers.docker.units import MIB, nanoseconds

_NANO: Final = 1_000_000_000
_DEFAULT_MODE: Final = 0o644
_EXECUTABLE_MODE: Final = 0o744


def create_body(inputs: Properties) -> Values:
    """The body of `POST /containers/create`, with the first network in it."""
    body: Values = {
        "Image": text(inputs, "image"),
        "Hostname": text(inputs, "hostname"),
        "Domainname": text(inputs, "domainname"),
        "User": text(inputs, "user"),
        "WorkingDir": text(inputs, "workingDir"),
        "Tty": truth(inputs, "tty"),
        "OpenStdin": truth(inputs, "stdinOpen"),
        "Env": texts(inputs, "envs"),
        "Labels": labels(inputs.get("labels")),
        "HostConfig": _host_config(inputs),
    }
    for name, key in (("command", "Cmd"), ("entrypoints", "Entrypoint")):
        if inputs.get(name):
            body[key] = texts(inputs, name)
    if inputs.get("stopSignal"):
        body["StopSignal"] = text(inputs, "stopSignal")
    if inputs.get("stopTimeout") is not None:
        body["StopTimeout"] = number(inputs, "stopTimeout")
    if isinstance(health := inputs.get("healthcheck"), Mapping):
        body["Healthcheck"] = _health(health)
    ports = list(blocks(inputs, "ports"))
    if ports:
        body["ExposedPorts"] = {port_key(port): {} for port in ports}
    anonymous = [text(item, "containerPath") for item in blocks(inputs, "volumes") if _is_anonymous(item)]
    if anonymous:
        body["Volumes"] = {path: {} for path in anonymous}
    networks = list(blocks(inputs, "networksAdvanced"))
    if networks:
        body["NetworkingConfig"] = {"EndpointsConfig": {text(networks[0], "name"): endpoint(networks[0])}}
        if text(networks[0], "macAddress"):
            body["MacAddress"] = text(networks[0], "macAddress")
    return body


def _host_config(inputs: Properties) -> Values:
    config: Values = {
        "NetworkMode": text(inputs, "networkMode") or "bridge",
        "RestartPolicy": _restart(inputs),
        "AutoRemove": truth(inputs, "rm"),
        "Privileged": truth(inputs, "privileged"),
        "PublishAllPorts": truth(inputs, "publishAllPorts"),
        "ReadonlyRootfs": truth(inputs, "readOnly"),
        **_resources(inputs),
    }
    config |= {key: text(inputs, name) for name, key in _TEXTS.items() if inputs.get(name)}
    config |= {key: texts(inputs, name) for name, key in _LISTS.items() if inputs.get(name)}
    config |= {key: text_map(inputs.get(name)) for name, key in _MAPS.items() if inputs.get(name)}
    config |= {key: made for key, made in _made(inputs) if made}
    if inputs.get("init") is not None:
        config["Init"] = truth(inputs, "init")
    return config


_TEXTS: Final = {
    "pidMode": "PidMode",
    "ipcMode": "IpcMode",
    "usernsMode": "UsernsMode",
    "cgroupParent": "CgroupParent",
    "cgroupnsMode": "CgroupnsMode",
    "runtime": "Runtime",
}
_LISTS: Final = {
    "dns": "Dns",
    "dnsOpts": "DnsOptions",
    "dnsSearches": "DnsSearch",
    "groupAdds": "GroupAdd",
    "securityOpts": "SecurityOpt",
    "deviceCgroupRules": "DeviceCgroupRules",
}
_MAPS: Final = {"sysctls": "Sysctls", "storageOpts": "StorageOpt", "tmpfs": "Tmpfs"}
_RATES: Final = {
    "deviceReadBps": "BlkioDeviceReadBps",
    "deviceReadIops": "BlkioDeviceReadIOps",
    "deviceWriteBps": "BlkioDeviceWriteBps",
    "deviceWriteIops": "BlkioDeviceWriteIOps",
}


def _made(inputs: Properties) -> Iterator[tuple[str, Value]]:
    capabilities = inputs.get("capabilities")
    if isinstance(capabilities, Mapping):
        yield "CapAdd", texts(capabilities, "adds")
        yield "CapDrop", texts(capabilities, "drops")
    yield "Binds", [bind(item) for item in blocks(inputs, "volumes") if _is_bind(item)]
    yield (
        "VolumesFrom",
        [_from_container(item) for item in blocks(inputs, "volumes") if item.get("fromContainer")],
    )
    yield "Mounts", [_mount(item) for item in blocks(inputs, "mounts")]
    yield "PortBindings", _port_bindings(inputs)
    yield "ExtraHosts", [f"{text(item, 'host')}:{text(item, 'ip')}" for item in blocks(inputs, "hosts")]
    yield "Devices", [_device(item) for item in blocks(inputs, "devices")]
    yield "DeviceRequests", [*_device_requests(inputs)]
    yield "Ulimits", [_ulimit(item) for item in blocks(inputs, "ulimits")]
    if inputs.get("logDriver") or inputs.get("logOpts"):
        # A driver left out means the daemon's own; options alone go to that one.
        yield "LogConfig", {"Type": text(inputs, "logDriver"), "Config": text_map(inputs.get("logOpts"))}
    yield "ShmSize", number(inputs, "shmSize") * MIB
    yield "NanoCpus", round(float(text(inputs, "cpus") or 0) * _NANO)
    if not text(inputs, "cpus"):
        yield "CpuPeriod", number(inputs, "cpuPeriod")
        yield "CpuQuota", number(inputs, "cpuQuota")


def _resources(inputs: Properties) -> Values:
    made: Values = {
        "Memory": number(inputs, "memory") * MIB,
        "MemoryReservation": number(inputs, "memoryReservation") * MIB,
        "MemorySwap": _swap(inputs),
        "CpuShares": number(inputs, "cpuShares"),
        "CpusetCpus": text(inputs, "cpuSet"),
    }
    for name, key in _RATES.items():
        made[key] = [
            {"Path": text(item, "path"), "Rate": number(item, "rate")} for item in blocks(inputs, name)
        ]
    return {key: value for key, value in made.items() if value}


def _swap(inputs: Properties) -> int:
    swap = number(inputs, "memorySwap")
    return swap * MIB if swap > 0 else swap


def _restart(inputs: Properties) -> Values:
    return {"Name": text(inputs, "restart") or "no", "MaximumRetryCount": number(inputs, "maxRetryCount")}


def update_body(inputs: Properties, old: Properties) -> Values:
    """The body of `POST /containers/ID/update`; limits that went away are lifted."""
    body: Values = {"RestartPolicy": _restart(inputs), **_resources(inputs)}
    if number(inputs, "memory") and not number(inputs, "memorySwap"):
        # The daemon refuses a limit above the present swap limit, so both move together as at creation.
        body["MemorySwap"] = 2 * number(inputs, "memory") * MIB
    if number(old, "memory") and not number(inputs, "memory"):
        body |= {"Memory": 0, "MemorySwap": -1}
    for name, key in (("memoryReservation", "MemoryReservation"), ("cpuShares", "CpuShares")):
        if number(old, name) and not number(inputs, name):
            body[key] = 0
    return body


def endpoint(network: Properties) -> Values:
    """How a container stands in one network."""
    made: Values = {"Aliases": texts(network, "aliases")}
    addresses = {
        "IPv4Address": text(network, "ipv4Address"),
        "IPv6Address": text(network, "ipv6Address"),
        "LinkLocalIPs": texts(network, "linkLocalIps"),
    }
    if any(addresses.values()):
        made["IPAMConfig"] = {key: value for key, value in addresses.items() if value}
    if network.get("driverOpts"):
        pairs = (option.partition("=") for option in texts(network, "driverOpts"))
        made["DriverOpts"] = {key: value for key, _, value in pairs}
    if network.get("macAddress"):
        made["MacAddress"] = text(network, "macAddress")
    if network.get("gwPriority"):
        made["GwPriority"] = number(network, "gwPriority")
    return made


def port_key(port: Properties) -> str:
    """`80/tcp`, as Docker names a container's port."""
    return f"{number(port, 'internal')}/{text(port, 'protocol') or 'tcp'}"


def _port_bindings(inputs: Properties) -> Values:
    bindings: dict[str, list[Value]] = {}
    for port in blocks(inputs, "ports"):
        outer = number(port, "external")
        bound = {"HostIp": text(port, "ip"), "HostPort": str(outer) if outer else ""}
        bindings.setdefault(port_key(port), []).append(bound)
    return dict(bindings)


def _health(health: Properties) -> Values:
    made: Values = {"Test": texts(health, "tests"), "Retries": number(health, "retries")}
    for name, key in _HEALTH_TIMES.items():
        if value := nanoseconds(text(health, name)):
            made[key] = value
    return made


_HEALTH_TIMES: Final = {
    "interval": "Interval",
    "timeout": "Timeout",
    "startPeriod": "StartPeriod",
    "startInterval": "StartInterval",
}


def _is_bind(volume: Properties) -> bool:
    return bool(volume.get("hostPath") or volume.get("volumeName"))


def _is_anonymous(volume: Properties) -> bool:
    return not _is_bind(volume) and not volume.get("fromContainer")


def bind(volume: Properties) -> str:
    """`source:target[:options]`, as Docker writes a bind."""
    source = text(volume, "hostPath") or text(volume, "volumeName")
    options = ["ro"] if truth(volume, "readOnly") else ["rw"]
    options += [text(volume, "selinuxRelabel")] if volume.get("selinuxRelabel") else []
    return f"{source}:{text(volume, 'containerPath')}:{','.join(options)}"


def _from_container(volume: Properties) -> str:
    return f"{text(volume, 'fromContainer')}:{'ro' if truth(volume, 'readOnly') else 'rw'}"


def _mount(mount: Properties) -> Values:
    made: Values = {
        "Type": text(mount, "type"),
        "Target": text(mount, "target"),
        "Source": text(mount, "source"),
        "ReadOnly": truth(mount, "readOnly"),
    }
    if isinstance(options := mount.get("bindOptions"), Mapping) and options.get("propagation"):
        made["BindOptions"] = {"Propagation": text(options, "propagation")}
    if isinstance(options := mount.get("tmpfsOptions"), Mapping):
        made["TmpfsOptions"] = {"SizeBytes": number(options, "sizeBytes"), "Mode": number(options, "mode")}
    if isinstance(options := mount.get("volumeOptions"), Mapping):
        made["VolumeOptions"] = _volume_options(options)
    return made


def _volume_options(options: Properties) -> Values:
    made: Values = {"NoCopy": truth(options, "noCopy"), "Labels": labels(options.get("labels"))}
    if options.get("subpath"):
        made["Subpath"] = text(options, "subpath")
    if options.get("driverName") or options.get("driverOptions"):
        driver = {"Name": text(options, "driverName"), "Options": text_map(options.get("driverOptions"))}
        made["DriverConfig"] = driver
    return made


def _device(device: Properties) -> Values:
    return {
        "PathOnHost": text(device, "hostPath"),
        "PathInContainer": text(device, "containerPath") or text(device, "hostPath"),
        "CgroupPermissions": text(device, "permissions") or "rwm",
    }


def _device_requests(inputs: Properties) -> Iterator[Values]:
    if gpus := text(inputs, "gpus"):
        ids = [id_.strip() for id_ in gpus.partition("=")[2].split(",") if id_.strip()]
        yield {"Count": 0 if ids else -1, "DeviceIDs": ids, "Capabilities": [["gpu"]]}
    for item in blocks(inputs, "deviceRequests"):
        capabilities = texts(item, "capabilities")
        yield {
            "Driver": text(item, "driver"),
            "Count": number(item, "count"),
            "DeviceIDs": texts(item, "deviceIds"),
            "Capabilities": [capabilities] if capabilities else [],
            "Options": text_map(item.get("options")),
        }


def _ulimit(limit: Properties) -> Values:
    return {"Name": text(limit, "name"), "Soft": number(limit, "soft"), "Hard": number(limit, "hard")}


# --- uploads ---------------------------------------------------------------------------------------


def upload_archive(inputs: Properties, root: Path) -> bytes:
    """A tar of the files to put into the container; empty where there are none."""
    uploads = list(blocks(inputs, "uploads"))
    if not uploads:
        return b""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for upload in uploads:
            content = _upload_content(upload, root)
            entry = tarfile.TarInfo(text(upload, "file").lstrip("/"))
            entry.size, entry.mode = len(content), _upload_mode(upload)
            entry.uid, entry.gid = _owner(upload, "owner"), _owner(upload, "group")
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _upload_content(upload: Properties, root: Path) -> bytes:
    file = text(upload, "file")
    if upload.get("contentBase64") is not None:
        try:
            return base64.b64decode(text(upload, "contentBase64"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"the upload `{file}` is not valid base64") from error
    if upload.get("source") is not None:
        try:
            return (root / text(upload, "source")).read_bytes()
        except OSError as error:
            source = text(upload, "source")
            raise UsageError(f"the upload `{file}` can't read `{source}`: {error.strerror}") from error
    return text(upload, "content").encode()


def _upload_mode(upload: Properties) -> int:
    if mode := text(upload, "permissions"):
        return stat.S_IMODE(int(mode, 8))
    return _EXECUTABLE_MODE if truth(upload, "executable") else _DEFAULT_MODE


def _owner(upload: Properties, name: str) -> int:
    given = text(upload, name)
    if not given:
        return 0
    if not given.isdigit():
        raise UsageError(
            f"the upload `{text(upload, 'file')}` names its {name} `{given}`", hint="give a number instead"
        )
    return int(given)
