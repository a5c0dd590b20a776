"""A container's mounts, which Docker takes and tells in two lists: as binds and as mounts."""

from __future__ import annotations

from collections.abc import Mapping

from tomo.model.values import Properties, Value
from tomo.providers.docker.inspected import Inspected, host_config, listed, part, text_of
from tomo.providers.docker.schema import Values, as_text


def placed(wanted: Properties, found: Inspected) -> Inspected:
    """The container with each of its mounts told in the list in which the program has it.

    Docker takes one and the same mount as a bind and as a mount, and tells it as it was asked.
    """
    as_binds = _paths_of(wanted, "volumes", "containerPath")
    as_mounts = _paths_of(wanted, "mounts", "target") - as_binds
    binds: list[Value] = []
    mounts: list[Value] = []
    for text in listed(host_config(found), "Binds"):
        moved = _bind_as_mount(as_text(text))
        known = moved is not None and as_text(moved["Target"]) in as_mounts
        (mounts if known else binds).append(moved if known else text)
    for item in listed(host_config(found), "Mounts"):
        bind = _mount_as_bind(item) if isinstance(item, Mapping) else ""
        known = bind != "" and isinstance(item, Mapping) and text_of(item, "Target") in as_binds
        (binds if known else mounts).append(bind if known else item)
    return {**found, "HostConfig": {**host_config(found), "Binds": binds, "Mounts": mounts}}


def _paths_of(wanted: Properties, name: str, key: str) -> set[str]:
    return {as_text(item.get(key)) for item in listed(wanted, name) if isinstance(item, Mapping)}


def _bind_as_mount(text: str) -> Values | None:
    """A plain bind as a mount; None for one with options that a mount can't say."""
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not set(options.split(",")) <= {"", "rw", "ro", "rprivate"}:
        return None
    kind = "bind" if source.startswith("/") else "volume"
    return {"Type": kind, "Source": source, "Target": target, "ReadOnly": "ro" in options.split(",")}


def _mount_as_bind(item: Mapping[str, Value]) -> str:
    """A plain mount as a bind; `""` for one with options that a bind can't say."""
    plain = not any(part(item, "VolumeOptions").values()) and text_of(
        part(item, "BindOptions"), "Propagation"
    ) in {"", "rprivate"}
    if not plain or text_of(item, "Type") not in {"bind", "volume"} or not text_of(item, "Source"):
        return ""
    return f"{text_of(item, 'Source')}:{text_of(item, 'Target')}{':ro' if item.get('ReadOnly') else ''}"
