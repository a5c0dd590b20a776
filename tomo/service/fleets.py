"""A fleet file as a program to run: its resources, its hosts, its secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

from tomo.catalog.index import Catalog
from tomo.errors import ConfigMissing, SpecError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostSpec
from tomo.model.declaration import Declarations
from tomo.model.images import ImageArchive
from tomo.model.snapshot import Snapshot
from tomo.model.step import Step
from tomo.model.update import AppUpdate
from tomo.model.urn import Urn
from tomo.model.values import Secret, Unknown
from tomo.resources.compile import CompiledFleet, compile_fleet
from tomo.resources.docker_notes import docker_notes
from tomo.resources.requirements import Shortfall, check_requirements
from tomo.resources.texts import FleetValues
from tomo.resources.tokens import APP, SERVER
from tomo.resources.updates import app_updates, recorded_versions, refused_jumps
from tomo.secrets.generate import generate
from tomo.service.hosts import declared_hosts, fleet_secrets
from tomo.service.workspace import Workspace
from tomo.spec.app import AppDefinition, Generate
from tomo.spec.base import SecretRef
from tomo.spec.check import check_fleet
from tomo.spec.fleet import App, Fleet, Server
from tomo.spec.inputs import generated_inputs
from tomo.spec.load import LoadedFleet
from tomo.state.config import StackConfig
from tomo.state.config_editor import StackConfigEditor


@frozen
class FleetProgram:
    """What a fleet declares, ready for the engine, and what it needs beside that."""

    fleet: Fleet
    definitions: Mapping[str, AppDefinition]
    compiled: CompiledFleet
    hosts: tuple[HostSpec, ...]
    generated: Mapping[str, Generate]
    missing_secrets: tuple[str, ...]
    history: Mapping[str, str] = field(default_factory=dict)
    """The checkpoints of the history that apps stand as: SHA-256 by the version's number."""
    images: ImageArchive | None = None
    """The fleet's bundle, where it names one."""

    @property
    def declarations(self) -> Declarations:
        """Its resources."""
        return self.compiled.declarations

    def shortfalls(self, before: Snapshot, after: Snapshot) -> Sequence[Shortfall]:
        """What servers lack for their apps, by the facts in the planned state."""
        facts = {entry.urn.name: entry.outputs for entry in after.resources if entry.type == SERVER}
        installed = {_app_and_server(entry.urn) for entry in before.resources if entry.type == APP}
        lacking = check_requirements(self.fleet, self.definitions, facts, installed)
        return [*lacking, *docker_notes(self.fleet, before, after)]

    def refused_jumps(self, before: Snapshot) -> Sequence[Shortfall]:
        """Updates that the apps' entries don't allow from the version that is recorded."""
        recorded = recorded_versions(before.resources)
        return tuple(refused_jumps(self.fleet, self.definitions, recorded))

    def updates(self, steps: Sequence[Step], before: Snapshot, after: Snapshot) -> tuple[AppUpdate, ...]:
        """The apps that planned steps bring to another version."""
        was, now = recorded_versions(before.resources), recorded_versions(after.resources)
        return app_updates(steps, was, now, self.fleet, self.definitions)

    def data_removals(self) -> frozenset[Urn]:
        """Volumes that the fleet file says to remove for good."""
        return frozenset(self.compiled.data_removals)

    def generate(self, editor: StackConfigEditor, names: Sequence[str]) -> None:
        """Puts new random values for the named secrets into the stack's config."""
        for name in names:
            editor.set_secret(name, new_value(self.generated[name]))


def new_value(how: Generate) -> str:
    """A new random value for an input that nobody sets."""
    return generate(how.kind, None if how.kind == "uuid" else how.length)


def _app_and_server(urn: Urn) -> tuple[str, str]:
    app, _, server = urn.name.rpartition("@")
    return app, server


def fleet_program(workspace: Workspace, config: StackConfig) -> FleetProgram:
    """The program of a workspace's fleet; raises SpecError with every mistake in the file."""
    loaded = workspace.fleet
    if loaded is None:
        raise UsageError(f"`{workspace.directory}` has no fleet file", hint="begin one with `tomo init`")
    fleet = loaded.fleet
    definitions = definitions_of(loaded, workspace.catalog)
    generated = generated_of(fleet, definitions)
    secrets = fleet_secrets(config)
    _require_secrets(loaded, secrets)
    missing = tuple(name for name in generated if name not in secrets)
    values = FleetValues({**secrets, **{name: Unknown(secret_source(name)) for name in missing}})
    compiled = compile_fleet(fleet, definitions, values)
    if workspace.adoption is not None:
        declared = workspace.adoption.declared(compiled.declarations, workspace.snapshot().resources)
        compiled = replace(compiled, declarations=declared)
    history: Mapping[str, str] = {}
    if any(app.present and app.rolled_back_to is not None for app in fleet.apps.values()):
        from tomo.service.rolled_back import as_rolled_back  # noqa: PLC0415  # few fleets have one

        declared, history = as_rolled_back(workspace, fleet, compiled.declarations)
        compiled = replace(compiled, declarations=declared)
    hosts = declared_hosts(fleet, config)
    images = bundle_of(loaded)
    return FleetProgram(fleet, definitions, compiled, hosts, generated, missing, history, images)


def bundle_of(loaded: LoadedFleet) -> ImageArchive | None:
    """The bundle that a fleet file names; it is opened when an image of it is first wanted."""
    if loaded.fleet.bundle is None:
        return None
    from tomo.catalog.bundle import Bundle  # noqa: PLC0415  # few fleets have one

    return Bundle(loaded.folder / loaded.fleet.bundle)


def secret_source(name: str) -> str:
    """Where the unknown of a secret comes from that the next apply generates."""
    return f"secret {name}"


def definitions_of(loaded: LoadedFleet, catalog: Catalog) -> Mapping[str, AppDefinition]:
    """Each app's definition by the app's name; raises SpecError where the fleet and catalog disagree."""
    problems = check_fleet(loaded, catalog.find, catalog.ids())
    if problems:
        raise SpecError(problems)
    return dict(known_definitions(loaded, catalog))


def known_definitions(loaded: LoadedFleet, catalog: Catalog) -> Mapping[str, AppDefinition]:
    """The same, also where the fleet is to be changed because the two disagree; raises AppNotFound."""
    return {name: definition_of_app(app, catalog) for name, app in loaded.fleet.apps.items()}


def definition_of_app(app: App, catalog: Catalog) -> AppDefinition:
    """What an app is, held against nothing; raises AppNotFound."""
    return app.definition or catalog.get(app.catalog_id)


def generated_of(fleet: Fleet, definitions: Mapping[str, AppDefinition]) -> dict[str, Generate]:
    """Which generated secrets the present apps need, by their name in the config."""
    found: dict[str, Generate] = {}
    for name, app in fleet.apps.items():
        if app.present:
            found.update(generated_inputs(name, definitions[name], app))
    return found


def _require_secrets(loaded: LoadedFleet, secrets: Mapping[str, Secret]) -> None:
    """Raises ConfigMissing for the first `{secret: NAME}` in the file that is not set."""
    missing = sorted({ref for ref in _secret_refs(loaded.fleet) if ref not in secrets})
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise ConfigMissing(
            f"`{loaded.file}` uses secrets that are not set: {names}",
            hint=f"set each: `tomo secret set {missing[0]}`",
        )


def _secret_refs(fleet: Fleet) -> Iterator[str]:
    for server in fleet.servers.values():
        for ref in (server.password, server.identity_password):
            if ref is not None:
                yield ref.secret
        yield from proxy_secrets(server)
    yield from (each.password.secret for each in fleet.registries.values() if each.password)
    for app in fleet.apps.values():
        if app.present:
            yield from _app_secret_refs(app)


def proxy_secrets(server: Server) -> tuple[str, ...]:
    """The secrets that hold the certificate of a server's proxy."""
    own = server.proxy.own_certificate if server.proxy else None
    return (own.certificate.secret, own.key.secret) if own else ()


def _app_secret_refs(app: App) -> Iterator[str]:
    values = [*app.inputs.values(), *app.env.values()]
    for settings in app.services.values():
        values.extend(settings.env.values())
    yield from (value.secret for value in values if isinstance(value, SecretRef))
