"""What Docker says of a thing, one value at a time; what it leaves out or calls null is empty."""

from __future__ import annotations

from collections.abc import Mapping

from tomo.model.values import Value
from tomo.providers.docker.schema import as_text

Inspected = Mapping[str, Value]


def part(values: Value, *names: str) -> Mapping[str, Value]:
    """A nested object; empty where there is none."""
    for name in names:  # by its type first, as asking an abstract class takes ten times as long
        values = values.get(name) if type(values) is dict or isinstance(values, Mapping) else None
    return values if type(values) is dict or isinstance(values, Mapping) else {}


def listed(values: Inspected, name: str) -> list[Value]:
    """A list, also where Docker says null."""
    value = values.get(name)
    return list(value) if isinstance(value, (list, tuple)) else []


def whole(value: Value) -> int:
    """A number, also where Docker says null."""
    return int(value) if isinstance(value, (int, float)) else 0


def text_of(values: Inspected, name: str) -> str:
    """A text, also where Docker says null."""
    value = values.get(name)
    return "" if value is None else as_text(value)


def config(found: Inspected) -> Mapping[str, Value]:
    """What belongs to the image's side of a container."""
    return part(found, "Config")


def host_config(found: Inspected) -> Mapping[str, Value]:
    """What belongs to the host's side of a container."""
    return part(found, "HostConfig")


def state(found: Inspected) -> Mapping[str, Value]:
    """Whether and how the container runs."""
    return part(found, "State")


def name_of(found: Inspected) -> str:
    """The container's name, without Docker's slash."""
    return text_of(found, "Name").lstrip("/")


def runs_freely(found: Inspected) -> bool:
    """Whether it runs and isn't paused."""
    return bool(state(found).get("Running")) and not state(found).get("Paused")


def label_list(found: Value) -> list[Value]:
    """Labels as programs write them, by name."""
    pairs = found.items() if isinstance(found, Mapping) else ()
    return [{"label": str(name), "value": as_text(value)} for name, value in sorted(pairs)]
