"""Pins the images of app files to digests, which registries are asked for; everything else stays as it is.

An app that ships with Tomo is pinned in a copy among the fleet's own files, which then stands in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from tomo.catalog.index import APPS, SUFFIX, Catalog, app_files, bundled_folder, is_pinned_copy
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
from tomo.spec.near import NAME
from tomo.spec.shown import shown
from tomo.spec.yaml import parse

_BOM = "\ufeff"


@frozen
class PinImagesRequest:
    """Pin the images of app files: of `paths`, or of the fleet's own folders without any.

    A path that isn't there and is the id of an app that ships means that app. With `refresh` names that
    hold a digest already get the one that their tag stands for now.
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
        """Pins each file; raises UsageError where the fleet has no folder of its own and one is needed."""
        place = request.place
        found = [each for path in request.paths or self._own(place) for each in self._sources(path, place)]
        files = [each.file for each in found]
        images = {each.file: _images(each.text, each.file) for each in found}
        wanted = {file: dict(_wanted(found, refresh=request.refresh)) for file, found in images.items()}
        with recorded(
            self._doors, "catalog.digests", ", ".join(map(str, request.paths)), changes=files
        ) as act:
            asked = {tag for found in wanted.values() for tag in found.values()}
            digests = FleetRegistries(self._doors, request.place).digests(asked)
            done = tuple(_pinned(each, images[each.file], wanted[each.file], digests) for each in found)
            act.details["images"] = str(sum(len(each.images) for each in done))
        return done

    def _sources(self, path: Path, place: Place) -> Iterator[_Source]:
        """The files that a path means, or a copy to be of the app that ships under that id."""
        shipped = None if path.exists() else _shipped(str(path))
        if shipped is None:
            yield from (_Source(file, read_bytes(file)) for file in app_files(path))
            return
        copy = self._own(place)[0] / shipped.name
        if not copy.exists():
            yield _Source(copy, read_bytes(shipped), is_new=True)
            return
        text, original = read_bytes(copy), read_bytes(shipped)
        if not is_pinned_copy(text, original):
            raise UsageError(
                f"`{copy}` is not the `{path}` that ships with Tomo now",
                hint="remove it if it is an older copy, then run the command again",
            )
        yield _Source(copy, text)

    def _own(self, place: Place) -> tuple[Path, ...]:
        found: tuple[Path, ...] = ()
        if place.file is not None or (place.directory / FLEET_FILE).is_file():
            catalog: Catalog = self._doors.open(place).catalog
            found = catalog.own_folders
        if not found:
            raise UsageError(
                "there are no app files of your own here",
                hint="name them: `tomo catalog pin PATH`, "
                "or make a folder and name it in the fleet file, such as `catalogs: [apps]`",
            )
        return found


@frozen
class _Source:
    """An app file and its text; a new one is written when its images are known."""

    file: Path
    text: bytes
    is_new: bool = False


def _shipped(app_id: str) -> Path | None:
    """The file of an app that ships with Tomo; None where there is none of that id."""
    file = bundled_folder() / APPS / f"{app_id}{SUFFIX}"
    return file if re.fullmatch(NAME, app_id) and file.is_file() else None


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
    source: _Source, images: Mapping[str, str], wanted: Mapping[str, str], digests: Digests
) -> PinnedFile:
    file = source.file
    problems = tuple(_problems(images, wanted, digests))
    changed = {
        service: (images[service], f"{name}@{digest}")
        for service, name in wanted.items()
        if isinstance(digest := digests[name], str) and images[service] != f"{name}@{digest}"
    }
    if problems or not changed:
        return PinnedFile(file, {}, problems)
    try:
        _write(source, _edited(source.text, changed))
    except (SpecError, TomoError) as error:
        return PinnedFile(file, {}, (error.message,))
    return PinnedFile(file, changed)


def _write(source: _Source, text: bytes) -> None:
    if not source.is_new:
        replace_file(source.file, source.text, text)
        return
    try:
        source.file.parent.mkdir(parents=True, exist_ok=True)
        with source.file.open("xb") as stream:
            stream.write(text)
    except OSError as error:
        raise TomoError(
            f"`{source.file}` cannot be written: {error.strerror}",
            hint="check its owner and the disk's space",
        ) from error


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
