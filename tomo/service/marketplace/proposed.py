"""Does what a proposal about the marketplace says, once a person has agreed."""

from __future__ import annotations

from collections.abc import Callable

from tomo.service.marketplace.opinions import Opinions, RateAppRequest
from tomo.service.marketplace.repositories import (
    AddRepositoryRequest,
    Repositories,
    SyncRepositoriesRequest,
)
from tomo.service.propose.catalog_changes import AddRepository, CatalogChange, RateApp, SyncRepository
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


def carry_out(
    doors: Doors, clock: Callable[[], float], place: Place, person: str, change: CatalogChange
) -> None:
    """Does it; raises TomoError where that fails. A rating is that of the person it was proposed for."""
    match change:
        case AddRepository():
            request = AddRepositoryRequest(place, change.url, change.name, change.branch)
            Repositories(doors, clock).add(request)
        case SyncRepository():
            Repositories(doors, clock).sync(SyncRepositoriesRequest(place, (change.repository,)))
        case RateApp():
            rating = RateAppRequest(place, change.app, change.stars, change.note, person)
            Opinions(doors, clock).rate(rating)
