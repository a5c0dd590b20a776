"""A resource's inputs, one at a time, in the kind that is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tomo.model.values import Asset, Properties, Value
from tomo.providers.docker.container_fields import BY_NAME
from tomo.providers.docker.schema import as_bool, as_int, as_text


def text(values: Properties, name: str) -> str:
    """An input as text; `""` where it is absent."""
    value = values.get(name)
    if isinstance(value, Asset):
        return value.text or ""
    return "" if value is None else as_text(value)


def number(values: Properties, name: str) -> int:
    """An input as a number; 0 where it is absent."""
    return as_int(values.get(name)) or 0


def truth(values: Properties, name: str) -> bool:
    """An input as truth; its default where it is absent."""
    value = values.get(name)
    if value is None and name in BY_NAME:
        value = BY_NAME[name].default
    return as_bool(value)


def texts(values: Properties, name: str) -> list[str]:
    """An input as a list of texts."""
    value = values.get(name)
    return [as_text(item) for item in value] if isinstance(value, (list, tuple)) else []


def text_map(value: Value) -> dict[str, str]:
    """A map of texts, without bookkeeping."""
    pairs = value.items() if isinstance(value, Mapping) else ()
    return {str(key): as_text(item) for key, item in pairs if not str(key).startswith("__")}


def blocks(values: Properties, name: str) -> Iterator[Properties]:
    """The objects of a list."""
    value = values.get(name)
    for item in value if isinstance(value, (list, tuple)) else ():
        if isinstance(item, Mapping):
            yield item


def labels(value: Value) -> dict[str, str]:
    """Labels as Docker holds them."""
    items = value if isinstance(value, (list, tuple)) else ()
    return {text(item, "label"): text(item, "value") for item in items if isinstance(item, Mapping)}


def must_run(inputs: Properties) -> bool:
    """Whether the program wants it running: one that is attached to, or never started, may end."""
    return truth(inputs, "mustRun") and truth(inputs, "start") and not truth(inputs, "attach")
