"""Rules about hosts that credentials would be sent to: their address, host key and login."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Final

from tomo.errors import HostNotAccepted
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import Secret, Unknown, Value, same_value
from tomo.policy.rule import Case, Options, Violation
from tomo.policy.values import name_of, opened, untold
from tomo.resources.tokens import DOCKER_PROVIDER, FILE, REMOTE_COMMAND, SERVER

COPY: Final = "command:remote:CopyToRemote"
_AT_TOP: Final = (SERVER, FILE)
_IN_CONNECTION: Final = (REMOTE_COMMAND, COPY)
_LOGIN: Final = ("user", "privateKey", "privateKeyPassword", "password", "agentSocketPath", "become")
_PARTS: Final = {
    "host": "address",
    "port": "address",
    "hostKey": "host key",
    "proxy": "proxy",
    **dict.fromkeys(_LOGIN, "login"),
}


def new_hosts(case: Case, _options: Options) -> Iterator[Violation]:
    """Hosts that no resource was on before."""
    known = set(_known(case))
    for step, entry in case.after(*_AT_TOP, DOCKER_PROVIDER, *_IN_CONNECTION):
        path, road = _road(entry)
        place = _place(road)
        if place is None:
            if step.old is None and road is not None:
                yield untold(step, path)
            continue
        if place not in known and place[0] != "local":
            known.add(place)
            message = f"the host `{place[0]}` is new: a login would be tried there"
            yield Violation(step.urn, path, message, "compare its host key with the one on its own console")


def changed_hosts(case: Case, _options: Options) -> Iterator[Violation]:
    """Known hosts whose address, host key or login is another one, or not the accepted one."""
    said: set[Urn] = set()
    for step, entry in case.after(*_AT_TOP, DOCKER_PROVIDER, *_IN_CONNECTION):
        if step.old is None or step.op is Op.SAME:
            continue
        path, new = _road(entry)
        _, old = _road(step.old)
        moved = list(_moved(old, new))
        if moved:
            said.add(step.urn)
            what = " and ".join(dict.fromkeys(moved))
            message = f"the {what} of `{name_of(entry)}` changed"
            yield Violation(
                step.urn, path, message, "make sure that it is the same machine: `tomo server test`"
            )

    yield from _not_accepted(case, said)


def _not_accepted(case: Case, said: Container[Urn]) -> Iterator[Violation]:
    """Servers that were not dialled though they were there before: what differs is in no resource.

    A fleet's key file and jump host are in its file alone, and only who knows the base can compare them.
    """
    names = {host.host for host in case.plan.unlooked if host.code == HostNotAccepted.code}
    for step in case.plan.steps:
        if step.type == SERVER and step.urn.name in names and step.old is not None and step.urn not in said:
            message = f"the login of `{step.urn.name}` is not the one that people have accepted"
            yield Violation(
                step.urn, "", message, "look at `identity`, `password` and `proxy_jump` of the server"
            )


def _known(case: Case) -> Iterator[tuple[str, int]]:
    for step in case.plan.steps:
        old = step.old if step.old is not None and step.op is not Op.CREATE else None
        if old is not None and step.type in {SERVER, DOCKER_PROVIDER}:
            place = _place(_road(old)[1])
            if place is not None:
                yield place


def _road(entry: ResourceState) -> tuple[str, Value]:
    """Where a resource says how its host is reached, and what it says; None where it says nothing."""
    if entry.urn.type in _AT_TOP:
        return "host", {name: entry.inputs.get(name) for name in _PARTS if name in entry.inputs}
    if entry.urn.type == DOCKER_PROVIDER:
        return "host", _of_docker(opened(entry.inputs.get("host")))
    return "connection", opened(entry.inputs.get("connection"))


def _of_docker(address: Value) -> Value:
    """`ssh://user@host:port` in the parts of the others; a socket of this machine is no road."""
    if isinstance(address, Unknown):
        return address
    scheme, _, rest = str(address or "").partition("://")
    if scheme != "ssh":
        return {"host": rest} if scheme in {"tcp", "http", "https"} else None
    user, _, place = rest.rpartition("@")
    return {"host": place.strip("/"), **({"user": user} if user else {})}


def _place(road: Value) -> tuple[str, int] | None:
    """Address and port; None where they are not known."""
    if not isinstance(road, Mapping):
        return None
    host, port = opened(road.get("host")), opened(road.get("port"))
    if not isinstance(host, str) or isinstance(port, Unknown):
        return None
    name, colon, number = host.rpartition(":")
    if colon and number.isdigit() and (name.endswith("]") or ":" not in name):
        host, port = name, int(number)
    return host.strip("[]").lower(), int(port) if isinstance(port, (int, float)) else 22


def _moved(old: Value, new: Value) -> Iterable[str]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return ["road"] if isinstance(new, Unknown) != isinstance(old, Unknown) else []
    return [what for name, what in _PARTS.items() if not _same(old.get(name), new.get(name))]


def _same(old: Value, new: Value) -> bool:
    if isinstance(old, Secret) or isinstance(new, Secret):
        left, right = opened(old), opened(new)
        return not isinstance(left, Unknown) and same_value(left, right)
    return same_value(old, new)
