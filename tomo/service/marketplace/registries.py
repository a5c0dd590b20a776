"""Asks registries for digests, as a fleet file says they are reached; for people's own commands only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from tomo.errors import TomoError
from tomo.model.image import DOCKER_HUB
from tomo.model.values import Secret
from tomo.registry.access import Endpoint, RegistryLogin, endpoint_of
from tomo.registry.client import RegistryClient
from tomo.registry.name import askable
from tomo.service.hosts import fleet_secrets
from tomo.service.marketplace.outdated import Digests
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec.files import FLEET_FILE
from tomo.spec.registries import Registry, pulled_as

_AT_ONCE: Final = 8


class FleetAccess:
    """Registries as a fleet file has them: mirrors before Docker Hub, logins by address, some without TLS."""

    def __init__(self, registries: Mapping[str, Registry], secrets: Mapping[str, Secret]) -> None:
        self._registries, self._secrets = registries, secrets

    def endpoints(self, registry: str) -> Sequence[Endpoint]:
        """Where to ask: the mirrors that servers ask, then the registry itself."""
        known = self._registries.get(registry.lower())
        mirrors = [_mirror(url) for url in known.mirrors] if known is not None else []
        own = endpoint_of(registry)
        return (*mirrors, Endpoint(own.address, plain=own.plain or (known is not None and known.insecure)))

    def login(self, endpoint: Endpoint) -> RegistryLogin | None:
        """The login for exactly this address; nobody else's is ever sent there."""
        name = DOCKER_HUB if endpoint == endpoint_of(DOCKER_HUB) else endpoint.address.lower()
        known = self._registries.get(name)
        if known is None or known.username is None or known.password is None:
            return None
        secret = self._secrets.get(known.password.secret)
        return RegistryLogin(known.username, secret) if secret is not None else None


class FleetRegistries:
    """The registries of one fleet, or any without a login where there is no fleet."""

    def __init__(self, doors: Doors, place: Place) -> None:
        self._known: Mapping[str, Registry] = {}
        secrets: Mapping[str, Secret] = {}
        if place.file is not None or (place.directory / FLEET_FILE).is_file():
            workspace = doors.open(place)
            self._known = fleet_of(workspace).fleet.registries
            secrets = fleet_secrets(workspace.config()) if self._known else {}
        self._client = RegistryClient(FleetAccess(self._known, secrets))

    def digests(self, images: Iterable[str]) -> Digests:
        """The digest of each name, several registries at once; one that can't be had says why."""
        names = sorted(set(images))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(names, pool.map(self._digest, names), strict=True))

    def _digest(self, image: str) -> str | TomoError:
        try:
            return self._client.digest(askable(pulled_as(image, self._known)))
        except TomoError as error:
            return error


def _mirror(url: str) -> Endpoint:
    parts = urlsplit(url)
    return Endpoint(parts.netloc, plain=parts.scheme == "http")
