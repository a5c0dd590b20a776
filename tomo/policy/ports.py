"""The rule about ports that everybody can reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address

from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.values import Unknown, Value
from tomo.policy.rule import Case, Options, Violation, texts
from tomo.policy.values import field, items, member, name_of, opened, untold
from tomo.resources.tokens import CONTAINER


def public_ports(case: Case, options: Options) -> Iterator[Violation]:
    """Ports that become reachable from every network of a host, or at a public address."""
    allowed = set(texts(options))
    for step, entry in case.after(CONTAINER):
        if step.op is Op.IMPORT and not case.everything:
            continue  # what is taken in as it is opens nothing
        before = set() if case.everything or step.old is None else set(_open(step.old))
        for path, item in items(entry, "ports"):
            if isinstance(item, Unknown) or any(isinstance(part, Unknown) for part in _place(item)):
                yield untold(step, path)
            elif _place(item) not in before and _is_public(str(_place(item)[0])):
                yield from _port(step, entry, path, item, allowed)
        if field(entry, "publishAllPorts") is True and not (
            step.old and step.old.inputs.get("publishAllPorts")
        ):
            message = f"`{name_of(entry)}` publishes every port of its image on every network of its host"
            yield Violation(step.urn, "publishAllPorts", message, "publish the ports it needs: `ports`")


def _port(step: Step, entry: ResourceState, path: str, item: Value, allowed: set[str]) -> Iterator[Violation]:
    _, external, protocol = _place(item)
    if str(external or "") in allowed or f"{external}/{protocol}" in allowed:
        return
    port = f"port {external}/{protocol}" if external else "a port that Docker chooses"
    yield Violation(
        step.urn,
        f"{path}.ip",
        f"`{name_of(entry)}` opens {port} to every network of its host",
        "bind it to one address (`exposure: local` or `lan` of an app), or allow it: `allow: [PORT]`",
    )


def _place(item: Value) -> tuple[Value, Value, Value]:
    """Address, port and protocol as Docker will take them."""
    external = opened(member(item, "external"))
    number = int(external) if isinstance(external, (int, float)) else external
    return _address(opened(member(item, "ip"))), number, opened(member(item, "protocol")) or "tcp"


def _open(entry: ResourceState) -> Iterator[tuple[Value, Value, Value]]:
    yield from (_place(item) for _, item in items(entry, "ports") if isinstance(item, Mapping))


def _address(value: Value) -> Value:
    return value if isinstance(value, Unknown) else _normal(str(value or ""))


@lru_cache(maxsize=1024)
def _normal(text: str) -> str:
    try:
        return "" if not text or ip_address(text).is_unspecified else str(ip_address(text))
    except ValueError:
        return text


@lru_cache(maxsize=1024)
def _is_public(address: str) -> bool:
    try:
        return not address or ip_address(address).is_global
    except ValueError:
        return True
