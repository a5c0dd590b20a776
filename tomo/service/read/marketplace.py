"""Repositories of catalogs, and what of the fleet is behind, for assistants: nothing is fetched or asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader

if TYPE_CHECKING:
    from tomo.service.marketplace.outdated import AppState
    from tomo.service.marketplace.views import RepositoryView


class MarketplaceReads(Reader):
    """The use cases that look at the marketplace."""

    def repositories(self, by: Asker) -> tuple[RepositoryView, ...]:
        """Every repository, as it was fetched last."""
        from tomo.service.marketplace.views import repository_views  # noqa: PLC0415  # few have repositories

        return repository_views(self._doors.settings, self._open(by).fleet)

    def outdated(self, by: Asker) -> tuple[AppState, ...]:
        """Each app of the fleet against the catalog. Registries are for people to ask."""
        from tomo.service.marketplace.outdated import Outdated, OutdatedRequest  # noqa: PLC0415  # as above

        return Outdated(self._for(by)).list(OutdatedRequest(self._place))
