"""Which dependents must go before a resource that is deleted ahead of its replacement (engine-spec 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from tomo.engine.compare import changed_keys
from tomo.engine.graph import DependencyGraph
from tomo.engine.registry import is_provider
from tomo.engine.verdict import resolve
from tomo.errors import ResourceFailed
from tomo.frozen import frozen
from tomo.model.diff import DiffResult
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Properties

DiffWith = Callable[[ResourceState, Properties], DiffResult]
"""The provider's answer for an entry whose inputs would change to these."""


@frozen
class Condemned:
    """A dependent that is deleted along, and the input keys that force it."""

    entry: ResourceState
    keys: tuple[str, ...]


def condemned_with(
    root: ResourceState, graph: DependencyGraph, handled: Collection[Urn], diff_with: DiffWith
) -> list[Condemned]:
    """Dependents of `root` to delete before it, in snapshot order; deletes go in reverse.

    One goes along if its provider does, or if the provider says that an input coming from a condemned
    resource replaces it. A mere `dependsOn` condemns nothing, nor does a component.
    """
    doomed: set[Urn] = {root.urn}
    found: list[Condemned] = []
    for entry in graph.dependents(root.urn):
        if entry.urn in handled or entry.delete or entry.external or not entry.custom:
            continue
        keys = _forcing_keys(entry, root.urn, doomed, diff_with)
        if not keys:
            continue
        if entry.protect:
            raise ResourceFailed(
                f"`{root.urn.name}` must be deleted before it is replaced, and `{entry.urn.name}`, which "
                "would go along, is protected",
                hint="take `protect` off the dependent, or keep what forces the replacement",
            )
        doomed.add(entry.urn)
        # A provider is nothing to delete; it's replaced when it is registered, and what it serves goes now.
        if not is_provider(entry.type):
            found.append(Condemned(entry, keys))
    return _in_deletion_order(root, found)


def _in_deletion_order(root: ResourceState, found: Sequence[Condemned]) -> list[Condemned]:
    """As Pulumi has it: what is replaced with the root goes ahead of the others, unless one needs it."""
    needed = {urn for item in found for urn in _lives_by(item.entry)}
    ahead = [item for item in found if _is_ahead(item, root) and item.entry.urn not in needed]
    moved = {id(item) for item in ahead}
    return [*(item for item in found if id(item) not in moved), *ahead]


def _is_ahead(item: Condemned, root: ResourceState) -> bool:
    return item.keys == _REPLACED_WITH and root.urn in item.entry.replace_with


def _lives_by(entry: ResourceState) -> Iterator[Urn]:
    yield from entry.dependencies
    for urns in entry.property_dependencies.values():
        yield from urns
    if entry.deleted_with:
        yield entry.deleted_with


_REPLACED_WITH = ("replaceWith",)


def _forcing_keys(entry: ResourceState, root: Urn, doomed: set[Urn], diff_with: DiffWith) -> tuple[str, ...]:
    """The keys that make an entry go along. As in Pulumi its provider is asked before options count."""
    if entry.provider_urn in doomed:
        return ("provider",)
    keys = _replacing_inputs(entry, doomed, diff_with)
    if keys:
        return keys
    if entry.deleted_with in doomed:
        return ("deletedWith",)
    return _REPLACED_WITH if root in entry.replace_with else ()


def _replacing_inputs(entry: ResourceState, doomed: set[Urn], diff_with: DiffWith) -> tuple[str, ...]:
    touched = [key for key, urns in entry.property_dependencies.items() if doomed.intersection(urns)]
    touched = [key for key in touched if key in entry.inputs]
    if not touched:
        return ()
    wanted = {**entry.inputs, **dict.fromkeys(touched, UNKNOWN)}
    diff = resolve(diff_with(entry, wanted), entry.inputs, wanted, entry.replace_on_changes)
    if not diff.changed:
        return ()
    forced = [found for found in diff.properties if found.kind.replaces]
    return tuple(dict.fromkeys((*diff.replace_keys, *changed_keys(forced))))
