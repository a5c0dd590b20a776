"""What an app may do to its server beyond an ordinary container, and how much that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from tomo.spec.app import AppDefinition, Service

Risk: TypeAlias = Literal["low", "medium", "high"]

_SOCKETS: Final = frozenset({"/var/run/docker.sock", "/run/docker.sock"})
_OWNS_THE_SERVER: Final = frozenset({"docker_socket", "privileged", "host_pid"})
_OWNING_CAPABILITIES: Final = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH"}
)
_TELLING_PATHS: Final = ("/etc", "/root", "/home", "/boot", "/var/lib/docker", "/run", "/var/run")


def grants_of(app: AppDefinition) -> tuple[str, ...]:
    """What a person must approve before the app is put on a server, sorted.

    A folder that the person names in an input is approved by naming it.
    """
    return tuple(sorted({grant for service in app.services.values() for grant in _of_service(service)}))


def risk_of(app: AppDefinition) -> Risk:
    """`high` where a grant amounts to owning the server, `medium` for any other grant."""
    grants = grants_of(app)
    if any(map(_is_high, grants)):
        return "high"
    return "medium" if grants else "low"


def _of_service(service: Service) -> Iterator[str]:
    security = service.security
    if security.privileged:
        yield "privileged"
    if service.network_mode == "host":
        yield "host_network"
    if security.pid == "host":
        yield "host_pid"
    if security.ipc == "host":
        yield "host_ipc"
    yield from (f"cap:{name.upper().removeprefix('CAP_')}" for name in security.cap_add)
    yield from (f"device:{device.path}" for device in service.devices)
    yield from (f"device_rule:{rule}" for rule in security.device_cgroup_rules)
    yield from (f"security_opt:{opt}" for opt in security.opts if "unconfined" in opt)
    for mount in service.mounts:
        if isinstance(mount.host, str) and "${" not in mount.host:
            yield "docker_socket" if mount.host in _SOCKETS else f"host_path:{mount.host}"


def _is_high(grant: str) -> bool:
    kind, _, value = grant.partition(":")
    if kind == "cap":
        return value in _OWNING_CAPABILITIES
    if kind == "host_path":
        return value == "/" or any(value == path or value.startswith(f"{path}/") for path in _TELLING_PATHS)
    return grant in _OWNS_THE_SERVER
