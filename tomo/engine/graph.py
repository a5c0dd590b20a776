"""Who depends on whom among recorded resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from tomo.model.resource import ResourceState
from tomo.model.urn import Urn


def needs(entry: ResourceState) -> Iterator[Urn]:
    """URNs an entry depends on: provider, dependencies, property dependencies, deletedWith, replaceWith.

    The parent is not among them (engine-spec 2.4); one URN may come several times.
    """
    provider = entry.provider_urn
    if provider is not None:
        yield provider
    yield from entry.dependencies
    for urns in entry.property_dependencies.values():
        yield from urns
    if entry.deleted_with:
        yield entry.deleted_with
    yield from entry.replace_with


class DependencyGraph:
    """Recorded entries in snapshot order, where each stands after what it needs."""

    def __init__(self, entries: Sequence[ResourceState]) -> None:
        self._entries = entries

    @cached_property
    def _users(self) -> Mapping[Urn, list[int]]:
        users: dict[Urn, list[int]] = {}
        for index, entry in enumerate(self._entries):
            for urn in set(needs(entry)):
                users.setdefault(urn, []).append(index)
        return users

    def dependents(self, urn: Urn) -> list[ResourceState]:
        """Everything that depends on a URN, directly or not, in snapshot order."""
        found: set[int] = set()
        waiting = [urn]
        while waiting:
            for index in self._users.get(waiting.pop(), ()):
                if index not in found:
                    found.add(index)
                    waiting.append(self._entries[index].urn)
        return [self._entries[index] for index in sorted(found)]


def delete_layers(condemned: Sequence[ResourceState]) -> list[list[ResourceState]]:
    """The condemned in waves: dependents first, then what they need (engine-spec 2.10).

    Within a wave nothing depends on anything else, so its order is free; entries of one URN (a replaced
    original and its successor) count as one node.
    """
    urns = {entry.urn for entry in condemned}
    children: dict[Urn, set[Urn]] = {}
    for entry in condemned:
        if entry.parent in urns and entry.parent is not None:
            children.setdefault(entry.parent, set()).add(entry.urn)
    level: dict[Urn, int] = {}
    # Snapshot order puts what is needed first, so one pass finds every level.
    for entry in condemned:
        below = {urn for urn in needs(entry) if urn in urns and urn != entry.urn}
        if entry.parent in urns and entry.parent is not None:
            below.add(entry.parent)
        # A dependency on a component means one on its children.
        for urn in below - {entry.parent}:
            below = below | (children.get(urn, set()) - {entry.urn})
        mine = 1 + max((level.get(urn, 0) for urn in below), default=0)
        level[entry.urn] = max(mine, level.get(entry.urn, 0))
    waves: dict[int, list[ResourceState]] = {}
    for entry in condemned:
        waves.setdefault(level[entry.urn], []).append(entry)
    return [waves[number] for number in sorted(waves, reverse=True)]
