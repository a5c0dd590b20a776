"""Pins the images of app files to digests, which registries are asked for; everything else stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from tomo.catalog.index import Catalog, app_files
from tomo.errors import SpecError, TomoError, UsageError
from tomo.frozen import frozen
from tomo.service.effect import Effect
from tomo.service.marketplace.outdated import Digests
from tomo.service.marketplace.registries import FleetRegistries
from tomo.service.recording import recorded
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec import edit
from tomo.spec.edit import replace_file
from tomo.spec.files import FLEET_FILE, read_bytes
from tomo.spec.shown import shown
from tomo.spec.yaml import parse

_BOM = "\ufeff"


@frozen
class PinImagesRequest:
    """Pin the images of app files: of `paths`, or of the fleet's own folders without any.

    With `refresh` names that hold a digest already get the one that their tag stands for now.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    paths: tuple[Path, ...] = ()
    refresh: bool = False


@frozen
class PinnedFile:
    """An app file: its images before and after by service, and what kept it from being pinned.

    A file with a problem stays as it is, whole.
    """

    file: Path
    images: Mapping[str, tuple[str, str]]
    problems: tuple[str, ...] = ()


class Pinning:
    """The use case; it asks registries, and writes app files."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def run(self, request: PinImagesRequest) -> tuple[PinnedFile, ...]:
        """Pins each file; raises UsageError where none is named and the fleet has no folder of its own."""
        files = [file for path in request.paths or self._own(request.place) for file in app_files(path)]
        texts = {file: read_bytes(file) for file in files}
        images = {file: _images(text, file) for file, text in texts.items()}
        wanted = {file: dict(_wanted(found, refresh=request.refresh)) for file, found in images.items()}
        with recorded(
            self._doors, "catalog.digests", ", ".join(map(str, request.paths)), changes=files
        ) as act:
            asked = {tag for found in wanted.values() for tag in found.values()}
            digests = FleetRegistries(self._doors, request.place).digests(asked)
            done = tuple(_pinned(file, texts[file], images[file], wanted[file], digests) for file in files)
            act.details["images"] = str(sum(len(each.images) for each in done))
        return done

    def _own(self, place: Place) -> tuple[Path, ...]:
        found: tuple[Path, ...] = ()
        if place.file is not None or (place.directory / FLEET_FILE).is_file():
            catalog: Catalog = self._doors.open(place).catalog
            found = catalog.own_folders
        if not found:
            raise UsageError(
                "there are no app files of your own here",
                hint="name them: `tomo catalog pin PATH`, or `catalogs:` in the fleet file",
            )
        return found


def _images(text: bytes, file: Path) -> dict[str, str]:
    """The image of each service, as it stands in the file; raises SpecError for what is no app file."""
    value = parse(text, str(file)).value
    services = value.get("services") if isinstance(value, dict) else None
    found = services.items() if isinstance(services, dict) else ()
    return {
        str(name): service["image"]
        for name, service in found
        if isinstance(service, dict) and isinstance(service.get("image"), str)
    }


def _wanted(images: Mapping[str, str], *, refresh: bool) -> Iterator[tuple[str, str]]:
    """The name to ask for by service: with its tag, without the digest it may have."""
    for service, image in images.items():
        name, pinned, _ = image.partition("@")
        if "${" not in image and (not pinned or (refresh and _has_tag(name))):
            yield service, name


def _has_tag(name: str) -> bool:
    return ":" in name.rsplit("/", 1)[-1]


def _pinned(
    file: Path, text: bytes, images: Mapping[str, str], wanted: Mapping[str, str], digests: Digests
) -> PinnedFile:
    problems = tuple(_problems(images, wanted, digests))
    changed = {
        service: (images[service], f"{name}@{digest}")
        for service, name in wanted.items()
        if isinstance(digest := digests[name], str) and images[service] != f"{name}@{digest}"
    }
    if problems or not changed:
        return PinnedFile(file, {}, problems)
    try:
        replace_file(file, text, _edited(text, changed))
    except (SpecError, TomoError) as error:
        return PinnedFile(file, {}, (error.message,))
    return PinnedFile(file, changed)


def _problems(images: Mapping[str, str], wanted: Mapping[str, str], digests: Digests) -> Iterator[str]:
    for image in images.values():
        if "${" in image:
            yield f"`{shown(image)}` depends on an input, so it has no one digest"
    for name in wanted.values():
        if isinstance(error := digests[name], TomoError):
            yield error.message


def _edited(text: bytes, changed: Mapping[str, tuple[str, str]]) -> bytes:
    written = text.decode()
    marked = written.startswith(_BOM)
    written = written.removeprefix(_BOM)
    for service, (_, after) in changed.items():
        written = edit.set_value(written, ("services", service, "image"), after)
    return (_BOM * marked + written).encode()
