"""One service of an app as the inputs of a `docker.Container`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tomo.errors import NotSupported
from tomo.frozen import frozen
from tomo.model.declaration import Key, OutputRef
from tomo.model.values import Properties, Value
from tomo.resources import tokens
from tomo.resources.swapping import START_FIRST
from tomo.resources.texts import Instance, joined
from tomo.spec.app import Healthcheck, Mount, Resources, Service
from tomo.spec.base import seconds
from tomo.spec.size import size_in_bytes
from tomo.spec.template import references

_MIB = 1 << 20
_DEFAULT_GRACE = "10s"
_WAIT_MARGIN = 60
_DOCKERS_TIME, _DOCKERS_RETRIES = 30.0, 3


KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "command": ("command",),
    "dns": ("dns",),
    "entrypoint": ("entrypoints",),
    "extra_hosts": ("hosts",),
    "group_add": ("groupAdds",),
    "healthcheck": ("healthcheck",),
    "hostname": ("hostname",),
    "init": ("init",),
    "logging": ("logDriver", "logOpts"),
    "restart": ("restart", "maxRetryCount"),
    "stdin_open": ("stdinOpen",),
    "stop": ("stopSignal", "stopTimeout"),
    "sysctls": ("sysctls",),
    "tty": ("tty",),
    "ulimits": ("ulimits",),
    "user": ("user",),
    "working_dir": ("workingDir",),
}
"""The inputs that a word of `keep` in a fleet file is about."""


@frozen
class Surroundings:
    """The other declarations that a container refers to.

    `volumes` and `networks` by the app's own names, `files` by their path in the container. `proxy` is the
    container through which people reach it.
    """

    image: Key
    volumes: Mapping[str, Key]
    networks: Mapping[str, Key]
    shared_networks: Sequence[Key]
    files: Mapping[str, Key]
    proxy: str = ""


def container_inputs(
    instance: Instance, service_name: str, docker_name: str, around: Surroundings
) -> Properties:
    """Everything that the service says; what is left out there is left out here."""
    service = instance.definition.services[service_name]
    _refuse_unsupported(service)
    given: dict[str, Value] = {
        "name": docker_name,
        "image": OutputRef(around.image, "imageId"),
        "restart": "no" if service.oneshot else service.restart,
        "envs": [instance.text(f"{key}=", value) for key, value in sorted(service.env.items())],
        "labels": _labels(instance, service, around),
        "ports": _ports(instance, service_name),
        "volumes": [each for mount in service.mounts for each in _volume(instance, mount, around)],
        "mounts": [*(each for mount in service.mounts for each in _mount(instance, mount)), *_files(around)],
        **_process(instance, service),
        **_health(instance, service),
        **_networking(instance, service_name, service, around),
        **_limits(service.resources),
        **_rights(service),
        **_stopping(service),
    }
    return {key: value for key, value in given.items() if value not in (None, [], {})}


def wait_seconds(check: Healthcheck) -> int:
    """How long a healthy start may take: the start period, every allowed failure, and a margin."""
    one = (seconds(check.interval) or _DOCKERS_TIME) + (seconds(check.timeout) or _DOCKERS_TIME)
    allowed = seconds(check.start) + (check.retries or _DOCKERS_RETRIES) * one
    return math.ceil(allowed) + _WAIT_MARGIN


def _process(instance: Instance, service: Service) -> Properties:
    def texts(values: Sequence[str] | None) -> list[Value] | None:
        return None if values is None else [instance.text(value) for value in values]

    return {
        "command": texts(service.command),
        "entrypoints": texts(service.entrypoint),
        "user": service.user,
        "groupAdds": list(service.group_add),
        "workingDir": service.working_dir,
        "hostname": service.hostname,
        "tty": service.tty or None,
        "stdinOpen": service.stdin_open or None,
        "init": service.init or None,
        "runtime": service.runtime,
        "platform": service.platform,
        "logDriver": service.logging.driver if service.logging else None,
        "logOpts": dict(service.logging.options) if service.logging else None,
        "sysctls": dict(service.sysctls),
        "ulimits": [
            {"name": name, "soft": limit.soft, "hard": limit.hard}
            for name, limit in sorted(service.ulimits.items())
        ],
        # One that ends by itself is waited for, so that what depends on it finds its work done.
        "mustRun": False if service.oneshot else None,
        "attach": True if service.oneshot else None,
    }


def _health(instance: Instance, service: Service) -> Properties:
    check = service.healthcheck
    if check is None:
        return {}
    if check.tests()[0] == "CMD-SHELL" and any(any(references(text)) for text in check.tests()):
        raise NotSupported(
            "a reference in a `CMD-SHELL` health check would be run as shell text",
            hint="write `[CMD, PROGRAM, ARGUMENT…]`, or let the shell read a variable of the container",
        )
    tests = [instance.text(text) for text in check.tests()]
    if check.tests()[0] == "NONE":
        return {"healthcheck": {"tests": tests}}
    described = {
        "tests": tests,
        "interval": check.interval,
        "timeout": check.timeout,
        "retries": check.retries,
        "startPeriod": check.start,
    }
    waiting = {} if service.oneshot else {"wait": True, "waitTimeout": wait_seconds(check)}
    return {"healthcheck": described, **waiting}


def _labels(instance: Instance, service: Service, around: Surroundings) -> list[Value]:
    labels: dict[str, Value] = {key: instance.text(text) for key, text in service.labels.items()}
    if around.proxy:
        labels[tokens.PROXY_LABEL] = around.proxy
        if service.update_order == START_FIRST:
            labels[tokens.UPDATE_LABEL] = START_FIRST
    if around.files:
        # A container does not notice that a mounted file changed: its digest here makes it a new one.
        keys = [key for _, key in sorted(around.files.items())]
        labels[tokens.FILES_LABEL] = joined(
            part
            for index, key in enumerate(keys)
            for part in (("," if index else ""), OutputRef(key, "sha256"))
        )
    return [{"label": key, "value": value} for key, value in sorted(labels.items())]


def _ports(instance: Instance, service_name: str) -> list[Value]:
    return [
        {"internal": each.container, "external": each.host, "ip": each.address, "protocol": each.protocol}
        for each in instance.bindings.get(service_name, ())
    ]


def _volume(instance: Instance, mount: Mount, around: Surroundings) -> Iterator[Value]:
    read_only = {"readOnly": True} if mount.read_only else {}
    if mount.source_kind == "volume" and mount.volume:
        name = OutputRef(around.volumes[mount.volume], "name")
        yield {"containerPath": mount.path, "volumeName": name, **read_only}
    elif mount.source_kind == "bind" and mount.host is not None:
        yield {"containerPath": mount.path, "hostPath": instance.text(mount.host), **read_only}


def _mount(instance: Instance, mount: Mount) -> Iterator[Value]:
    """What `volumes` can't say: memory, and files, in whose place Docker must not make a folder."""
    if mount.source_kind == "tmpfs":
        options: dict[str, Value] = {}
        if mount.size:
            options["sizeBytes"] = size_in_bytes(mount.size)
        if mount.mode:
            options["mode"] = int(mount.mode, 8)
        yield {"target": mount.path, "type": "tmpfs", **({"tmpfsOptions": options} if options else {})}
    elif mount.source_kind == "file" and mount.host is not None:
        read_only = {"readOnly": True} if mount.read_only else {}
        yield {"target": mount.path, "type": "bind", "source": instance.text(mount.host), **read_only}


def _files(around: Surroundings) -> Iterator[Value]:
    for path, key in sorted(around.files.items()):
        yield {"target": path, "type": "bind", "source": OutputRef(key, "path"), "readOnly": True}


def _networking(instance: Instance, service_name: str, service: Service, around: Surroundings) -> Properties:
    known: dict[str, Value] = {
        "hosts": [{"host": name, "ip": address} for name, address in sorted(service.extra_hosts.items())],
        "dns": list(service.dns),
    }
    if service.network_mode:
        return {**known, "networkMode": service.network_mode}
    own = [around.networks[name] for name in service.networks if name in around.networks]
    aliases = [service_name, *service.aliases]
    joins = [{"name": OutputRef(key, "name"), "aliases": aliases} for key in own]
    extra = list(instance.app.names.aliases.get(service_name, ()))
    also = {"aliases": extra} if extra else {}
    shared = [{"name": OutputRef(key, "name"), **also} for key in around.shared_networks]
    return {**known, "networksAdvanced": [*joins, *shared]}


def _limits(resources: Resources | None) -> Properties:
    if resources is None:
        return {}

    def mebibytes(size: str | None) -> int | None:
        return None if size is None else max(1, size_in_bytes(size) // _MIB)

    return {
        "memory": mebibytes(resources.memory),
        "memoryReservation": mebibytes(resources.reserve.memory if resources.reserve else None),
        "cpus": None if resources.cpus is None else f"{resources.cpus:g}",
        "cpuShares": resources.cpu_shares,
        "shmSize": mebibytes(resources.shm),
    }


def _rights(service: Service) -> Properties:
    security = service.security
    capabilities = {"adds": sorted(security.cap_add), "drops": sorted(security.cap_drop)}
    return {
        "privileged": security.privileged or None,
        "capabilities": {key: names for key, names in capabilities.items() if names},
        "readOnly": security.read_only or None,
        "securityOpts": sorted(security.opts),
        "pidMode": security.pid,
        "ipcMode": security.ipc,
        "devices": [
            {
                "hostPath": device.path,
                "containerPath": device.container_path or device.path,
                "permissions": device.permissions,
            }
            for device in service.devices
        ],
    }


def _stopping(service: Service) -> Properties:
    grace = service.stop.grace if service.stop else None
    return {
        "stopSignal": service.stop.signal if service.stop else None,
        "stopTimeout": None if grace is None else math.ceil(seconds(grace)),
        "destroyGraceSeconds": math.ceil(seconds(grace or _DEFAULT_GRACE)),
    }


def _refuse_unsupported(service: Service) -> None:
    """What the spec lets pass for importers' sake and no container can be given."""
    used = {
        "images": service.images,
        "overrides": service.overrides,
        "env_files": service.env_files,
        f"pull: {service.pull}": service.pull != "missing",
        "replicas": service.replicas != 1,
        "pids": service.resources and service.resources.pids,
        "device_cgroup_rules": service.security.device_cgroup_rules,
    }
    for name, value in used.items():
        if value:
            raise NotSupported(f"this version does not support `{name}` of a service", hint="remove it")
