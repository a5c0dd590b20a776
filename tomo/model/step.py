"""What the engine decides to do to one resource (engine-spec 2.1)."""

from __future__ import annotations

from enum import Enum

from tomo.frozen import frozen
from tomo.model.diff import PropertyDiff
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn


class Op(Enum):
    """What a step does; names are Pulumi's, so that state and events stay exchangeable."""

    SAME = ("same", "  ", "unchanged")
    CREATE = ("create", "+ ", "created")
    UPDATE = ("update", "~ ", "updated")
    DELETE = ("delete", "- ", "deleted")
    REPLACE = ("replace", "+-", "replaced")
    CREATE_REPLACEMENT = ("create-replacement", "++", "created replacement")
    DELETE_REPLACED = ("delete-replaced", "--", "deleted original")
    READ = ("read", "> ", "read")
    READ_REPLACEMENT = ("read-replacement", ">>", "read replacement")
    DISCARD = ("discard", "< ", "discarded")
    DISCARD_REPLACED = ("discard-replaced", "<<", "discarded original")
    REFRESH = ("refresh", "~ ", "refreshed")
    IMPORT = ("import", "= ", "imported")
    IMPORT_REPLACEMENT = ("import-replacement", "=>", "imported replacement")
    REMOVE_PENDING_REPLACE = ("remove-pending-replace", "~ ", "completed pending replacement")

    def __init__(self, pulumi_name: str, glyph: str, past: str) -> None:
        self.pulumi_name, self.glyph, self.past = pulumi_name, glyph, past

    @property
    def is_logical(self) -> bool:
        """Whether people count it: the physical halves of a replacement are not."""
        return self not in _PHYSICAL

    @property
    def changes(self) -> bool:
        """Whether it changes the resource or the world."""
        return self not in {Op.SAME, Op.READ, Op.REFRESH}


_PHYSICAL = {
    Op.CREATE_REPLACEMENT,
    Op.DELETE_REPLACED,
    Op.READ_REPLACEMENT,
    Op.DISCARD_REPLACED,
    Op.IMPORT_REPLACEMENT,
}


INIT_ERROR = "#initerror"
"""Pulumi's key for a resource whose creation was left half-done, where that forces its replacement."""


@frozen
class Step:
    """One decided operation: the entry before, the entry after (outputs predicted), and why.

    `keys` are the property names that force a replacement. `swap` marks the three steps of a replacement
    that the provider carries out as one. `host` names the machine concerned, `""` where there is none.
    """

    op: Op
    urn: Urn
    old: ResourceState | None = None
    new: ResourceState | None = None
    diffs: tuple[PropertyDiff, ...] = ()
    keys: tuple[str, ...] = ()
    swap: bool = False
    host: str = ""

    @property
    def type(self) -> str:
        """The resource's type."""
        return self.urn.type

    @property
    def entry(self) -> ResourceState:
        """The entry a person thinks of: the new one, or the old one when it goes away."""
        entry = self.new or self.old
        if entry is None:
            raise ValueError(f"a step without an entry: {self.op.pulumi_name} {self.urn}")
        return entry
