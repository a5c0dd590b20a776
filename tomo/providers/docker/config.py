"""The provider's own configuration; its texts may be JSON (engine-spec 1.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from tomo.frozen import frozen
from tomo.model.provider import CheckFailure
from tomo.model.values import Properties, Secret, Value, has_unknown, reveal
from tomo.providers.docker.schema import Field, Fields, Kind, check

LOCAL_SOCKET: Final = "unix:///var/run/docker.sock"

_NO_TLS: Final = "reach the host by `ssh://` instead of TLS"
_AUTH: Final = (
    Field("address", required=True),
    Field("username"),
    Field("password"),
    Field("configFile"),
    Field("configFileContent"),
    Field("authDisabled", Kind.BOOL),
)
CONFIG: Final[Fields] = (
    Field("host"),
    Field("sshOpts", Kind.TEXTS, ordered=True),
    Field("registryAuth", Kind.BLOCKS, fields=_AUTH, key=("address",)),
    Field("disableDockerDaemonCheck", Kind.BOOL),
    Field("context", refused="give `host` instead of a Docker context"),
    Field("caMaterial", refused=_NO_TLS),
    Field("certMaterial", refused=_NO_TLS),
    Field("keyMaterial", refused=_NO_TLS),
    Field("certPath", refused=_NO_TLS),
    Field("version"),
    Field("pluginDownloadURL"),
)
_JSON_KINDS: Final = {Kind.TEXTS, Kind.BLOCKS, Kind.BOOL}


@frozen
class DockerConfig:
    """The configuration, opened. `known` is false while the host comes from another resource."""

    host: str
    ssh_opts: tuple[str, ...] = ()
    registry_auth: tuple[Properties, ...] = ()
    known: bool = True


def failures(inputs: Properties) -> tuple[CheckFailure, ...]:
    """What is wrong with a configuration; a secret's value is never told."""
    found = list(check(CONFIG, decoded(inputs), hidden=True).failures)
    host = inputs.get("host")
    if isinstance(host, str) and host and not host.startswith(("ssh://", "unix://")):
        scheme = host.split("://", 1)[0] if "://" in host else host
        reason = f"a Docker host `{scheme}` is not supported; give `ssh://USER@HOST:PORT` or `unix://…`"
        found.append(CheckFailure("host", reason))
    return tuple(found)


def opened(inputs: Properties, default_host: str) -> DockerConfig:
    """The configuration of a provider resource, as its inputs hold it."""
    # Whether anything of use is unknown: a version can't be, and bookkeeping does not count.
    used = {name: inputs.get(name) for name in ("host", "sshOpts", "registryAuth")}
    if has_unknown(used):
        return DockerConfig(default_host, known=False)
    values = check(CONFIG, decoded(inputs)).values
    ssh_opts, auth = values.get("sshOpts"), values.get("registryAuth")
    return DockerConfig(
        host=str(values.get("host") or default_host),
        ssh_opts=tuple(map(str, ssh_opts)) if isinstance(ssh_opts, list) else (),
        registry_auth=tuple(item for item in auth if isinstance(item, Mapping))
        if isinstance(auth, list)
        else (),
    )


def decoded(inputs: Properties) -> Properties:
    """The inputs with JSON texts opened, as the generated SDKs send everything but texts."""
    kinds = {field.name: field.kind for field in CONFIG}
    return {
        name: _decoded(value) if kinds.get(name) in _JSON_KINDS else _plain(value)
        for name, value in inputs.items()
        if not name.startswith("__")
    }


def _plain(value: Value) -> Value:
    return reveal(value)


def _decoded(value: Value) -> Value:
    value = _plain(value)
    if not isinstance(value, str):
        return value
    try:
        return reveal(_unwrapped(json.loads(value)))
    except ValueError:
        return value


def _unwrapped(value: Value) -> Value:
    """A JSON text may hold secrets in Pulumi's envelope."""
    if isinstance(value, Mapping):
        if "4dabf18193072939515e22adb298388d" in value and "value" in value:
            return Secret(_unwrapped(value["value"]))
        return {name: _unwrapped(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    return value
