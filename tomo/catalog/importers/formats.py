"""The formats that can be imported, how each is known again, and the reading of a whole copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final, TypeAlias

from tomo.catalog.importers import casaos, compose, coolify, dokploy, portainer, runtipi, umbrel
from tomo.catalog.importers.assemble import definition_of
from tomo.catalog.importers.found import Candidate, FoundApp
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import NO_FILE, Folder, refuse, writable
from tomo.catalog.importers.words import Names, line, slug
from tomo.catalog.importers.writing import Written, written
from tomo.errors import Problem, SpecError, UsageError
from tomo.frozen import frozen
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

Candidates: TypeAlias = Callable[[Folder, str], Iterator[Candidate]]

FORMATS: Final[Mapping[str, Candidates]] = {
    "compose": compose.candidates,
    "portainer": portainer.candidates,
    "casaos": casaos.candidates,
    "runtipi": runtipi.candidates,
    "umbrel": umbrel.candidates,
    "dokploy": dokploy.candidates,
    "coolify": coolify.candidates,
}
_SAMPLE: Final = 40
_MOST_LINES: Final = 12


@frozen
class Outcome:
    """What became of one app of a copy: a file to write, or the reasons why there is none."""

    name: str
    source: str
    id: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    file: Written | None = None
    reasons: tuple[Problem, ...] = ()


def known_format(name: str) -> str:
    """The format of a name; raises UsageError with the nearest one."""
    if name not in FORMATS:
        raise UsageError(
            f"there is no format `{shown(name)}`",
            hint=did_you_mean(name, FORMATS, f"one of {', '.join(FORMATS)}"),
        )
    return name


def place_of(path: Path) -> tuple[Folder, str]:
    """The folder of a path, and the file's name where it is one; raises UsageError where nothing is there."""
    if path.is_dir():
        return Folder(path), ""
    if path.is_file():
        # The path itself is the person's own word, so it may be a link; nothing inside it may.
        real = path.resolve()
        return Folder(real.parent), real.name
    raise UsageError(
        f"there is no file or folder `{shown(str(path))}`", hint="name a copy of a catalog on this machine"
    )


# --- which one it is ---------------------------------------------------------------------------------


def format_of(path: Path) -> str:
    """The format of a file or folder, by what is in it; raises SpecError where it is none of them."""
    folder, file = place_of(path)
    found = _of_file(folder, file) if file else _of_folder(folder)
    if not found:
        hint = f"name it: `--format {'|'.join(FORMATS)}`"
        refuse(folder.shown(file), 0, "this is no catalog that Tomo knows", hint)
    return found


def _of_file(folder: Folder, file: str) -> str:
    if file == runtipi.CONFIG or (file == "docker-compose.json" and folder.has(runtipi.CONFIG)):
        return "runtipi"
    if file == umbrel.MANIFEST:
        return "umbrel"
    if file == dokploy.TEMPLATE:
        return "dokploy"
    if file.endswith(".json"):
        return "portainer"
    return _of_yaml(folder, file) if file.endswith(compose.SUFFIXES) else ""


def _of_yaml(folder: Folder, file: str) -> str:
    """By the text, so that a file with mistakes is still told as what it is meant to be."""
    return _of_text(folder, folder.read(file).decode("utf-8", "replace"))


def _of_text(folder: Folder, text: str) -> str:
    rows = text.splitlines()
    if any(row.startswith(f"{casaos.KEY}:") for row in rows):
        return "casaos"
    if any(row.startswith(f"{runtipi.KEY}:") for row in rows) and folder.has(runtipi.CONFIG):
        return "runtipi"
    if folder.has(umbrel.MANIFEST):
        return "umbrel"
    if folder.has(dokploy.TEMPLATE):
        return "dokploy"
    return (
        "coolify"
        if coolify.header_of(text) or "SERVICE_URL_" in text or "SERVICE_FQDN_" in text
        else "compose"
    )


def _of_folder(folder: Folder) -> str:
    for inner in _folders(folder):
        for marker, name in (
            (umbrel.MANIFEST, "umbrel"),
            (runtipi.CONFIG, "runtipi"),
            (dokploy.TEMPLATE, "dokploy"),
        ):
            if inner.has(marker):
                return name
        main = compose.main_file(inner)
        if main and _of_text(inner, _sample(inner, main)) == "casaos":
            return "casaos"
    if folder.has("templates.json"):
        return "portainer"
    for inner in (
        (folder.sub("templates/compose"), folder) if folder.has_folder("templates/compose") else (folder,)
    ):
        names = [name for name in inner.files() if name.endswith(compose.SUFFIXES)]
        if any(coolify.header_of(_sample(inner, name)) for name in names[:_SAMPLE]):
            return "coolify"
    return "compose" if next(compose.candidates(folder), None) else ""


def _sample(folder: Folder, name: str) -> str:
    """A file's text; none of one that can't be read, which is told when its turn comes."""
    try:
        return folder.read(name).decode("utf-8", "replace")
    except SpecError:
        return ""


def _folders(folder: Folder) -> Iterator[Folder]:
    """The folder, and a few of those in which apps may lie."""
    yield folder
    for name in ("Apps", "apps", "blueprints"):
        if folder.has_folder(name):
            yield from (folder.sub(name).sub(each) for each in folder.sub(name).folders()[:_SAMPLE])
    yield from (folder.sub(each) for each in folder.folders()[:_SAMPLE])


# --- reading -----------------------------------------------------------------------------------------


def read_copy(path: Path, format_: str, taken: frozenset[str] = frozenset()) -> Iterator[Outcome]:
    """Every app of a copy, one after the other; what can't be read or mapped is an outcome with reasons.

    `taken` are ids that other catalogs have. Raises SpecError where the copy as a whole can't be read.
    """
    folder, file = place_of(path)
    ids = Names(taken if format_ == "compose" else ())
    for offered in FORMATS[format_](folder, file):
        candidate = replace(offered, name=line(writable(offered.name)))
        try:
            found = candidate.read()
            outcome = _outcome(candidate, found, ids)
        except SpecError as error:
            outcome = Outcome(candidate.name, candidate.file, reasons=_reasons(candidate, error))
        except RecursionError:
            problem = Problem(candidate.file, 0, "the file is nested too deep")
            outcome = Outcome(candidate.name, candidate.file, reasons=(problem,))
        yield outcome


def _reasons(candidate: Candidate, error: SpecError) -> tuple[Problem, ...]:
    """Mistakes as they are told: those of a definition that is never written have no line."""
    found = [
        replace(problem, file=candidate.file, line=0) if problem.file.startswith(NO_FILE) else problem
        for problem in error.problems
    ]
    return tuple(found[:_MOST_LINES])


def _outcome(candidate: Candidate, found: FoundApp, ids: Names) -> Outcome:
    prefix = "" if found.format == "compose" else f"{found.format}-"
    found.id = ids.take(slug(f"{prefix}{found.id}"))
    file = written(definition_of(found), f"{NO_FILE}{found.id}")
    ledger = found.ledger
    ledger.needs_grant += file.app.grants
    ledger.needs_person += [f"{message}: it can't be put on a server yet" for message in file.unsupported]
    return Outcome(candidate.name, candidate.file, found.id, ledger, file)
