"""Which hosts a person has accepted: an address with its host key and credential, and the way there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.connection import LOCAL, HostBook, HostSpec
from tomo.model.values import Secret
from tomo.settings import Settings
from tomo.ssh.config import Endpoint, resolve

_MOST_JUMPS = 8


@frozen
class _Road:
    """Where a host is, who may answer there, and what is shown to it; compared, never printed."""

    address: str
    port: int
    user: str
    pins: frozenset[str]
    known_hosts: tuple[Path, ...]
    identities: tuple[Path, ...]
    agent_socket: str | None
    secrets: tuple[Secret | None, ...]
    through: _Road | None


class AcceptedHosts:
    """The hosts of specs that people have accepted, each with its jump hosts.

    `book` is the one that those specs are completed by. Whatever of address, port, user, host key,
    credential or jump host is not the same makes another host.
    """

    def __init__(self, specs: Iterable[HostSpec], book: HostBook, settings: Settings) -> None:
        self._settings = settings
        self._roads: list[_Road] = []
        for spec in specs:
            road: _Road | None = _road(book.completed(spec), book, settings)
            while road is not None:
                # Whoever accepted a host behind others has accepted those too.
                if road not in self._roads:
                    self._roads.append(road)
                road = road.through

    def accepts(self, spec: HostSpec, book: HostBook) -> bool:
        """Whether a spec, completed by the book it is dialled with, leads to one of them and nowhere else."""
        road: _Road | None = _road(book.completed(spec), book, self._settings)
        while road is not None:
            if road not in self._roads:
                return False
            road = road.through
        return True


def _road(spec: HostSpec, book: HostBook, settings: Settings, *, depth: int = 0) -> _Road:
    if spec.host == LOCAL.host:
        return _Road(LOCAL.host, 0, "", frozenset(), (), (), None, (), None)
    pins = frozenset(" ".join(key.split()[:2]) for key in spec.host_keys)
    secrets = (spec.private_key, spec.private_key_password, spec.password)
    found = _endpoint(spec, settings)
    if found is None:
        # What can't be resolved can't be dialled; what is said of it still tells it from others.
        user, port = spec.user or "", spec.port or 0
        return _Road(spec.host, port, user, pins, (), (Path(spec.identity or ""),), None, secrets, None)
    through = None
    if found.jump is not None and depth < _MOST_JUMPS:
        through = _road(book.completed(found.jump), book, settings, depth=depth + 1)
    return _Road(
        found.address,
        found.port,
        found.user,
        pins,
        found.known_hosts,
        found.identities,
        found.agent_socket,
        secrets,
        through,
    )


def _endpoint(spec: HostSpec, settings: Settings) -> Endpoint | None:
    try:
        return resolve(spec, settings)
    except TomoError:
        return None
