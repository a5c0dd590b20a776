"""Keeps the state true while steps run: intention before each act, result after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import RLock
from typing import Protocol

from tomo.engine.graph import without
from tomo.errors import TomoError
from tomo.model.changes import OF_THE_RUN, Begun, Carried, Change, Ended, Put, Removed, Settled
from tomo.model.resource import ResourceState, mentions, with_urns
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn
from tomo.model.values import Properties


class Saver(Protocol):
    """Keeps a run's changes on disk; called from several threads. Offers come in the order of the changes.

    What is on disk can always be made into the very snapshot that the changes offered until then lead to.
    """

    def ready(self) -> None:
        """Returns where the result of an act will have room; raises StateError where it's known not to."""
        ...

    def offer(self, changes: Sequence[Change]) -> int:
        """Takes changes that belong together and returns their ticket, without waiting."""
        ...

    def wait(self, ticket: int) -> None:
        """Returns once the ticket's changes, and all before them, are on disk.

        Raises StateError where they can't be written; they are written with the next ones then.
        """
        ...

    def finish(self, snapshot: Snapshot) -> None:
        """The end of a run: returns once the whole snapshot is on disk."""
        ...


class _Entries:
    """Entries in a fixed order, found and exchanged by identity in constant time.

    An exchanged entry still finds its place: what decided about it may hold the former one. Places are
    counted from `first`; every change but the first filling is noted.
    """

    def __init__(
        self, note: Callable[[Change], None], entries: Iterable[ResourceState] = (), *, first: int = 0
    ) -> None:
        self._note = note
        self._by_place: dict[int, ResourceState] = {}
        self._places: dict[int, int] = {}
        self._former: list[ResourceState] = []
        self._next = first
        for entry in entries:
            self._place_of_new(entry)

    def _place_of_new(self, entry: ResourceState) -> int:
        place = self._next
        self._by_place[place] = entry
        self._places[id(entry)] = place
        self._next += 1
        return place

    def append(self, entry: ResourceState) -> None:
        self._note(Put(self._place_of_new(entry), entry))

    def take_over(self, old: ResourceState, of: _Entries, entry: ResourceState) -> None:
        """Appends an entry in place of one of another list."""
        place = of.standing(old)
        if place is None:
            self.append(entry)
            return
        before = of._drop(place)
        self._note(Carried(place, self._place_of_new(entry), before, entry))

    def exchange(self, old: ResourceState, now: ResourceState) -> None:
        place = self.standing(old)
        if place is not None:
            # Kept, so that no other entry is ever made at the same address.
            self._former.append(self._by_place[place])
            self._by_place[place] = now
            self._places[id(now)] = place
            self._note(Put(place, now))

    def remove(self, entry: ResourceState) -> None:
        place = self.standing(entry)
        if place is not None:
            self._drop(place)
            self._note(Removed(place))

    def standing(self, entry: ResourceState) -> int | None:
        place = self._places.get(id(entry))
        return place if place in self._by_place else None

    def _drop(self, place: int) -> ResourceState:
        entry = self._by_place.pop(place)
        self._former.append(entry)
        return entry

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
        self._changes: list[Change] = []
        self._extra = base.extra
        self._base = _Entries(self._note, base.resources)
        self._new = _Entries(self._note, first=OF_THE_RUN)
        self._by_urn: dict[Urn, ResourceState] = {}
        self._pending: dict[int, tuple[int, PendingOperation]] = {}
        self._numbers = itertools.count(1)
        self._left_pending = dict(enumerate(base.pending_operations))
        self._names: dict[Urn, Urn] = {}
        self._mentions: dict[Urn, list[ResourceState]] = {}
        self._live: dict[Urn, ResourceState] = {}

    def snapshot(self) -> Snapshot:
        """What would be written now."""
        with self._lock:
            begun = (operation for _, operation in self._pending.values())
            pending = (*self._left_pending.values(), *begun)
            return Snapshot((*self._new, *self._base), pending, self._extra)

    def begin(self, entry: ResourceState, kind: OperationType, *, parked: str = "") -> None:
        """Puts the intention on disk; returns when it is there. One that can't be written is none.

        `parked` is the name under which the act keeps what it replaces.
        """
        if self._saver is not None:
            self._saver.ready()
        with self._lock:
            operation = PendingOperation(entry, kind, parked)
            number = next(self._numbers)
            self._pending[id(entry)] = number, operation
            self._note(Begun(number, operation))
        try:
            self._save()
        except BaseException:
            with self._lock:
                self._forget_intention(entry)
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
            if condemned is not None:
                self._exchange(condemned, replace(condemned, delete=True))
            if old is not None:
                self._new.take_over(old, self._base, entry)
            else:
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
        self._save()

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
                waiting += [self._live_entry(urn) for urn in set(mentions(entry))]
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
                    self._base.exchange(now, with_urns(now, self._present_name))

    def _present_name(self, urn: Urn) -> Urn:
        return self._names.get(urn, urn)

    def _follow_parents(self) -> None:
        """Gives what is left below a renamed resource the URN that it has there, as Pulumi's snapshots do."""
        with self._lock:
            renamed = set(self._names.values())
            taken = {*self._by_urn, *(entry.urn for entry in self._base)}
            for entry in list(self._base):
                now = self._base.current(entry)
                if now is None or not now.parent or now.parent not in renamed:
                    continue
                urn = Urn.make(now.urn.stack, now.urn.project, now.parent, now.type, now.urn.name)
                if urn != now.urn and urn not in taken:
                    self.rename(now.urn, urn)
                    renamed.add(urn)
                    taken.add(urn)

    def settle_pending(self, unseen: Container[Urn] = ()) -> None:
        """Clears operations an earlier run left open, once a look has shown what became of them.

        Creations stay: nothing says what they made (engine-spec 2.9).
        """
        with self._lock:
            left = {
                position: op
                for position, op in self._left_pending.items()
                if op.type is OperationType.CREATING or op.resource.urn in unseen
            }
            if len(left) < len(self._left_pending):
                self._left_pending = left
                self._note(Settled(tuple(left)))

    def finish(self) -> None:
        """Writes the whole snapshot; the end of a run."""
        if self._names:
            self._follow_parents()
        if self._saver is None:
            return
        with self._lock:
            if self._changes:
                self._saver.offer(self._handed_over())
            snapshot = self.snapshot()
        self._saver.finish(snapshot)

    def _save(self) -> None:
        """Hands over what has changed and waits until it is on disk."""
        if self._saver is None:
            return
        with self._lock:
            ticket = self._saver.offer(self._handed_over())
        self._saver.wait(ticket)

    def _handed_over(self) -> tuple[Change, ...]:
        changes = tuple(self._changes)
        self._changes.clear()
        return changes

    def _note(self, change: Change) -> None:
        if self._saver is not None:
            self._changes.append(change)

    def _end(self, intent: ResourceState | None) -> None:
        if intent is not None:
            with self._lock:
                self._forget_intention(intent)
            self._save()

    def _forget_intention(self, entry: ResourceState) -> None:
        begun = self._pending.pop(id(entry), None)
        if begun is not None:
            self._note(Ended(begun[0]))

    def _exchange(self, old: ResourceState, now: ResourceState) -> None:
        self._base.exchange(old, now)
        self._new.exchange(old, now)
        if self._names:
            # Whoever decided may have done so before a rename.
            self._base.exchange(now, with_urns(now, self._present_name))


def _mentions(entries: Iterable[ResourceState]) -> dict[Urn, list[ResourceState]]:
    """The entries by every URN that they mention, their own included."""
    mentioned: dict[Urn, list[ResourceState]] = {}
    for entry in entries:
        for urn in {entry.urn, *mentions(entry)}:
            mentioned.setdefault(urn, []).append(entry)
    return mentioned
