"""What a fleet file says of its servers before it is checked, for those who wait for hosts meanwhile.

The models of a fleet take longer to load than a host takes to answer. Nothing is decided by a glance: the
checked fleet is held against it afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from tomo.frozen import frozen
from tomo.spec.files import read_bytes
from tomo.spec.yaml import Document, parse

_ROAD: Final[Mapping[str, type]] = {"port": int, "user": str, "identity": str, "proxy_jump": str}
_KEPT: Final = ("identity_password", "password")
_LOCAL: Final = "local"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@frozen
class GlancedServer:
    """How a server seems to be reached; none of its credentials is a kept secret."""

    host: str
    road: Mapping[str, Any] = field(default_factory=dict)
    host_keys: tuple[str, ...] = ()
    become: bool = False


@frozen
class Glance:
    """A fleet's name, engine and servers, as they stand in the file."""

    fleet: str
    engine: str
    servers: Mapping[str, GlancedServer]


def read_document(file: Path) -> Document:
    """A fleet file, parsed; raises SpecError where it can't be read or is no YAML."""
    return parse(read_bytes(file, hint="run `tomo init`, or name the file with `-f FILE`"), str(file))


def glance_at(document: Document) -> Glance | None:
    """The servers of a fleet file; None where anything about them is out of the ordinary."""
    top = document.value
    if not isinstance(top, dict):
        return None
    name, engine = top.get("fleet"), top.get("engine", "embedded")
    defaults, servers = top.get("defaults") or {}, top.get("servers")
    # The name becomes part of paths: one that is no name goes no further than here.
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return None
    if not (isinstance(engine, str) and isinstance(servers, dict)):
        return None
    seen = {key: _server(defaults, value) for key, value in servers.items() if isinstance(key, str)}
    known = {key: server for key, server in seen.items() if server is not None}
    return Glance(name, engine, known) if len(known) == len(servers) else None


def _server(defaults: Any, own: Any) -> GlancedServer | None:
    if not isinstance(own, dict) or not isinstance(defaults, dict) or not isinstance(own.get("host"), str):
        return None
    local = own["host"] == _LOCAL
    said = own if local else {**defaults, **own}
    become = own.get("become", defaults.get("become", False))
    keys = said.get("host_key", [])
    keys = [keys] if isinstance(keys, str) else keys
    road = {name: said.get(name) for name in _ROAD}
    ordinary = (
        become in ("sudo", False)
        and isinstance(keys, list)
        and all(isinstance(key, str) for key in keys)
        and all(value is None or isinstance(value, _ROAD[name]) for name, value in road.items())
        and not any(name in said for name in _KEPT)
    )
    if not ordinary:
        return None
    return GlancedServer(own["host"], road, tuple(map(_key, keys)), become == "sudo")


def _key(text: str) -> str:
    return " ".join(text.split()[:2])
