"""A fleet file: the servers a person owns and the apps on them. One fleet is one stack."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, assert_never

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from tomo.spec.addresses import Hostname
from tomo.spec.app import AppDefinition, Expose, Mount, PortSpan, Resources, SecretFile
from tomo.spec.base import (
    TIMEZONE,
    AppRef,
    DockerName,
    EnvName,
    Flag,
    HostKey,
    Image,
    Integer,
    Line,
    MayBeEmpty,
    Model,
    Name,
    SecretRef,
    SetValue,
    Text,
    Value,
    Word,
    listed,
    mistake,
)
from tomo.spec.late import late
from tomo.spec.shown import shown

if TYPE_CHECKING:
    from tomo.spec.backup import AppBackup, BackupSettings
    from tomo.spec.docker import DockerOptions
    from tomo.spec.proxy import Proxy
    from tomo.spec.registries import Registries
    from tomo.spec.repositories import CatalogRepository
else:
    AppBackup = late("tomo.spec.backup", "AppBackup")
    BackupSettings = late("tomo.spec.backup", "BackupSettings")
    DockerOptions = late("tomo.spec.docker", "DockerOptions")
    Proxy = late("tomo.spec.proxy", "Proxy")
    CatalogRepository = late("tomo.spec.repositories", "CatalogRepository")
    Registries = late("tomo.spec.registries", "Registries")

LOCAL: Final = "local"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # what `public` means
_CONNECTION_FIELDS: Final = (
    "port", "user", "identity", "identity_password", "password", "host_key", "proxy_jump",
)  # fmt: skip


# --- servers -----------------------------------------------------------------------------------------


_SHELL: Final = frozenset("\\'\"`$;&|<>(){}")


def _host(text: str) -> str:
    if text.count(":") == 1:
        raise mistake(f"`{shown(text)}` is not a host", "write the port under `port`")
    if text.startswith("-") or _SHELL & set(text) or {"@", "/"} & set(text):
        hint = (
            "write the address only; the user goes under `user`"
            if "@" in text
            else "a host name or an IP address"
        )
        raise mistake(f"`{shown(text)}` is not a host", hint)
    return text


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise mistake(f"`{shown(text)}` is not an IP address", "such as `192.168.1.10`") from None
    if address.is_unspecified or address.is_multicast:
        raise mistake(
            f"`{shown(text)}` is no address of one network",
            "the server's own there, such as `192.168.1.10`; ports reach all with `expose: public`",
        )
    return str(address)


def _timezone(text: str) -> str:
    if not TIMEZONE.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not a time zone", "such as `Europe/Berlin`")
    return text


def _user(text: str) -> str:
    if text.startswith("-") or _SHELL & set(text) or {"@", "/", ":"} & set(text):
        raise mistake(f"`{shown(text)}` is not a user name", "such as `root`")
    return text


def _jump(text: str) -> str:
    if text.startswith("-") or _SHELL & set(text) or " " in text or not text:
        raise mistake(f"`{shown(text)}` is not a host to go through", "such as `root@gate.example.org:22`")
    return text


def _docker_kind(value: Any) -> str:
    return "~options" if isinstance(value, Mapping | Model) else "~flag"


Docker = Annotated[
    Annotated[Flag, Tag("~flag")] | Annotated[DockerOptions, Tag("~options")], Discriminator(_docker_kind)
]
"""Whether Docker is installed, or how."""


class ServerDefaults(Model):
    """What every server has unless it says otherwise."""

    port: Integer | None = Field(
        None, ge=1, le=65535, description="SSH port; `~/.ssh/config` or 22 where it is left out."
    )
    user: Annotated[Word, AfterValidator(_user)] | None = Field(
        None, description="Login; `~/.ssh/config` or your own user name where it is left out."
    )
    identity: Line | None = Field(None, description="Path of the private key file on this machine.")
    identity_password: SecretRef | None = Field(
        None, description="The key file's passphrase, `{secret: NAME}`."
    )
    password: SecretRef | None = Field(None, description="The login's password, `{secret: NAME}`.")
    become: Literal["sudo", False] = Field(default=False, description="`sudo` where the login is not root.")
    proxy_jump: Annotated[Line, AfterValidator(_jump)] | None = Field(
        None, description="`[USER@]HOST[:PORT]` to go through."
    )
    docker: Docker = Field(
        default=True,
        description="`true` installs Docker, `false` leaves the server alone, or how to install it.",
    )
    timezone: Annotated[Word, AfterValidator(_timezone)] = Field(
        "Etc/UTC", description="What `${host.timezone}` says in apps."
    )
    proxy: Proxy | None = Field(
        None,
        description="A reverse proxy that serves the apps' `hostnames`; `{}` takes what it has by default. "
        "See [names for apps](ingress.md).",
    )


class Server(ServerDefaults):
    """A machine reached over SSH, or `local`."""

    host: Annotated[Word, AfterValidator(_host)] = Field(
        description="Address, name, or entry of `~/.ssh/config`; `local` for the machine Tomo runs on."
    )
    host_key: Annotated[
        tuple[HostKey, ...], BeforeValidator(listed, json_schema_input_type=str | list[str])
    ] = Field(
        (),
        description="Pinned host key `TYPE BASE64`, or a list; without it `~/.ssh/known_hosts` decides.",
    )
    lan: Annotated[Word, AfterValidator(_address)] | None = Field(
        None,
        description="The address `expose: lan` binds to; `host` itself where that is a private IP address.",
    )
    labels: dict[Line, Text] = Field({}, description="Labels that apps select servers by.")

    @property
    def is_local(self) -> bool:
        """Whether it is the machine Tomo runs on."""
        return self.host == LOCAL

    @property
    def docker_options(self) -> DockerOptions | None:
        """How Docker is installed; None where the server is left alone."""
        if not isinstance(self.docker, bool):
            return self.docker
        if not self.docker:
            return None
        from tomo.spec.docker import DockerOptions  # noqa: PLC0415  # made where a server's Docker is Tomo's

        return DockerOptions()

    @property
    def lan_address(self) -> str | None:
        """The address of the local network, None where it can't be known."""
        if self.lan:
            return self.lan
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return None
        return str(address) if address.is_private and not address.is_loopback else None

    @property
    def address(self) -> str:
        """Where people reach its apps."""
        return self.lan or ("127.0.0.1" if self.is_local else self.host)

    def bind_address(self, expose: Expose) -> str | None:
        """The address a port of that exposure is published on; None when it is not published.

        `lan` without a known address is a mistake that loading reports; here it means loopback, never more.
        """
        match expose:
            case "none":
                return None
            case "local":
                return "127.0.0.1"
            case "lan":
                return self.lan_address or "127.0.0.1"
            case "public":
                return EVERYWHERE
        assert_never(expose)

    @model_validator(mode="after")
    def _local_needs_no_login(self) -> Self:
        for field in _CONNECTION_FIELDS if self.is_local else ():
            if field in self.model_fields_set:
                raise mistake(
                    f"`host: local` has no use for `{field}`", "remove it, or write the server's address"
                )
        return self


# --- apps --------------------------------------------------------------------------------------------


class PortSetting(Model):
    """Where one of the app's ports is reached."""

    host: PortSpan | None = Field(None, description="The port on the server.")
    expose: Expose | None = Field(None, description="`none`, `local`, `lan` or `public`.")


def _port_setting(value: object) -> object:
    if isinstance(value, int | str) and not isinstance(value, bool):
        return {"host": value}
    return value


Kept = Literal[
    "command", "dns", "entrypoint", "extra_hosts", "group_add", "healthcheck", "hostname", "init", "logging",
    "restart", "stdin_open", "stop", "sysctls", "tty", "ulimits", "user", "working_dir",
]  # fmt: skip
"""What of an imported container may be otherwise than its app says. Rights and data are not among it."""


DriftField = Literal[
    "*", "command", "dns", "entrypoint", "env", "extra_hosts", "files", "group_add", "healthcheck",
    "hostname", "image", "init", "labels", "logging", "mounts", "networks", "ports", "resources", "restart",
    "running", "security", "stdin_open", "stop", "sysctls", "tty", "ulimits", "user", "working_dir",
]  # fmt: skip
"""What of a container can be otherwise on a host than its app says; `*` is all that is not named."""

Rule = Literal["revert", "ignore", "adopt"]

Drift = dict[DriftField, Rule]
"""What is done about each field that somebody changed on a host."""


class ServiceSettings(Model):
    """Changes to one of the app's services."""

    image: Image | None = Field(
        None, description="Another image; the app's own version is then yours to know."
    )
    env: dict[EnvName, Value] = Field({}, description="Variables added or replaced.")
    secrets: tuple[SecretFile, ...] = Field((), description="Further secrets as files.")
    mounts: tuple[Mount, ...] = Field(
        (), description="Further mounts; one at the same path replaces the app's."
    )
    resources: Resources | None = Field(None, description="The most it may use, in place of the app's own.")
    labels: dict[Line, Text] = Field({}, description="Further container labels.")
    without_env: tuple[EnvName, ...] = Field((), description="The app's variables that are left out.")
    keep: tuple[Kept, ...] = Field(
        (),
        description="What stays as it was when the container was imported, until another change replaces it.",
    )
    drift: Drift = Field({}, description="As the app's `drift`, for this service alone.")


class Names(Model):
    """What an app's parts are called in Docker where that is not by the app's name, as with adopted ones."""

    containers: dict[Name, DockerName] = Field({}, description="Containers by service.")
    volumes: dict[Name, DockerName] = Field({}, description="Volumes by the app's name for them.")
    networks: dict[Name, DockerName] = Field(
        {}, description="Networks by the app's name for them, or by their name under the app's `networks`."
    )
    aliases: dict[Name, tuple[DockerName, ...]] = Field(
        {}, description="By service, further names on the networks shared with other apps."
    )


def _backup_kind(value: Any) -> str:
    return "~settings" if isinstance(value, Mapping | Model) else "~flag"


BackupOfApp = Annotated[
    Annotated[Flag, Tag("~flag")] | Annotated[AppBackup, Tag("~settings")], Discriminator(_backup_kind)
]
"""Whether an app is in backups, or what is otherwise for it."""


class RolledBack(Model):
    """A version of the stack's history that an app stands as; `tomo app rollback` writes it."""

    version: Integer = Field(ge=1, description="Its number in `tomo state history`.")
    checkpoint: Annotated[str, Field(pattern="^[0-9a-f]{16,64}$")] = Field(
        description="How the SHA-256 of its checkpoint begins, so that another one is never taken for it."
    )


class App(Model):
    """An app of the catalog, or one defined here, on one or more servers."""

    app: AppRef | None = Field(
        None,
        description="The catalog id, such as `jellyfin`, or `REPOSITORY/ID`; `tomo catalog list` shows all.",
    )
    definition: AppDefinition | None = Field(None, description="Or the app itself, in the catalog's format.")
    server: Name | None = Field(None, description="The server it runs on.")
    servers: tuple[Name, ...] = Field((), description="Or several servers, each with an instance of its own.")
    labels: dict[Line, Text] = Field({}, description="Or every server that has these labels.")
    version: Line | None = Field(
        None,
        description="The app's version you expect, in quotes; another one in the catalog is a mistake.",
    )
    inputs: Annotated[dict[EnvName, SetValue], MayBeEmpty] = Field(
        {}, description="Values of the app's inputs: a value or `{secret: NAME}`."
    )
    env: dict[EnvName, Value] = Field(
        {}, description="Further variables of the main service: text, `{secret: NAME}` or `{input: NAME}`."
    )
    secrets: tuple[SecretFile, ...] = Field((), description="Further secrets as files in the main service.")
    mounts: tuple[Mount, ...] = Field(
        (), description="Further mounts of the main service; one at the same path replaces the app's."
    )
    resources: Resources | None = Field(None, description="The most the main service may use.")
    ports: dict[
        Name,
        Annotated[
            PortSetting, BeforeValidator(_port_setting, json_schema_input_type=int | str | PortSetting)
        ],
    ] = Field({}, description="By the port's name: the server's port, or `{host: PORT, expose: REACH}`.")
    exposure: Expose | None = Field(
        None,
        description="How far its ports reach: `none`, `local`, `lan`, `public`; as the app says by default.",
    )
    hostnames: tuple[Hostname, ...] = Field(
        (),
        description="Names under which the server's `proxy` serves its page, such as `wiki.example.org`. "
        "Its web port is then published only where `ports` says so.",
    )
    networks: tuple[Name, ...] = Field(
        (), description="Networks of the server shared with other apps, where it is known by its name here."
    )
    services: dict[Name, ServiceSettings] = Field({}, description="Changes to single services.")
    drift: Drift = Field(
        {},
        description="By field, what a plan does where somebody changed it on a host: `revert` (the default) "
        "repairs it, `ignore` lets it be, `adopt` records it. See [the fields](drift.md).",
    )
    names: Names = Field(
        Names(),
        description="What containers, volumes and networks are called in Docker; `tomo import` writes it.",
    )
    url: Word | None = Field(None, description="The address people open, where a proxy of yours serves it.")
    backup: BackupOfApp = Field(
        default=True, description="`false` leaves it out of backups, or what is otherwise for it."
    )
    rolled_back_to: RolledBack | None = Field(
        None,
        description="The recorded state it stands as, instead of what its entry and settings say; "
        "`tomo app rollback` writes it, `tomo app update` takes it out.",
    )
    state: Literal["present", "absent"] = Field(
        "present", description="`absent` removes it and keeps its data."
    )
    remove_data: Flag = Field(default=False, description="With `state: absent`: its data goes too, for good.")

    @property
    def present(self) -> bool:
        """Whether it should run."""
        return self.state == "present"

    @property
    def catalog_id(self) -> str:
        """The id of its definition, wherever that comes from."""
        return self.definition.id if self.definition else (self.app or "")

    @model_validator(mode="after")
    def _one_definition(self) -> Self:
        if (self.app is None) == (self.definition is None):
            raise mistake(
                "an app is one of the catalog or defined here", "write either `app: ID` or `definition:`"
            )
        return self

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [bool(self.server), bool(self.servers), bool(self.labels)]
        if given.count(True) != 1:
            raise mistake(
                "it must be clear which servers it runs on", "write one of `server`, `servers` or `labels`"
            )
        return self

    @model_validator(mode="after")
    def _tombstone(self) -> Self:
        if self.remove_data and self.present:
            raise mistake(
                "`remove_data: true` belongs to `state: absent`", "write `state: absent` too, or remove it"
            )
        return self


# --- the file ----------------------------------------------------------------------------------------


class Fleet(Model):
    """A whole fleet file."""

    fleet: Name = Field(description="The fleet's name, which is the stack's name too.")
    defaults: ServerDefaults = Field(
        ServerDefaults(), description="What every server has unless it says otherwise."
    )
    engine: Literal["embedded", "pulumi"] = Field(
        "embedded",
        description="What runs the fleet: Tomo's own engine, or the installed Pulumi CLI "
        "(see [growing out](growing-out.md)); `--engine` and `TOMO_ENGINE` win.",
    )
    servers: Annotated[dict[Name, Server], MayBeEmpty] = Field({}, description="The servers, by name.")
    apps: Annotated[dict[Name, App], MayBeEmpty] = Field({}, description="The apps, by name.")
    backup: BackupSettings | None = Field(
        None, description="Where [backups](backup.md) go, who can open them, and which of them stay."
    )
    catalogs: tuple[Line, ...] = Field(
        (), description="Folders with app files of your own, relative to this file."
    )
    bundle: Line | None = Field(
        None,
        description="A bundle, relative to this file: images come from it alone, and no registry is asked "
        "(see [bundles](bundles.md)).",
    )
    registries: Annotated[Registries, MayBeEmpty] = Field(
        {},
        description="Registries by the address in their images' names: logins, mirrors, pull-through caches "
        "(see [registries](registries.md)).",
    )
    repositories: Annotated[dict[Name, CatalogRepository], MayBeEmpty] = Field(
        {}, description="Repositories of catalogs by name, pinned; apps name theirs as `REPOSITORY/ID`."
    )

    @model_validator(mode="after")
    def _spread_defaults(self) -> Self:
        """Puts the defaults into the servers, so that nobody else has to know of them."""
        given = {name: getattr(self.defaults, name) for name in self.defaults.model_fields_set}
        if not given:
            return self
        servers = {name: _with_defaults(server, given) for name, server in self.servers.items()}
        return self.model_copy(update={"servers": servers, "defaults": ServerDefaults()})

    @model_validator(mode="after")
    def _spread_registries(self) -> Self:
        """Puts what Docker itself must know of registries into every server that Tomo sets up."""
        mirrors = tuple(mirror for each in self.registries.values() for mirror in each.mirrors)
        insecure = tuple(address for address, each in self.registries.items() if each.insecure)
        if not mirrors and not insecure:
            return self
        servers = {
            name: server.model_copy(update={"docker": options.with_registries(mirrors, insecure)})
            if (options := server.docker_options) is not None
            else server
            for name, server in self.servers.items()
        }
        return self.model_copy(update={"servers": servers})

    def servers_of(self, app: App) -> tuple[str, ...]:
        """The names of the servers an app runs on, in the file's order; unknown names are left out."""
        if app.labels:
            wanted = app.labels.items()
            return tuple(name for name, server in self.servers.items() if wanted <= server.labels.items())
        named = {app.server} if app.server else set(app.servers)
        return tuple(name for name in self.servers if name in named)


def _with_defaults(server: Server, given: dict[str, Any]) -> Server:
    missing = {
        name: value
        for name, value in given.items()
        if name not in server.model_fields_set and not (server.is_local and name in _CONNECTION_FIELDS)
    }
    return server.model_copy(update=missing) if missing else server


def generated_secret(app: str, input_name: str) -> str:
    """The name under which the generated value of an app's secret input is kept in the stack's config."""
    return f"{app}.{input_name}"
