"""Repositories as lists show them. Fetches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tomo.catalog.index import Catalog, pins_of
from tomo.catalog.repos.shelf import Pin, Shelves
from tomo.frozen import frozen
from tomo.model.catalog import Repository
from tomo.service.marketplace.store import has_marketplace, marketplace_of
from tomo.settings import Settings
from tomo.spec.load import LoadedFleet

OWN: Final = "tomo"
"""How lists call what ships with Tomo; no repository can be called so."""


@frozen
class RepositoryView:
    """A repository with the number of its apps, whether its files are here, and what the fleet pins of it.

    `shared` are ids of its apps that others have too, each with all who have it; `tomo` is what ships.
    """

    repository: Repository
    apps: int
    here: bool
    pinned: str
    shared: Mapping[str, tuple[str, ...]]


def known_repositories(settings: Settings) -> tuple[Repository, ...]:
    """Every repository, by name; a look makes no database."""
    if not has_marketplace(settings):
        return ()
    with marketplace_of(settings) as market:
        return market.repositories()


def repository_views(settings: Settings, loaded: LoadedFleet | None) -> tuple[RepositoryView, ...]:
    """Every repository, by name, against what a fleet file pins and what ships."""
    if not has_marketplace(settings):
        return ()
    with marketplace_of(settings) as market:
        repositories, owners = market.repositories(), market.owners()
    pins = {pin.name: pin for pin in pins_of(loaded.fleet.repositories)} if loaded else {}
    local = set(Catalog.bundled(loaded.catalogs if loaded else ()).ids())
    shelves = Shelves(settings.data_folder)
    return tuple(
        RepositoryView(
            each,
            sum(each.name in names for names in owners.values()),
            shelves.shelf(pin_of(each)).is_here,
            _state(pins.get(each.name)),
            _shared(each.name, owners, local),
        )
        for each in repositories
    )


def pin_of(repository: Repository) -> Pin:
    """What a fleet file would pin of a repository as it is now."""
    return Pin(repository.name, repository.url, repository.digest, repository.commit)


def _state(pin: Pin | None) -> str:
    return "" if pin is None else pin.commit or pin.digest


def _shared(
    name: str, owners: Mapping[str, Sequence[str]], local: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    own = set(local)
    return {
        app: (*((OWN,) if app in own else ()), *names)
        for app, names in sorted(owners.items())
        if name in names and (len(names) > 1 or app in own)
    }
