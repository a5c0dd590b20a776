"""What `~/.ssh/config` says about a host; what Tomo can't honour there is refused by name."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tomo.errors import HostError, NotSupported
from tomo.frozen import frozen
from tomo.model.connection import HostSpec
from tomo.settings import Settings
from tomo.ssh.known_hosts import SYSTEM_FILES, Trust, trust

SYSTEM_CONFIG: Final = Path("/etc/ssh/ssh_config")
DEFAULT_KEYS: Final = ("id_ed25519", "id_ecdsa", "id_rsa")
_SSH_PORT = 22
_SEVERAL: Final = frozenset({"identityfile"})
_REFUSED: Final = frozenset({"proxycommand", "bindaddress", "bindinterface", "canonicalizehostname"})
_HARMLESS: Final = frozenset({"none", "no"})
_MAX_INCLUDES = 16


@frozen
class Endpoint:
    """Where and as whom to connect, once the spec and the config files are put together."""

    spec: HostSpec
    address: str
    port: int
    user: str
    identities: tuple[Path, ...] = ()
    identities_only: bool = False
    agent_socket: str | None = None
    known_hosts: tuple[Path, ...] = ()
    host_key_alias: str = ""
    jump: HostSpec | None = None
    timeout: float = 15.0
    alive_interval: int = 0

    @property
    def login(self) -> str:
        """The endpoint as `ssh` takes it."""
        port = "" if self.port == _SSH_PORT else f"-p {self.port} "
        return f"{port}{self.user}@{self.address}"

    def trusted(self) -> Trust:
        """The keys that stand for its host: those that its spec pins, else those in known_hosts files."""
        return trust(
            self.address,
            self.port,
            alias=self.host_key_alias,
            pinned=self.spec.host_keys,
            files=self.known_hosts,
        )


@dataclass(slots=True)
class _Reader:
    """Reads config files for one host; the first value of an option wins, as in OpenSSH."""

    host: str
    home: Path
    local_user: str
    user: str | None
    values: dict[str, list[str]] = field(default_factory=dict)

    def read(self, file: Path, *, depth: int = 0, must_exist: bool = False) -> None:
        active = True
        for option, argument in _options(file, must_exist=must_exist):
            if option == "host":
                active = _listed(shlex.split(argument), self.host)
            elif option == "match":
                active = self._match(argument, file)
            elif active and option == "include":
                self._include(argument, file, depth)
            elif active:
                self._take(option, argument)

    def _take(self, option: str, argument: str) -> None:
        words = shlex.split(argument, posix=True) if '"' in argument else [argument]
        if option in _SEVERAL:
            self.values.setdefault(option, []).extend(words)
        else:
            self.values.setdefault(option, [" ".join(words)])

    def _include(self, argument: str, file: Path, depth: int) -> None:
        if depth >= _MAX_INCLUDES:
            raise HostError(f"`{file}` includes itself", host="")
        for pattern in shlex.split(argument):
            base = file.parent if file == SYSTEM_CONFIG else self.home / ".ssh"
            path = base / Path(pattern.replace("~", str(self.home), 1) if pattern[0] == "~" else pattern)
            for match in sorted(glob.glob(str(path))):  # noqa: PTH207  # the pattern is absolute
                self.read(Path(match), depth=depth + 1)

    def _match(self, argument: str, file: Path) -> bool:
        words = iter(shlex.split(argument))
        for word in words:
            kind, wanted = word.lstrip("!").lower(), not word.startswith("!")
            if kind in {"all", "final"}:
                continue
            if kind not in {"host", "originalhost", "user", "localuser"}:
                raise NotSupported(
                    f"`Match {kind}` in `{file}` is not supported",
                    hint="Use `Host` blocks, or name another file with `-F`",
                )
            if _listed(next(words, "").split(","), self._matched(kind)) != wanted:
                return False
        return True

    def _matched(self, kind: str) -> str:
        if kind == "host":
            return self.first("hostname") or self.host
        if kind == "originalhost":
            return self.host
        return self.local_user if kind == "localuser" else self.user or self.first("user") or self.local_user

    def first(self, option: str) -> str | None:
        found = self.values.get(option)
        return found[0] if found else None


def resolve(spec: HostSpec, settings: Settings) -> Endpoint:
    """The endpoint of a spec: what the spec says, then `~/.ssh/config`, then the defaults."""
    reader = _Reader(spec.host, settings.home, settings.user, spec.user)
    if spec.config_file:
        reader.read(_path(spec.config_file, settings.home), must_exist=True)
    else:
        reader.read(settings.home / ".ssh" / "config")
        reader.read(SYSTEM_CONFIG)
    _refuse(reader)
    user = spec.user or reader.first("user") or settings.user
    port = spec.port or _number(reader, "port") or _SSH_PORT
    address = (reader.first("hostname") or spec.host).replace("%h", spec.host).replace("%%", "%")
    tokens = {
        "%h": address, "%n": spec.host, "%p": str(port), "%r": user,
        "%u": settings.user, "%d": str(settings.home), "%%": "%",
    }  # fmt: skip
    return Endpoint(
        spec=spec,
        address=address,
        port=port,
        user=user,
        identities=_identities(spec, reader, settings, tokens),
        identities_only=(reader.first("identitiesonly") or "").lower() == "yes",
        agent_socket=_agent(spec, reader, settings, tokens),
        known_hosts=_known_hosts(spec, reader, settings, tokens),
        host_key_alias=reader.first("hostkeyalias") or "",
        jump=_jump(spec, reader),
        timeout=float(_number(reader, "connecttimeout") or spec.connect_timeout),
        alive_interval=_number(reader, "serveraliveinterval") or 0,
    )


def jump_spec(text: str, spec: HostSpec) -> HostSpec | None:
    """The last hop of a ProxyJump list, which holds the hops before it; None for `none`.

    Hops have credentials of their own: what the spec names for its host is not shown to them.
    """
    hop: HostSpec | None = None
    for part in text.split(","):
        if part.strip().lower() == "none":
            return None
        found = re.fullmatch(r"(?:ssh://)?(?:([^@]+)@)?(\[[^]]+]|[^:@]+)(?::(\d+))?/?", part.strip())
        if not found:
            raise HostError(
                f"`{part.strip()}` is no jump host", host=spec.label, hint="Write `[USER@]HOST[:PORT]`"
            )
        user, host, port = found.groups()
        hop = HostSpec(
            host=host.strip("[]"), user=user, port=int(port) if port else None, proxy=hop,
            known_hosts=spec.known_hosts, config_file=spec.config_file, agent_socket=spec.agent_socket,
            connect_timeout=spec.connect_timeout,
        )  # fmt: skip
    return hop


def _options(file: Path, *, must_exist: bool) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        if must_exist:
            raise HostError(f"SSH config `{file}` does not exist", host="") from error
        return
    except OSError as error:
        raise HostError(f"SSH config `{file}` can't be read: {error.strerror}", host="") from error
    for line in text.splitlines():
        found = re.fullmatch(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(\S.*?)\s*", line)
        if found:
            yield found[1].lower(), found[2]


def _listed(patterns: list[str], name: str) -> bool:
    matched = False
    for pattern in patterns:
        hit = re.fullmatch(
            re.escape(pattern.lstrip("!")).replace(r"\*", ".*").replace(r"\?", "."), name, re.IGNORECASE
        )
        if hit and pattern.startswith("!"):
            return False
        matched = matched or hit is not None
    return matched


def _refuse(reader: _Reader) -> None:
    for option in sorted(_REFUSED & reader.values.keys()):
        value = reader.values[option][0]
        jumps = option == "proxycommand" and reader.first("proxyjump")
        if value.lower() not in _HARMLESS and not jumps:
            raise NotSupported(
                f"`{option}` of the SSH config for `{reader.host}` is not supported",
                hint="Use `ProxyJump` to go through another host"
                if option == "proxycommand"
                else "Leave it out for this host, or name another config file",
            )


def _number(reader: _Reader, option: str) -> int | None:
    value = reader.first(option)
    if value is None or value.lower() == "none":
        return None
    if not value.isdigit():
        raise HostError(f"`{option}` of the SSH config is `{value}`, not a number", host="")
    return int(value)


def _path(text: str, home: Path, tokens: Mapping[str, str] | None = None) -> Path:
    for token, value in (tokens or {}).items():
        text = text.replace(token, value)
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return Path(text)


def _identities(
    spec: HostSpec, reader: _Reader, settings: Settings, tokens: Mapping[str, str]
) -> tuple[Path, ...]:
    if spec.identity:
        return (_path(spec.identity, settings.home),)
    named = [name for name in reader.values.get("identityfile", ()) if name.lower() != "none"]
    if "identityfile" in reader.values:
        return tuple(dict.fromkeys(_path(name, settings.home, tokens) for name in named))
    return tuple(settings.home / ".ssh" / name for name in DEFAULT_KEYS)


def _agent(spec: HostSpec, reader: _Reader, settings: Settings, tokens: Mapping[str, str]) -> str | None:
    if spec.agent_socket:
        return spec.agent_socket
    named = reader.first("identityagent")
    if named is None or named == "SSH_AUTH_SOCK":
        return settings.ssh_auth_sock or None
    if named.lower() == "none":
        return None
    if named.startswith("$"):
        return settings.variables.get(named.strip("${}"))
    return str(_path(named, settings.home, tokens))


def _known_hosts(
    spec: HostSpec, reader: _Reader, settings: Settings, tokens: Mapping[str, str]
) -> tuple[Path, ...]:
    system = reader.first("globalknownhostsfile")
    of_system = tuple(Path(name) for name in shlex.split(system)) if system else SYSTEM_FILES
    named = spec.known_hosts or reader.first("userknownhostsfile")
    if named is None:
        folder = settings.home / ".ssh"
        return (folder / "known_hosts", folder / "known_hosts2", *of_system)
    names = [named] if spec.known_hosts else shlex.split(named)
    return (*(_path(name, settings.home, tokens) for name in names if name.lower() != "none"), *of_system)


def _jump(spec: HostSpec, reader: _Reader) -> HostSpec | None:
    if spec.proxy is not None:
        return spec.proxy
    named = spec.proxy_jump or reader.first("proxyjump")
    hop = jump_spec(named, spec) if named else None
    itself = hop is not None and hop.host == spec.host and hop.port in {None, spec.port}
    return None if itself else hop  # `Host *` with a ProxyJump covers the jump host too
