"""Keeps the state true while steps run: intention before each act, result after it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import RLock
from typing import Protocol

from tomo.engine.graph import needs, without
from tomo.errors import TomoError
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn, provider_ref, split_provider_ref
from tomo.model.values import Properties


class Saver(Protocol):
    """Puts snapshots on disk; called from several threads. Offers come in the order of the snapshots."""

    def offer(self, snapshot: Snapshot) -> int:
        """Takes a snapshot to be written and returns its ticket, without waiting."""
        ...

    def wait(self, ticket: int) -> None:
        """Returns once the ticket's snapshot or a later one is on disk."""
        ...


class _Entries:
    """Entries in a fixed order, found and exchanged by identity in constant time.

    An exchanged entry still finds its place: what decided about it may hold the former one.
    """

    def __init__(self, entries: Iterable[ResourceState] = ()) -> None:
        self._by_place: dict[int, ResourceState] = {}
        self._places: dict[int, int] = {}
        self._former: list[ResourceState] = []
        self._next = 0
        for entry in entries:
            self.append(entry)

    def append(self, entry: ResourceState) -> None:
        self._by_place[self._next] = entry
        self._places[id(entry)] = self._next
        self._next += 1

    def exchange(self, old: ResourceState, now: ResourceState) -> None:
        place = self._places.get(id(old))
        if place is not None and place in self._by_place:
            # Kept, so that no other entry is ever made at the same address.
            self._former.append(self._by_place[place])
            self._by_place[place] = now
            self._places[id(now)] = place

    def remove(self, entry: ResourceState) -> None:
        place = self._places.get(id(entry))
        if place is not None and place in self._by_place:
            self._former.append(self._by_place.pop(place))

    def current(self, entry: ResourceState) -> ResourceState | None:
        place = self._places.get(id(entry))
        return None if place is None else self._by_place.get(place)

    def place(self, entry: ResourceState) -> int:
        return self._places[id(entry)]

    def __iter__(self) -> Iterator[ResourceState]:
        return iter(self._by_place.values())


class Recorder:
    """The snapshot as it grows: this run's entries in order of completion, then what is left of the old.

    That order is Pulumi's (engine-spec 3.4) and keeps every entry after what it needs.
    """

    def __init__(self, base: Snapshot, saver: Saver | None) -> None:
        self._saver = saver
        self._lock = RLock()
        self._extra = base.extra
        self._base = _Entries(base.resources)
        self._new = _Entries()
        self._by_urn: dict[Urn, ResourceState] = {}
        self._pending: dict[int, PendingOperation] = {}
        self._left_pending = base.pending_operations
        self._names: dict[Urn, Urn] = {}
        self._mentions: dict[Urn, list[ResourceState]] = {}
        self._live: dict[Urn, ResourceState] = {}

    def snapshot(self) -> Snapshot:
        """What would be written now."""
        with self._lock:
            pending = (*self._left_pending, *self._pending.values())
            return Snapshot((*self._new, *self._base), pending, self._extra)

    def begin(self, entry: ResourceState, kind: OperationType) -> None:
        """Puts the intention on disk; returns when it is there. One that can't be written is none."""
        with self._lock:
            self._pending[id(entry)] = PendingOperation(entry, kind)
        try:
            self.save()
        except BaseException:
            with self._lock:
                self._pending.pop(id(entry), None)
            raise

    def abandon(self, entry: ResourceState) -> None:
        """Forgets an intention whose act failed and left nothing behind."""
        # What the act failed of matters more than a failed write; the run's last one tells of that.
        with suppress(TomoError):
            self._end(entry)

    def add(
        self,
        entry: ResourceState,
        old: ResourceState | None,
        intent: ResourceState | None = None,
        *,
        condemned: ResourceState | None = None,
    ) -> None:
        """Takes a new or changed entry in place of an old one; on disk at once where it was an act.

        `condemned` is an original that stays until it's deleted.
        """
        with self._lock:
            if old is not None:
                self._base.remove(old)
            if condemned is not None:
                self._exchange(condemned, replace(condemned, delete=True))
            self._new.append(entry)
            self._by_urn[entry.urn] = entry
        self._end(intent)

    def take(
        self,
        entry: ResourceState,
        *,
        drops: ResourceState | None = None,
        condemns: ResourceState | None = None,
    ) -> None:
        """Takes in what was found outside, as if it had been recorded before; on disk at once.

        `drops` is an entry that only referred to it, `condemns` one whose object it replaces.
        """
        with self._lock:
            if drops is not None:
                self._base.remove(drops)
            if condemns is not None:
                self._exchange(condemns, replace(condemns, delete=True))
            self._base.append(entry)
        self.save()

    def change_old(self, old: ResourceState, now: ResourceState, intent: ResourceState | None = None) -> None:
        """Marks an old entry, keeping its place: condemned, or waiting for its replacement."""
        with self._lock:
            self._exchange(old, now)
        self._end(intent)

    def remove(
        self,
        *olds: ResourceState,
        intent: ResourceState | None = None,
        survivors: Sequence[ResourceState] = (),
    ) -> None:
        """Drops old entries that exist no more; `survivors` that mention them do so no longer."""
        with self._lock:
            for old in olds:
                self._base.remove(old)
                self._new.remove(old)
            if survivors:
                self._forget(olds, survivors)
        self._end(intent)

    def _forget(self, olds: Sequence[ResourceState], survivors: Sequence[ResourceState]) -> None:
        missing = {old.urn: old.parent for old in olds}
        for entry in (*self._new, *self._base):
            missing.pop(entry.urn, None)
        for survivor in survivors:
            for entries in (self._base, self._new):
                now = entries.current(survivor)
                if now is not None:
                    entries.exchange(now, without(now, missing.keys(), missing))

    def set_outputs(self, urn: Urn, outputs: Properties) -> ResourceState | None:
        """Gives an entry of this run its outputs; None where the run has none of that URN."""
        with self._lock:
            entry = self._by_urn.get(urn)
            if entry is None:
                return None
            now = replace(entry, outputs=outputs)
            self._new.exchange(entry, now)
            self._by_urn[urn] = now
            return now

    def entry(self, urn: Urn) -> ResourceState | None:
        """This run's entry of a URN."""
        return self._by_urn.get(urn)

    def left(self) -> list[ResourceState]:
        """Old entries that this run has neither taken over nor removed, in snapshot order."""
        with self._lock:
            return list(self._base)

    def needed_with(self, old: ResourceState) -> list[ResourceState]:
        """An old entry as it stands now and all it needs that this run has not taken over, in their order."""
        with self._lock:
            self._live = self._live or {entry.urn: entry for entry in self._base if not entry.delete}
            found: dict[int, ResourceState] = {}
            waiting = [self._base.current(old)]
            while waiting:
                entry = waiting.pop()
                if entry is None or id(entry) in found:
                    continue
                found[id(entry)] = entry
                above = (entry.parent,) if entry.parent else ()
                waiting += [self._live_entry(urn) for urn in {*needs(entry), *above}]
            return sorted(found.values(), key=self._base.place)

    def _live_entry(self, urn: Urn) -> ResourceState | None:
        entry = self._live.get(urn)
        now = self._base.current(entry) if entry is not None else None
        return None if now is None or now.delete else now

    def rename(self, old: Urn, new: Urn) -> None:
        """Gives a resource its new URN everywhere in what is left of the old state."""
        with self._lock:
            if not self._names:
                self._mentions = _mentions(self._base)
            self._names[old] = new
            if old in self._live:
                self._live[new] = self._live.pop(old)
            for entry in self._mentions.get(old, ()):
                now = self._base.current(entry)
                if now is not None:
                    self._base.exchange(now, renamed(now, self._names))

    def settle_pending(self, unseen: Container[Urn] = ()) -> None:
        """Clears operations an earlier run left open, once a look has shown what became of them.

        Creations stay: nothing says what they made (engine-spec 2.9).
        """
        with self._lock:
            self._left_pending = tuple(
                op
                for op in self._left_pending
                if op.type is OperationType.CREATING or op.resource.urn in unseen
            )

    def save(self) -> None:
        """Writes the snapshot."""
        if self._saver is None:
            return
        with self._lock:
            ticket = self._saver.offer(self.snapshot())
        self._saver.wait(ticket)

    def _end(self, intent: ResourceState | None) -> None:
        if intent is not None:
            with self._lock:
                self._pending.pop(id(intent), None)
            self.save()

    def _exchange(self, old: ResourceState, now: ResourceState) -> None:
        self._base.exchange(old, now)
        self._new.exchange(old, now)
        if self._names:
            # Whoever decided may have done so before a rename.
            self._base.exchange(now, renamed(now, self._names))


def _mentions(entries: Iterable[ResourceState]) -> dict[Urn, list[ResourceState]]:
    """The entries by every URN that they mention, their own included."""
    mentions: dict[Urn, list[ResourceState]] = {}
    for entry in entries:
        above = (entry.parent,) if entry.parent else ()
        for urn in {entry.urn, *above, *needs(entry)}:
            mentions.setdefault(urn, []).append(entry)
    return mentions


def renamed(entry: ResourceState, names: Mapping[Urn, Urn]) -> ResourceState:
    """The entry with every mention of a renamed resource brought up to date."""

    def now(urn: Urn) -> Urn:
        return names.get(urn, urn)

    if names.keys().isdisjoint((entry.urn, entry.parent, *needs(entry))):
        return entry
    provider = entry.provider
    if provider:
        urn, id_ = split_provider_ref(provider)
        provider = provider_ref(now(urn), id_)
    return replace(
        entry,
        urn=now(entry.urn),
        parent=now(entry.parent) if entry.parent else None,
        provider=provider,
        dependencies=tuple(map(now, entry.dependencies)),
        property_dependencies={
            key: tuple(map(now, urns)) for key, urns in entry.property_dependencies.items()
        },
        deleted_with=now(entry.deleted_with) if entry.deleted_with else None,
        replace_with=tuple(map(now, entry.replace_with)),
    )
