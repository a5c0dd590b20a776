"""What is to be done about what somebody changed on a host, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from tomo.frozen import frozen
from tomo.model.urn import Urn


class DriftRule(StrEnum):
    """What a plan does about a field that is not on the host as it was declared."""

    REVERT = "revert"
    """It is made as declared again."""
    IGNORE = "ignore"
    """It is left as it is, and is not told."""
    ADOPT = "adopt"
    """It is told once, recorded, and kept through other changes until the declaration of it changes."""


@frozen
class DriftPolicy:
    """The rules of one resource, by input or by what a look calls it; everything else is reverted."""

    rules: Mapping[str, DriftRule] = field(default_factory=dict)

    def of(self, name: str) -> DriftRule:
        """The rule of an input, or of what a look calls by that name."""
        return self.rules.get(name, DriftRule.REVERT)

    def names(self, rule: DriftRule) -> Iterator[str]:
        """The names that have this rule."""
        return (name for name, given in self.rules.items() if given is rule)


DriftPolicies: TypeAlias = Mapping[Urn, DriftPolicy]
NO_POLICIES: Final[DriftPolicies] = MappingProxyType({})
