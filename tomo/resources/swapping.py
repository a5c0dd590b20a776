"""Whether a new container may run beside the old one, and what keeps it from that; read from their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tomo.model.values import Properties, Value
from tomo.resources.tokens import PROXY_LABEL, UPDATE_LABEL

START_FIRST = "start-first"


def proxy_of(inputs: Properties) -> str:
    """The proxy through which people reach the container; empty where there is none."""
    return _label(inputs, PROXY_LABEL)


def starts_first(old: Properties, new: Properties) -> bool:
    """Whether the new one is started while the old one serves: both say so, and nothing is in the way."""
    return all(_says_so(inputs) and not any(hindrances(inputs)) for inputs in (old, new))


def hindrances(inputs: Properties) -> Iterator[str]:
    """What two of one container can't both have, in words that follow `it`."""
    for port in _blocks(inputs, "ports"):
        if port.get("external") is not None:
            yield f"publishes port {_number(port['external'])}"
    for volume in _blocks(inputs, "volumes"):
        if not volume.get("readOnly"):
            source = volume.get("volumeName") or volume.get("hostPath") or volume.get("containerPath")
            yield f"writes to `{source}`"
    for mount in _blocks(inputs, "mounts"):
        if mount.get("type") != "tmpfs" and not mount.get("readOnly"):
            yield f"writes to `{mount.get('source') or mount.get('target')}`"


def _says_so(inputs: Properties) -> bool:
    return bool(proxy_of(inputs)) and _label(inputs, UPDATE_LABEL) == START_FIRST


def _label(inputs: Properties, name: str) -> str:
    for label in _blocks(inputs, "labels"):
        if label.get("label") == name:
            return str(label.get("value") or "")
    return ""


def _blocks(inputs: Properties, name: str) -> Iterator[Mapping[str, Value]]:
    found = inputs.get(name)
    for block in found if isinstance(found, list) else ():
        if isinstance(block, Mapping):
            yield block


def _number(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "of its own"
