"""Published ports of a Compose service, in every way that the catalogs write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tomo.catalog.importers.found import FoundApp
from tomo.catalog.importers.reading import At
from tomo.catalog.importers.variables import Texts
from tomo.catalog.importers.words import Names, languages
from tomo.spec.app import HIGHEST_PORT
from tomo.spec.shown import shown

_SHORT: Final = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.]*\]|[0-9.]*):)?(?:(?P<host>[0-9]*(?:-[0-9]+)?):)?"
    r"(?P<container>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>[a-zA-Z]+))?"
)
_MOST: Final = 500
_LOW: Final = 1024
_WEB: Final = (80, 8080, 3000, 443, 8443)


@dataclass
class Ports:
    """The ports of one app; each gets a name of its own, and a port of the server that no other has."""

    found: FoundApp
    texts: Texts
    taken: set[tuple[int, str]] = field(default_factory=set)
    names: Names = field(default_factory=Names)
    count: int = 0

    def of_service(self, service: str, ports: At) -> list[dict[str, Any]]:
        """The `ports` of a service as the app format has them."""
        mapped: list[dict[str, Any]] = []
        for entry in ports.items():
            self.count += 1
            if self.count > _MOST:
                entry.refuse(
                    f"the app publishes more than {_MOST} ports", "write ranges, such as `8000-8010`"
                )
            for port in self._entry(entry):
                if not any(_same(port, other) for other in mapped):
                    mapped.append(self._placed(service, port))
        return mapped

    def page_port(self, service: str, container: int, host: int | None) -> dict[str, Any]:
        """A port that the source reaches through its own proxy, published for a page."""
        wanted = host or (container if container >= _LOW else 8000 + container)
        port = {"container": str(container), "host": str(wanted), "protocol": "tcp"}
        self.found.ledger.mapping(
            f"`{service}` port {container} is published, for want of the source's proxy"
        )
        return self._placed(service, port)

    def _entry(self, entry: At) -> Iterator[dict[str, Any]]:
        if isinstance(entry.value, dict):
            yield self._long(entry)
            return
        text = entry.text()
        fixed = self._fixed(text)
        if fixed is None:
            self.found.ledger.person(
                f"port `{shown(text)}` needs a variable that has no value; it is left out"
            )
            return
        match = _SHORT.fullmatch(fixed.strip())
        if match is None:
            entry.refuse(
                f"`{shown(text)}` is not a port", "such as `8080:80`, `53:53/udp` or `8000-8010:8000-8010`"
            )
        if match["ip"] and not match["host"] and match["ip"].isdigit():
            yield self._checked(entry, match["ip"], match["container"], match["protocol"])
        else:
            yield self._checked(entry, match["host"] or "", match["container"], match["protocol"])

    def _fixed(self, text: str) -> str | None:
        """The port with its variables filled in; one of the server's that has no value is left out."""
        fixed = self.texts.constant(text)
        if fixed is None and ":" in text:
            host, _, container = text.rpartition(":")
            fixed = self.texts.constant(container)
            self.found.ledger.mapping(
                f"the server's port `{shown(host)}` is the container's `{shown(container)}`"
            )
        return fixed

    def _long(self, entry: At) -> dict[str, Any]:
        target = self.texts.constant(entry.get("target").text())
        published = self.texts.constant(entry.get("published").text()) or ""
        if not target or not re.fullmatch(r"[0-9]+(-[0-9]+)?", target):
            entry.refuse(f"`{shown(target or '')}` is not a port of the container", "write `target: 80`")
        if published and not re.fullmatch(r"[0-9]+(-[0-9]+)?", published):
            published = ""
            self.found.ledger.mapping(f"the server's port for {target} is the container's")
        return self._checked(entry, published, target, entry.get("protocol").text())

    def _checked(self, entry: At, host: str, container: str, protocol: str | None) -> dict[str, Any]:
        first, _, last = container.partition("-")
        low, _, high = (host if host and host != "0" else container).partition("-")
        spans = [int(first), int(last or first), int(low), int(high or low)]
        if max(spans) > HIGHEST_PORT or min(spans) < 1 or spans[0] > spans[1] or spans[2] > spans[3]:
            entry.refuse(
                f"`{shown(entry.text() if not isinstance(entry.value, dict) else host)}` is not a port",
                "from 1 to 65535",
            )
        protocol = (protocol or "tcp").lower()
        if protocol not in ("tcp", "udp", "sctp"):
            entry.refuse(f"`{shown(protocol)}` is not a protocol", "write `tcp` or `udp`")
        length = spans[1] - spans[0]
        if spans[3] - spans[2] != length:
            # Docker takes any free one of the range; the first is one.
            spans[3] = spans[2] + length
        return {
            "container": _span(spans[0], spans[1]),
            "host": _span(spans[2], spans[3]),
            "protocol": protocol,
        }

    def _placed(self, service: str, port: dict[str, Any]) -> dict[str, Any]:
        protocol = port["protocol"]
        first, _, last = port["host"].partition("-")
        low, length = int(first), int(last or first) - int(first)
        while low + length <= HIGHEST_PORT and any(
            (low + step, protocol) in self.taken for step in range(length + 1)
        ):
            low += 1
        if low != int(first):
            self.found.ledger.mapping(f"port {first} of the server is taken within the app; {low} is used")
        self.taken |= {(low + step, protocol) for step in range(length + 1)}
        described = self.found.described.get((service, "port", port["container"]))
        return {
            "name": self._name(port["container"], protocol),
            "container": _number(port["container"]),
            "host": _number(_span(low, low + length)),
            **({"protocol": protocol} if protocol != "tcp" else {}),
            "expose": "local",
            **({"description": languages(described)} if languages(described) else {}),
        }

    def _name(self, container: str, protocol: str) -> str:
        return self.names.take(f"port-{container}" if protocol == "tcp" else f"port-{container}-{protocol}")


def likeliest_page(ports: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The port of a service that most likely shows a page."""
    single = [port for port in ports if "protocol" not in port and isinstance(port["container"], int)]
    known = [port for wanted in _WEB for port in single if port["container"] == wanted]
    return next(iter([*known, *single]), None)


def _same(port: dict[str, Any], other: dict[str, Any]) -> bool:
    return (str(other["container"]), str(other["host"]), other.get("protocol", "tcp")) == (
        port["container"],
        port["host"],
        port["protocol"],
    )


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _number(span: str) -> int | str:
    return int(span) if span.isdigit() else span
