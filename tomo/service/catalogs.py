"""The catalog as people look at it: list, search, show, lint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tomo.catalog.index import Catalog, app_files
from tomo.errors import Problem, UsageError
from tomo.frozen import frozen
from tomo.model.catalog import AppFilter, AppSummary, AppVersion, Rating, Standing
from tomo.service.effect import Effect
from tomo.service.marketplace.store import has_marketplace, marketplace_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.spec.files import FLEET_FILE
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

if TYPE_CHECKING:
    from tomo.spec.app import AppDefinition


@frozen
class CatalogRequest:
    """What is in the catalog? `query` and `wanted` narrow it. Reads files and the database."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    query: str = ""
    wanted: AppFilter = AppFilter()


@frozen
class CatalogListing:
    """Apps of the catalog, and what is wrong with files that can't be read.

    `standings` has those that were rated or put first, by ref.
    """

    apps: tuple[AppSummary, ...]
    problems: tuple[str, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def shared(self) -> frozenset[str]:
        """The ids that more than one of these apps has."""
        counts = Counter(app.id for app in self.apps)
        return frozenset(app for app, count in counts.items() if count > 1)


@frozen
class AppTold:
    """What people think of an app, and which versions of it its repository had, newest first."""

    standing: Standing = Standing()
    ratings: tuple[Rating, ...] = ()
    versions: tuple[AppVersion, ...] = ()


@frozen
class LintRequest:
    """Do app files keep the catalog's rules? Without `paths`, those of the fleet's own folders."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    paths: tuple[Path, ...] = ()


@frozen
class LintReport:
    """The files that were read, and every breach in them, in the files' order."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, object]:
        """The report as a document; `line` is 0 where a whole file is meant."""
        found = [
            {"file": each.file, "line": each.line, "message": each.message, "hint": each.hint}
            for each in self.problems
        ]
        return {"files": [str(path) for path in self.files], "problems": found}


class Catalogs:
    """The use cases over the catalog; they need no fleet, and use its folders where there is one."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: CatalogRequest) -> CatalogListing:
        """The apps that fit, by id, or the best first where words are given; those put first before all."""
        return listing(self._catalog(request.place), request, self._doors.settings)

    def show(self, request: CatalogRequest, app: str) -> AppDefinition:
        """One app; raises AppNotFound with the nearest name.

        `REPOSITORY/ID` is what the fleet file pins, or else the repository's newest.
        """
        catalog = self._catalog(request.place)
        return with_repository(catalog, app, self._doors.settings).get(app)

    def told(self, app: str) -> AppTold:
        """What is known of an app beside its file: ratings, flag, and the versions its repository had."""
        settings = self._doors.settings
        if not has_marketplace(settings):
            return AppTold()
        repository, _, name = app.rpartition("/")
        with marketplace_of(settings) as market:
            standing = market.standings().get(app, Standing())
            versions = market.versions(repository, name) if repository else ()
            return AppTold(standing, market.ratings(app), versions)

    def lint(self, request: LintRequest) -> LintReport:
        """What is wrong with app files; raises UsageError where no file is named and the fleet has none."""
        from tomo.catalog.lint import lint_file  # noqa: PLC0415  # needs the models, unlike a listing

        paths = request.paths or self._catalog(request.place).own_folders
        if not paths:
            raise UsageError(
                "there are no app files of your own here",
                hint="name them: `tomo catalog lint PATH`, or `catalogs:` in the fleet file",
            )
        files = tuple(file for path in paths for file in app_files(path))
        return LintReport(files, tuple(problem for file in files for problem in lint_file(file)))

    def _catalog(self, place: Place) -> Catalog:
        if place.file is None and not (place.directory / FLEET_FILE).is_file():
            return Catalog.bundled()
        return self._doors.open(place).catalog


def listing(catalog: Catalog, request: CatalogRequest, settings: Settings) -> CatalogListing:
    """The apps of a catalog and of repositories that fit; raises UsageError for a category that none has.

    A catalog reads its files once: whoever keeps it is quicker the next time.
    """
    from tomo.catalog.search import SearchIndex  # noqa: PLC0415  # not needed to show one app

    apps, wanted = catalog.summaries(), request.wanted
    hits = SearchIndex(apps).search(request.query, wanted)
    standings: Mapping[str, Standing] = {}
    if has_marketplace(settings):
        from tomo.service.marketplace.searching import found_in  # noqa: PLC0415  # few have repositories

        with marketplace_of(settings) as market:
            more, standings = found_in(market, request.query, wanted), market.standings()
        # The nearest name, which scores nothing, is for when nobody has the words.
        hits = [*more, *(hit for hit in hits if hit.score or not more or not request.query)]
    if not hits and wanted.category:
        _require_category(wanted.category, {category for app in apps for category in app.categories})
    hits.sort(key=lambda hit: (not _featured(standings, hit.app), -hit.score, hit.app.ref))
    return CatalogListing(tuple(hit.app for hit in hits), tuple(map(str, catalog.problems())), standings)


def _require_category(category: str, known: set[str]) -> None:
    if category not in known:
        raise UsageError(f"no app has the category `{shown(category)}`", hint=did_you_mean(category, known))


def _featured(standings: Mapping[str, Standing], app: AppSummary) -> bool:
    return app.ref in standings and standings[app.ref].featured


def with_repository(catalog: Catalog, ref: str, settings: Settings) -> Catalog:
    """The catalog with the repository of an app that isn't pinned, as it was synced last."""
    name, slash, _ = ref.rpartition("/")
    if not slash or name in catalog.shelves or not has_marketplace(settings):
        return catalog
    from tomo.catalog.repos.shelf import Pin, Shelves  # noqa: PLC0415  # few have repositories

    with marketplace_of(settings) as market:
        found = market.repository(name)
    if found is None:
        return catalog
    pin = Pin(found.name, found.url, found.digest, found.commit)
    return catalog.with_shelf(Shelves(settings.data_folder).shelf(pin))
