"""The changes of a fleet that can be proposed. Each makes another text of the fleet file's, comments kept.

No change holds a secret's value: where one is needed, it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial, reduce
from typing import ClassVar, Final, TypeAlias

from tomo.catalog.index import Catalog
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.proposal import Json
from tomo.model.snapshot import Snapshot
from tomo.service.app_edits import (
    AppSettings,
    Edit,
    app_of,
    check_settings,
    entry_of,
    is_applied,
    pinned_for,
    require_secrets,
    require_servers,
    require_set,
    setting,
    settings_edits,
    unset_edits,
    with_known_secrets,
)
from tomo.service.app_history import require_not_rolled_back
from tomo.service.fleets import definition_of_app
from tomo.service.new_versions import require_present, rolled_back, with_new_versions
from tomo.service.server_edits import NewServer, refuse_in_use, refuse_installed, server_of
from tomo.spec import edit
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import RolledBack
from tomo.spec.load import LoadedFleet
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

_SERVER_FIELDS: Final = (
    "become", "docker", "host", "host_key", "identity", "labels", "lan", "port", "proxy_jump", "timezone",
    "user",
)  # fmt: skip
_SECRET_FIELDS: Final = ("identity_password", "password")


@frozen
class FleetBase:
    """What a change starts from: the fleet file's text and what it says, its apps, secrets and state.

    `known` are the names of the secrets that are set; `mark_of` finds what an app can go back to.
    """

    text: str
    loaded: LoadedFleet
    catalog: Catalog
    known: Mapping[str, object]
    snapshot: Snapshot
    mark_of: Callable[[str, int | None], RolledBack]

    def definition(self, name: str) -> AppDefinition:
        """What the app of a name is."""
        return definition_of_app(app_of(self.loaded, name), self.catalog)


# --- servers -----------------------------------------------------------------------------------------


@frozen
class AddServer:
    """A server enters the fleet. `password_secret` names the secret of the login's password."""

    kind: ClassVar[str] = "add-server"
    server: NewServer
    docker: bool = True
    password_secret: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    lan: str = ""
    timezone: str = ""

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"add the server {shown(self.server.name)} at {shown(str(self.server.address))}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with it."""
        _require_known(self.password_secret, base, self.server.name)
        optional: dict[str, object] = {
            "password": {"secret": self.password_secret} if self.password_secret else None,
            "docker": None if self.docker else False,
            "labels": dict(self.labels) or None,
            "lan": self.lan or None,
            "timezone": self.timezone or None,
        }
        given = {key: value for key, value in optional.items() if value is not None}
        return edit.add_server(base.text, self.server.name, {**self.server.entry(), **given})


@frozen
class SetServer:
    """Fields of a server get other values. `secrets` names the secrets of `password`, `identity_password`."""

    kind: ClassVar[str] = "set-server"
    name: str
    fields: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it does, as an order."""
        names = ", ".join(shown(name) for name in (*self.fields, *self.secrets, *self.unset))
        return f"set {names or 'nothing'} of the server {shown(self.name)}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with them."""
        server_of(base.loaded, self.name)
        for name in (*self.fields, *(each for each in self.unset if each not in _SECRET_FIELDS)):
            _require_field(name, _SERVER_FIELDS)
        for name, secret in self.secrets.items():
            _require_field(name, _SECRET_FIELDS)
            _require_known(secret, base, self.name)
        values = {**self.fields, **{name: {"secret": each} for name, each in self.secrets.items()}}
        text = base.text
        for name, value in values.items():
            text = edit.set_value(text, ("servers", self.name, name), value)
        for name in self.unset:
            text = edit.remove_value(text, ("servers", self.name, name))
        return text


@frozen
class InstallDocker:
    """Docker comes onto a server, from where and in which version; `""` is the newest."""

    kind: ClassVar[str] = "install-docker"
    server: str
    channel: str = "distro"
    version: str = ""
    registry_mirrors: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it does, as an order."""
        version = f" {shown(self.version)}" if self.version else ""
        return f"install Docker{version} on {shown(self.server)}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with it; where it says so already, the same."""
        server = server_of(base.loaded, self.server)
        options: dict[str, object] = {
            "channel": self.channel if self.channel != "distro" else None,
            "version": self.version or None,
            "registry_mirrors": list(self.registry_mirrors) or None,
        }
        given = {key: value for key, value in options.items() if value is not None}
        if not given:
            known = server.docker_options is not None
            return (
                base.text
                if known
                else edit.set_value(base.text, ("servers", self.server, "docker"), value=True)
            )
        if not isinstance(server.docker, bool):
            edits = [setting(("servers", self.server, "docker", key), value) for key, value in given.items()]
            return _all(edits, base.text)
        return edit.set_value(base.text, ("servers", self.server, "docker"), given)


@frozen
class RemoveServer:
    """A server that nothing of the fleet is on any more leaves it; the machine is left alone."""

    kind: ClassVar[str] = "remove-server"
    name: str

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"remove the server {shown(self.name)} from the fleet"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file without it."""
        server = server_of(base.loaded, self.name)
        refuse_in_use(base.loaded.fleet, self.name, server)
        refuse_installed(base.snapshot, self.name)
        return edit.remove_server(base.text, self.name)


@frozen
class FullCleanup:
    """Every app leaves a server; with nothing left there, the server leaves the fleet.

    These are two proposals, one after the other: a server that Tomo no longer knows can't be cleaned. An app
    that is on other servers too stays there, and keeps its data on this one.
    """

    kind: ClassVar[str] = "full-cleanup"
    name: str
    remove_data: bool = False

    @property
    def title(self) -> str:
        """What it does, as an order."""
        data = " and its data" if self.remove_data else ""
        return f"remove everything{data} from the server {shown(self.name)}, then the server itself"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with the next of the two steps."""
        server_of(base.loaded, self.name)
        fleet = base.loaded.fleet
        here = [name for name, app in fleet.apps.items() if self.name in fleet.servers_of(app)]
        present = [name for name in here if fleet.apps[name].present]
        if present:
            return _all((self._without(base, name) for name in present), base.text)
        refuse_installed(base.snapshot, self.name)
        return edit.remove_server(_all(map(partial(self._forgetting, base), here), base.text), self.name)

    def _forgetting(self, base: FleetBase, name: str) -> Edit:
        """The tombstone of an app that is gone from its servers, without this one."""
        others = [server for server in base.loaded.fleet.apps[name].servers if server != self.name]
        return setting(("apps", name, "servers"), others) if others else _removing(name)

    def _without(self, base: FleetBase, name: str) -> Edit:
        app = base.loaded.fleet.apps[name]
        others = [server for server in app.servers if server != self.name]
        if app.labels and base.loaded.fleet.servers_of(app) != (self.name,):
            raise UsageError(
                f"the app `{name}` is on `{self.name}` by a label, and on other servers too",
                hint=f"first change the labels of `{self.name}`: propose `set_server` with `labels`",
            )
        if others:
            return setting(("apps", name, "servers"), others)
        if not is_applied(base.snapshot, name):
            return _removing(name)
        return lambda text: edit.mark_app_absent(text, name, remove_data=self.remove_data)


# --- apps --------------------------------------------------------------------------------------------


@frozen
class InstallApp:
    """An app of the catalog comes onto servers. Secrets that it generates are made when it is applied."""

    kind: ClassVar[str] = "install-app"
    app: str
    servers: tuple[str, ...]
    name: str = ""
    settings: AppSettings = field(default_factory=AppSettings)

    @property
    def title(self) -> str:
        """What it does, as an order."""
        as_ = f" as {shown(self.name)}" if self.name and self.name != self.app else ""
        return f"install {shown(self.app)}{as_} on {', '.join(map(shown, self.servers))}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with it."""
        if not self.servers:
            raise UsageError(
                f"where is `{shown(self.app)}` to be installed?", hint="name a server of the fleet"
            )
        definition = base.catalog.get(self.app)
        text = pinned_for(base.text, base.loaded, base.catalog, self.app)
        name = self.name or definition.short_id
        check_settings(definition, self.settings)
        require_servers(base.loaded, self.servers)
        settings = with_known_secrets(name, definition, self.settings, base.known)
        require_secrets(name, settings, base.known)
        return edit.add_app(text, name, entry_of(definition, self.servers, settings))


@frozen
class UpdateApp:
    """An app gets other settings, images by service (`""` is its main one), or an expected version."""

    kind: ClassVar[str] = "update-app"
    name: str
    settings: AppSettings = field(default_factory=AppSettings)
    images: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    unset: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it does, as an order."""
        said = self.settings
        names = [
            *self.images.values(),
            *said.inputs,
            *said.secrets,
            *said.ports,
            *said.env,
            *said.env_secrets,
            *said.hostnames,
        ]
        names += [*(["exposure"] if said.exposure else []), *self.unset]
        names += [f"version {self.version}"] if self.version else []
        return f"update the app {shown(self.name)}: {', '.join(map(shown, names)) or 'nothing'}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with them."""
        app, definition = app_of(base.loaded, self.name), base.definition(self.name)
        if not app.present:
            raise UsageError(f"the app `{self.name}` is being removed", hint="propose to install it again")
        require_not_rolled_back(self.name, app.rolled_back_to)
        check_settings(definition, self.settings)
        require_secrets(self.name, self.settings, base.known)
        require_set(self.name, app, self.unset)
        edits = [
            *settings_edits(self.name, app, self.settings),
            *self._images(definition),
            *unset_edits(self.name, self.unset),
        ]
        if self.version:
            edits.append(setting(("apps", self.name, "version"), self.version))
        return _all(edits, base.text)

    def _images(self, definition: AppDefinition) -> Iterator[Edit]:
        for name, image in self.images.items():
            service = name or definition.main_service
            if service not in definition.services:
                hint = did_you_mean(service, definition.services, "")
                raise UsageError(f"`{self.name}` has no service `{shown(service)}`", hint=hint)
            yield setting(("apps", self.name, "services", service, "image"), image)


@frozen
class NewVersions:
    """Apps come to the version that their catalog entries have."""

    kind: ClassVar[str] = "new-versions"
    apps: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"update {', '.join(map(shown, self.apps)) or 'nothing'} to the catalog's version"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with the versions where it names one."""
        return with_new_versions(base.text, base.loaded, base.catalog, self.apps)


@frozen
class RollBackApp:
    """An app goes back to a version of the history; without `to` to the last where it was otherwise."""

    kind: ClassVar[str] = "roll-back-app"
    name: str
    to: int | None = None

    @property
    def title(self) -> str:
        """What it does, as an order."""
        where = f"version {self.to} of the history" if self.to else "how it was before"
        return f"roll the app {shown(self.name)} back to {where}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file that has it stand as it was then."""
        require_present(self.name, app_of(base.loaded, self.name))
        return rolled_back(base.text, self.name, base.mark_of(self.name, self.to))


@frozen
class UninstallApp:
    """An app leaves its servers; its data stays, unless it is to go for good."""

    kind: ClassVar[str] = "uninstall-app"
    name: str
    remove_data: bool = False

    @property
    def title(self) -> str:
        """What it does, as an order."""
        data = "and remove its data for good" if self.remove_data else "and keep its data"
        return f"uninstall the app {shown(self.name)} {data}"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file with a tombstone in its place, or without it where it was never applied."""
        app_of(base.loaded, self.name)
        if not is_applied(base.snapshot, self.name):
            return edit.remove_app(base.text, self.name)
        return edit.mark_app_absent(base.text, self.name, remove_data=self.remove_data)


@frozen
class AsDeclared:
    """Nothing in the fleet file changes: what it says already is to be made so."""

    kind: ClassVar[str] = "as-declared"

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return "make the servers as the fleet file declares them"

    def proposed(self, base: FleetBase) -> str:
        """The fleet file as it is."""
        return base.text


FleetChange: TypeAlias = (
    AddServer
    | SetServer
    | InstallDocker
    | RemoveServer
    | FullCleanup
    | InstallApp
    | UpdateApp
    | NewVersions
    | RollBackApp
    | UninstallApp
    | AsDeclared
)


def _all(edits: Iterator[Edit] | Sequence[Edit], text: str) -> str:
    return reduce(lambda done, each: each(done), edits, text)


def _removing(name: str) -> Edit:
    return lambda text: edit.remove_app(text, name)


def _require_known(secret: str, base: FleetBase, name: str) -> None:
    if secret and secret not in base.known:
        raise UsageError(
            f"`{shown(name)}` needs the secret `{shown(secret)}`, which is not set",
            hint=f"a person sets it: `tomo secret set {shown(secret)}`",
        )


def _require_field(name: str, known: Sequence[str]) -> None:
    if name not in known:
        hint = did_you_mean(name, known, f"there are {', '.join(known)}")
        raise UsageError(f"`{shown(name)}` of a server can't be set by this", hint=hint)
