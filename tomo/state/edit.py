"""Changes to a recorded state that touch no host: what `pulumi state delete` and `rename` do to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tomo.errors import StateError, UsageError
from tomo.model.resource import ResourceState, mentions, with_urns
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE, Urn

_SHOWN = 5


def dependents(snapshot: Snapshot, urn: Urn) -> list[ResourceState]:
    """Every entry that lies in a resource or needs it, directly or not, in the state's order."""
    users: dict[Urn, list[int]] = {}
    for place, entry in enumerate(snapshot.resources):
        for mention in set(mentions(entry)):
            users.setdefault(mention, []).append(place)
    found: set[int] = set()
    waiting = [urn]
    while waiting:
        for place in users.get(waiting.pop(), ()):
            if place not in found:
                found.add(place)
                waiting.append(snapshot.resources[place].urn)
    return [snapshot.resources[place] for place in sorted(found)]


def condemned(snapshot: Snapshot, urn: Urn, *, with_dependents: bool, force: bool) -> list[ResourceState]:
    """What forgetting a resource takes out of the state.

    Raises StateError where something else needs it, unless `with_dependents`, and where something of it is
    protected, unless `force`.
    """
    needing = [entry for entry in dependents(snapshot, urn) if entry.urn != urn]
    if needing and not with_dependents:
        names = ", ".join(f"`{entry.urn.name}`" for entry in needing[:_SHOWN])
        more = f" and {len(needing) - _SHOWN} more" if len(needing) > _SHOWN else ""
        raise StateError(
            f"`{urn.name}` can't be forgotten: {names}{more} would be left without it",
            hint="forget those first, or all at once with `--target-dependents`",
            detail="\n".join(entry.urn for entry in needing),
        )
    gone = {urn, *(entry.urn for entry in needing)}
    found = [entry for entry in snapshot.resources if entry.urn in gone]
    protected = next((entry for entry in found if entry.protect), None)
    if protected is not None and not force:
        raise StateError(
            f"`{protected.urn.name}` is protected",
            hint="`--force` forgets it all the same",
            where=protected.urn,
        )
    return found


def without(snapshot: Snapshot, gone: Collection[Urn]) -> Snapshot:
    """The state without resources; what was begun with them is forgotten too."""
    return replace(
        snapshot,
        resources=tuple(entry for entry in snapshot.resources if entry.urn not in gone),
        pending_operations=tuple(
            each for each in snapshot.pending_operations if each.resource.urn not in gone
        ),
    )


def renamed(snapshot: Snapshot, urn: Urn, name: str) -> tuple[Snapshot, Urn]:
    """The state with a resource under another name, there and wherever it is mentioned; and its new URN."""
    if not name or not name.isprintable():
        raise UsageError(
            f"`{name!r}` can't be a resource's name", hint="give it a name of printable characters"
        )
    if urn.type == STACK_TYPE:
        raise UsageError("the stack itself is no resource to be renamed", hint="name a resource of the stack")
    new = Urn(urn.removesuffix(urn.name) + name)
    if any(entry.urn == new for entry in snapshot.resources):
        raise StateError(f"`{new}` is in the state already", hint="choose another name")

    def told(mention: Urn) -> Urn:
        return new if mention == urn else mention

    return (
        replace(
            snapshot,
            resources=tuple(with_urns(entry, told) for entry in snapshot.resources),
            pending_operations=tuple(
                replace(each, resource=with_urns(each.resource, told)) for each in snapshot.pending_operations
            ),
        ),
        new,
    )
