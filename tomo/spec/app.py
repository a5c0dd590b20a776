"""An app of the catalog, `tomo.app/v1`: one file, every field named as in the file.

Fields that say "shown to people" change nothing on a host. Fields in `unsupported` are understood, so that
importers can fill them, and refused by name where an app that uses them is put on a server.
"""

# Annotations are values here: as texts pydantic would compile each of them at every start.
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tomo.spec.base import (
    AbsolutePath,
    Checked,
    Duration,
    EnvName,
    Flag,
    Image,
    InputRef,
    Integer,
    Line,
    Model,
    Name,
    Number,
    Prose,
    Size,
    Template,
    Text,
    Value,
    Word,
    absolute_path,
    as_text,
    mistake,
)

SCHEMA: Final = "tomo.app/v1"
CATEGORIES: Final = ("media", "productivity", "networking", "monitoring", "storage")
HIGHEST_PORT: Final = 65535

Expose = Literal["none", "local", "lan", "public"]
"""How far a port reaches: not published, this machine only, the server's LAN address, everywhere."""
InputType = Literal[
    "string", "secret", "integer", "number", "boolean", "email", "url", "ip", "hostname", "path", "port",
    "timezone", "enum",
]  # fmt: skip
Condition = Literal["started", "healthy", "completed"]
Architecture = Literal["amd64", "arm64", "arm/v7", "arm/v6", "386", "ppc64le", "s390x", "riscv64"]


# --- texts in several languages ----------------------------------------------------------------------


def _text_kind(value: Any) -> str:
    return "~languages" if isinstance(value, Mapping) else "~text"


LocalText = Annotated[
    Annotated[Prose, Tag("~text")] | Annotated[dict[Word, Prose], Tag("~languages")],
    Discriminator(_text_kind),
]
"""Text, or texts by language code."""


def in_language(text: str | Mapping[str, str], language: str = "en") -> str:
    """The text in a language; English or else the first one where that is missing."""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or next(iter(text.values()), "")


def _no_html(text: str | dict[str, str]) -> str | dict[str, str]:
    for version in [text] if isinstance(text, str) else text.values():
        if "</" in version or "<br" in version.lower() or "<script" in version.lower():
            raise mistake("the text holds HTML", "write Markdown")
    return text


Markdown = Annotated[LocalText, Checked(_no_html)]


class Notes(Model):
    """What a person should know, shown before and after the app is added."""

    before_install: Markdown = Field(
        "", description="Shown when the app is looked at and before it is added."
    )
    after_install: Markdown = Field("", description="Shown after the app has been added.")


class Links(Model):
    """Where to read on; shown to people."""

    website: Word | None = Field(None, description="The project's home page.")
    source: Word | None = Field(None, description="The source code.")
    docs: Word | None = Field(None, description="The documentation.")
    support: Word | None = Field(None, description="Where to ask for help.")


# --- what the app needs ------------------------------------------------------------------------------


class Requirements(Model):
    """The least a server must have; compared with the server's facts in a plan."""

    memory: Size | None = Field(None, description="Memory the app needs, such as `512M`.")
    disk: Size | None = Field(
        None, description="Disk space the app needs at first, without a person's own files."
    )
    cpu: Number | None = Field(None, gt=0, description="Number of CPUs.")
    kernel: tuple[Word, ...] = Field((), description="Kernel modules. Not supported yet.")
    gpu: Literal["none", "optional", "required"] = Field(
        "none", description="`required` is not supported yet."
    )
    ports_free: tuple[Integer, ...] = Field((), description="Host ports nothing else may use, such as `53`.")


class Dependency(Model):
    """Another app of the catalog that must be on the same server."""

    app: Name = Field(description="The other app's catalog id.")
    optional: Flag = Field(default=False, description="`true` only mentions it.")


class RunAs(Model):
    """The user and group of an importer's source. Not supported yet: write `user` on the service."""

    uid: Integer = Field(ge=0, description="User id.")
    gid: Integer = Field(ge=0, description="Group id.")


# --- inputs ------------------------------------------------------------------------------------------


class Generate(Model):
    """How Tomo makes the value of an input that nobody sets, once, when the app enters a fleet."""

    kind: Literal["password", "hex", "base64", "uuid", "jwt", "vapid", "seed", "username"] = Field(
        "password",
        description="`password` and `username` (letters and digits), `hex`, `base64`, `uuid`, `seed`, `jwt`; "
        "`vapid` is not supported yet.",
    )
    length: Integer = Field(32, ge=8, le=1024, description="Characters, or bytes for `hex` and `base64`.")


class Validate(Model):
    """What values an input takes."""

    min: Number | None = Field(None, description="Least number, or least length of a text.")
    max: Number | None = Field(None, description="Greatest number, or greatest length of a text.")
    pattern: Line | None = Field(None, description="Regular expression the whole value must match.")
    message: Line | None = Field(None, description="What to say when the value does not match `pattern`.")


class Option(Model):
    """One choice of an `enum` input."""

    value: Text = Field(description="The value.")
    label: LocalText | None = Field(None, description="How the choice is shown.")


class Input(Model):
    """Something a person may set."""

    name: EnvName = Field(description="How a fleet file names it, by custom in capitals.")
    type: InputType = Field("string", description="What kind of value it takes.")
    label: LocalText | None = Field(None, description="A short name for people.")
    description: LocalText | None = Field(None, description="What it does.")
    default: Annotated[Text, BeforeValidator(as_text)] | None = Field(
        None, description="The value when nobody sets one. Not allowed for `secret`."
    )
    required: Flag = Field(default=False, description="Whether a value must be set (or generated).")
    generate: Generate | None = Field(None, description="How a value is made when nobody sets one.")
    validate_: Validate | None = Field(None, alias="validate", description="What values are accepted.")
    options: tuple[Option, ...] = Field((), description="The choices of an `enum`.")
    placeholder: Line | None = Field(None, description="An example, shown to people.")
    hidden: Flag = Field(default=False, description="Shown nowhere; a fleet file may still set it.")
    advanced: Flag = Field(default=False, description="Shown after the others.")

    @property
    def secret(self) -> bool:
        """Whether its value is kept encrypted and never shown."""
        return self.type == "secret"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.secret and self.default is not None:
            raise mistake(
                f"secret input `{self.name}` has a default", "write `generate: {kind: password}` instead"
            )
        if self.generate is not None and self.default is not None:
            raise mistake(f"input `{self.name}` has both `default` and `generate`", "keep one of them")
        if (self.type == "enum") != bool(self.options):
            raise mistake(f"input `{self.name}`: `options` belongs to `type: enum`", "write both or neither")
        return self


# --- services ----------------------------------------------------------------------------------------


class When(Model):
    """Leaves a service, mount or device out unless an input has a value."""

    input: EnvName = Field(description="The input's name.")
    equals: Text = Field("true", description="The value that keeps it in.")


class SecretFile(Model):
    """A secret as a file inside the container, for images that read `…_FILE` variables."""

    input: EnvName | None = Field(None, description="The secret input it holds.")
    secret: Line | None = Field(None, description="Or the name given to `tomo secret set`.")
    path: AbsolutePath = Field(description="The file's path inside the container.")
    mode: Annotated[str, Field(pattern="^0?[0-7]{3}$"), BeforeValidator(as_text)] = Field(
        "0400", description="Permission bits, octal, in quotes."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.input is None) == (self.secret is None):
            raise mistake("a secret file holds exactly one secret", "write `input: NAME` or `secret: NAME`")
        return self


def _port_span(value: str) -> str:
    first, _, last = value.partition("-")
    numbers = [int(text) if text.isascii() and text.isdigit() else 0 for text in (first, last or first)]
    if not 0 < numbers[0] <= numbers[1] <= HIGHEST_PORT:
        raise mistake(
            f"`{value[:40]}` is not a port", "a number from 1 to 65535, or a range such as `8000-8010`"
        )
    return value


PortSpan = Annotated[str, BeforeValidator(as_text, json_schema_input_type=int | str), Checked(_port_span)]
"""A port or a range `FIRST-LAST`; `span` reads it."""


def span(ports: str) -> range:
    """The port numbers of `80` or `8000-8010`."""
    first, _, last = ports.partition("-")
    return range(int(first), int(last or first) + 1)


class Port(Model):
    """A port of the container, and where people reach it."""

    name: Name = Field(description="How a fleet file names it.")
    container: PortSpan = Field(description="The port inside the container; a range such as `8000-8010` too.")
    host: PortSpan | None = Field(
        None, description="The port on the server; the same number where it is left out."
    )
    protocol: Literal["tcp", "udp", "sctp"] = Field("tcp", description="The protocol.")
    expose: Expose = Field(
        "local", description="How far it reaches: `none`, `local` (the server itself), `lan`, `public`."
    )
    description: LocalText | None = Field(None, description="What it is for.")

    @property
    def host_ports(self) -> str:
        """The port or range on the server."""
        return self.host or self.container

    def pairs(self) -> list[tuple[int, int]]:
        """Host port and container port of each port in the range."""
        return list(zip(span(self.host_ports), span(self.container), strict=True))

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(span(self.host_ports)) != len(span(self.container)):
            raise mistake(
                f"port `{self.name}`: the ranges differ in length", "give both the same number of ports"
            )
        return self


class Mount(Model):
    """A volume, a folder or file of the server, or memory, at a path of the container."""

    name: Name | None = Field(None, description="How a fleet file names it, to put it elsewhere.")
    kind: Literal["volume", "bind", "tmpfs", "file"] | None = Field(
        None,
        description="Follows from `volume` or `host`; `file` for one file of the server, `tmpfs` for memory.",
    )
    volume: Name | None = Field(None, description="A name of `volumes`.")
    host: Value | None = Field(None, description="A path on the server, or `{input: NAME}`.")
    path: AbsolutePath = Field(description="The path inside the container.")
    read_only: Flag = Field(default=False, description="Whether the container may only read it.")
    size: Size | None = Field(None, description="Most memory a `tmpfs` takes.")
    mode: Annotated[str, Field(pattern="^[01]?[0-7]{3}$"), BeforeValidator(as_text)] | None = Field(
        None, description="Permission bits of a `tmpfs`, octal, in quotes."
    )
    when: When | None = Field(None, description="Leaves the mount out unless an input has a value.")
    description: LocalText | None = Field(None, description="What it holds.")

    @property
    def source_kind(self) -> Literal["volume", "bind", "tmpfs", "file"]:
        """The kind, given or following from the source."""
        return self.kind or ("volume" if self.volume else "bind")

    @model_validator(mode="after")
    def _path_of_the_server(self) -> Self:
        if isinstance(self.host, str) and "${" not in self.host:
            absolute_path(self.host)
        return self

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        kind, given = self.source_kind, (self.volume is not None, self.host is not None)
        wanted = {"volume": (True, False), "tmpfs": (False, False)}.get(kind, (False, True))
        if given != wanted:
            raise mistake(
                f"the mount at `{self.path}` has no single source",
                "write `volume: NAME`, `host: /PATH` or `kind: tmpfs`",
            )
        if kind != "tmpfs" and (self.size or self.mode):
            raise mistake(
                f"`size` and `mode` of the mount at `{self.path}` belong to `kind: tmpfs`", "remove them"
            )
        return self


class Device(Model):
    """A device of the server inside the container."""

    path: AbsolutePath = Field(description="The device on the server.")
    container_path: AbsolutePath | None = Field(
        None, description="Its path in the container; the same by default."
    )
    permissions: Annotated[str, Field(pattern="^[rwm]{1,3}$")] = Field(
        "rwm", description="Read, write, mknod."
    )
    optional: Flag = Field(default=False, description="Not supported yet: use `when`.")
    when: When | None = Field(None, description="Leaves the device out unless an input has a value.")


class HttpCheck(Model):
    """A health check that asks for a page from inside the container."""

    path: Annotated[Word, Field(pattern="^/")] = Field("/", description="The path to ask for.")
    port: Integer = Field(ge=1, le=HIGHEST_PORT, description="The port inside the container.")
    tool: Literal["wget", "curl"] = Field(description="The program to ask with; the image must have it.")

    def command(self) -> tuple[str, ...]:
        """The check as Docker takes it."""
        url = f"http://127.0.0.1:{self.port}{self.path}"
        if self.tool == "wget":
            return ("CMD", "wget", "-q", "-O", "/dev/null", url)
        return ("CMD", "curl", "-fsS", "-o", "/dev/null", url)


class Healthcheck(Model):
    """How Docker finds out whether the service works."""

    test: tuple[Template, ...] = Field(
        (),
        description="`[CMD, PROGRAM, ARGUMENT…]`, `[CMD-SHELL, TEXT]`; `[NONE]` for none.",
    )
    http: HttpCheck | None = Field(None, description="Short for a test that asks for a page.")
    interval: Duration = Field("10s", description="Time between checks, and before the first one.")
    timeout: Duration = Field("5s", description="Time one check may take.")
    retries: Integer = Field(
        5, ge=0, description="Failures in a row that make it unhealthy; 0 for Docker's own 3."
    )
    start: Duration = Field("30s", description="Time at the start in which failures do not count.")

    def tests(self) -> tuple[str, ...]:
        """The check as Docker takes it."""
        return self.http.command() if self.http else self.test

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if bool(self.test) == (self.http is not None):
            raise mistake(
                "a health check needs `test` or `http`, not both", "such as `test: [CMD, redis-cli, ping]`"
            )
        if self.test and self.test[0] not in ("CMD", "CMD-SHELL", "NONE"):
            raise mistake(
                f"`test` starts with `{self.test[0][:40]}`", "start it with `CMD`, `CMD-SHELL` or `NONE`"
            )
        return self


class Stop(Model):
    """How the service is asked to end."""

    grace: Duration | None = Field(
        None, description="Time it gets before it is killed; Docker's 10s by default."
    )
    signal: Annotated[str, Field(pattern="^SIG[A-Z0-9+]+$")] | None = Field(
        None, description="The signal, such as `SIGINT`; the image's own by default."
    )


class Reserve(Model):
    """What is kept for the service when memory gets scarce."""

    memory: Size | None = Field(None, description="Memory, such as `256M`.")


class Resources(Model):
    """The most a service may use."""

    memory: Size | None = Field(None, description="Most memory, such as `512M`.")
    cpus: Number | None = Field(None, gt=0, description="Most CPUs, such as `1.5`.")
    cpu_shares: Integer | None = Field(
        None, ge=2, description="Weight when CPUs get scarce; Docker's is 1024."
    )
    pids: Integer | None = Field(None, ge=1, description="Most processes. Not supported yet.")
    shm: Size | None = Field(None, description="Size of `/dev/shm`; Docker's is 64M.")
    reserve: Reserve | None = Field(None, description="What is kept for it.")


class Security(Model):
    """Rights beyond, or below, an ordinary container's; those beyond need a grant."""

    privileged: Flag = Field(
        default=False, description="All rights on the server. Needs the grant `privileged`."
    )
    cap_add: tuple[Word, ...] = Field(
        (), description="Capabilities to add, such as `NET_ADMIN`. Each needs a grant."
    )
    cap_drop: tuple[Word, ...] = Field((), description="Capabilities to drop.")
    read_only: Flag = Field(default=False, description="Whether the image's files are read-only.")
    opts: tuple[Word, ...] = Field((), description="Security options such as `no-new-privileges:true`.")
    pid: Literal["host"] | None = Field(
        None, description="`host` shows the server's processes. Needs a grant."
    )
    ipc: Literal["host", "private", "shareable"] | None = Field(None, description="`host` needs a grant.")
    device_cgroup_rules: tuple[Line, ...] = Field(
        (), description="Rules such as `c 188:* rwm`. Not supported yet."
    )


class Ulimit(Model):
    """A limit of the kernel for the service's processes."""

    soft: Integer = Field(description="The limit processes start with.")
    hard: Integer = Field(description="The limit they may raise it to.")


def _ulimit(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"soft": value, "hard": value}
    return value


class Logging(Model):
    """Where the service's output goes; the server's default where it is left out."""

    driver: Word = Field("json-file", description="Docker's log driver.")
    options: dict[Word, Line] = Field({}, description="The driver's options, such as `max-size: 10m`.")


class Service(Model):
    """One container of the app."""

    image: Image = Field(description="Image with a full version tag; a digest is better still.")
    images: dict[Architecture, Image] = Field({}, description="Images by architecture. Not supported yet.")
    overrides: dict[Architecture, dict[str, Any]] = Field(
        {}, description="Fields by architecture. Not supported yet."
    )
    pull: Literal["missing", "always", "never"] = Field(
        "missing", description="When the image is pulled; `always` and `never` are not supported yet."
    )
    platform: Word | None = Field(None, description="Platform of the image, such as `linux/amd64`.")
    command: tuple[Template, ...] | None = Field(None, description="Replaces the image's command; a list.")
    entrypoint: tuple[Template, ...] | None = Field(
        None, description="Replaces the image's entry point; a list."
    )
    env: dict[EnvName, Value] = Field(
        {}, description="Variables: text, `{input: NAME}` (left out where it has no value), `{secret: NAME}`."
    )
    env_files: tuple[Line, ...] = Field((), description="Files of variables. Not supported yet.")
    secrets: tuple[SecretFile, ...] = Field((), description="Secrets as files.")
    ports: tuple[Port, ...] = Field((), description="Ports people or other machines reach.")
    expose: tuple[PortSpan, ...] = Field((), description="Ports other services use; shown to people.")
    mounts: tuple[Mount, ...] = Field((), description="Volumes, folders and files.")
    devices: tuple[Device, ...] = Field((), description="Devices of the server. Each needs a grant.")
    networks: tuple[Name, ...] = Field(
        ("default",), description="The app's networks it joins; on each its own name is an alias."
    )
    aliases: tuple[Name, ...] = Field((), description="Further names it has on those networks.")
    network_mode: Literal["host", "none"] | None = Field(
        None, description="`host` uses the server's own network and needs the grant `host_network`."
    )
    depends_on: dict[Name, Condition] = Field(
        {}, description="Services it needs: `started`, `healthy` or `completed`."
    )
    healthcheck: Healthcheck | None = Field(None, description="How Docker finds out whether it works.")
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = Field(
        "unless-stopped", description="When Docker starts it again."
    )
    stop: Stop | None = Field(None, description="How it is asked to end.")
    update_order: Literal["stop-first", "start-first"] = Field(
        "stop-first",
        description="`start-first` where two may run at once: see [names for apps](ingress.md).",
    )
    user: Line | None = Field(None, description="User, or `USER:GROUP`, in quotes.")
    group_add: tuple[Line, ...] = Field((), description="Further groups, by name or number in quotes.")
    resources: Resources | None = Field(None, description="The most it may use.")
    replicas: Integer = Field(1, ge=1, description="Containers of it; more than 1 is not supported yet.")
    security: Security = Field(Security(), description="Rights beyond, or below, an ordinary container's.")
    labels: dict[Line, Template] = Field({}, description="Container labels.")
    hostname: Word | None = Field(None, description="The host name it sees.")
    extra_hosts: dict[Word, Word] = Field({}, description="Host names and addresses it knows besides.")
    dns: tuple[Word, ...] = Field((), description="DNS servers it asks.")
    ulimits: dict[Word, Annotated[Ulimit, BeforeValidator(_ulimit, json_schema_input_type=int | Ulimit)]] = (
        Field({}, description="Kernel limits.")
    )
    sysctls: dict[Word, Word] = Field({}, description="Kernel settings of its namespaces.")
    init: Flag = Field(default=False, description="Whether Docker puts a small init before its process.")
    tty: Flag = Field(default=False, description="Whether it gets a terminal.")
    stdin_open: Flag = Field(default=False, description="Whether its standard input stays open.")
    working_dir: AbsolutePath | None = Field(None, description="The folder its process starts in.")
    logging: Logging | None = Field(None, description="Where its output goes.")
    runtime: Word | None = Field(None, description="Docker runtime, such as `nvidia`.")
    oneshot: Flag = Field(default=False, description="It ends by itself and is left out of the app's health.")
    when: When | None = Field(None, description="Leaves the service out unless an input has a value.")

    @model_validator(mode="after")
    def _network(self) -> Self:
        if self.network_mode and (self.ports or self.aliases or "networks" in self.model_fields_set):
            raise mistake(
                f"`network_mode: {self.network_mode}` takes no `ports`, `networks` or `aliases`",
                "remove them: the service uses no network of its own",
            )
        return self


# --- the rest of an app ------------------------------------------------------------------------------


class Volume(Model):
    """Data that outlives the app's containers."""

    backup: Flag = Field(default=True, description="Whether a backup should hold it; `false` for caches.")
    exclude: tuple[Line, ...] = Field((), description="Patterns a backup leaves out.")
    description: LocalText | None = Field(None, description="What it holds.")


class Network(Model):
    """A network of the app's own services."""

    internal: Flag = Field(default=False, description="Whether it has no way out.")


class File(Model):
    """A small file that is put on the server and mounted into a service, read-only."""

    path: AbsolutePath = Field(description="The file's path inside the container.")
    content: Template = Field(description="Its content; may hold references.")
    mode: Annotated[str, Field(pattern="^0?[0-7]{3}$"), BeforeValidator(as_text)] = Field(
        "0644", description="Permission bits, octal, in quotes."
    )
    service: Name = Field(description="The service it is mounted into.")


class Web(Model):
    """The page people open."""

    service: Name = Field(description="The service that serves it.")
    port: Integer = Field(ge=1, le=HIGHEST_PORT, description="The port inside the container.")
    path: Annotated[Word, Field(pattern="^/")] = Field("/", description="The path to open.")
    scheme: Literal["http", "https"] = Field("http", description="The scheme of the address.")
    host: Word | None = Field(None, description="A host name that people must use. Not supported yet.")


class ProxyAuth(Model):
    """A login in front of the app. Not supported yet."""

    add: Flag = Field(default=True, description="Whether one is put there.")
    allow: tuple[Line, ...] = Field((), description="Paths that need none.")
    deny: tuple[Line, ...] = Field((), description="Paths that nobody reaches.")


class Exposure(Model):
    """Whether the app may be reached from everywhere."""

    allowed: Flag = Field(default=True, description="`false` refuses `exposure: public` in a fleet.")
    required: Flag = Field(
        default=False, description="The app is of no use unless it can be reached. Shown to people."
    )
    proxy_auth: ProxyAuth | None = Field(None, description="Not supported yet.")


class Login(Model):
    """How a person gets in at first; shown to people, a password only on request."""

    username: Value | None = Field(None, description="The first user's name.")
    password: InputRef | None = Field(None, description="The input that holds the password.")
    note: Markdown = Field("", description="What else to know.")


class Backup(Model):
    """What a [backup](backup.md) must do around the copy."""

    stop: Flag | None = Field(None, description="Whether the app stops meanwhile; by default without `pre`.")
    pre: tuple[tuple[Line, ...], ...] = Field((), description="Commands run in the main service before.")
    post: tuple[tuple[Line, ...], ...] = Field(
        (), description="Commands run in the main service afterwards, also where it failed."
    )
    exclude: tuple[Line, ...] = Field((), description="Patterns left out of every volume.")


def _versions(value: object) -> object:
    return [as_text(item) for item in value] if isinstance(value, list) else value


class Upgrade(Model):
    """What to know about moving to this version; shown to people."""

    from_: Annotated[tuple[Line, ...], BeforeValidator(_versions)] = Field(
        (),
        alias="from",
        description="Versions an update may start at, others are refused; `17.11` is all of 17.11.",
    )
    breaking: Flag = Field(default=False, description="Whether a person must do something.")
    notes: Markdown = Field("", description="What changes.")
    data_migration: Literal["none", "automatic", "manual"] = Field(
        "none", description="Whether the new version changes the data so that the old one no longer reads it."
    )


class HttpTest(Model):
    """A page that must answer."""

    path: Annotated[Word, Field(pattern="^/")] = Field(
        "/", description="The path to ask for at the web port."
    )
    status: Integer = Field(200, ge=100, le=599, description="The status code expected.")


class AppTest(Model):
    """A check of the catalog's own tests, run on the app after it started."""

    http: HttpTest = Field(description="A page that must answer.")
    within: Duration = Field("60s", description="Time it may take.")


class Provenance(Model):
    """Where the entry comes from; shown to people."""

    source: Line = Field("tomo", description="The catalog it was written for or imported from.")
    url: Word | None = Field(None, description="Where the facts were read.")
    revision: Line | None = Field(None, description="The source's revision.")
    imported_at: Line | None = Field(None, description="When it was imported.")
    created_at: Line | None = Field(None, description="When it was made.")
    updated_at: Line | None = Field(None, description="When it was last changed.")
    license: Line | None = Field(None, description="The entry's licence.")
    aliases: tuple[Line, ...] = Field((), description="Other names it is found under.")
    rating: Text | None = Field(None, description="The source's rating.")
    raw: dict[str, Any] = Field({}, description="What the source held besides.")


class AppDefinition(Model):
    """One app: what it runs, what a person may set, what it needs."""

    schema_: Literal["tomo.app/v1"] = Field(SCHEMA, alias="schema", description="The format's name.")
    id: Name = Field(description="The catalog id; the file's name without `.yaml`.")
    title: LocalText = Field(description="The app's name as people write it.")
    tagline: LocalText = Field("", description="What it is, in a few words.")
    description: Markdown = Field("", description="What it does; Markdown.")
    notes: Notes = Field(Notes(), description="What a person should know.")
    categories: tuple[Word, ...] = Field(
        (), description=f"The first is one of {', '.join(CATEGORIES)}; then free ones."
    )
    tags: tuple[Line, ...] = Field((), description="Words it is found by.")
    icon: Word | None = Field(None, description="Address of an icon. Shown to people.")
    thumbnail: Word | None = Field(None, description="Address of a small picture. Shown to people.")
    screenshots: tuple[Word, ...] = Field((), description="Addresses of pictures. Shown to people.")
    developer: Line | None = Field(None, description="Who makes it. Shown to people.")
    links: Links = Field(Links(), description="Where to read on.")
    version: Line = Field(description="The app's version, in quotes.")
    release_notes: Markdown = Field("", description="What is new in this version. Shown to people.")
    status: Literal["stable", "beta", "deprecated", "disabled"] = Field(
        "stable", description="`disabled` can't be put on a server; `beta` and `deprecated` are shown."
    )
    architectures: tuple[Architecture, ...] = Field(
        (), description="What its images run on; empty for not known."
    )
    requirements: Requirements = Field(Requirements(), description="The least a server must have.")
    dependencies: tuple[Dependency, ...] = Field((), description="Other apps it needs on the same server.")
    implements: tuple[Line, ...] = Field((), description="Services it offers to others. Shown to people.")
    run_as: RunAs | None = Field(None, description="Not supported yet: write `user` on the service.")
    inputs: tuple[Input, ...] = Field((), description="What a person may set.")
    services: dict[Name, Service] = Field(min_length=1, description="Its containers.")
    volumes: dict[Name, Volume] = Field({}, description="Its data.")
    networks: dict[Name, Network] = Field({}, description="Its networks besides `default`.")
    files: tuple[File, ...] = Field((), description="Small files mounted into its services.")
    web: Web | None = Field(None, description="The page people open; none where it has no page.")
    exposure: Exposure = Field(Exposure(), description="Whether it may be reached from everywhere.")
    login: Login | None = Field(None, description="How a person gets in at first.")
    backup: Backup | None = Field(None, description="What a backup must do around the copy.")
    upgrade: Upgrade = Field(Upgrade(), description="What to know about moving to this version.")
    grants: tuple[Line, ...] = Field(
        (),
        description="What a person must approve, such as `host_network`; compared with the services.",
    )
    risk: Literal["low", "medium", "high"] = Field(
        "low", description="Computed from the grants and compared."
    )
    tests: tuple[AppTest, ...] = Field((), description="Checks of the catalog's own tests.")
    provenance: Provenance = Field(Provenance(), description="Where the entry comes from.")

    @property
    def short_id(self) -> str:
        """The id without the repository that the app is of: what an instance is called by default."""
        return self.id.rpartition("/")[2]

    @property
    def main_service(self) -> str:
        """The service with the page, or else the first one: what a fleet's `env` and `mounts` mean."""
        return self.web.service if self.web else next(iter(self.services))

    def input(self, name: str) -> Input | None:
        """The input of that name."""
        return next((entry for entry in self.inputs if entry.name == name), None)

    def ports(self) -> Iterator[tuple[str, Port]]:
        """Every port with its service's name."""
        for name, service in self.services.items():
            for port in service.ports:
                yield name, port

    def web_port(self) -> Port | None:
        """The published port of the `web` block."""
        web = self.web
        if web is None or web.service not in self.services:
            return None
        ports = self.services[web.service].ports
        return next((port for port in ports if web.port in span(port.container)), None)
