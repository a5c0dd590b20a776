"""Moves resources from one stack's state to another's, as `pulumi state move` does; touches no host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from tomo.errors import StateError, UsageError
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import PROVIDER_TYPE_PREFIX, STACK_TYPE, Urn, provider_ref, split_provider_ref
from tomo.model.values import same_value


@frozen
class Link:
    """What a resource needs of another; a move that parts the two drops it. `how` is as Pulumi says it."""

    user: Urn
    needed: Urn
    how: str


@frozen
class Moved:
    """Both states after a move. `links` were dropped, named as the URNs were before."""

    source: Snapshot
    target: Snapshot
    urns: Mapping[Urn, Urn]
    copied: tuple[Urn, ...]
    links: tuple[Link, ...]


def moved(
    source: Snapshot, target: Snapshot, urns: Collection[Urn], stack: tuple[str, str], *, parents: bool
) -> Moved:
    """The states after resources went to `stack` (project and name) with all that lies in them.

    With `parents` what they lie in goes along; else they lie in the stack itself from now on. Providers are
    copied. Raises UsageError for what can't be moved, StateError where the other stack is in the way.
    """
    _refuse_unmovable(urns)
    going = set(_with_children(source, _with_parents(source, urns) if parents else set(urns)))
    entries = [entry for entry in source.resources if entry.urn in going]
    _refuse_unfinished(source, going)
    _refuse_left_without_provider(source, going)
    providers = _providers_of(source, entries)
    root = Urn.stack_urn(stack[1], stack[0])
    names = _new_names((*providers, *entries), going, stack)
    _refuse_taken(target, providers, {names[entry.urn] for entry in entries}, names)
    there = {entry.urn: entry for entry in target.resources if not entry.delete}
    ids = {entry.urn: there[new].id for entry in providers if (new := names[entry.urn]) in there}
    copied = [entry for entry in providers if entry.urn not in ids]
    arriving = [_settled(entry, names, ids, root) for entry in (*copied, *entries)]
    stacks = [] if root in there else [ResourceState(root, STACK_TYPE, custom=False)]
    return Moved(
        replace(source, resources=tuple(_left(source, going))),
        replace(target, resources=(*stacks, *target.resources, *arriving)),
        {entry.urn: names[entry.urn] for entry in entries},
        tuple(names[entry.urn] for entry in copied),
        tuple(_parted(source, going)),
    )


# --- what goes ----------------------------------------------------------------------------------------


def _with_children(source: Snapshot, urns: Collection[Urn]) -> Iterator[Urn]:
    """Parents stand before their children in every state, so once through is enough."""
    found = set(urns)
    for entry in source.resources:
        if entry.parent in found:
            found.add(entry.urn)
    yield from found


def _with_parents(source: Snapshot, urns: Collection[Urn]) -> set[Urn]:
    above = {entry.urn: entry.parent for entry in source.resources}
    found: set[Urn] = set()
    for urn in urns:
        at: Urn | None = urn
        while at is not None and at.type != STACK_TYPE and at not in found:
            found.add(at)
            at = above.get(at)
    return found


def _providers_of(source: Snapshot, entries: Iterable[ResourceState]) -> list[ResourceState]:
    going = {entry.urn for entry in entries}
    needed = {entry.provider_urn for entry in entries} - going
    return [entry for entry in source.resources if entry.urn in needed and not entry.delete]


def _new_names(
    entries: Iterable[ResourceState], going: Collection[Urn], stack: tuple[str, str]
) -> dict[Urn, Urn]:
    """Each URN as it will be: of the other stack, and below what lies above it there."""
    names: dict[Urn, Urn] = {}
    for entry in entries:
        above = names.get(entry.parent) if entry.parent in going and entry.parent else None
        names[entry.urn] = Urn.make(stack[1], stack[0], above, entry.type, entry.urn.name)
    return names


def _settled(
    entry: ResourceState, names: Mapping[Urn, Urn], ids: Mapping[Urn, str], root: Urn
) -> ResourceState:
    """An entry as it stands in the other state; what it needs and what stayed behind is left out."""
    provider, id_ = split_provider_ref(entry.provider)
    return replace(
        entry,
        urn=names[entry.urn],
        parent=names.get(entry.parent, root) if entry.parent else root,
        provider=provider_ref(names[provider], ids.get(provider, id_)) if entry.provider else "",
        dependencies=tuple(names[urn] for urn in entry.dependencies if urn in names),
        property_dependencies={
            key: tuple(names[urn] for urn in kept)
            for key, urns in entry.property_dependencies.items()
            if (kept := [urn for urn in urns if urn in names])
        },
        deleted_with=names.get(entry.deleted_with) if entry.deleted_with else None,
        replace_with=tuple(names[urn] for urn in entry.replace_with if urn in names),
        aliases=(),
    )


# --- what stays ---------------------------------------------------------------------------------------


def _left(source: Snapshot, going: Collection[Urn]) -> Iterator[ResourceState]:
    for entry in source.resources:
        if entry.urn not in going:
            parted = any(link.needed in going for link in _links(entry))
            yield _parted_from(entry, going) if parted else entry


def _parted_from(entry: ResourceState, going: Collection[Urn]) -> ResourceState:
    return replace(
        entry,
        dependencies=tuple(urn for urn in entry.dependencies if urn not in going),
        property_dependencies={
            key: kept
            for key, urns in entry.property_dependencies.items()
            if (kept := tuple(urn for urn in urns if urn not in going)) or not urns
        },
        deleted_with=None if entry.deleted_with in going else entry.deleted_with,
        replace_with=tuple(urn for urn in entry.replace_with if urn not in going),
    )


def _parted(source: Snapshot, going: Collection[Urn]) -> Iterator[Link]:
    for entry in source.resources:
        for link in _links(entry):
            if (link.user in going) != (link.needed in going):
                yield link


def _links(entry: ResourceState) -> Iterator[Link]:
    for urn in entry.dependencies:
        yield Link(entry.urn, urn, "depends on")
    for key, urns in entry.property_dependencies.items():
        for urn in urns:
            yield Link(entry.urn, urn, f"depends by `{key}` on")
    if entry.deleted_with:
        yield Link(entry.urn, entry.deleted_with, "is deleted with")
    for urn in entry.replace_with:
        yield Link(entry.urn, urn, "is replaced with")


# --- what is refused ----------------------------------------------------------------------------------


def _refuse_unmovable(urns: Iterable[Urn]) -> None:
    for urn in urns:
        if urn.type == STACK_TYPE:
            raise UsageError("the stack itself can't be moved", hint="name resources of the stack")
        if urn.type.startswith(PROVIDER_TYPE_PREFIX):
            raise UsageError(
                f"`{urn.name}` is a provider, and providers go along by themselves",
                hint="name the resources that are to be moved",
            )


def _refuse_unfinished(source: Snapshot, going: Collection[Urn]) -> None:
    begun = next((each for each in source.pending_operations if each.resource.urn in going), None)
    if begun is not None:
        raise StateError(
            f"`{begun.resource.urn.name}` can't be moved: {begun.type.value} it was begun and never finished",
            hint="`tomo state repair` finds out what became of it",
            where=begun.resource.urn,
        )


def _refuse_left_without_provider(source: Snapshot, going: Collection[Urn]) -> None:
    left = next((e for e in source.resources if e.urn not in going and e.provider_urn in going), None)
    if left is not None and left.provider_urn is not None:
        raise StateError(
            f"`{left.urn.name}` would stay without its provider `{left.provider_urn.name}`, which goes along",
            hint=f"move it too: `tomo state move … {left.urn.name}`",
            where=left.urn,
        )


def _refuse_taken(
    target: Snapshot, providers: Iterable[ResourceState], arriving: Collection[Urn], names: Mapping[Urn, Urn]
) -> None:
    taken = next((entry.urn for entry in target.resources if entry.urn in arriving), None)
    if taken is not None:
        raise StateError(
            f"the other stack has `{taken.name}` already",
            hint=f"give one of them another name first: `tomo state rename {taken.name} NAME`",
            where=taken,
        )
    there = {entry.urn: entry for entry in target.resources if not entry.delete}
    for provider in providers:
        other = there.get(names[provider.urn])
        if other is not None and not same_value(_settings(other), _settings(provider)):
            raise StateError(
                f"the other stack has the provider `{provider.urn.name}` with other settings",
                hint=f"give one of them another name first: `tomo state rename {provider.urn.name} NAME`",
                where=other.urn,
            )


def _settings(provider: ResourceState) -> Mapping[str, object]:
    return {key: value for key, value in provider.inputs.items() if not key.startswith("__")}
