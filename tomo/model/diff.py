"""What differs between two property maps, and what a provider makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from tomo.frozen import frozen
from tomo.model.values import Value, same_value


class DiffKind(StrEnum):
    """Pulumi's kinds of a property difference (engine-spec 6.2)."""

    ADD = "add"
    ADD_REPLACE = "add-replace"
    DELETE = "delete"
    DELETE_REPLACE = "delete-replace"
    UPDATE = "update"
    UPDATE_REPLACE = "update-replace"

    @property
    def replaces(self) -> bool:
        """Whether this difference alone replaces the resource."""
        return self.value.endswith("-replace")

    def replacing(self) -> DiffKind:
        """The same kind, replacing."""
        return self if self.replaces else DiffKind(f"{self.value}-replace")


@frozen
class PropertyDiff:
    """One difference. `path` is Pulumi's property path: `envs[0]`, `labels["a.b"]`.

    `drift` is set where reality, not the program, moved; `why` then says what was seen, for people.
    """

    path: str
    kind: DiffKind
    old: Value = None
    new: Value = None
    drift: bool = False
    why: str = ""


@frozen
class DiffResult:
    """A provider's answer. `changed` None means it can't tell: the engine then compares inputs itself."""

    changed: bool | None
    properties: tuple[PropertyDiff, ...] = ()
    replace_keys: tuple[str, ...] = ()
    delete_before_replace: bool = False

    @property
    def replaces(self) -> bool:
        """Whether the resource must be replaced, given that something changed."""
        return bool(self.replace_keys) or any(diff.kind.replaces for diff in self.properties)


@frozen
class OutputChanges:
    """Stack outputs before and after, by name; absent means the output did not or will not exist."""

    old: Mapping[str, Value] = field(default_factory=dict)
    new: Mapping[str, Value] = field(default_factory=dict)

    @property
    def moved(self) -> list[str]:
        """Names of the outputs that differ."""
        names = sorted(self.old.keys() | self.new.keys())
        return [name for name in names if not same_value(self.old.get(name), self.new.get(name))]
