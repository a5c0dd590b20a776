"""What people think of apps: ratings, and apps that lists show first."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tomo.frozen import frozen
from tomo.model.catalog import Rating
from tomo.service.catalogs import CatalogRequest, Catalogs
from tomo.service.effect import Effect
from tomo.service.marketplace.stars import require_rating
from tomo.service.marketplace.store import marketplace_of
from tomo.service.recording import recorded
from tomo.service.who import person_here
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


@frozen
class RateAppRequest:
    """Rate an app, 1 to 5 stars. `person` is by default the one whose account it is."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    app: str
    stars: int
    note: str = ""
    person: str = ""


@frozen
class FeatureAppRequest:
    """Have lists show an app before others, or no longer."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    app: str
    featured: bool


class Opinions:
    """The use cases. `clock` gives seconds since 1970."""

    def __init__(self, doors: Doors, clock: Callable[[], float]) -> None:
        self._doors, self._clock = doors, clock

    def rate(self, request: RateAppRequest) -> Rating:
        """Keeps a rating in place of the person's earlier one; raises AppNotFound for an unknown app."""
        require_rating(request.stars, request.note)
        ref = self._ref(request.place, request.app)
        person = request.person or person_here(self._doors.settings).name
        made = Rating(ref, person, request.stars, request.note.strip(), int(self._clock()))
        details = {"stars": str(made.stars), "person": person}
        with (
            recorded(self._doors, "catalog.rate", ref, details=details),
            marketplace_of(self._doors.settings) as market,
        ):
            market.rate(made)
        return made

    def feature(self, request: FeatureAppRequest) -> None:
        """Sets or takes the flag; one of an app that is gone can still be taken."""
        ref = self._ref(request.place, request.app) if request.featured else request.app
        person = person_here(self._doors.settings).name
        details = {"featured": str(request.featured)}
        with (
            recorded(self._doors, "catalog.feature", ref, details=details),
            marketplace_of(self._doors.settings) as market,
        ):
            market.feature(ref, person, int(self._clock()), featured=request.featured)

    def _ref(self, place: Place, app: str) -> str:
        return Catalogs(self._doors).show(CatalogRequest(place), app).id
