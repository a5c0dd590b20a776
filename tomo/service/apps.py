"""The apps of a fleet file: add, list, look at, change, remove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import reduce
from pathlib import Path
from typing import ClassVar

from tomo.catalog.index import Catalog
from tomo.frozen import frozen
from tomo.model.values import SECRET_SHOWN, Secret, Value
from tomo.resources.texts import FleetValues, Instance
from tomo.service.app_edits import (
    AppSettings,
    Edit,
    app_of,
    check_settings,
    entry_of,
    fleet_after,
    is_applied,
    pinned_for,
    require_secrets,
    require_servers,
    require_set,
    settings_edits,
    unset_edits,
    with_known_secrets,
)
from tomo.service.app_history import require_not_rolled_back
from tomo.service.catalogs import with_repository
from tomo.service.effect import Effect
from tomo.service.fleets import definitions_of, known_definitions, new_value, proxy_secrets
from tomo.service.hosts import fleet_secrets
from tomo.service.recording import audited
from tomo.service.sealing import sealing_editor
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec import edit
from tomo.spec.app import AppDefinition, Generate, Input, in_language
from tomo.spec.base import SecretRef
from tomo.spec.fleet import App
from tomo.spec.inputs import generated_inputs, input_values
from tomo.spec.load import LoadedFleet
from tomo.spec.overlay import Binding, app_url, bindings, overlaid
from tomo.state.config import StackConfig

# --- requests and results ----------------------------------------------------------------------------


@frozen
class AddAppRequest:
    """Put an app of the catalog into the fleet file, and make the secrets it needs."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    app: str
    servers: tuple[str, ...]
    name: str = ""
    settings: AppSettings = field(default_factory=AppSettings)


@frozen
class ChangeAppRequest:
    """Set or unset inputs, ports and reach of an app in the fleet file."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str
    settings: AppSettings
    unset: tuple[str, ...] = ()


@frozen
class RemoveAppRequest:
    """Mark an app as absent in the fleet file; with `remove_data` its volumes go too."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str
    remove_data: bool = False


@frozen
class AppsRequest:
    """The apps of the fleet file. Dials nothing, opens no secret."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class AddedApp:
    """An app as it was added."""

    file: Path
    view: AppView
    generated: tuple[str, ...]
    notes: str


@frozen
class RemovedApp:
    """What remains of a removed app. `forgotten`: nothing of it was on a server, so its entry is gone."""

    file: Path
    name: str
    data: tuple[str, ...]
    remove_data: bool
    forgotten: bool


@frozen
class InputView:
    """One input; a secret's value is never in it. `source`: set, default, generated, secret or none."""

    name: str
    value: str
    source: str
    required: bool
    description: str


@frozen
class AppView:
    """An app as the fleet file and its definition together have it."""

    name: str
    app: str
    version: str
    state: str
    servers: tuple[str, ...]
    urls: Mapping[str, str]
    hostnames: tuple[str, ...]
    inputs: tuple[InputView, ...]
    ports: Mapping[str, tuple[Binding, ...]]
    images: Mapping[str, str]
    volumes: tuple[str, ...]
    env: Mapping[str, Mapping[str, str]]
    rolled_back_to: int | None = None
    """The version of the history that it stands as: then what the others say is not how it is."""


# --- use cases ---------------------------------------------------------------------------------------


class Apps:
    """The use cases over a fleet's apps."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def definition(self, place: Place, app: str) -> AppDefinition:
        """The catalog's app, as this fleet has it; raises AppNotFound."""
        return with_repository(self._fleet(place)[0].catalog, app, self._doors.settings).get(app)

    @audited("app.add")
    def add(self, request: AddAppRequest) -> AddedApp:
        """Makes missing secrets first, then writes the app; a mistake leaves both files as they were."""
        workspace, loaded = self._fleet(request.place)
        catalog = with_repository(workspace.catalog, request.app, self._doors.settings)
        definition = catalog.get(request.app)
        definitions_of(loaded, workspace.catalog)
        name = request.name or definition.short_id
        known = fleet_secrets(workspace.config())
        check_settings(definition, request.settings)
        require_servers(loaded, request.servers)
        settings = with_known_secrets(name, definition, request.settings, known)
        require_secrets(name, settings, known)
        entry = entry_of(definition, request.servers, settings)

        def change(text: str) -> str:
            return edit.add_app(pinned_for(text, loaded, catalog, request.app), name, entry)

        after = self._changed(workspace, loaded, change, catalog)
        wanted = generated_inputs(name, definition, after.fleet.apps[name])
        made = self._generate(workspace, wanted, known)
        edit.edit_fleet(loaded.file, change)
        view = _view(after, name, definition)
        return AddedApp(loaded.file, view, made, in_language(definition.notes.after_install))

    def list(self, request: AppsRequest) -> tuple[AppView, ...]:
        """Every app, in the file's order."""
        workspace, loaded = self._fleet(request.place)
        definitions = definitions_of(loaded, workspace.catalog)
        return tuple(_view(loaded, name, definition) for name, definition in definitions.items())

    def show(self, request: AppsRequest, name: str) -> AppView:
        """One app."""
        workspace, loaded = self._fleet(request.place)
        app_of(loaded, name)
        return _view(loaded, name, definitions_of(loaded, workspace.catalog)[name])

    @audited("app.change")
    def change(self, request: ChangeAppRequest) -> AppView:
        """Writes the changes; apply then brings them to the servers."""
        workspace, loaded = self._fleet(request.place)
        app = app_of(loaded, request.name)
        definition = definitions_of(loaded, workspace.catalog)[request.name]
        require_not_rolled_back(request.name, app.rolled_back_to)
        check_settings(definition, request.settings)
        known = fleet_secrets(workspace.config())
        require_secrets(request.name, request.settings, known)
        require_set(request.name, app, request.unset)
        changes = [
            *settings_edits(request.name, app, request.settings),
            *unset_edits(request.name, request.unset),
        ]

        def change(text: str) -> str:
            return reduce(lambda done, each: each(done), changes, text)

        after = self._changed(workspace, loaded, change)
        if app.present:
            self._generate(
                workspace,
                generated_inputs(request.name, definition, after.fleet.apps[request.name]),
                known,
            )
        edit.edit_fleet(loaded.file, change)
        return _view(after, request.name, definition)

    def data_of(self, request: AppsRequest, name: str) -> tuple[str, ...]:
        """The volumes of an app as the servers know them, with the server: what removing data removes."""
        workspace, loaded = self._fleet(request.place)
        app_of(loaded, name)
        definition = definitions_of(loaded, workspace.catalog)[name]
        return _data(loaded, name, definition)

    @audited("app.remove")
    def remove(self, request: RemoveAppRequest) -> RemovedApp:
        """Leaves a tombstone, so that apply knows what to remove; data and secrets stay."""
        workspace, loaded = self._fleet(request.place)
        app_of(loaded, request.name)
        definition = definitions_of(loaded, workspace.catalog)[request.name]
        data = _data(loaded, request.name, definition)
        forgotten = not is_applied(workspace.snapshot(), request.name)

        def change(text: str) -> str:
            if forgotten:
                return edit.remove_app(text, request.name)
            return edit.mark_app_absent(text, request.name, remove_data=request.remove_data)

        self._changed(workspace, loaded, change)
        edit.edit_fleet(loaded.file, change)
        return RemovedApp(loaded.file, request.name, data, request.remove_data, forgotten)

    # --- parts ----------------------------------------------------------------------------------------

    def _fleet(self, place: Place) -> tuple[Workspace, LoadedFleet]:
        return (workspace := self._doors.open(place)), fleet_of(workspace)

    def _changed(
        self, workspace: Workspace, loaded: LoadedFleet, change: Edit, catalog: Catalog | None = None
    ) -> LoadedFleet:
        """The fleet as it would be; raises SpecError where that would be a mistake."""
        text = change(loaded.file.read_text("utf-8-sig"))
        return fleet_after(text, loaded, catalog or workspace.catalog)

    def _generate(
        self, workspace: Workspace, wanted: Mapping[str, Generate], known: Mapping[str, object]
    ) -> tuple[str, ...]:
        missing = tuple(name for name in wanted if name not in known)
        if missing:
            editor = sealing_editor(workspace)
            for name in missing:
                editor.set_secret(name, new_value(wanted[name]))
            editor.save()
        return missing


# --- what there is -----------------------------------------------------------------------------------


def _data(loaded: LoadedFleet, name: str, definition: AppDefinition) -> tuple[str, ...]:
    servers = loaded.fleet.servers_of(loaded.fleet.apps[name])
    names = _volume_names(loaded.fleet.apps[name], name, definition)
    return tuple(f"{volume} on {server}" for server in servers for volume in names)


def _volume_names(app: App, name: str, definition: AppDefinition) -> tuple[str, ...]:
    return tuple(app.names.volumes.get(volume, f"{name}-{volume}") for volume in definition.volumes)


def _view(loaded: LoadedFleet, name: str, definition: AppDefinition) -> AppView:
    app, fleet = loaded.fleet.apps[name], loaded.fleet
    laid = overlaid(name, definition, app)
    servers = {server: fleet.servers[server] for server in fleet.servers_of(app)}
    urls = {server: app_url(laid, app, spec) for server, spec in servers.items()}
    return AppView(
        name=name,
        app=definition.id,
        version=definition.version,
        state=app.state,
        servers=tuple(servers),
        urls={server: url for server, url in urls.items() if url and app.present},
        hostnames=app.hostnames,
        inputs=tuple(_input_view(name, definition, app)),
        ports={server: tuple(bindings(laid, spec)) for server, spec in servers.items()},
        images={key: service.image for key, service in laid.services.items()},
        volumes=_volume_names(app, name, definition),
        env=_env(loaded, name, definition),
        rolled_back_to=app.rolled_back_to.version if app.rolled_back_to is not None else None,
    )


def _input_view(name: str, definition: AppDefinition, app: App) -> Iterator[InputView]:
    values = input_values(name, definition, app)
    for entry in definition.inputs:
        if entry.hidden and entry.name not in app.inputs:
            continue
        value = values.get(entry.name)
        yield InputView(
            entry.name,
            "" if value is None else SECRET_SHOWN if entry.secret or isinstance(value, SecretRef) else value,
            _source(entry, app),
            entry.required,
            in_language(entry.description or entry.label or ""),
        )


def _source(entry: Input, app: App) -> str:
    given = app.inputs.get(entry.name)
    if isinstance(given, SecretRef):
        return f"secret {given.secret}"
    if given is not None:
        return "set"
    if entry.generate is not None:
        return "generated"
    return "default" if entry.default is not None else "none"


class _Masked(Mapping[str, Secret]):
    """Every secret there could be, with nothing in it."""

    def __getitem__(self, name: str) -> Secret:
        return Secret("")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _env(loaded: LoadedFleet, name: str, definition: AppDefinition) -> Mapping[str, Mapping[str, str]]:
    """Each service's variables as the app's first server would have them; secrets only say so."""
    fleet = loaded.fleet
    server = next(iter(fleet.servers_of(fleet.apps[name])))
    instance = Instance.of(fleet, name, definition, server, FleetValues(_Masked()))
    return {
        key: {variable: _open_text(instance.text(value)) for variable, value in service.env.items()}
        for key, service in instance.definition.services.items()
    }


def _open_text(value: Value) -> str:
    return value if isinstance(value, str) else SECRET_SHOWN


def used_secrets(loaded: LoadedFleet, catalog: Catalog, config: StackConfig) -> Mapping[str, list[str]]:
    """Where each set secret is used, by its name; an absent app whose data is kept still needs its own."""
    uses: dict[str, list[str]] = {name: [] for name in fleet_secrets(config)}
    for name, where in _uses(loaded, catalog):
        if name in uses and where not in uses[name]:
            uses[name].append(where)
    return uses


def _uses(loaded: LoadedFleet, catalog: Catalog) -> Iterator[tuple[str, str]]:
    for name, server in loaded.fleet.servers.items():
        for ref in (server.password, server.identity_password):
            if ref is not None:
                yield ref.secret, f"server {name}"
        yield from ((secret, f"proxy of server {name}") for secret in proxy_secrets(server))
    for address, registry in loaded.fleet.registries.items():
        if registry.password is not None:
            yield registry.password.secret, f"registry {address}"
    definitions = known_definitions(loaded, catalog)
    for name, app in loaded.fleet.apps.items():
        if app.remove_data:
            continue
        where = f"app {name}" if app.present else f"data of app {name}"
        yield from ((secret, where) for secret in generated_inputs(name, definitions[name], app))
        yield from ((secret, where) for secret in _referred(app))


def _referred(app: App) -> Iterator[str]:
    values = [*app.inputs.values(), *app.env.values()]
    files = [*app.secrets]
    for settings in app.services.values():
        values.extend(settings.env.values())
        files.extend(settings.secrets)
    yield from (value.secret for value in values if isinstance(value, SecretRef))
    yield from (file.secret for file in files if file.secret)
