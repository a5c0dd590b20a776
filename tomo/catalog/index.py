"""Folders of app files: one app by id, parsed when asked for; all of them as a listing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomo.errors import AppNotFound, Problem, SpecError, TomoError
from tomo.model.catalog import AppSummary
from tomo.spec.files import read_bytes
from tomo.spec.near import NAME, did_you_mean
from tomo.spec.shown import shown
from tomo.spec.size import size_in_bytes
from tomo.spec.yaml import parse

if TYPE_CHECKING:
    from tomo.catalog.repos.shelf import Pin, Shelf
    from tomo.spec.app import AppDefinition
    from tomo.spec.load import LoadedFleet
    from tomo.spec.repositories import CatalogRepository

SUFFIX = ".yaml"
APPS = "apps"


class Catalog:
    """Apps in one or more folders, each holding `apps/ID.yaml` or `ID.yaml` files, and those of repositories.

    `own_folders` are those that a fleet adds to Tomo's. An app of a repository is `REPOSITORY/ID`, and a mere
    id never means one: no repository can put itself in the place of another app.
    Files are read when they are asked for, and once.
    """

    def __init__(
        self, folders: Iterable[Path], own: Iterable[Path] = (), shelves: Iterable[Shelf] = ()
    ) -> None:
        self.own_folders = tuple(_apps_folder(folder) for folder in own)
        self.folders = (*(_apps_folder(folder) for folder in folders), *self.own_folders)
        self.shelves = {shelf.pin.name: shelf for shelf in shelves}
        self._read: dict[str, AppDefinition] = {}

    @classmethod
    def bundled(cls, extra: Iterable[Path] = ()) -> Catalog:
        """The apps that ship with Tomo, and those of further folders."""
        return cls([bundled_folder()], extra)

    @classmethod
    def of_fleet(cls, loaded: LoadedFleet, data_folder: Path, further: Iterable[Pin] = ()) -> Catalog:
        """The apps that a fleet file may name: Tomo's, its own folders' and those of what it pins.

        `further` are pins that the file doesn't have. Repositories lie in a person's data folder.
        """
        pins = [*further, *pins_of(loaded.fleet.repositories)]
        if not pins:
            return cls.bundled(loaded.catalogs)
        from tomo.catalog.repos.shelf import Shelves  # noqa: PLC0415  # few fleets have repositories

        shelves = Shelves(data_folder)
        return cls([bundled_folder()], loaded.catalogs, [shelves.shelf(pin) for pin in pins])

    def ids(self) -> tuple[str, ...]:
        """Every app's id, sorted; of repositories that aren't on this machine there are none."""
        here = (shelf for shelf in self.shelves.values() if shelf.is_here)
        of_shelves = (f"{shelf.pin.name}/{app}" for shelf in here for app in shelf.digests)
        return tuple(sorted((*self._files, *of_shelves)))

    def get(self, app_id: str) -> AppDefinition:
        """The app of an id; raises AppNotFound, or SpecError where its file has mistakes."""
        found = self.find(app_id)
        if found is None:
            raise self._not_found(app_id)
        return found

    def find(self, app_id: str) -> AppDefinition | None:
        """The same, or None where nothing has it; raises RepositoryError for a repository that isn't here."""
        repository, slash, app = app_id.rpartition("/")
        if slash and app_id not in self._read and repository in self.shelves and re.fullmatch(NAME, app):
            self._find_on_shelf(self.shelves[repository], app_id, app)
        elif app_id not in self._read and re.fullmatch(NAME, app_id):
            paths = self._files.get(app_id, ())
            if len(paths) > 1:
                raise SpecError(_duplicates(app_id, paths))
            if paths:
                self._read[app_id] = read_app(paths[0])
        return self._read.get(app_id)

    def with_shelf(self, shelf: Shelf) -> Catalog:
        """The same with one more repository."""
        made = Catalog((), (), [*self.shelves.values(), shelf])
        made.folders, made.own_folders = self.folders, self.own_folders
        return made

    def _not_found(self, app_id: str) -> AppNotFound:
        repository, _, app = app_id.rpartition("/")
        shelf = self.shelves.get(repository)
        if shelf is not None and app in shelf.digests:
            why = next((line for line in shelf.refused() if line.startswith(f"{app}{SUFFIX}:")), "")
            return AppNotFound(
                f"`{shown(app_id)}` doesn't keep the catalog's rules, so it isn't used: {why}",
                hint=f"have it corrected, then `tomo catalog repo sync {repository}`",
            )
        if shelf is None and re.fullmatch(f"{NAME}/{NAME}", app_id):
            hint = "see `tomo catalog repo list`; `tomo catalog repo add ADDRESS` adds one"
            return AppNotFound(f"there is no repository `{shown(repository)}`", hint=hint)
        hint = did_you_mean(app_id, self.ids(), "`tomo catalog list` shows all")
        return AppNotFound(f"the catalog has no app `{shown(app_id)}`", hint=hint)

    def _find_on_shelf(self, shelf: Shelf, app_id: str, app: str) -> None:
        """Reads an app of a repository, which is then known by its whole id."""
        content = shelf.read(app)
        if content is not None:
            self._read[app_id] = definition_from(content, str(shelf.path(app))).model_copy(
                update={"id": app_id}
            )

    def file_of(self, app_id: str) -> Path | None:
        """The file of an app; plans rest on its content."""
        repository, slash, app = app_id.rpartition("/")
        if slash:
            return self.shelves[repository].path(app) if repository in self.shelves else None
        paths = self._files.get(app_id, ())
        return paths[0] if paths else None

    def problems(self) -> list[Problem]:
        """Ids that more than one folder has, and files that can't be read."""
        return [*self._listing[1], *self.duplicates()]

    def duplicates(self) -> list[Problem]:
        """Each file that has the id of another one."""
        return [
            problem for app_id, paths in sorted(self._files.items()) for problem in _duplicates(app_id, paths)
        ]

    def summaries(self) -> tuple[AppSummary, ...]:
        """What a list shows of every app in a folder whose file can be read, sorted by id."""
        return self._listing[0]

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """What tells the files from the same files later: where they are, when written, and how large."""
        found = (path for paths in self._files.values() for path in paths)
        return tuple((str(path), state.st_mtime_ns, state.st_size) for path, state in _states(found))

    @cached_property
    def _files(self) -> Mapping[str, tuple[Path, ...]]:
        found: dict[str, list[Path]] = {}
        for folder in self.folders:
            for path in _files_in(folder):
                found.setdefault(path.stem, []).append(path)
        return {app_id: _without_the_pinned(tuple(paths)) for app_id, paths in found.items()}

    @cached_property
    def _listing(self) -> tuple[tuple[AppSummary, ...], tuple[Problem, ...]]:
        """Read without the models, which a list doesn't need: ten times as fast."""
        summaries: list[AppSummary] = []
        problems: list[Problem] = []
        for app_id in sorted(self._files):
            path = self._files[app_id][0]
            try:
                value = parse(read_bytes(path), str(path)).value
            except SpecError as error:
                problems += error.problems
                continue
            summaries.append(summary_of(app_id, value if isinstance(value, dict) else {}))
        return tuple(summaries), tuple(problems)


def app_files(path: Path) -> list[Path]:
    """The app files that a path means: itself, or those of a folder; raises SpecError where there is none."""
    if path.is_file():
        return [path]
    if path.is_dir() and (found := _files_in(_apps_folder(path))):
        return found
    what = "the folder holds no app files" if path.is_dir() else "there is no such file or folder"
    raise SpecError([Problem(shown(str(path)), 0, what, "name a file `ID.yaml`, or a folder of them")])


def bundled_folder() -> Path:
    """The folder of the apps that ship with Tomo: within the package, or beside it in a checkout."""
    package = Path(str(files("tomo")))
    for folder in (package / "_data" / "catalog", package.parent / "catalog"):
        if (folder / APPS).is_dir():
            return folder
    raise TomoError("the catalog that ships with Tomo is missing", hint="install Tomo again")


def read_app(path: Path) -> AppDefinition:
    """An app file as a definition; raises SpecError with every mistake of its form."""
    return definition_from(read_bytes(path), str(path))


def definition_from(content: bytes, file: str) -> AppDefinition:
    """The same for bytes; `file` is what messages name."""
    from tomo.spec.app import AppDefinition  # noqa: PLC0415  # building the models takes longer than a listing
    from tomo.spec.problems import build  # noqa: PLC0415  # as above

    return build(AppDefinition, parse(content, file))


def pins_of(repositories: Mapping[str, CatalogRepository]) -> list[Pin]:
    """The pins of a fleet file."""
    if not repositories:
        return []
    from tomo.catalog.repos.shelf import Pin  # noqa: PLC0415  # few fleets have repositories

    return [Pin(name, each.url, each.digest, each.commit or "") for name, each in repositories.items()]


def _states(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Files with what the system says of them, without those that are gone by now."""
    for path in paths:
        with suppress(OSError):
            yield path, path.stat()


def _apps_folder(folder: Path) -> Path:
    inner = folder / APPS
    return inner if inner.is_dir() else folder


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        hint = "correct `catalogs:` in the fleet file"
        raise SpecError([Problem(str(folder), 0, "there is no such folder of apps", hint)])
    return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file())


def _without_the_pinned(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The files of one id, without one of which another is a copy whose images have digests."""
    if len(paths) != 2:  # noqa: PLR2004  # a shipped file and somebody's own
        return paths
    shipped, own = paths
    try:
        same = is_pinned_copy(read_bytes(own), read_bytes(shipped))
    except TomoError:
        return paths
    return (own,) if same else paths


def is_pinned_copy(copy: bytes, original: bytes) -> bool:
    """Whether an app file differs from another one in nothing but digests that its images have besides."""
    made, ships = (parse(text, "").value for text in (copy, original))
    return made != ships and bool(_without_digests(made) == ships)


def _without_digests(app: Any) -> Any:
    services = app.get("services") if isinstance(app, dict) else None
    if not isinstance(services, dict):
        return app
    return {**app, "services": {name: _undigested(service) for name, service in services.items()}}


def _undigested(service: Any) -> Any:
    image = service.get("image") if isinstance(service, dict) else None
    return {**service, "image": image.partition("@")[0]} if isinstance(image, str) else service


def _duplicates(app_id: str, paths: tuple[Path, ...]) -> list[Problem]:
    first, *others = paths
    hint = f"give yours another id, or remove it and run `tomo catalog pin {app_id}` if that made it"
    return [Problem(str(path), 1, f"`{app_id}` is in `{first}` already", hint) for path in others]


def summary_of(app_id: str, value: Mapping[str, Any], repository: str = "") -> AppSummary:
    """What a list shows of an app, from its file's values as they stand there."""
    needs = value.get("requirements")
    needed: Mapping[str, Any] = needs if isinstance(needs, dict) else {}
    return AppSummary(
        id=app_id,
        title=_text(value.get("title")) or app_id,
        tagline=_text(value.get("tagline")),
        version=_text(value.get("version")),
        categories=_texts(value.get("categories")),
        tags=_texts(value.get("tags")),
        description=_text(value.get("description")),
        risk=_text(value.get("risk")) or "low",
        architectures=_texts(value.get("architectures")),
        memory=_bytes(needed.get("memory")),
        disk=_bytes(needed.get("disk")),
        cpu=float(cpu) if isinstance(cpu := needed.get("cpu"), int | float) else 0.0,
        repository=repository,
    )


def _bytes(value: object) -> int:
    try:
        return size_in_bytes(value) if isinstance(value, str) else int(value) if isinstance(value, int) else 0
    except ValueError:
        return 0


def _text(value: object) -> str:
    """A text, or its English version; `""` for anything else: a listing never fails."""
    if isinstance(value, dict):
        value = value.get("en") or next(iter(value.values()), "")
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
