"""The apps of the fleet, and those of the catalog."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from tomo.catalog.index import Catalog
from tomo.frozen import frozen
from tomo.model.catalog import AppFilter
from tomo.service.catalogs import CatalogListing, CatalogRequest, Catalogs, listing
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.service.wiring import Doors
from tomo.service.workspace import Place

if TYPE_CHECKING:
    from tomo.service.apps import AppView
    from tomo.spec.app import AppDefinition

    App: TypeAlias = AppView
    """An app of the fleet, by the name that surfaces have for it."""


@frozen
class AppPage:
    """An app of the catalog in words: all of them are those of whoever wrote its file."""

    definition: AppDefinition
    title: str
    tagline: str
    description: str
    before: str
    after: str
    grants: tuple[str, ...]


class AppReads(Reader):
    """The use cases that look at apps. They dial nothing."""

    def __init__(self, doors: Doors, place: Place) -> None:
        super().__init__(doors, place)
        self._lock = Lock()
        self._kept: tuple[object, Catalog | None] = ((), None)

    def list(self, by: Asker) -> tuple[AppView, ...]:
        """Every app of the fleet file."""
        from tomo.service.apps import Apps, AppsRequest  # noqa: PLC0415  # its models take 0.2 s of the start

        return Apps(self._for(by)).list(AppsRequest(self._place))

    def show(self, by: Asker, name: str) -> AppView:
        """One of them."""
        from tomo.service.apps import Apps, AppsRequest  # noqa: PLC0415  # as above

        return Apps(self._for(by)).show(AppsRequest(self._place), name)

    def search(self, by: Asker, words: str, wanted: AppFilter) -> CatalogListing:
        """The catalog's apps that fit, the best first."""
        return listing(self._catalog(by), CatalogRequest(self._place, words, wanted), self._doors.settings)

    def _catalog(self, by: Asker) -> Catalog:
        """The catalog, read once for as long as its files stay as they are: reading all takes a while."""
        found = self._open(by).catalog
        stamp = found.stamp()
        with self._lock:
            if self._kept[1] is None or self._kept[0] != stamp:
                self._kept = (stamp, found)
            return self._kept[1] or found

    def page(self, by: Asker, app: str) -> AppPage:
        """One app of the catalog."""
        from tomo.spec.app import in_language  # noqa: PLC0415  # as above
        from tomo.spec.risk import grants_of  # noqa: PLC0415

        found = Catalogs(self._for(by)).show(CatalogRequest(self._place), app)
        return AppPage(
            found,
            in_language(found.title),
            in_language(found.tagline),
            in_language(found.description),
            in_language(found.notes.before_install),
            in_language(found.notes.after_install),
            tuple(grants_of(found)),
        )
