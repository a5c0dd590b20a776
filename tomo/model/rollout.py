"""How a run goes over many hosts: in which stages, each of which must end well before the next begins."""

from __future__ import annotations

from collections.abc import Sequence

from tomo.frozen import frozen
from tomo.model.urn import Urn


@frozen
class Rollout:
    """First `canary` hosts, then `serial` at a time; 0 is none, and all at once."""

    canary: int = 0
    serial: int = 0

    @property
    def is_staged(self) -> bool:
        """Whether anything waits for anything."""
        return bool(self.canary or self.serial)

    def batches(self, hosts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """The hosts of each stage, in their order."""
        rest = hosts[self.canary :]
        size = self.serial or len(rest) or 1
        found = [tuple(hosts[: self.canary])] if self.canary and hosts else []
        return (*found, *(tuple(rest[start : start + size]) for start in range(0, len(rest), size)))


@frozen
class Stage:
    """Some hosts of a run, and the resources that a plan registers for them."""

    hosts: tuple[str, ...]
    urns: frozenset[Urn]
