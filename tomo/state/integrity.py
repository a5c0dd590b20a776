"""The rules every snapshot keeps, on load and on save (engine-spec 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import PROVIDER_TYPE_PREFIX, Urn, split_provider_ref


def problems(snapshot: Snapshot) -> list[str]:
    """What is wrong with a snapshot, in the order of its entries; empty when all is well."""
    check = _Check(snapshot.resources)
    found = [problem for entry in snapshot.resources for problem in check.entry(entry)]
    for operation in snapshot.pending_operations:
        found.extend(_own_problems(operation.resource, pending=True))
    found.extend(_snippet_problems(snapshot.extra.get("snippets")))
    return found


class _Check:
    """One walk over the entries; remembers those that came before."""

    def __init__(self, entries: tuple[ResourceState, ...]) -> None:
        self._all = {entry.urn for entry in entries}
        self._earlier: set[Urn] = set()
        self._providers: set[tuple[str, str]] = set()
        self._living: set[Urn] = set()

    def entry(self, entry: ResourceState) -> Iterator[str]:
        yield from _own_problems(entry, pending=False)
        if entry.type.startswith(PROVIDER_TYPE_PREFIX):
            self._providers.add((entry.urn, entry.id))
        if entry.provider:
            yield from self._provider_problems(entry)
        for urn, role in _references(entry):
            if urn not in self._earlier:
                yield self._misplaced(entry, urn, role)
        if not entry.delete:
            if entry.urn in self._living:
                yield f"`{entry.urn}` stands in the state twice"
            self._living.add(entry.urn)
        self._earlier.add(entry.urn)

    def _provider_problems(self, entry: ResourceState) -> Iterator[str]:
        urn, id_ = split_provider_ref(entry.provider)
        if not id_ or not urn.is_valid:
            yield f"`{entry.urn}` has the malformed provider reference `{entry.provider}`"
        elif (urn, id_) not in self._providers and not entry.pending_replacement:
            yield f"`{entry.urn}` needs the provider `{entry.provider}`, which does not stand before it"

    def _misplaced(self, entry: ResourceState, urn: Urn, role: str) -> str:
        fault = "comes after it" if urn in self._all else "is missing"
        return f"`{entry.urn}` has the {role} `{urn}`, which {fault}"


def _own_problems(entry: ResourceState, *, pending: bool) -> Iterator[str]:
    if not entry.urn.is_valid:
        yield f"`{entry.urn}` is not a URN"
    if not entry.type:
        yield f"`{entry.urn}` has no type"
    if entry.id and not entry.custom:
        yield f"`{entry.urn}` is a component and has the id `{entry.id}`"
    if not entry.id and not pending and entry.type.startswith(PROVIDER_TYPE_PREFIX):
        yield f"the provider `{entry.urn}` has no id"


def _references(entry: ResourceState) -> Iterator[tuple[Urn, str]]:
    if entry.parent:
        yield entry.parent, "parent"
    for urn in entry.dependencies:
        yield urn, "dependency"
    for name, urns in entry.property_dependencies.items():
        for urn in urns:
            yield urn, f"dependency of its property `{name}`"
    if entry.deleted_with:
        yield entry.deleted_with, "`deletedWith`"
    for urn in entry.replace_with:
        yield urn, "`replaceWith`"


def _snippet_problems(snippets: object) -> Iterator[str]:
    if not isinstance(snippets, (list, tuple)):
        return
    seen: set[object] = set()
    for snippet in snippets:
        uuid = snippet.get("uuid") if isinstance(snippet, Mapping) else None
        if not uuid:
            yield "a snippet has no uuid"
        elif uuid in seen:
            yield f"the snippet `{uuid}` stands in the state twice"
        seen.add(uuid)
