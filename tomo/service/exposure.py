"""Which ports a plan opens, and how far they reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import Value
from tomo.resources.tokens import CONTAINER


@dataclass(frozen=True, slots=True, order=True)
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
        if self.address in {"", "0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
            return "every network of the host"
        return "the host itself" if ip_address(self.address).is_loopback else f"the network of {self.address}"


def newly_open(plan: Plan, hosts: Mapping[Urn, str]) -> list[OpenPort]:
    """Ports that are published after the plan and were not before, sorted."""
    found: set[OpenPort] = set()
    for step in plan.steps:
        if step.type == CONTAINER and step.op in {Op.CREATE, Op.UPDATE, Op.REPLACE} and step.new is not None:
            host = hosts.get(step.urn, "")
            before = {port.place for port in _ports(step.old, host)} if step.old is not None else set()
            found |= {port for port in _ports(step.new, host) if port.place not in before}
    return sorted(found)


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
