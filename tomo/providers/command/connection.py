"""A command's `connection` input, made a host that the pool can reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from tomo.errors import HostUnreachable, ProviderFailed
from tomo.frozen import frozen
from tomo.model.connection import Connection, Connections, HostSpec
from tomo.model.values import Properties, Secret, Value

T = TypeVar("T")
Pause = Callable[[float], bool]
"""Waits that many seconds; true when the deployment was cancelled meanwhile."""

DEFAULT_DIAL_ERRORS: Final = 10
DEFAULT_DIAL_SECONDS: Final = 15.0
ENDLESS_SECONDS: Final = 86_400.0
_FIRST_DELAY, _DELAY_GROWTH, _LONGEST_DELAY = 1.0, 1.5, 15.0


@frozen
class Road:
    """A host and how often dialling it may fail; -1 means without end."""

    spec: HostSpec
    dial_errors: int


def road_to(connection: Properties) -> Road:
    """The host of a `connection`; the pool adds what is declared for it, such as its credential."""
    spec = _host_spec(connection)
    limit = connection.get("dialErrorLimit")
    return Road(spec, DEFAULT_DIAL_ERRORS if limit is None else int(_number(limit, "dialErrorLimit")))


def dialled(
    connections: Connections,
    road: Road,
    act: Callable[[Connection], T],
    pause: Pause,
    report: Callable[[str], None],
) -> T:
    """Acts over the connection, dialling again while the host can't be reached.

    Only HostUnreachable is tried again: it says that nothing ran. A refused login or an unknown host key
    does not get better by itself.
    """
    failures, delay = 0, _FIRST_DELAY
    while True:
        try:
            return act(connections.get(road.spec))
        except HostUnreachable as error:
            failures += 1
            if 0 <= road.dial_errors < failures:
                raise HostUnreachable(
                    f"after {failures} failed attempts: {error.message}" if failures > 1 else error.message,
                    host=error.host,
                    hint=error.hint,
                    detail=error.detail,
                ) from error
            report(f"dial {failures}/{road.dial_errors} failed: retrying")
            if pause(delay):
                raise
            connections.redial(error)
            delay = min(delay * _DELAY_GROWTH, _LONGEST_DELAY)


def _host_spec(connection: Properties) -> HostSpec:
    host = _text(connection, "host")
    if not host:
        raise ProviderFailed("`connection.host` is missing", hint="give the address or name of the host")
    if host == "local":
        return HostSpec(host="local")
    key = _text(connection, "hostKey")
    seconds = connection.get("perDialTimeout")
    wait = DEFAULT_DIAL_SECONDS if seconds is None else _number(seconds, "perDialTimeout")
    port = connection.get("port")
    proxy = connection.get("proxy")
    return HostSpec(
        host=host,
        user=_text(connection, "user") or None,
        port=None if port is None else int(_number(port, "port")),
        private_key=_secret(connection, "privateKey"),
        private_key_password=_secret(connection, "privateKeyPassword"),
        password=_secret(connection, "password"),
        host_keys=(_pinned(key),) if key else (),
        agent_socket=_text(connection, "agentSocketPath") or None,
        proxy=_host_spec(proxy) if isinstance(proxy, Mapping) else None,
        connect_timeout=wait if wait > 0 else ENDLESS_SECONDS,
    )


def _pinned(line: str) -> str:
    """`TYPE BASE64` of an authorized_keys line, without its comment."""
    words = line.split()
    if len(words) < 2:  # noqa: PLR2004
        raise ProviderFailed(
            f"`connection.hostKey` is no public key: `{line}`",
            hint="write it as in known_hosts without the name: `ssh-ed25519 AAAA…`",
        )
    return " ".join(words[:2])


def _text(connection: Properties, key: str) -> str:
    value = connection.get(key)
    if isinstance(value, Secret):
        value = value.reveal()
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ProviderFailed(f"`connection.{key}` must be a text, not {type(value).__name__}")
    return value


def _secret(connection: Properties, key: str) -> Secret | None:
    text = _text(connection, key)
    return Secret(text) if text else None


def _number(value: Value, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProviderFailed(f"`connection.{key}` must be a number")
    return float(value)
