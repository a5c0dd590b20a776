"""Who depends on whom among recorded resources."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from tomo.model.resource import ResourceState, mentions, needs
from tomo.model.urn import Urn


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


def children_of_components(entries: Sequence[ResourceState]) -> Mapping[Urn, frozenset[Urn]]:
    """What lies in each component; a dependency on one means one on that."""
    components = {entry.urn for entry in entries if not entry.custom}
    children: dict[Urn, set[Urn]] = {}
    for entry in entries:
        if entry.parent and entry.parent in components:
            children.setdefault(entry.parent, set()).add(entry.urn)
    return {urn: frozenset(below) for urn, below in children.items()}


def delete_layers(condemned: Sequence[ResourceState]) -> list[list[ResourceState]]:
    """The condemned in waves: dependents first, then what they need (engine-spec 2.10).

    Within a wave nothing depends on anything else, so its order is free. A mention means every entry of
    that URN which stands before: a replaced original and its successor go after what needs either.
    """
    children = children_of_components(condemned)
    highest: dict[Urn, int] = {}
    waves: dict[int, list[ResourceState]] = {}
    # Snapshot order puts what is needed first, so one pass finds every level.
    for entry in condemned:
        below = set(needs(entry))
        # A dependency on a component means one on its children.
        for urn in below - {entry.parent}:
            below = below | children.get(urn, frozenset())
        if entry.parent:
            below.add(entry.parent)
        level = 1 + max((highest.get(urn, 0) for urn in below - {entry.urn}), default=0)
        highest[entry.urn] = max(level, highest.get(entry.urn, 0))
        waves.setdefault(level, []).append(entry)
    return [waves[number] for number in sorted(waves, reverse=True)]


def in_order(entries: Sequence[ResourceState]) -> tuple[ResourceState, ...]:
    """The entries with each after what it needs, otherwise as they stand."""
    by_urn: dict[Urn, list[ResourceState]] = {}
    for entry in entries:
        by_urn.setdefault(entry.urn, []).append(entry)
    placed: dict[int, ResourceState] = {}
    begun: set[int] = set()
    for entry in entries:
        waiting = [entry]
        while waiting:
            this = waiting[-1]
            wanted = (other for urn in mentions(this) for other in by_urn.get(urn, ()))
            missing = [] if id(this) in begun else [other for other in wanted if id(other) not in begun]
            begun.add(id(this))
            if missing:
                waiting.extend(missing)
            else:
                placed.setdefault(id(this), waiting.pop())
    return tuple(placed.values())


def without(
    entry: ResourceState, missing: Collection[Urn], parents: Mapping[Urn, Urn | None]
) -> ResourceState:
    """The entry without mention of resources that are gone; its parent becomes the grandparent."""
    parent = entry.parent
    while parent in missing and parent is not None:
        parent = parents.get(parent)
    mentions = {*entry.dependencies, *entry.replace_with, entry.deleted_with}
    for urns in entry.property_dependencies.values():
        mentions.update(urns)
    if parent == entry.parent and mentions.isdisjoint(missing):
        return entry
    return replace(
        entry,
        parent=parent,
        dependencies=tuple(urn for urn in entry.dependencies if urn not in missing),
        property_dependencies={
            key: tuple(urn for urn in urns if urn not in missing)
            for key, urns in entry.property_dependencies.items()
        },
        deleted_with=None if entry.deleted_with in missing else entry.deleted_with,
        # All of them, as in Pulumi; the program's next run names those that are left.
        replace_with=() if set(entry.replace_with).intersection(missing) else entry.replace_with,
    )
