"""Tomo's resources for hand-written Pulumi programs. Imports the SDK, so it is loaded late."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pulumi
from pydantic import BaseModel, ValidationError

from tomo.errors import UsageError
from tomo.model.declaration import Declarations
from tomo.model.values import Secret
from tomo.resources import tokens
from tomo.resources.compile import compile_fleet
from tomo.resources.hosts import docker_address, engine, provider_key, server_key
from tomo.resources.registration import Registration
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.docker import DockerOptions
from tomo.spec.files import read_bytes
from tomo.spec.fleet import Fleet
from tomo.spec.fleet import Server as ServerSpec
from tomo.spec.problems import build
from tomo.spec.yaml import parse

_FACTS = (
    "os", "os_version", "os_name", "kernel", "arch", "cpus", "memory", "disk", "disk_free", "timezone",
    "root", "init", "docker_version", "docker_drift",
    "docker_target", "docker_prunable", "firewall",
)  # fmt: skip
M = TypeVar("M", bound=BaseModel)


class _Named(pulumi.CustomResource):
    """A raw resource whose Python names are Pulumi's names in snake case."""

    def translate_input_property(self, prop: str) -> str:
        """Pulumi's name of an input."""
        return _camel(prop)

    def translate_output_property(self, prop: str) -> str:
        """Python's name of an output."""
        return _snake(prop)


class Server(_Named):
    """A host: looked at, never changed. Its login is found by `~/.ssh/config` and the fleet's servers."""

    os: pulumi.Output[str]
    os_version: pulumi.Output[str]
    os_name: pulumi.Output[str]
    arch: pulumi.Output[str]
    cpus: pulumi.Output[int]
    memory: pulumi.Output[int]
    disk_free: pulumi.Output[int]
    docker_version: pulumi.Output[str]
    docker_drift: pulumi.Output[str]
    docker_target: pulumi.Output[str]
    firewall: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: str,
        user: str | None = None,
        port: int | None = None,
        host_key: str | None = None,
        become: bool | None = None,
        docker: Mapping[str, Any] | bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        road = _given(host=host, user=user, port=port, host_key=host_key)
        become_sudo = {"become": "sudo"} if become else {}
        self.spec = _model(ServerSpec, {**road, **become_sudo}, f"server `{name}`")
        inputs = {**road, **_given(become=become, docker=docker)}
        own = {tokens.PROVIDER_KEY: tokens.SERVER_PROVIDER}
        super().__init__(tokens.SERVER, name, {**dict.fromkeys(_FACTS), **inputs, **own}, opts)


class File(_Named):
    """One file on a host, whole, with its mode and owner."""

    path: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: str,
        path: pulumi.Input[str],
        content: pulumi.Input[str],
        user: str | None = None,
        port: int | None = None,
        host_key: str | None = None,
        become: bool | None = None,
        mode: str | None = None,
        owner: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = _given(
            host=host, port=port, user=user, host_key=host_key, become=become,
            path=path, content=content, mode=mode, owner=owner,
        )  # fmt: skip
        own = {tokens.PROVIDER_KEY: tokens.FILE_PROVIDER}
        super().__init__(tokens.FILE, name, {"sha256": None, "created": None, **inputs, **own}, opts)


class DockerEngine(pulumi.ComponentResource):
    """Docker on a server, installed and set up; `provider` acts through it.

    `registry_auth` are logins for registries: `address`, `username`, `password`.
    """

    provider: pulumi.ProviderResource

    def __init__(
        self,
        name: str,
        *,
        server: Server,
        options: DockerOptions | Mapping[str, Any] | None = None,
        registry_auth: Sequence[Mapping[str, pulumi.Input[str]]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tomo:index:DockerEngine", name, {}, opts)
        wanted = (
            options
            if isinstance(options, DockerOptions)
            else _model(DockerOptions, options or {}, f"Docker on `{name}`")
        )
        declared = engine(name, server.spec, wanted)
        environment = dict(_mapping(declared.inputs["environment"]))
        environment[tokens.DRIFT_VARIABLE] = server.docker_drift
        if tokens.TARGET_VARIABLE in environment:
            environment[tokens.TARGET_VARIABLE] = server.docker_target
        connection = declared.inputs.get("connection")
        inputs = {**declared.inputs, "environment": environment}
        if isinstance(connection, Secret):
            inputs["connection"] = pulumi.Output.secret(connection.reveal())
        command = pulumi.CustomResource(
            declared.type,
            declared.name,
            inputs,
            pulumi.ResourceOptions(
                parent=self,
                version=declared.version,
                replace_on_changes=list(declared.replace_on_changes),
                additional_secret_outputs=list(declared.additional_secret_outputs) or None,
            ),
        )
        self.provider = pulumi.ProviderResource(
            "docker",
            name,
            {"host": docker_address(server.spec), **_logins(registry_auth)},
            pulumi.ResourceOptions(parent=self, depends_on=[command], version=tokens.DOCKER_VERSION),
        )
        self.register_outputs({})


class App(pulumi.ComponentResource):
    """An app of the catalog on a server: its images, networks, volumes, files and containers.

    `definition` is an app file, its content, or an `AppDefinition`; `settings` is what a fleet file says of
    an app (`inputs`, `ports`, `env`, `mounts`, …); `secrets` gives the values that it names.
    """

    url: str

    def __init__(
        self,
        name: str,
        *,
        definition: AppDefinition | Mapping[str, Any] | Path,
        server: Server,
        engine: DockerEngine,
        settings: Mapping[str, Any] | None = None,
        secrets: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        app = _definition(definition)
        place = {"servers": {"server": server.spec}, "fleet": _name(pulumi.get_stack())}
        apps = {name: {**(settings or {}), "definition": app, "server": "server"}}
        fleet = _model(Fleet, {**place, "apps": apps}, f"app `{name}`")
        if fleet.apps[name].hostnames:
            raise UsageError(
                f"app `{name}`: `hostnames` need a server's `proxy`, which fleet files alone declare",
                hint="declare the server and the app in a fleet file, or a proxy in the program",
            )
        hidden: Mapping[str, Any] = {
            key: pulumi.Output.secret(value) for key, value in (secrets or {}).items()
        }
        declared = compile_fleet(fleet, {name: app}, FleetValues(hidden)).declarations
        component, *children = [each for each in declared.resources if each.key.startswith("app/")]
        own = pulumi.ResourceOptions(providers={"docker": engine.provider})
        super().__init__(tokens.APP, name, {}, pulumi.ResourceOptions.merge(opts, own))
        outputs = dict(component.outputs or {})
        self.url = str(outputs.get("url", ""))
        Registration(
            Declarations(tuple(children)),
            known={
                component.key: self,
                provider_key("server"): engine.provider,
                server_key("server"): server,
            },
        )
        self.register_outputs(outputs)


def _logins(given: Sequence[Mapping[str, pulumi.Input[str]]]) -> dict[str, Any]:
    """The provider's `registryAuth`, as the SDK of its package sends it; secret as a whole."""
    if not given:
        return {}
    return {"registryAuth": pulumi.Output.secret(pulumi.Output.json_dumps([dict(each) for each in given]))}


def _definition(given: AppDefinition | Mapping[str, Any] | Path) -> AppDefinition:
    if isinstance(given, AppDefinition):
        return given
    if isinstance(given, Path):
        return build(AppDefinition, parse(read_bytes(given), str(given)))
    return _model(AppDefinition, given, "an app's definition")


def _model(model: type[M], values: Mapping[str, Any], what: str) -> M:
    """The checked values; a program's mistake reads like every other one."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{what}: `{place}`: {first['msg']}", hint="`tomo schema` lists every field"
        ) from error


def _name(stack: str) -> str:
    """A stack's name as it may stand in paths on a host."""
    return re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")[:40].strip("-") or "stack"


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _camel(name: str) -> str:
    if name.startswith("__"):
        return name
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
