"""Apps of another catalog as files of a person's own: read, mapped, checked, written, told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tomo.catalog.index import APPS, SUFFIX, bundled_folder
from tomo.errors import TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.audit import AuditOutcome
from tomo.service.effect import Effect
from tomo.service.recording import recorded
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec.files import FLEET_FILE
from tomo.spec.shown import shown
from tomo.state.files import write_atomically

if TYPE_CHECKING:
    from tomo.catalog.importers.formats import Outcome

REPORT_SCHEMA: Final = "tomo.catalog-import/v1"
_READABLE: Final = 0o644


class Fate(StrEnum):
    """What became of one app of the copy."""

    NEW = "new"
    CHANGED = "changed"
    """The file of an earlier import, written anew."""
    UNCHANGED = "unchanged"
    EDITED = "edited"
    """The file is a person's, or was edited since an import: it stays as it is."""
    REFUSED = "refused"
    """It could not be mapped; nothing was written."""


@frozen
class CatalogImportRequest:
    """Take the apps of `source` into a folder of one's own; `format_` forces what is else found out.

    `into` is by default the first folder of the fleet's `catalogs`. `report` is a file for the JSON report.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    source: Path
    format_: str = ""
    into: Path | None = None
    report: Path | None = None


@frozen
class ImportedApp:
    """One app: what became of it, and what its importer did or left to a person.

    `lint` is what keeps it from being one of Tomo's own; `reasons` say why a refused one was refused.
    """

    name: str
    source: str
    fate: Fate
    id: str = ""
    file: str = ""
    mapped: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    needs_grant: tuple[str, ...] = ()
    needs_person: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    hint: str = ""


@frozen
class CatalogImport:
    """The apps of a copy. `known` says whether the fleet names the folder under `catalogs`."""

    source: str
    format_: str
    found_by_itself: bool
    folder: str
    known: bool
    apps: tuple[ImportedApp, ...] = field(default=())

    def count(self, *fates: Fate) -> int:
        """How many apps ended so."""
        return sum(app.fate in fates for app in self.apps)

    def as_json(self) -> dict[str, Any]:
        """The report."""
        apps = [asdict(app) for app in self.apps]
        return {
            "schema": REPORT_SCHEMA,
            "source": self.source,
            "format": self.format_,
            "folder": self.folder,
            "counts": {fate.value: self.count(fate) for fate in Fate},
            "apps": apps,
        }


class CatalogImports:
    """The use case; it runs nothing, fetches nothing and writes nowhere but into the one folder."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def run(self, request: CatalogImportRequest) -> CatalogImport:
        """Imports a copy; raises SpecError where it as a whole can't be read, and then writes nothing."""
        with recorded(self._doors, "catalog.import", str(request.source.absolute())) as act:
            result = self._imported(request)
            act.details |= {fate.value: str(count) for fate, count in _counts(result).items()}
            if result.count(Fate.REFUSED) == len(result.apps):
                act.outcome = AuditOutcome.FAILED
            if request.report is not None:
                text = json.dumps(result.as_json(), ensure_ascii=False, indent=2) + "\n"
                write_atomically(request.report, text.encode(), mode=_READABLE)
            return result

    def _imported(self, request: CatalogImportRequest) -> CatalogImport:
        from tomo.catalog.importers import formats  # noqa: PLC0415  # building the models takes a while

        folder, known = self._folder(request)
        forced = formats.known_format(request.format_) if request.format_ else ""
        format_ = forced or formats.format_of(request.source)
        outcomes = list(formats.read_copy(request.source, format_, _other_ids(folder)))
        if not outcomes:
            raise UsageError(
                f"`{shown(str(request.source))}` holds no app of the format `{format_}`",
                hint=f"name another one: `--format {'|'.join(formats.FORMATS)}`",
            )
        apps = tuple(_written(outcome, folder) for outcome in outcomes)
        return CatalogImport(str(request.source), format_, not forced, str(folder), known, apps)

    def _folder(self, request: CatalogImportRequest) -> tuple[Path, bool]:
        """Where the files go, and whether the fleet looks there."""
        place = request.place
        named: tuple[Path, ...] = ()
        if place.file is not None or (place.directory / FLEET_FILE).is_file():
            fleet = self._doors.open(place).fleet
            named = fleet.catalogs if fleet is not None else ()
        if request.into is None and not named:
            raise UsageError(
                "nothing says where the apps are to go",
                hint="name a folder, such as `--into catalog`, or one under `catalogs:` in the fleet file",
            )
        folder = request.into if request.into is not None else named[0]
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"`{shown(str(folder))}` is no folder", hint="name another one with `--into`")
        _refuse_source_as_target(request.source, folder)
        known = folder.absolute() in {each.absolute() for each in named}
        return (folder / APPS if (folder / APPS).is_dir() else folder), known


def _refuse_source_as_target(source: Path, folder: Path) -> None:
    """Raises UsageError for a folder of the copy itself, whose files are not Tomo's to write."""
    top = source if source.is_dir() else source.parent
    if source.is_dir() and folder.resolve().is_relative_to(top.resolve()):
        raise UsageError(
            f"`{shown(str(folder))}` is in the copy that is imported",
            hint="name a folder of your own with `--into`",
        )


def _other_ids(folder: Path) -> frozenset[str]:
    """The ids of the apps that ship with Tomo, which a file of one's own must not have."""
    shipped = bundled_folder() / APPS
    return frozenset() if folder.resolve() == shipped.resolve() else frozenset(_ids_in(shipped))


def _ids_in(folder: Path) -> Iterator[str]:
    return (path.stem for path in folder.iterdir() if path.suffix == SUFFIX)


def _counts(result: CatalogImport) -> Counter[Fate]:
    return Counter(app.fate for app in result.apps)


# --- one app -----------------------------------------------------------------------------------------


def _written(outcome: Outcome, folder: Path) -> ImportedApp:
    """Writes one app's file where it is ours to write."""
    app = ImportedApp(outcome.name, outcome.source, Fate.REFUSED, outcome.id)
    if outcome.file is None:
        hint = next((problem.hint for problem in outcome.reasons if problem.hint), "")
        return replace(app, reasons=tuple(map(str, outcome.reasons)), hint=hint)
    ledger, file = outcome.ledger, folder / f"{outcome.id}{SUFFIX}"
    told = replace(
        app,
        file=str(file),
        mapped=tuple(ledger.mapped),
        generated=tuple(ledger.generated),
        dropped=tuple(ledger.dropped),
        needs_grant=tuple(ledger.needs_grant),
        needs_person=tuple(ledger.needs_person),
        lint=tuple(problem.message for problem in outcome.file.lint),
    )
    try:
        return replace(told, fate=_put(file, outcome.file.text))
    except (TomoError, OSError) as error:
        reason = error.message if isinstance(error, TomoError) else f"can't write it: {error.strerror}"
        return replace(told, fate=Fate.REFUSED, reasons=(reason,))


def _put(file: Path, text: str) -> Fate:
    from tomo.catalog.importers.writing import untouched  # noqa: PLC0415  # as above

    if file.is_symlink() or (file.exists() and not file.is_file()):
        return Fate.EDITED
    if file.exists():
        try:
            there = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            return Fate.EDITED
        if there == text:
            return Fate.UNCHANGED
        if not untouched(there):
            return Fate.EDITED
    fate = Fate.CHANGED if file.exists() else Fate.NEW
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text.encode(), mode=_READABLE)
    return fate
