"""The hosts of a fleet: how they are reached, and which of them a look will dial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tomo.model.connection import LOCAL, Connections, HostBook, HostSpec
from tomo.model.snapshot import Snapshot
from tomo.model.values import Secret
from tomo.providers.dynamic.roads import spec_of
from tomo.resources.tokens import SERVER
from tomo.service.workspace import FLEET_PROJECT
from tomo.state.config import StackConfig

if TYPE_CHECKING:
    from tomo.spec.fleet import Fleet, Server
    from tomo.spec.glance import Glance

_MOST_AT_ONCE: Final = 32
_SSH_PORT: Final = 22


def declared_hosts(fleet: Fleet, config: StackConfig) -> tuple[HostSpec, ...]:
    """How each server of a fleet is reached."""
    secrets = fleet_secrets(config)
    return tuple(host_spec(name, server, secrets) for name, server in fleet.servers.items())


def fleet_secrets(config: StackConfig) -> Mapping[str, Secret]:
    """The stack's secrets by short name."""
    prefix = f"{FLEET_PROJECT}:"
    return {
        key.removeprefix(prefix): value
        for key, value in config.values.items()
        if isinstance(value, Secret) and key.startswith(prefix)
    }


def host_spec(name: str, server: Server, secrets: Mapping[str, Secret]) -> HostSpec:
    """How to reach a declared server."""
    if server.is_local:
        return HostSpec(host=server.host, become=server.become == "sudo", name=name)
    return HostSpec(
        host=server.host,
        user=server.user,
        port=server.port,
        identity=server.identity,
        private_key_password=secrets.get(server.identity_password.secret)
        if server.identity_password
        else None,
        password=secrets.get(server.password.secret) if server.password else None,
        host_keys=server.host_key,
        proxy_jump=server.proxy_jump,
        become=server.become == "sudo",
        name=name,
    )


def glanced_hosts(glance: Glance) -> tuple[HostSpec, ...]:
    """How each server seems to be reached, before the fleet file was checked."""
    return tuple(
        HostSpec(host=server.host, host_keys=server.host_keys, become=server.become, name=name, **server.road)
        for name, server in glance.servers.items()
    )


def lacks_credential(fleet: Fleet, config: StackConfig) -> bool:
    """Whether a server's password isn't set: dialled without, another credential would take its place."""
    secrets = fleet_secrets(config)
    named = [ref for each in fleet.servers.values() for ref in (each.password, each.identity_password) if ref]
    return any(ref.secret not in secrets for ref in named)


def book_of(hosts: Sequence[HostSpec], recorded: Snapshot | None) -> HostBook:
    """The hosts of a fleet, and those that it no longer declares while resources of theirs are to go.

    Those are reached by what the state knows of them: address, login and pinned key, no credential.
    """
    places = {(spec.host, spec.port or _SSH_PORT) for spec in hosts}
    entries = recorded.resources if recorded is not None else ()
    former = [
        replace(spec_of(entry.inputs), name=entry.urn.name) for entry in entries if entry.type == SERVER
    ]
    return HostBook([*hosts, *(spec for spec in former if (spec.host, spec.port or _SSH_PORT) not in places)])


def dial_recorded(connections: Connections, recorded: Snapshot) -> None:
    """Begins to dial the hosts that a look at the state dials: those it records, as they were accepted."""
    specs = [spec_of(entry.inputs) for entry in recorded.resources if entry.type == SERVER]
    for spec in [spec for spec in specs if spec.host and spec.host != LOCAL.host][:_MOST_AT_ONCE]:
        connections.prepare(spec)
