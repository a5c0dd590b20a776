"""The whole recorded state of a stack (engine-spec 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.values import Value


class OperationType(StrEnum):
    """What was under way when a pending operation was written."""

    CREATING = "creating"
    UPDATING = "updating"
    DELETING = "deleting"
    READING = "reading"
    IMPORTING = "importing"


@frozen
class PendingOperation:
    """A step that was begun and whose end is not recorded.

    `parked` is the name under which a replacement in one act keeps the old resource; Pulumi's format has no
    room for it, Tomo's journal has.
    """

    resource: ResourceState
    type: OperationType
    parked: str = ""


@frozen
class Snapshot:
    """Resources in dependency order (each after what it needs) and operations under way."""

    resources: tuple[ResourceState, ...] = ()
    pending_operations: tuple[PendingOperation, ...] = ()
    extra: Mapping[str, Value] = field(default_factory=dict)
