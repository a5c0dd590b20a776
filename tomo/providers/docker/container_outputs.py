"""Container's outputs, whole: keys and types as the official plugin writes them (engine-spec 8.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.model.urn import Urn
from tomo.model.values import Properties, Unknown, Value
from tomo.providers.docker.container_fields import BY_NAME
from tomo.providers.docker.container_seen import READERS, actual_ports, healthcheck, networks
from tomo.providers.docker.inputs import number, text, truth
from tomo.providers.docker.inspected import Inspected, config, listed, name_of, part, state, text_of, whole
from tomo.providers.docker.schema import Kind, Values, as_text

# Outputs that repeat the input, null where there is none.
_AS_GIVEN: Final = (
    "cgroupParent",
    "cgroupnsMode",
    "cpuPeriod",
    "cpuQuota",
    "cpus",
    "destroyGraceSeconds",
    "dns",
    "dnsOpts",
    "dnsSearches",
    "gpus",
    "groupAdds",
    "logOpts",
    "pidMode",
    "storageOpts",
    "sysctls",
    "tmpfs",
)
# Lists that repeat the input, empty where there is none; each element has all its keys.
_LISTS: Final = (
    "deviceReadBps",
    "deviceReadIops",
    "deviceRequests",
    "deviceWriteBps",
    "deviceWriteIops",
    "devices",
    "envs",
    "hosts",
    "labels",
    "mounts",
    "networksAdvanced",
    "securityOpts",
    "ulimits",
    "uploads",
    "volumes",
)
# Inputs that only steer the provider.
_STEERING: Final = (
    "attach",
    "containerReadRefreshTimeoutMilliseconds",
    "logs",
    "mustRun",
    "removeVolumes",
    "start",
    "wait",
    "waitTimeout",
)
_READ_TRUTHS: Final = ("init", "privileged", "publishAllPorts", "readOnly", "rm", "stdinOpen", "tty")
_READ_TEXTS: Final = (
    "cpuSet",
    "domainname",
    "hostname",
    "ipcMode",
    "logDriver",
    "restart",
    "runtime",
    "stopSignal",
    "user",
    "usernsMode",
    "workingDir",
)
_READ_NUMBERS: Final = (
    "cpuShares",
    "maxRetryCount",
    "memory",
    "memoryReservation",
    "memorySwap",
    "shmSize",
    "stopTimeout",
)
# In these null says "not given", where other texts say "" and other truths false.
_NULL_INSIDE: Final = frozenset({"readOnly", "gwPriority", "bindOptions", "volumeOptions", "tmpfsOptions"})

COMPUTED: Final = frozenset(
    {
        "bridge",
        "containerLogs",
        "exitCode",
        "networkDatas",
        "command",
        "entrypoints",
        "hostname",
        "ipcMode",
        "logDriver",
        "shmSize",
        "stopSignal",
        "stopTimeout",
        "runtime",
        "healthcheck",
        "init",
        "platform",
        "memorySwap",
        "user",
        "workingDir",
    }
)
"""What only the daemon can say where the program says nothing."""


def outputs(inputs: Properties, found: Inspected, logs: str | None = None) -> Values:
    """All outputs of an inspected container whose inputs are known."""
    made: Values = {name: given(inputs, name) for name in _AS_GIVEN}
    made |= {name: elements(inputs, name) for name in _LISTS}
    made |= {name: steering(inputs, name) for name in _STEERING}
    made |= {name: bool(READERS[name](found)) for name in _READ_TRUTHS}
    made |= {name: _read_text(name, found) for name in _READ_TEXTS}
    made |= {name: whole(READERS[name](found)) for name in _READ_NUMBERS}
    if inputs.get("deviceCgroupRules"):
        made["deviceCgroupRules"] = inputs["deviceCgroupRules"]
    return dict(
        sorted(
            {
                **made,
                "bridge": text_of(part(found, "NetworkSettings"), "Bridge"),
                "capabilities": _capabilities(inputs),
                "command": listed(config(found), "Cmd"),
                "containerLogs": logs,
                "entrypoints": listed(config(found), "Entrypoint"),
                "exitCode": _exit_code(found),
                "healthcheck": healthcheck(found),
                "id": text_of(found, "Id"),
                "image": text_of(found, "Image"),
                "name": text(inputs, "name") or name_of(found),
                "networkDatas": network_datas(found),
                "networkMode": text(inputs, "networkMode") or "bridge",
                "platform": text_of(found, "Platform") or "linux",
                "ports": actual_ports(found),
            }.items()
        )
    )


def predicted(inputs: Properties, urn: Urn, old: Properties | None = None, id_: str = "") -> Values:
    """The outputs of a container yet to be made or changed, unknown where only the daemon knows."""

    def unknown(name: str) -> Value:
        return old[name] if old is not None and name in old else Unknown(f"{urn}.{name}")

    made: Values = {name: given(inputs, name) for name in (*_AS_GIVEN, *_READ_TEXTS, *_READ_NUMBERS)}
    made |= {name: elements(inputs, name) for name in _LISTS}
    made |= {name: steering(inputs, name) for name in _STEERING}
    made |= {name: truth(inputs, name) for name in _READ_TRUTHS}
    for name in ("cpuShares", "maxRetryCount", "memory", "memoryReservation"):
        made[name] = inputs[name] if isinstance(inputs.get(name), Unknown) else number(inputs, name)
    for name in ("cpuSet", "domainname", "usernsMode"):
        made[name] = given(inputs, name) or ""
    made |= {
        "capabilities": _capabilities(inputs),
        "image": given(inputs, "image"),
        "name": given(inputs, "name"),
        "networkMode": given(inputs, "networkMode") or "bridge",
        "restart": given(inputs, "restart") or "no",
        "ports": given(inputs, "ports") or [],
    }
    for name in COMPUTED:
        made[name] = inputs[name] if inputs.get(name) is not None else unknown(name)
    made["id"] = id_ or Unknown(f"{urn}.id")
    return dict(sorted(made.items()))


def given(inputs: Properties, name: str) -> Value:
    """An input as it is, without bookkeeping; None where it is absent or empty."""
    value = inputs.get(name)
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if not str(key).startswith("__")} or None
    return None if value in ([], "") else value


def steering(inputs: Properties, name: str) -> Value:
    """An input that only steers the provider, with its default."""
    field = BY_NAME[name]
    if isinstance(inputs.get(name), Unknown):
        return inputs[name]
    return truth(inputs, name) if field.kind is Kind.BOOL else inputs.get(name, field.default)


def elements(inputs: Properties, name: str) -> Value:
    """A list's elements with all their keys."""
    value = inputs.get(name)
    if isinstance(value, Unknown):
        return value
    items = value if isinstance(value, (list, tuple)) else []
    if BY_NAME[name].kind is Kind.TEXTS:
        return [item if isinstance(item, Unknown) else as_text(item) for item in items]
    return [_complete(name, item) if isinstance(item, Mapping) else item for item in items]


def _complete(name: str, item: Properties) -> Values:
    empty = {Kind.TEXT: "", Kind.INT: 0, Kind.BOOL: False, Kind.TEXTS: [], Kind.MAP: None, Kind.BLOCK: None}
    made: Values = {}
    for field in BY_NAME[name].fields:
        nothing = None if field.name in _NULL_INSIDE else empty.get(field.kind)
        made[field.name] = item[field.name] if item.get(field.name) is not None else nothing
    if name == "devices":
        made["containerPath"] = made["containerPath"] or made["hostPath"]
        made["permissions"] = made["permissions"] or "rwm"
    return made


def _capabilities(inputs: Properties) -> Value:
    found = inputs.get("capabilities")
    if not isinstance(found, Mapping):
        return found
    return {"adds": list(_sequence(found.get("adds"))), "drops": list(_sequence(found.get("drops")))}


def _sequence(value: Value) -> list[Value]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _read_text(name: str, found: Inspected) -> str:
    value = READERS[name](found)
    return "" if value is None else as_text(value)


def _exit_code(found: Inspected) -> int | None:
    now = state(found)
    ended = not now.get("Running") and text_of(now, "Status") not in {"created", ""}
    return whole(now.get("ExitCode")) if ended else None


def network_datas(found: Inspected) -> list[Value]:
    """The container's addresses, a network each, by name."""
    every = networks(found)
    return [_network_data(name, part(every, name)) for name in sorted(every)]


def _network_data(name: str, endpoint: Mapping[str, Value]) -> Values:
    return {
        "gateway": text_of(endpoint, "Gateway"),
        "globalIpv6Address": text_of(endpoint, "GlobalIPv6Address"),
        "globalIpv6PrefixLength": whole(endpoint.get("GlobalIPv6PrefixLen")),
        "ipAddress": text_of(endpoint, "IPAddress"),
        "ipPrefixLength": whole(endpoint.get("IPPrefixLen")),
        "ipv6Gateway": text_of(endpoint, "IPv6Gateway"),
        "macAddress": text_of(endpoint, "MacAddress"),
        "networkName": name,
    }
