"""The package's functions: `getNetwork`, `getRemoteImage`, `getRegistryImage`, `getLogs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from tomo.errors import DockerError, NotSupported
from tomo.model.provider import InvokeResult
from tomo.model.values import Properties, Value
from tomo.providers.docker import container_life as life
from tomo.providers.docker import images
from tomo.providers.docker.http import segment
from tomo.providers.docker.inputs import text, truth
from tomo.providers.docker.inspected import Inspected, label_list, listed, part, text_of
from tomo.providers.docker.problems import image_not_found
from tomo.providers.docker.resource import Host
from tomo.providers.docker.schema import Field, Fields, Kind, Values, check

Function: TypeAlias = Callable[[Host, Properties], Values]


def _get_network(host: Host, args: Properties) -> Values:
    name = text(args, "name")
    found = host.daemon.find(f"/networks/{segment(name)}", f"looking for the network `{name}`")
    if found is None:
        raise DockerError(f"there is no network `{name}` on `{host.name}`", host=host.name)
    return {
        "containers": _members(found),
        "driver": text_of(found, "Driver"),
        "id": text_of(found, "Id"),
        "internal": bool(found.get("Internal")),
        "ipamConfigs": [
            {
                "auxAddress": dict(part(item, "AuxiliaryAddresses")),
                "gateway": text_of(item, "Gateway"),
                "ipRange": text_of(item, "IPRange"),
                "subnet": text_of(item, "Subnet"),
            }
            for item in listed(part(found, "IPAM"), "Config")
            if isinstance(item, Mapping)
        ],
        "labels": label_list(found.get("Labels")),
        "name": text_of(found, "Name"),
        "options": dict(part(found, "Options")),
        "scope": text_of(found, "Scope"),
    }


def _members(found: Inspected) -> list[Value]:
    members = part(found, "Containers")
    return [
        {
            "containerId": id_,
            "ipv4Address": text_of(item, "IPv4Address"),
            "ipv6Address": text_of(item, "IPv6Address"),
            "macAddress": text_of(item, "MacAddress"),
            "name": text_of(item, "Name"),
        }
        for id_, item in sorted(members.items())
        if isinstance(item, Mapping)
    ]


def _get_remote_image(host: Host, args: Properties) -> Values:
    name = text(args, "name")
    found = images.find(host, name)
    if found is None:
        raise image_not_found(name, host.name)
    return {"id": images.id_of(found), "name": name, "repoDigest": images.repo_digest(found, name)}


def _get_registry_image(host: Host, args: Properties) -> Values:
    name = text(args, "name")
    digest = images.registry_digest(host, name, images.login_for(host, name))
    return {"id": digest, "insecureSkipVerify": False, "name": name, "sha256Digest": digest}


def _get_logs(host: Host, args: Properties) -> Values:
    name = text(args, "name")
    found = life.inspect(host, name)
    if found is None:
        raise DockerError(f"there is no container `{name}` on `{host.name}`", host=host.name)
    log = life.logs(host, name, _log_query(args))
    given = {field.name: args[field.name] for field in _LOGS if field.name in args}
    wanted = args.get("logsListStringEnabled") is not False
    return {**given, "id": text_of(found, "Id"), "logsListStrings": log.splitlines() if wanted else []}


def _log_query(args: Properties) -> dict[str, str]:
    query = {name: text(args, name) for name in ("since", "until", "tail") if args.get(name)}
    shown = {"stdout": args.get("showStdout") is not False, "stderr": args.get("showStderr") is not False}
    switches = {**shown, "details": truth(args, "details"), "timestamps": truth(args, "timestamps")}
    return {**query, **{name: "1" if on else "0" for name, on in switches.items()}}


_NAME: Final[Fields] = (Field("name", required=True),)
_LOGS: Final[Fields] = (
    *_NAME,
    Field("details", Kind.BOOL),
    Field("discardHeaders", Kind.BOOL),
    Field("follow", Kind.BOOL, refused="a plan can not wait for a log"),
    Field("logsListStringEnabled", Kind.BOOL),
    Field("showStderr", Kind.BOOL),
    Field("showStdout", Kind.BOOL),
    Field("since"),
    Field("tail"),
    Field("timestamps", Kind.BOOL),
    Field("until"),
)
_REGISTRY: Final[Fields] = (*_NAME, Field("insecureSkipVerify", Kind.BOOL))

FUNCTIONS: Final[Mapping[str, tuple[Fields, Function]]] = {
    "docker:index/getNetwork:getNetwork": (_NAME, _get_network),
    "docker:index/getRemoteImage:getRemoteImage": (_NAME, _get_remote_image),
    "docker:index/getRegistryImage:getRegistryImage": (_REGISTRY, _get_registry_image),
    "docker:index/getLogs:getLogs": (_LOGS, _get_logs),
}


def invoke(host: Host, token: str, args: Properties) -> InvokeResult:
    """Calls a function by its token."""
    if token not in FUNCTIONS:
        supported = ", ".join(name.rpartition(":")[2] for name in FUNCTIONS)
        raise NotSupported(f"the function `{token}` is not supported", hint=f"supported are {supported}")
    fields, function = FUNCTIONS[token]
    checked = check(fields, args)
    if checked.failures:
        return InvokeResult({}, checked.failures)
    return InvokeResult(function(host, checked.values))
