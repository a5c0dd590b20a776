"""A server's own declarations: its facts, Docker on it, and the provider that acts through it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from tomo.model.declaration import Declaration, Json, Key, OutputRef
from tomo.model.values import Properties, Secret, Value
from tomo.resources import tokens
from tomo.resources.scripts import DOCKER_SITE, docker_install_script, docker_prune_script
from tomo.spec.fleet import Server

if TYPE_CHECKING:
    from tomo.spec.docker import DockerOptions


def server_key(name: str) -> Key:
    """Names the declaration of a server."""
    return f"server/{name}"


def engine_key(name: str) -> Key:
    """Names the declaration of Docker on a server."""
    return f"engine/{name}"


def provider_key(name: str) -> Key:
    """Names the declaration of the Docker provider that acts on a server."""
    return f"docker/{name}"


def server(name: str, spec: Server, keep: Sequence[str] = ()) -> Declaration:
    """The host itself: looked at, never changed. `keep` are the images that the fleet has on it."""
    return Declaration(
        key=server_key(name),
        type=tokens.SERVER,
        name=name,
        inputs={
            **road(spec),
            "docker": _desired(spec.docker_options, keep),
            tokens.PROVIDER_KEY: tokens.SERVER_PROVIDER,
        },
    )


def engine(name: str, spec: Server, options: DockerOptions) -> Declaration:
    """Docker's installation and daemon.json: one script, run when its parameters or reality change."""
    return script_run(
        engine_key(name), f"{name}-docker", spec, docker_install_script(), _engine_environment(name, options)
    )


def pruning(name: str, spec: Server) -> Declaration:
    """The removal of images that the last look found unused: by their ids, as the plan shows them."""
    found: dict[str, Value] = {tokens.PRUNE_VARIABLE: OutputRef(server_key(name), "dockerPrunable")}
    made = script_run(f"prune/{name}", f"{name}-prune", spec, docker_prune_script(), found)
    return replace(made, depends_on=(engine_key(name),))


def script_run(key: Key, name: str, spec: Server, script: str, environment: Properties) -> Declaration:
    """A script of Tomo's own on a server: run once, and again when a variable is another one."""
    inputs: dict[str, Value] = {"create": script, "update": script, "environment": environment}
    if not spec.is_local:
        inputs["connection"] = Secret(connection(spec))
    elif spec.become:
        inputs["interpreter"] = ["sudo", "-n", f"--preserve-env={','.join(environment)}", "/bin/sh", "-c"]
    return Declaration(
        key=key,
        type=tokens.LOCAL_COMMAND if spec.is_local else tokens.REMOTE_COMMAND,
        name=name,
        inputs=inputs,
        version=tokens.COMMAND_VERSION,
        replace_on_changes=("triggers[*]",),
        additional_secret_outputs=() if spec.is_local else ("connection",),
    )


def docker_provider(
    name: str, spec: Server, *, installed_by_tomo: bool, logins: Sequence[Properties] = ()
) -> Declaration:
    """The road that all Docker resources of a server take, with the logins for their images' registries."""
    auth = {"registryAuth": Json(list(logins))} if logins else {}
    return Declaration(
        key=provider_key(name),
        type=tokens.DOCKER_PROVIDER,
        name=name,
        inputs={"host": docker_address(spec), **auth},
        version=tokens.DOCKER_VERSION,
        depends_on=(engine_key(name) if installed_by_tomo else server_key(name),),
    )


def road(spec: Server) -> dict[str, Value]:
    """How the server is reached, as `Server` and `File` take it; credentials are found by the address."""
    given: dict[str, Value] = {
        "host": spec.host,
        "port": spec.port,
        "user": spec.user,
        "hostKey": spec.host_key[0] if len(spec.host_key) == 1 else None,
        "become": spec.become == "sudo" or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def connection(spec: Server) -> Properties:
    """The same as a command resource takes it."""
    given = road(spec)
    return {key: given[key] for key in ("host", "port", "user", "hostKey") if key in given}


def docker_address(spec: Server) -> str:
    """The `host` of a Docker provider."""
    if spec.is_local:
        return tokens.LOCAL_SOCKET
    user = f"{quote(spec.user, safe='')}@" if spec.user else ""
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    return f"ssh://{user}{host}{f':{spec.port}' if spec.port else ''}"


def _desired(options: DockerOptions | None, keep: Sequence[str]) -> Value:
    if options is None:
        return False
    version = {"pin" if options.pin else "version": options.version} if options.version else {}
    # Through JSON and back: plain types only, whatever the YAML reader made.
    daemon: dict[str, Value] = json.loads(json.dumps(options.settings()))
    prune: dict[str, Value] = {}
    if options.prune is not None:
        policy = {"images": options.prune.images, "olderThan": options.prune.older_than}
        prune["prune"] = {**policy, "keep": list(keep)}
    return {**version, "daemon": daemon, **prune}


def _compact(settings: Mapping[str, object]) -> str:
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def _engine_environment(name: str, options: DockerOptions) -> Properties:
    return {
        "TOMO_DOCKER_CHANNEL": options.channel,
        tokens.VERSION_VARIABLE: options.version or "",
        **({tokens.TARGET_VARIABLE: OutputRef(server_key(name), "dockerTarget")} if options.pin else {}),
        tokens.DAEMON_VARIABLE: _compact(options.settings()),
        **({"TOMO_DOCKER_FIRST": _compact(first)} if (first := options.first_settings()) else {}),
        "TOMO_DOCKER_SITE": DOCKER_SITE,
        tokens.DRIFT_VARIABLE: OutputRef(server_key(name), "dockerDrift"),
    }
