"""The host's ports: who has which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tomo.frozen import frozen
from tomo.testing.dockerd.http import Json
from tomo.testing.dockerd.refused import ApiError

_EVERY: Final = "0.0.0.0"  # noqa: S104  # Docker's own default, in memory
_EVERY_V6: Final = "::"
_FIRST_EPHEMERAL: Final = 32768


@frozen
class Held:
    """One port in use: by a container, or (`""`) by a process of the host."""

    address: str
    port: int
    protocol: str
    owner: str


@dataclass
class Ports:
    """Every port in use on the host."""

    held: list[Held] = field(default_factory=list)

    def occupy(self, port: int, address: str = _EVERY, protocol: str = "tcp") -> None:
        """Lets a process of the host listen."""
        self.held.append(Held(address, port, protocol, ""))

    def vacate(self, port: int) -> None:
        """Ends the host's processes on a port."""
        self.held = [held for held in self.held if held.port != port or held.owner]

    def release(self, owner: str) -> None:
        """Frees the ports of a container."""
        self.held = [held for held in self.held if held.owner != owner]

    def publish(
        self, owner: str, name: str, endpoint: str, wanted: dict[str, list[Json]]
    ) -> dict[str, list[Json]]:
        """Takes the ports a container asks for; all or none."""
        taken: dict[str, list[Json]] = {}
        try:
            for port, bindings in wanted.items():
                taken[port] = [
                    shown for binding in bindings for shown in self._bind(owner, port.split("/")[1], binding)
                ]
        except ApiError as error:
            self.release(owner)
            message = f"driver failed programming external connectivity on endpoint {name} ({endpoint}): "
            raise ApiError(error.status, message + error.message) from error
        return taken

    def _bind(self, owner: str, protocol: str, binding: dict[str, Any]) -> list[Json]:
        asked = str(binding.get("HostPort") or "").split("/")[0]
        given = binding.get("HostIp") or ""
        addresses = [given] if given else [_EVERY, _EVERY_V6]
        first, _, last = asked.partition("-")
        if first:
            port = self._first_free(addresses[0], range(int(first), int(last or first) + 1), protocol)
        else:
            port = self._ephemeral(protocol)
        self.held += [Held(address, port, protocol, owner) for address in addresses]
        return [{"HostIp": address, "HostPort": str(port)} for address in addresses]

    def _first_free(self, address: str, candidates: range, protocol: str) -> int:
        refusal: ApiError | None = None
        for port in candidates:
            refusal = self._refusal(address, port, protocol)
            if refusal is None:
                return port
        raise refusal or ApiError(400, "invalid port range")

    def _refusal(self, address: str, port: int, protocol: str) -> ApiError | None:
        same = [held for held in self.held if held.port == port and held.protocol == protocol]
        if any(held.owner and held.address == address for held in same):
            return ApiError(500, f"Bind for {address}:{port} failed: port is already allocated")
        wide = {_EVERY, _EVERY_V6}
        if any(held.address == address or held.address in wide or address in wide for held in same):
            # Docker keeps books per address only; the kernel refuses the rest when its proxy listens.
            what = f"listen {protocol}4 {address}:{port}: bind: address already in use"
            return ApiError(500, f"Error starting userland proxy: {what}")
        return None

    def _ephemeral(self, protocol: str) -> int:
        used = {held.port for held in self.held if held.protocol == protocol}
        return next(port for port in range(_FIRST_EPHEMERAL, 61000) if port not in used)
