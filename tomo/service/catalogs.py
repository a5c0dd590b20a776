"""The catalog as people look at it: list, search, show, lint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tomo.catalog.index import AppSummary, Catalog, app_files
from tomo.errors import Problem, UsageError
from tomo.frozen import frozen
from tomo.service.effect import Effect
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec.files import FLEET_FILE
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

if TYPE_CHECKING:
    from tomo.spec.app import AppDefinition


@frozen
class CatalogRequest:
    """What is in the catalog? `query` and `category` narrow it. Reads files only."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    query: str = ""
    category: str = ""


@frozen
class CatalogListing:
    """Apps of the catalog, and what is wrong with files that can't be read."""

    apps: tuple[AppSummary, ...]
    problems: tuple[str, ...] = ()


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
        """The apps that fit, by id, or the best first where words are given."""
        return listing(self._catalog(request.place), request)

    def show(self, request: CatalogRequest, app: str) -> AppDefinition:
        """One app; raises AppNotFound with the nearest name."""
        return self._catalog(request.place).get(app)

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


def listing(catalog: Catalog, request: CatalogRequest) -> CatalogListing:
    """The apps of a catalog that fit; raises UsageError for a category that no app has.

    A catalog reads its files once: whoever keeps it is quicker the next time.
    """
    from tomo.catalog.search import SearchIndex  # noqa: PLC0415  # not needed to show one app

    apps = catalog.summaries()
    categories = {category for app in apps for category in app.categories}
    if request.category and request.category not in categories:
        raise UsageError(
            f"no app has the category `{shown(request.category)}`",
            hint=did_you_mean(request.category, categories),
        )
    hits = SearchIndex(apps).search(request.query, category=request.category)
    return CatalogListing(tuple(hit.app for hit in hits), tuple(map(str, catalog.problems())))
