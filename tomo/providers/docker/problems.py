"""What a daemon's refusal means, in Tomo's errors."""

from __future__ import annotations

import re
from typing import Final

from tomo.errors import (
    DiskFull,
    DockerError,
    HostError,
    ImageNotFound,
    NameTaken,
    PortTaken,
    RegistryLoginFailed,
    Transient,
)
from tomo.model.image import ImageName

# Compiled when a daemon first refuses something: that takes longer than all else that is imported with it.
_NAME_IN_USE: Final = r'container name "/?([^"]+)" is already in use by container "?([0-9a-f]{12})'
_NETWORK_EXISTS: Final = r"network with name (\S+) already exists"
_PORT: Final = r"(?:Bind for |listen (?:tcp|udp|sctp)[46]? )(?P<ip>\[?[0-9a-fA-F.:]*\]?):(?P<port>\d+)"
_NO_IMAGE: Final = (
    r"no such image|manifest (?:for .* )?(?:unknown|not found)|pull access denied|repository .*not found"
    r"|manifest unknown|name unknown|image .* not found|not found: manifest"
)
_REFUSED: Final = r"unauthorized|no basic auth credentials|denied: |authentication required"
_PASSING: Final = (
    r"i/o timeout|TLS handshake timeout|Client\.Timeout|context deadline exceeded|connection reset by peer"
    r"|server misbehaving|unexpected EOF|unexpected (?:HTTP )?status\b.{0,300}?\b5\d\d\b|HTTP 5\d\d response"
)
"""Trouble of a registry or of the way to it. A limit of pulls is none: it lasts for hours."""
_UNREACHABLE: Final = rf"no such host|dial tcp|connection refused|{_PASSING}"
_BUSY: Final = (
    r"is already in progress|operation is already running|device or resource busy"
    r"|resource temporarily unavailable|\btry again\b"
)
"""What a daemon refuses because it is at it, or at something in its way."""


def refusal(message: str, *, host: str, doing: str, image: str = "", user: str = "") -> HostError:
    """The error for a call that the daemon refused; `doing` says what was asked, with the value.

    `user` is whom the image's registry was asked as.
    """
    if "no space left on device" in message:
        return DiskFull(
            f"`{host}` has no space left while {doing}",
            host=host,
            hint="free some space there, for example with `docker image prune`",
            detail=message,
        )
    if match := re.search(_NAME_IN_USE, message):
        return name_taken("container", match[1], match[2], host)
    if match := re.search(_NETWORK_EXISTS, message):
        return name_taken("network", match[1], "", host)
    if "port is already allocated" in message or "address already in use" in message:
        return port_taken(message, host)
    if image and (error := image_refusal(message, host=host, image=image, user=user)):
        return error
    error = DockerError(f"Docker on `{host}` failed {doing}: {message}", host=host)
    error.transient = Transient.BUSY if re.search(_BUSY, message, re.IGNORECASE) else None
    return error


def image_refusal(message: str, *, host: str, image: str, user: str = "") -> HostError | None:
    """The error for an image that can't be had; None where the message is about something else."""
    if re.search(_UNREACHABLE, message, re.IGNORECASE):
        error = DockerError(
            f"`{host}` can't reach the registry of `{image}`",
            host=host,
            hint="check the host's network and name resolution, or give its Docker a registry mirror",
            detail=message,
        )
        error.transient = Transient.REGISTRY if re.search(_PASSING, message, re.IGNORECASE) else None
        return error
    if re.search(_NO_IMAGE, message, re.IGNORECASE):
        return image_not_found(image, host, message)
    if re.search(_REFUSED, message, re.IGNORECASE):
        return _login_failed(image, host, user, message)
    return None


def _login_failed(image: str, host: str, user: str, detail: str) -> RegistryLoginFailed:
    registry = ImageName.parse(image).registry
    if user:
        return RegistryLoginFailed(
            f"the registry `{registry}` refuses the login of `{user}` with which `{host}` asks for `{image}`",
            host=host,
            hint="set its password again: `tomo secret set NAME`, by the name under `registries`",
            detail=detail,
        )
    return RegistryLoginFailed(
        f"the registry `{registry}` wants a login before it gives `{image}` to `{host}`",
        host=host,
        hint=f"write `username` and `password` under `registries: {{{registry}: …}}` in the fleet file "
        "(programs: `registryAuth`)",
        detail=detail,
    )


def image_not_found(image: str, host: str, detail: str = "") -> ImageNotFound:
    """No such image on the host or in its registry."""
    return ImageNotFound(
        f"image `{image}` was not found on `{host}` or in its registry",
        host=host,
        hint="check name and tag; a private registry needs a login (`registries`, or `registryAuth`)",
        detail=detail,
    )


def name_taken(kind: str, name: str, id_: str, host: str) -> NameTaken:
    """Something that isn't in the state has the name."""
    known = f" (id {id_[:12]})" if id_ else ""
    remove = f"docker rm -f {name}" if kind == "container" else f"docker {kind} rm {name}"
    adopt = (
        f"`tomo import {host} APP --container {name}`" if kind == "container" else f"`tomo import {host} APP`"
    )
    option = f'`import_="{id_ or name}"`'
    return NameTaken(
        f"a {kind} named `{name}`{known} exists on `{host}` already and is not in the state",
        host=host,
        hint=f"take it in with {adopt} (in a program: {option}), or remove it there with `{remove}`",
    )


def port_taken(message: str, host: str, holder: str = "") -> PortTaken:
    """Another container or process has a port; `holder` says who, where that's known."""
    match = re.search(_PORT, message)
    port = f"{match['ip']}:{match['port']}" if match else "a port"
    by = f" by {holder}" if holder else ""
    return PortTaken(
        f"port `{port}` on `{host}` is taken{by}",
        host=host,
        hint="choose another external port, or stop what holds it",
        detail=message,
    )


def taken_port(message: str) -> int | None:
    """The number of the port a refusal is about."""
    match = re.search(_PORT, message)
    return int(match["port"]) if match else None
