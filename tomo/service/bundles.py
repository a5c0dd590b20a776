"""Bundles: the images and catalog entries of a fleet in one file, for servers that reach no registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from tomo.catalog.bundle import Bundle, BundledApp, BundledImage, BundleWriter
from tomo.errors import HostError, ImageNotFound, NotSupported, UsageError
from tomo.frozen import frozen
from tomo.model.connection import Connections, HostBook, HostSpec
from tomo.model.image import ImageName
from tomo.resources import tokens
from tomo.service.effect import Effect
from tomo.service.fleets import FleetProgram, fleet_program
from tomo.service.recording import recorded
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec.app import AppDefinition
from tomo.spec.edit import edit_fleet, set_value
from tomo.spec.near import did_you_mean
from tomo.spec.problems import build
from tomo.spec.shown import shown
from tomo.spec.yaml import parse
from tomo.state.files import write_atomically

Tell = Callable[[str], None]
_READABLE: Final = 0o644


def _quiet(_line: str) -> None:
    """Tells nobody."""


@frozen
class CreateBundle:
    """Write the images of a fleet's apps, and the app files of its catalogs, to a file.

    `apps` are names in the fleet, none for all. Images come from the servers that have them, from `server`
    alone where one is named. `tell` is given a line for each image.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    file: Path
    apps: tuple[str, ...] = ()
    server: str = ""
    tell: Tell = _quiet


@frozen
class ShowBundle:
    """What does a bundle hold? Every byte of it is checked."""

    effect: ClassVar[Effect] = Effect.READ
    file: Path


@frozen
class LoadBundle:
    """Have a fleet take its images from a bundle: check it, put its app files in place, name it in the file.

    `into` is the folder of app files, by default the first of the fleet's `catalogs`.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    file: Path
    into: Path | None = None


@frozen
class BundleContents:
    """What a bundle holds."""

    file: str
    images: tuple[BundledImage, ...]
    apps: tuple[BundledApp, ...]

    @property
    def size(self) -> int:
        """Bytes of all images together."""
        return sum(image.size for image in self.images)


@frozen
class LoadedBundle:
    """What became of a bundle's app files; the fleet file names the bundle now."""

    contents: BundleContents
    folder: str
    written: tuple[str, ...]
    unchanged: tuple[str, ...]


class Bundles:
    """The use cases over bundles. No server is changed by any of them: that is for `tomo apply`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def create(self, request: CreateBundle) -> BundleContents:
        """Writes a bundle; raises ImageNotFound for an image that no server has, and writes nothing then."""
        with recorded(self._doors, "bundle.create", str(request.file.absolute())) as act:
            made = self._created(request)
            act.details |= {"images": str(len(made.images)), "apps": str(len(made.apps))}
        return made

    def show(self, request: ShowBundle) -> BundleContents:
        """The checked contents; raises BundleDamaged."""
        contents = Bundle(request.file).verify()
        return BundleContents(str(request.file), contents.images, contents.apps)

    def load(self, request: LoadBundle) -> LoadedBundle:
        """Checks all of it before anything is written."""
        with recorded(self._doors, "bundle.load", str(request.file.absolute())) as act:
            result = self._loaded(request)
            act.details |= {"images": str(len(result.contents.images)), "apps": str(len(result.written))}
        return result

    # --- creating --------------------------------------------------------------------------------

    def _created(self, request: CreateBundle) -> BundleContents:
        workspace = self._doors.open(request.place)
        program = fleet_program(workspace, workspace.config())
        _check_names(program, request)
        wanted = _images_of(program, request)
        specs_of = partial(_specs, by_name={spec.name: spec for spec in program.hosts})
        files = dict(_app_files(workspace, program, request.apps))
        with (
            self._doors.open_connections(HostBook(program.hosts)) as connections,
            BundleWriter(request.file) as writer,
        ):
            images = tuple(
                writer.add_image(image, self._saved(connections, image, specs_of(servers), request.tell))
                for image, servers in sorted(wanted.items())
            )
            for app_id, content in sorted(files.items()):
                writer.add_app(app_id, content)
        return BundleContents(str(request.file), images, Bundle(request.file).contents.apps)

    def _saved(
        self, connections: Connections, image: str, specs: Sequence[HostSpec], tell: Tell
    ) -> Iterator[bytes]:
        """An image from the first server that has it."""
        from tomo.providers.docker import images  # noqa: PLC0415  # nothing else here needs a provider
        from tomo.providers.docker.daemon import Daemon  # noqa: PLC0415
        from tomo.providers.docker.registry_auth import RegistryLogins  # noqa: PLC0415
        from tomo.providers.docker.resource import Host  # noqa: PLC0415

        silent: list[str] = []
        for spec in specs:
            host = Host(Daemon(connections.get(spec), spec.label), RegistryLogins((), self._doors.settings))
            try:
                there = images.find(host, image) is not None
            except HostError as error:
                silent.append(error.message)
                continue
            if there:
                tell(f"saving {image} from {spec.label}")
                yield from images.save(host, image)
                return
        asked = ", ".join(f"`{spec.label}`" for spec in specs)
        raise ImageNotFound(
            f"the image `{image}` is on none of {asked}",
            host="",
            detail="\n".join(silent),
            hint="apply the fleet where there is a registry first, or name a server with it: `--from NAME`",
        )

    # --- loading ---------------------------------------------------------------------------------

    def _loaded(self, request: LoadBundle) -> LoadedBundle:
        workspace = self._doors.open(request.place)
        loaded = workspace.fleet
        if loaded is None:
            raise UsageError(
                f"`{workspace.directory}` has no fleet file",
                hint="begin one with `tomo init`",
            )
        bundle = Bundle(request.file)
        contents = bundle.verify()
        folder = request.into or next(iter(loaded.catalogs), None)
        texts = {app.id: bundle.app(app) for app in contents.apps}
        changed = _changed(texts, folder)
        for app_id in changed:
            place = _file_of(folder, app_id)
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, texts[app_id], mode=_READABLE)
        named = _relative(request.file, loaded.folder)
        edit_fleet(loaded.file, lambda text: set_value(text, ("bundle",), named))
        told = BundleContents(str(request.file), contents.images, contents.apps)
        unchanged = tuple(app_id for app_id in texts if app_id not in changed)
        return LoadedBundle(told, str(folder or ""), changed, unchanged)


def _check_names(program: FleetProgram, request: CreateBundle) -> None:
    for name in request.apps:
        if name not in program.fleet.apps:
            hint = did_you_mean(name, program.fleet.apps, "`tomo app list` shows all")
            raise UsageError(f"the fleet has no app `{shown(name)}`", hint=hint)
    if request.server and request.server not in program.fleet.servers:
        hint = did_you_mean(request.server, program.fleet.servers, "`tomo server list` shows all")
        raise UsageError(f"the fleet has no server `{shown(request.server)}`", hint=hint)


def _images_of(program: FleetProgram, request: CreateBundle) -> Mapping[str, list[str]]:
    """By image, the servers that are asked for it."""
    found: dict[str, list[str]] = {}
    for each in program.declarations.resources:
        app = (each.parent or "").removeprefix("app/").rpartition("@")[0]
        if each.type != tokens.REMOTE_IMAGE or (request.apps and app not in request.apps):
            continue
        image = str(each.inputs["name"])
        if ImageName.parse(image).digest:
            raise UsageError(
                f"`{image}` is named by its digest, which Docker forgets when an image is saved",
                hint="name the image by its tag for a bundle; the bundle keeps a digest of its own",
            )
        servers = found.setdefault(image, [])
        servers.append(request.server or each.name.rpartition("@")[2])
    if not found:
        raise UsageError("the fleet has no image to bundle", hint="add an app with `tomo app add APP`")
    return found


def _specs(servers: Sequence[str], by_name: Mapping[str, HostSpec]) -> list[HostSpec]:
    return [by_name[name] for name in dict.fromkeys(servers)]


def _app_files(
    workspace: Workspace, program: FleetProgram, apps: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """The app files that the apps come from; one that is written into the fleet file has none."""
    for name, app in program.fleet.apps.items():
        if app.present and app.definition is None and (not apps or name in apps):
            if "/" in app.catalog_id:
                raise NotSupported(
                    f"`{app.catalog_id}` of the app `{name}` is of a repository, which no bundle carries",
                    hint="copy its app file into a folder of `catalogs`",
                )
            file = workspace.catalog.file_of(app.catalog_id)
            if file is not None:
                yield app.catalog_id, file.read_bytes()


def _changed(texts: Mapping[str, bytes], folder: Path | None) -> tuple[str, ...]:
    """The app files that are not there yet, each read as one; raises where a different one is."""
    from tomo.catalog.index import Catalog  # noqa: PLC0415  # for this check only

    bundled = Catalog.bundled()
    changed: list[str] = []
    for app_id, text in texts.items():
        definition = build(AppDefinition, parse(text, f"{app_id}.yaml"))
        if definition.id != app_id:
            raise UsageError(f"the bundle has the app `{definition.id}` as `{app_id}`", hint="make it anew")
        own = bundled.file_of(app_id)
        if own is not None and own.read_bytes() == text:
            continue
        place = _file_of(folder, app_id)
        if not place.exists():
            changed.append(app_id)
        elif place.read_bytes() != text:
            raise UsageError(
                f"`{place}` is there and differs from the bundle's",
                hint="move it away, or give another folder with `--into`",
            )
    return tuple(changed)


def _file_of(folder: Path | None, app_id: str) -> Path:
    if folder is None:
        raise UsageError(
            f"the bundle brings the app `{app_id}`, and the fleet has no folder for it",
            hint="write `catalogs: [catalog]` into the fleet file, or give a folder with `--into`",
        )
    return folder / f"{app_id}.yaml"


def _relative(file: Path, folder: Path) -> str:
    """A bundle's path as the fleet file names it."""
    whole, here = file.absolute(), folder.absolute()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
