"""The address of a store on a server: `ssh://[USER@]SERVER[:PORT]/PATH`."""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import quote as percent
from urllib.parse import unquote, urlsplit

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostSpec
from tomo.model.storage import checked

SCHEME: Final = "ssh"
_FORM: Final = "write `ssh://[USER@]SERVER[:PORT]/PATH`; `/~/PATH` begins at the login's home"
_NAME: Final = re.compile(r"(?!-)[^\s/@]+")


@frozen
class StoreAddress:
    """A store on a server. `root` is a folder there, relative to the login's home unless it begins with `/`.

    `url` is the address as people write it, `login` what `ssh` takes.
    """

    spec: HostSpec
    root: str
    url: str
    login: str

    @property
    def server(self) -> str:
        """The server's name."""
        return self.spec.label

    def location(self, path: str = "") -> str:
        """The address of a file of the store, or of the store itself."""
        return f"{self.url}/{checked(path)}" if path else self.url

    def at(self, path: str) -> bytes:
        """A file's path on the server."""
        return self.full(checked(path))

    def full(self, path: str = "") -> bytes:
        """A path on the server; the store's own folder without one."""
        return encoded(posixpath.join(self.root, path) if path else self.root)


def encoded(name: str) -> bytes:
    """A file's name as the server has it."""
    return name.encode("utf-8", "surrogateescape")


def parse_store_address(url: str) -> StoreAddress:
    """The store that an address names; raises UsageError for one that isn't whole."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the state address is none: {error}", hint=_FORM) from error
    if parts.password is not None:
        raise UsageError(
            f"the state address for `{parts.hostname}` holds a password, which others could read",
            hint="log in with a key: `ssh-copy-id` puts one on the server",
        )
    host, user = parts.hostname or "", unquote(parts.username) if parts.username else None
    path = unquote(parts.path)
    odd = parts.query or parts.fragment or "\0" in path
    if parts.scheme != SCHEME or odd or not all(map(_NAME.fullmatch, filter(None, (host, user)))) or not host:
        raise UsageError(f"the state address `{url}` is none that Tomo understands", hint=_FORM)
    root = _root(path)
    if root in {"", "/", "//"}:
        raise UsageError(f"the state address `{url}` names no folder", hint=_FORM)
    spec = HostSpec(host=host, user=user, port=port)
    return StoreAddress(spec, root, _url(spec, root), _login(spec))


def _root(path: str) -> str:
    """`/srv/state` as it is, `/~/state` from the login's home on."""
    clean = posixpath.normpath(path) if path else ""
    if clean == "/~":
        return "."
    return clean.removeprefix("/~/") if clean.startswith("/~/") else clean


def _url(spec: HostSpec, root: str) -> str:
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    user = f"{percent(spec.user, safe='')}@" if spec.user else ""
    port = f":{spec.port}" if spec.port else ""
    path = root if root.startswith("/") else "/~" if root == "." else f"/~/{root}"
    return f"{SCHEME}://{user}{host}{port}{percent(path, safe='/~')}"


def _login(spec: HostSpec) -> str:
    port = f"-p {spec.port} " if spec.port else ""
    return f"{port}{spec.user}@{spec.host}" if spec.user else f"{port}{spec.host}"
