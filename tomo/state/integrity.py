"""The rules every snapshot keeps, on load and on save (engine-spec 3.4)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tomo.model.changes import OF_THE_RUN, Carried, Change, Folding, Kept, Put, Removed
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


class RunningCheck:
    """The rules for a snapshot that changes step by step: only what a change touches is looked at."""

    def __init__(self, base: Snapshot) -> None:
        self._folding = Folding(base)
        self._places: dict[Urn, set[int]] = {}
        self._mentions: Counter[Urn] = Counter()
        self._touched: set[int] = set()
        self._left: set[Urn] = set()
        for place, entry in self._folding.old.items():
            self._enter(place, entry)
        self._touched.clear()

    def apply(self, changes: Sequence[Change]) -> None:
        """Takes changes, right or wrong."""
        for change in changes:
            for place in _places_of(change):
                self._leave(place)
            self._folding.apply((change,))
            for place in _places_of(change):
                entry = self._at(place)
                if entry is not None:
                    self._enter(place, entry)

    def problems(self) -> list[str]:
        """What is wrong with what was touched; it stays touched until it is right."""
        wrong = {
            place: found for place in sorted(self._touched) if (found := list(self._entry_problems(place)))
        }
        lost = sorted(urn for urn in self._left if self._mentions[urn] and not self._places.get(urn))
        self._touched, self._left = set(wrong), set(lost)
        return [
            *itertools.chain(*wrong.values()),
            *(f"`{urn}` is missing, and others need it" for urn in lost),
        ]

    def _at(self, place: int) -> ResourceState | None:
        return self._folding.old.get(place) or self._folding.new.get(place)

    def _enter(self, place: int, entry: ResourceState) -> None:
        self._places.setdefault(entry.urn, set()).add(place)
        self._mentions.update({urn for urn, _ in _references(entry)})
        self._touched.add(place)

    def _leave(self, place: int) -> None:
        entry = self._at(place)
        if entry is not None:
            self._places[entry.urn].discard(place)
            self._mentions.subtract({urn for urn, _ in _references(entry)})
            self._touched.discard(place)
            self._left.add(entry.urn)

    def _entry_problems(self, place: int) -> Iterator[str]:
        entry = self._at(place)
        if entry is None:
            return
        yield from _own_problems(entry, pending=False)
        for urn, role in _references(entry):
            if not any(self._rank(other) < self._rank(place) for other in self._places.get(urn, ())):
                yield f"`{entry.urn}` has the {role} `{urn}`, which does not stand before it"
        if entry.provider and not entry.pending_replacement and not self._has_provider(entry, place):
            yield f"`{entry.urn}` needs the provider `{entry.provider}`, which does not stand before it"
        living = [other for other in self._places[entry.urn] if not self._is_condemned(other)]
        if len(living) > 1:
            yield f"`{entry.urn}` stands in the state twice"

    def _rank(self, place: int) -> tuple[bool, int]:
        return place < OF_THE_RUN, place

    def _is_condemned(self, place: int) -> bool:
        entry = self._at(place)
        return entry is None or entry.delete

    def _has_provider(self, entry: ResourceState, place: int) -> bool:
        urn, id_ = split_provider_ref(entry.provider)
        before = (at for at in self._places.get(urn, ()) if self._rank(at) < self._rank(place))
        return any(found is not None and found.id == id_ for found in map(self._at, before))


def _places_of(change: Change) -> tuple[int, ...]:
    match change:
        case Put() | Removed():
            return (change.place,)
        case Carried() | Kept():
            return (change.old, change.place)
        case _:
            return ()


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
