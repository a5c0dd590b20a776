"""`[USER@]HOST[:PORT]`, as people type it."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.spec.app import HIGHEST_PORT
from tomo.spec.fleet import LOCAL
from tomo.spec.shown import shown

_FORM: Final = "write `[USER@]HOST[:PORT]`, such as `root@192.168.1.10` or `root@[2001:db8::1]:2222`"
_LONGEST_NAME: Final = 40


@frozen
class Address:
    """Where a server is reached; what was not typed is left to `~/.ssh/config` and the defaults."""

    host: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{user}{host}{f':{self.port}' if self.port else ''}"

    @property
    def is_local(self) -> bool:
        """Whether it is the machine Tomo runs on."""
        return self.host == LOCAL


def parse_address(text: str) -> Address:
    """The address in a text; raises UsageError that says how to write it."""
    user, at, place = text.rpartition("@")
    if ":" in user.rpartition("://")[2]:
        # It is not repeated: errors are seen by others, and kept.
        raise UsageError(
            "the address holds a password, which would be kept in the open",
            hint="write `USER@HOST`; the fleet file names a password that `tomo secret set NAME` has set",
        )
    if at and not user:
        raise _refused(text, "has no user before `@`")
    host, port = _host_and_port(text, place)
    if not host or host.startswith("-") or re.search(r"[\s/\\'\"`$;&|<>(){}@\x00-\x1f\x7f]", host):
        raise _refused(text, "is no address of a host")
    if user.startswith("-") or re.search(r"[\s/\\'\"`$;&|<>(){}@:\x00-\x1f\x7f]", user):
        raise _refused(text, "names no user that can log in")
    return Address(host, user or None, port)


def name_for(host: str) -> str:
    """A name for a server that nobody named: the first part of its host name."""
    if _is_ip(host):
        return "server"
    return valid_name(host.partition(".")[0]) or "server"


def valid_name(text: str) -> str:
    """The text as a name of a fleet file; empty where nothing of it will do."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-")


def _host_and_port(text: str, place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, closed, rest = place[1:].partition("]")
        if not closed or not _is_ip(host) or (rest and not rest.startswith(":")):
            raise _refused(text, "has no IPv6 address in its brackets")
        return host, _port(text, rest.removeprefix(":")) if rest else None
    if _is_ip(place):
        return place, None
    host, colon, port = place.rpartition(":")
    if not colon:
        return place, None
    if ":" in host:
        raise _refused(text, "is no address of a host")
    return host, _port(text, port)


def _port(text: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) <= HIGHEST_PORT):
        raise _refused(text, f"names no port from 1 to {HIGHEST_PORT}")
    return int(digits)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"`{shown(text)}` {why}", hint=_FORM)
