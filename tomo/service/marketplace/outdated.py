"""What of a fleet is behind: apps against the catalog, and images against registries if that is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

from tomo.catalog.index import pins_of
from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.image import ImageName
from tomo.model.resource import ResourceState
from tomo.resources.tokens import REMOTE_IMAGE
from tomo.resources.updates import Versions, recorded_versions
from tomo.service.app_edits import app_of
from tomo.service.effect import Effect
from tomo.service.fleets import definitions_of
from tomo.service.marketplace.store import has_marketplace, marketplace_of
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.spec.app import AppDefinition
from tomo.spec.load import LoadedFleet

_SHA256: Final = "@sha256:"

Digests: TypeAlias = Mapping[str, str | TomoError]
"""What each image's name stands for in its registry now, or why that isn't known."""
AskRegistries: TypeAlias = Callable[[Iterable[str]], Digests]
"""Asks for the digests of images by their names."""


class ImageNews(StrEnum):
    """What a registry has for a name, against what runs."""

    SAME = "same"
    MOVED = "moved"
    """The name stands for another image now."""
    PINNED = "pinned"
    """The name holds a digest, so it never moves."""
    UNKNOWN = "unknown"
    """The image that runs came from no registry, or the registry did not say."""


@frozen
class OutdatedRequest:
    """Which apps are behind? All without names."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    apps: tuple[str, ...] = ()


@frozen
class ImageState:
    """An image that runs: its name, on which servers, its digest there, and that of the registry now."""

    image: str
    servers: tuple[str, ...]
    running: str
    registry: str
    news: ImageNews
    problem: str = ""


@frozen
class AppState:
    """An app: the versions that run, the catalog's, and a newer one of its repository that isn't pinned.

    `images` are empty where no registry was asked.
    """

    app: str
    ref: str
    servers: tuple[str, ...]
    running: tuple[str, ...]
    catalog: str
    unpinned: str = ""
    images: tuple[ImageState, ...] = ()

    @property
    def is_behind(self) -> bool:
        """Whether something newer is there, as far as it was asked for."""
        behind = bool(set(self.running) - {self.catalog}) or bool(self.unpinned)
        return behind or any(image.news is ImageNews.MOVED for image in self.images)


class Outdated:
    """The use case; it dials no server. Registries are asked where `ask` is given, and nowhere from here."""

    def __init__(self, doors: Doors, ask: AskRegistries | None = None) -> None:
        self._doors, self._ask = doors, ask

    def list(self, request: OutdatedRequest) -> tuple[AppState, ...]:
        """Every present app that was asked for, in the file's order, behind or not."""
        workspace = self._doors.open(request.place)
        loaded = fleet_of(workspace)
        for name in request.apps:
            app_of(loaded, name)
        definitions = definitions_of(loaded, workspace.catalog)
        resources = workspace.snapshot().resources
        recorded, newer = recorded_versions(resources), _unpinned(self._doors.settings, loaded)
        images = _images(resources)
        wanted = [
            name
            for name, app in loaded.fleet.apps.items()
            if app.present and (not request.apps or name in request.apps)
        ]
        digests: Digests = {}
        if self._ask is not None:
            digests = self._ask(
                image for name in wanted for image in images.get(name, {}) if _SHA256 not in image
            )
        return tuple(
            _state(
                name,
                definitions[name],
                recorded,
                newer,
                tuple(_image_states(images.get(name, {}), digests)) if self._ask is not None else (),
            )
            for name in wanted
        )


_Places = Mapping[str, Mapping[str, str]]
"""The digest that runs on each server, by the image's name."""


def _images(resources: Sequence[ResourceState]) -> Mapping[str, _Places]:
    """The images of each app as they are recorded."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for entry in resources:
        name, parent = entry.outputs.get("name"), entry.parent
        if entry.type != REMOTE_IMAGE or parent is None or not isinstance(name, str):
            continue
        app, _, server = parent.name.rpartition("@")
        digest = entry.outputs.get("repoDigest")
        told = digest.rpartition("@")[2] if isinstance(digest, str) else ""
        found.setdefault(app, {}).setdefault(name, {})[server] = told
    return found


def _image_states(places: _Places, digests: Digests) -> Iterator[ImageState]:
    """One for each digest that an image has somewhere."""
    for image, servers in sorted(places.items()):
        for digest in sorted(set(servers.values())):
            there = tuple(server for server, found in servers.items() if found == digest)
            yield _image_state(image, there, digest, digests.get(image))


def _image_state(
    image: str, servers: tuple[str, ...], running: str, now: str | TomoError | None
) -> ImageState:
    if _SHA256 in image:
        return ImageState(image, servers, running, ImageName.parse(image).digest, ImageNews.PINNED)
    if isinstance(now, TomoError):
        return ImageState(image, servers, running, "", ImageNews.UNKNOWN, now.message)
    if not running or not now:
        return ImageState(
            image, servers, running, now or "", ImageNews.UNKNOWN, "it was not pulled from there"
        )
    return ImageState(image, servers, running, now, ImageNews.SAME if now == running else ImageNews.MOVED)


def _state(
    name: str,
    definition: AppDefinition,
    recorded: Versions,
    newer: Mapping[str, str],
    images: tuple[ImageState, ...],
) -> AppState:
    there = {server: version for (app, server), version in recorded.items() if app == name}
    unpinned = newer.get(definition.id, "")
    return AppState(
        name,
        definition.id,
        tuple(there),
        tuple(sorted(set(there.values()))),
        definition.version,
        unpinned if unpinned != definition.version else "",
        images,
    )


def _unpinned(settings: Settings, loaded: LoadedFleet) -> Mapping[str, str]:
    """The versions that repositories have now, by ref, where the fleet file pins another state of them."""
    pins = {pin.name: pin.digest for pin in pins_of(loaded.fleet.repositories)}
    if not pins or not has_marketplace(settings):
        return {}
    refs = {app.app for app in loaded.fleet.apps.values() if app.app and "/" in app.app}
    keys = {(repository, app) for repository, _, app in (ref.partition("/") for ref in refs)}
    with marketplace_of(settings) as market:
        moved = {
            each.name for each in market.repositories() if pins.get(each.name, each.digest) != each.digest
        }
        return {app.ref: app.version for app in market.apps(keys) if app.repository in moved}
