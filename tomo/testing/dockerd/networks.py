"""Networks: address pools, endpoints, and who is connected."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias

from tomo.frozen import frozen
from tomo.testing.clock import rfc3339
from tomo.testing.dockerd.core import Core, Route, check_filters, matches_labels, route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.refused import ApiError, no_such_network

Subnet: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PREDEFINED: Final = frozenset({"bridge", "host", "none"})
_DRIVERS: Final = frozenset({"bridge", "macvlan", "ipvlan"})
_FILTERS: Final = frozenset({"driver", "type", "name", "id", "label", "scope", "dangling"})
_IPV4: Final = 4
_BRIDGE_OPTIONS: Final = {
    "com.docker.network.bridge.default_bridge": "true",
    "com.docker.network.bridge.enable_icc": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",  # noqa: S104  # Docker's default, shown
    "com.docker.network.bridge.name": "docker0",
    "com.docker.network.driver.mtu": "1500",
}


@frozen
class Lease:
    """A running container's place in a network."""

    endpoint_id: str
    address: str
    prefix: int
    gateway: str
    mac: str
    name: str


@dataclass
class Network:
    """A network; `leases` holds the running containers in it, by id."""

    id: str
    name: str
    driver: str
    created: int
    pools: list[Json] = field(default_factory=list)
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] | None = None
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    user_subnet: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)

    @property
    def subnets(self) -> list[Subnet]:
        """Its address ranges."""
        return [ipaddress.ip_network(pool["Subnet"]) for pool in self.pools]

    def inspected(self, *, detailed: bool) -> Json:
        """As Docker shows it; lists leave the containers out."""
        return {
            "Name": self.name,
            "Id": self.id,
            "Created": rfc3339(self.created),
            "Scope": "local",
            "Driver": self.driver,
            "EnableIPv6": self.ipv6,
            "IPAM": {"Driver": self.ipam_driver, "Options": self.ipam_options, "Config": self.pools},
            "Internal": self.internal,
            "Attachable": self.attachable,
            "Ingress": False,
            "ConfigFrom": {"Network": ""},
            "ConfigOnly": False,
            "Containers": {key: _member(lease) for key, lease in self.leases.items()} if detailed else {},
            "Options": self.options,
            "Labels": self.labels,
        }


class Networks:
    """All networks of the daemon."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._networks: dict[str, Network] = {}
        bridge = {"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}
        for name, driver, pools, options in (
            ("none", "null", [], {}),
            ("host", "host", [], {}),
            ("bridge", "bridge", [bridge], _BRIDGE_OPTIONS),
        ):
            network = Network(core.new_id("network"), name, driver, core.now(), list(pools), options=options)
            self._networks[network.id] = network

    def routes(self) -> list[Route]:
        """The endpoints; connecting containers is theirs."""
        return [
            route("GET", "/networks", self._list),
            route("POST", "/networks/create", self._create),
            route("GET", "/networks/{name}", self._inspect),
            route("DELETE", "/networks/{name}", self._delete),
        ]

    def find(self, name: str) -> Network | None:
        """The network of an id, a name, or the beginning of an id."""
        if name in self._networks:
            return self._networks[name]
        named = [network for network in self._networks.values() if network.name == name]
        named = named or [network for network in self._networks.values() if network.id.startswith(name)]
        if len(named) > 1:
            raise ApiError(400, f"network {name} is ambiguous ({len(named)} matches found on name)")
        return named[0] if named and name else None

    def need(self, name: str) -> Network:
        """The network, or Docker's 404."""
        network = self.find(name)
        if network is None:
            raise no_such_network(name)
        return network

    def names(self) -> list[str]:
        """Names of all networks, sorted."""
        return sorted(network.name for network in self._networks.values())

    def lease(self, network: Network, container_id: str, name: str, wanted: str = "") -> Lease:
        """Gives a container an address: the one it wants or the lowest that is free."""
        pools = [pool for pool in network.pools if ipaddress.ip_network(pool["Subnet"]).version == _IPV4]
        address, prefix, gateway, mac = "", 0, "", ""
        if pools:
            subnet = ipaddress.ip_network(pools[0]["Subnet"])
            address = self._address(network, pools[0], wanted)
            prefix, gateway = subnet.prefixlen, "" if network.internal else pools[0].get("Gateway", "")
            mac = "02:42:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed)
        lease = Lease(self._core.new_id("endpoint"), address, prefix, gateway, mac, name)
        network.leases[container_id] = lease
        attributes = {"container": container_id, "name": network.name, "type": network.driver}
        self._core.emit("network", "connect", network.id, attributes)
        return lease

    def release(self, network: Network, container_id: str) -> None:
        """Takes a container's address back."""
        if network.leases.pop(container_id, None) is not None:
            attributes = {"container": container_id, "name": network.name, "type": network.driver}
            self._core.emit("network", "disconnect", network.id, attributes)

    def remove(self, name: str) -> None:
        """Removes a network nobody runs in."""
        network = self.need(name)
        if network.name in PREDEFINED:
            raise ApiError(403, f"{network.name} is a pre-defined network and cannot be removed")
        if network.leases:
            raise ApiError(
                403,
                f"error while removing network: network {network.name} id {network.id} has active endpoints",
            )
        del self._networks[network.id]
        self._core.emit("network", "destroy", network.id, {"name": network.name, "type": network.driver})

    def _address(self, network: Network, pool: Json, wanted: str) -> str:
        taken = {lease.address for lease in network.leases.values()} | {pool.get("Gateway", "")}
        taken |= {str(address) for address in (pool.get("AuxiliaryAddresses") or {}).values()}
        if wanted:
            if wanted in taken:
                raise ApiError(403, "Address already in use")
            if ipaddress.ip_address(wanted) not in ipaddress.ip_network(pool["Subnet"]):
                raise ApiError(
                    400, f"Invalid address {wanted}: It does not belong to any of this network's subnets"
                )
            return wanted
        hosts = ipaddress.ip_network(pool.get("IPRange") or pool["Subnet"]).hosts()
        found = next((str(host) for host in hosts if str(host) not in taken), None)
        if found is None:
            raise ApiError(403, "no available IPv4 addresses on this network's address pools")
        return found

    # --- endpoints ---------------------------------------------------------------------------------

    def _list(self, request: Request) -> Response:
        filters = check_filters(request, _FILTERS)
        found = [network for network in self._networks.values() if _matches(network, filters)]
        return Response.of_json([network.inspected(detailed=False) for network in found])

    def _inspect(self, _request: Request, name: str) -> Response:
        return Response.of_json(self.need(name).inspected(detailed=True))

    def _delete(self, _request: Request, name: str) -> Response:
        self.remove(name)
        return Response(204)

    def _create(self, request: Request) -> Response:
        body = request.json()
        self._check_new(body)
        ipam: Json = body.get("IPAM") or {}
        given = [pool for pool in ipam.get("Config") or [] if pool.get("Subnet")]
        network = Network(
            id=self._core.new_id("network"),
            name=body["Name"],
            driver=body.get("Driver") or "bridge",
            created=self._core.now(),
            pools=self._pools(given),
            ipam_driver=ipam.get("Driver") or "default",
            ipam_options=ipam.get("Options"),
            internal=bool(body.get("Internal")),
            attachable=bool(body.get("Attachable")),
            ipv6=bool(body.get("EnableIPv6")),
            user_subnet=bool(given),
            options=body.get("Options") or {},
            labels=body.get("Labels") or {},
        )
        self._networks[network.id] = network
        self._core.emit("network", "create", network.id, {"name": network.name, "type": network.driver})
        return Response.of_json({"Id": network.id, "Warning": ""}, 201)

    def _check_new(self, body: Mapping[str, Any]) -> None:
        name, driver = body.get("Name") or "", body.get("Driver") or "bridge"
        if not name.strip():
            raise ApiError(500, f"invalid name: {name}")
        if name in PREDEFINED:
            raise ApiError(403, f"operation is not permitted on predefined {name} network ")
        if driver == "overlay":
            message = "This node is not a swarm manager. Use docker swarm init or docker swarm join"
            raise ApiError(503, f"{message} to connect this node to swarm and try again.")
        if driver not in _DRIVERS:
            raise ApiError(404, f'plugin "{driver}" not found')
        if body.get("CheckDuplicate") and name in self.names():
            raise ApiError(409, f"network with name {name} already exists")

    def _pools(self, given: list[Json]) -> list[Json]:
        """The network's address ranges: those given, and a free IPv4 one where none is."""
        taken = [subnet for network in self._networks.values() for subnet in network.subnets]
        pools = []
        for config in given:
            subnet = _subnet(config["Subnet"])
            if any(subnet.version == other.version and _overlaps(subnet, other) for other in taken):
                raise ApiError(403, "Pool overlaps with other one on this address space")
            pools.append(_ordered_pool(config, subnet))
        if not any(ipaddress.ip_network(pool["Subnet"]).version == _IPV4 for pool in pools):
            pools.insert(0, _free_pool(taken))
        return pools


def _subnet(text: str) -> Subnet:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ApiError(400, f"invalid subnet {text}: {error}") from error


def _overlaps(one: Subnet, other: Subnet) -> bool:
    return one.overlaps(other)


def _ordered_pool(config: Json, subnet: Subnet) -> Json:
    pool: Json = {"Subnet": config["Subnet"]}
    if config.get("IPRange"):
        pool["IPRange"] = config["IPRange"]
    if config.get("Gateway"):
        pool["Gateway"] = config["Gateway"]
    elif subnet.version == _IPV4:
        pool["Gateway"] = str(subnet.network_address + 1)
    if config.get("AuxiliaryAddresses"):
        pool["AuxiliaryAddresses"] = config["AuxiliaryAddresses"]
    return pool


def _free_pool(taken: list[Subnet]) -> Json:
    for subnet in _default_pools():
        if not any(other.version == _IPV4 and _overlaps(subnet, other) for other in taken):
            return {"Subnet": str(subnet), "Gateway": str(subnet.network_address + 1)}
    raise ApiError(
        404,
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign "
        "to the network",
    )


def _default_pools() -> Iterator[ipaddress.IPv4Network]:
    """Docker's own: 172.17 to 172.31, then sixteen in 192.168."""
    large = (ipaddress.IPv4Network(f"172.{number}.0.0/16") for number in range(17, 32))
    return chain(large, ipaddress.IPv4Network("192.168.0.0/16").subnets(new_prefix=20))


def _member(lease: Lease) -> Json:
    return {
        "Name": lease.name,
        "EndpointID": lease.endpoint_id,
        "MacAddress": lease.mac,
        "IPv4Address": f"{lease.address}/{lease.prefix}" if lease.address else "",
        "IPv6Address": "",
    }


def _matches(network: Network, filters: Mapping[str, list[str]]) -> bool:
    if not matches_labels(network.labels, filters.get("label", [])):
        return False
    checks: dict[str, Callable[[str], bool]] = {
        "name": lambda text: text in network.name,
        "id": network.id.startswith,
        "driver": lambda text: text == network.driver,
        "scope": lambda text: text == "local",
        "type": lambda text: text == ("builtin" if network.name in PREDEFINED else "custom"),
        "dangling": lambda text: (
            (text in {"true", "1"}) == (not network.leases and network.name not in PREDEFINED)
        ),
    }
    return all(any(checks[name](text) for text in filters[name]) for name in checks if name in filters)
