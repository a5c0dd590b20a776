"""What of a fleet is backed up: each app on each of its servers, its volumes, and what is done around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from graphlib import TopologicalSorter

from tomo.backup.keep import Keep
from tomo.backup.manifest import VolumeEntry
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostSpec
from tomo.resources.apps import AppOnServer
from tomo.resources.texts import FleetValues, Instance
from tomo.service.fleets import definitions_of
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.server_edits import fleet_of
from tomo.service.workspace import Workspace
from tomo.spec.app import Backup
from tomo.spec.backup import AppBackup, BackupSettings
from tomo.spec.backup import Keep as KeepSpec
from tomo.spec.fleet import App
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.state.config import StackConfig


@frozen
class Around:
    """What is done around the copy: the app stops, or commands run in its main container."""

    stop: bool = False
    pre: tuple[tuple[str, ...], ...] = ()
    post: tuple[tuple[str, ...], ...] = ()


@frozen
class Target:
    """An app on a server. `containers` are in the order in which they start; `exclude` is by volume."""

    app: str
    server: str
    spec: HostSpec
    version: str
    volumes: tuple[VolumeEntry, ...]
    exclude: Mapping[str, tuple[str, ...]]
    containers: tuple[str, ...]
    images: Mapping[str, str]
    main: str
    around: Around
    keep: Keep = Keep()
    every_volume: tuple[VolumeEntry, ...] = field(default=())

    @property
    def instance(self) -> str:
        """The app on its server."""
        return f"{self.app}@{self.server}"


def settings_of(workspace: Workspace) -> BackupSettings:
    """Where the fleet's backups go; raises UsageError where its file doesn't say."""
    found = fleet_of(workspace).fleet.backup
    if found is None:
        raise UsageError(
            f"`{fleet_of(workspace).file}` doesn't say where backups go",
            hint="add `backup: {to: FOLDER, recipients: [age1…]}`; see docs/backup.md",
        )
    return found


def keep_of(found: KeepSpec) -> Keep:
    """The rules as the room of backups has them."""
    return Keep(found.last, found.daily, found.weekly, found.monthly)


def targets_of(
    workspace: Workspace, config: StackConfig, names: Sequence[str] = (), *, empty: bool = False
) -> tuple[Target, ...]:
    """The apps that are backed up, or those that are named, as `APP` or `APP@SERVER`.

    Raises UsageError for a name that is none of them, and unless `empty` for one without data to back up.
    """
    loaded = fleet_of(workspace)
    settings, fleet = loaded.fleet.backup, loaded.fleet
    definitions = definitions_of(loaded, workspace.catalog)
    secrets = fleet_secrets(config)
    found = []
    for name, app in fleet.apps.items():
        for server in fleet.servers_of(app) if app.present else ():
            spec = host_spec(server, fleet.servers[server], secrets)
            instance = Instance.of(fleet, name, definitions[name], server, FleetValues())
            found.append(_target(AppOnServer(instance), spec, settings.keep if settings else KeepSpec()))
    if not names:
        return tuple(each for each in found if each.volumes)
    return tuple(each for name in names for each in _named(name, found, fleet.apps, empty=empty))


def _named(name: str, found: Sequence[Target], apps: Mapping[str, App], *, empty: bool) -> list[Target]:
    meant = [each for each in found if name in {each.app, each.instance}]
    if not meant:
        hint = did_you_mean(name, [*apps, *(each.instance for each in found)], "see `tomo status`")
        raise UsageError(f"the fleet runs no app `{shown(name)}`", hint=hint)
    without = [each.instance for each in meant if not each.volumes]
    if without and not empty:
        raise UsageError(
            f"`{without[0]}` has nothing to back up: no volume of it, or none that a backup should hold",
            hint="see `volumes` and `backup` of the app",
        )
    return meant


def _target(app: AppOnServer, spec: HostSpec, keep: KeepSpec) -> Target:
    instance = app.instance
    definition, own = instance.definition, _own(instance.app)
    block = definition.backup or Backup()
    left_out = instance.app.backup is False
    every = tuple(VolumeEntry(name, app.volume_name(name)) for name in definition.volumes)
    held = tuple(each for each in every if definition.volumes[each.name].backup and not left_out)
    exclude = {
        name: (*volume.exclude, *block.exclude, *own.exclude) for name, volume in definition.volumes.items()
    }
    order = TopologicalSorter({name: tuple(each.depends_on) for name, each in definition.services.items()})
    return Target(
        instance.name,
        instance.server_name,
        spec,
        definition.version,
        held,
        exclude,
        tuple(app.docker_name(name) for name in order.static_order()),
        {name: service.image for name, service in definition.services.items()},
        app.docker_name(definition.main_service),
        _around(block, own),
        keep_of(own.keep or keep),
        every,
    )


def _around(block: Backup, own: AppBackup) -> Around:
    # The files of a running database are no copy of it, so who says nothing is stopped.
    by_app = not block.pre if block.stop is None else block.stop
    stop = by_app if own.stop is None else own.stop
    return Around(stop) if stop else Around(stop=False, pre=block.pre, post=block.post)


def _own(app: App) -> AppBackup:
    return app.backup if isinstance(app.backup, AppBackup) else AppBackup()


def hosts_of_targets(targets: Sequence[Target]) -> Iterator[HostSpec]:
    """How their servers are reached."""
    seen: set[str] = set()
    for target in targets:
        if target.server not in seen:
            seen.add(target.server)
            yield target.spec
