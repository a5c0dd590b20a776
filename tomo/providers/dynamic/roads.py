"""From the inputs that Tomo's own dynamic resources share to the host they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from tomo.model.connection import HostSpec
from tomo.model.values import Properties

T = TypeVar("T")
_AT_ONCE: Final = 16


def spec_of(inputs: Properties) -> HostSpec:
    """The host of a resource; the pool adds what is declared for it, such as its credential."""
    port, key = inputs.get("port"), " ".join(text_of(inputs, "hostKey").split()[:2])
    return HostSpec(
        host=text_of(inputs, "host"),
        user=text_of(inputs, "user") or None,
        port=int(port) if isinstance(port, (int, float)) else None,
        host_keys=(key,) if key else (),
        become=bool(inputs.get("become")),
    )


def text_of(inputs: Properties, key: str) -> str:
    """A text input; empty where it is absent or not known yet."""
    value = inputs.get(key)
    return value if isinstance(value, str) else ""


def each_host(specs: Sequence[HostSpec], act: Callable[[HostSpec, list[int]], T]) -> list[T]:
    """Acts once for each host on the positions that belong to it, hosts side by side, results by position."""
    groups: list[tuple[HostSpec, list[int]]] = []
    for index, spec in enumerate(specs):
        found = next((positions for known, positions in groups if known == spec), None)
        if found is None:
            groups.append((spec, [index]))
        else:
            found.append(index)
    with ThreadPoolExecutor(min(_AT_ONCE, len(groups)) or 1) as pool:
        return list(pool.map(lambda group: act(*group), groups))
