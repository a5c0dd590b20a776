"""Docker's own host addresses and ssh options, as `docker.Provider` takes them, made a spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

from tomo.errors import NotSupported, UsageError
from tomo.model.connection import LOCAL, HostSpec
from tomo.settings import Settings
from tomo.ssh.docker_road import DOCKER_SOCKET

_FLAGS: Final = {
    "-i": "identityfile",
    "-p": "port",
    "-l": "user",
    "-J": "proxyjump",
    "-F": "configfile",
}
_OPTIONS: Final = frozenset({"identityfile", "userknownhostsfile", "port", "user", "proxyjump"})
_KNOWN: Final = "-i -p -l -J -F, and -o IdentityFile, UserKnownHostsFile, Port, User, ProxyJump"


def spec_for_docker(host_url: str, ssh_opts: Sequence[str], settings: Settings) -> HostSpec:
    """The host of a Docker address; an option or scheme that Tomo does not know is refused by name."""
    url = host_url or settings.docker_host or f"unix://{DOCKER_SOCKET}"
    scheme = url.partition("://")[0]
    if scheme == "unix":
        path = url.removeprefix("unix://") or DOCKER_SOCKET
        return LOCAL if path == DOCKER_SOCKET else replace(LOCAL, docker_socket=path)
    if scheme != "ssh":
        raise NotSupported(
            f"Docker host `{url}` is not supported",
            hint="Use `ssh://USER@HOST[:PORT]`, or `unix:///var/run/docker.sock` for this machine",
        )
    return _with_options(_address(url), ssh_opts)


def _address(url: str) -> HostSpec:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"Docker host `{url}` is no address: {error}", hint=_FORM) from error
    if not parts.hostname or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(f"Docker host `{_without_password(url)}` is no address", hint=_FORM)
    if parts.path not in {"", "/"}:
        raise NotSupported(f"the path in Docker host `{url}` is not supported", hint=_FORM)
    return HostSpec(host=parts.hostname, user=unquote(parts.username) if parts.username else None, port=port)


_FORM: Final = "Write `ssh://USER@HOST[:PORT]`"


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _with_options(spec: HostSpec, ssh_opts: Sequence[str]) -> HostSpec:
    for option, value in _parsed(ssh_opts):
        match option:
            case "identityfile":
                spec = replace(spec, identity=value)
            case "userknownhostsfile":
                spec = replace(spec, known_hosts=value)
            case "port":
                spec = replace(spec, port=_port(value))
            case "user":
                spec = replace(spec, user=value)
            case "proxyjump":
                spec = replace(spec, proxy_jump=value)
            case "configfile":
                spec = replace(spec, config_file=value)
    return spec


def _parsed(ssh_opts: Sequence[str]) -> Iterator[tuple[str, str]]:
    words = iter(ssh_opts)
    for word in words:
        flag, joined = word[:2], word[2:]
        if flag != "-o" and flag not in _FLAGS:
            raise _refused(word)
        value = joined or next(words, "")
        if not value:
            raise UsageError(f"ssh option `{word}` lacks its value")
        if flag == "-o":
            yield _named(value)
        else:
            yield _FLAGS[flag], value


def _named(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or " " in name.strip():
        name, _, value = text.strip().partition(" ")
    option = name.strip().lower()
    if option not in _OPTIONS:
        raise _refused(f"-o {name.strip()}")
    if not value.strip():
        raise UsageError(f"ssh option `-o {name.strip()}` lacks its value")
    return option, value.strip().strip('"')


def _port(value: str) -> int:
    if not value.isdigit() or not 0 < int(value) < 1 << 16:
        raise UsageError(f"ssh port `{value}` is no port number")
    return int(value)


def _refused(option: str) -> NotSupported:
    if option.lower().startswith("-o stricthostkeychecking"):
        return NotSupported(
            f"ssh option `{option}` is not supported: host keys are always checked",
            hint="Leave it out and pin the key with `host_key`, or add the host to known_hosts by `ssh HOST`",
        )
    return NotSupported(f"ssh option `{option}` is not supported", hint=f"Supported are {_KNOWN}")
