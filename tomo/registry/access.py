"""How a registry is reached: where its API answers, and as whom it is asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, Protocol

from tomo.frozen import frozen
from tomo.model.image import DOCKER_HUB
from tomo.model.values import Secret

_HUB_API: Final = f"registry-1.{DOCKER_HUB}"


@frozen
class Endpoint:
    """Where a registry's API answers: a host with its port.

    `plain` is HTTP without TLS; as with Docker, this machine's own addresses are asked so.
    """

    address: str
    plain: bool = False

    @property
    def url(self) -> str:
        """The address that paths are put behind."""
        return f"{'http' if self.plain else 'https'}://{self.address}"


@frozen
class RegistryLogin:
    """A user of one registry."""

    user: str
    password: Secret


class Access(Protocol):
    """Says for a registry, by its name in an image, where it is asked and as whom."""

    def endpoints(self, registry: str) -> Sequence[Endpoint]:
        """Where to ask, one after another: mirrors first, the registry itself last."""
        ...

    def login(self, endpoint: Endpoint) -> RegistryLogin | None:
        """The user of whatever answers there; None asks without one."""
        ...


class Anonymous:
    """Every registry itself, without a login."""

    def endpoints(self, registry: str) -> Sequence[Endpoint]:
        """The registry."""
        return (endpoint_of(registry),)

    def login(self, endpoint: Endpoint) -> RegistryLogin | None:  # noqa: ARG002
        """Nobody."""
        return None


def endpoint_of(registry: str) -> Endpoint:
    """The API of a registry itself."""
    address = _HUB_API if registry == DOCKER_HUB else registry
    return Endpoint(address, plain=is_loopback(host_of(address)))


def host_of(address: str) -> str:
    """A host without its port and brackets."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if ":" in address else address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
