"""Which ports and names a plan opens, and how far they reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from tomo.frozen import frozen
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import Value
from tomo.resources.tokens import APP, CONTAINER, LOCAL_COMMAND, REMOTE_COMMAND, ROUTES_VARIABLE
from tomo.spec.addresses import HTTP_PORT, HTTPS_PORT, PROXY

_USUAL: Final = {"http": HTTP_PORT, "https": HTTPS_PORT}


@frozen(order=True)
class OpenPort:
    """A port of a host that something listens on after the plan; `reach` says from where."""

    host: str
    address: str
    port: int
    protocol: str
    container: str

    @property
    def place(self) -> tuple[str, str, int, str]:
        """What is open, whoever listens."""
        return self.host, self.address, self.port, self.protocol

    @property
    def reach(self) -> str:
        """From where it can be reached."""
        return _reach(self.address)


@frozen(order=True)
class OpenName(OpenPort):
    """A name that a host's proxy serves after the plan: `address` is the name, `bound` where it listens."""

    bound: str

    @property
    def reach(self) -> str:
        """From where it can be reached."""
        return _reach(self.bound)


def _reach(address: str) -> str:
    if address in {"", "0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        return "every network of the host"
    return "the host itself" if ip_address(address).is_loopback else f"the network of {address}"


_OPENERS: Final = frozenset({CONTAINER, LOCAL_COMMAND, REMOTE_COMMAND})


def newly_open(plan: Plan, hosts: Mapping[Urn, str]) -> list[OpenPort]:
    """Ports that are published, and names that are served, after the plan and were not before; sorted."""
    found: set[OpenPort] = set()
    for step in plan.steps:
        if step.type in _OPENERS and step.op in {Op.CREATE, Op.UPDATE, Op.REPLACE} and step.new is not None:
            host = hosts.get(step.urn, "")
            before = {port.place for port in _opened(step.old, host)} if step.old is not None else set()
            found |= {port for port in _opened(step.new, host) if port.place not in before}
    return sorted(found, key=lambda port: (port.place, port.container))


def _opened(entry: ResourceState, host: str) -> Iterator[OpenPort]:
    return _ports(entry, host) if entry.type == CONTAINER else _names(entry)


def _names(entry: ResourceState) -> Iterator[OpenPort]:
    """What the command that tells a proxy of its routes says of them."""
    environment = entry.inputs.get("environment")
    told = environment.get(ROUTES_VARIABLE) if isinstance(environment, Mapping) else None
    proxy, _, host = entry.parent.name.rpartition("@") if entry.parent else ("", "", "")
    ours = proxy == PROXY and entry.parent is not None and entry.parent.type == APP
    for route in json.loads(told) if ours and isinstance(told, str) else ():
        url = urlsplit(route["url"])
        port = url.port or _USUAL[url.scheme]
        yield OpenName(host, route["name"], port, url.scheme, route["container"], route["reach"])


def _ports(entry: ResourceState, host: str) -> Iterator[OpenPort]:
    ports = entry.inputs.get("ports")
    name = str(entry.inputs.get("name") or entry.urn.name)
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, Mapping) and isinstance(port.get("external"), int | float):
            yield OpenPort(
                host,
                _address(port.get("ip")),
                int(port["external"]),
                str(port.get("protocol") or "tcp"),
                name,
            )


def _address(value: Value) -> str:
    text = str(value or "")
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        return text
