"""Takes resources out of the recorded state, or names them anew; no host is touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from tomo.errors import Interrupted, StackNotFound
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn
from tomo.model.values import has_secret
from tomo.service.effect import Effect
from tomo.service.recording import audited
from tomo.service.recovery import needs_recovery
from tomo.service.sealing import sealing_editor
from tomo.service.states import one_resource
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.state.backend import StoredStack
from tomo.state.edit import condemned, renamed, without
from tomo.state.history import HistoryEntry
from tomo.state.move import Link, moved


@frozen
class Edit:
    """What becomes of the state: `gone` are forgotten, `old` is called `new` from now on."""

    project: str
    stack: str
    gone: tuple[Urn, ...] = ()
    old: Urn | None = None
    new: Urn | None = None
    mentions: int = 0
    done: bool = False


@frozen
class ForgetRequest:
    """Forget a resource without deleting what it stands for; it goes on existing on its host."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    resource: str
    confirm: Callable[[Edit], bool]
    with_dependents: bool = False
    force: bool = False


@frozen
class RenameRequest:
    """Give a resource another name in the state, as its program does."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    resource: str
    name: str
    confirm: Callable[[Edit], bool]


@frozen
class Transfer:
    """What a move does: `links` are dropped, `copied` are providers that the other stack gets."""

    project: str
    stack: str
    to_stack: str
    urns: Mapping[Urn, Urn]
    copied: tuple[Urn, ...] = ()
    links: tuple[Link, ...] = ()
    done: bool = False


@frozen
class MoveRequest:
    """Move resources into another stack of the project, with all that lies in them."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    resources: tuple[str, ...]
    to_stack: str
    confirm: Callable[[Transfer], bool]
    include_parents: bool = False


class StateEdits:
    """The use cases that change the recorded state by hand."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @audited("state.delete")
    def forget(self, request: ForgetRequest) -> Edit:
        """Takes a resource out of the state after asking; raises StateError where others need it."""

        def change(snapshot: Snapshot, edit: Edit) -> tuple[Snapshot, Edit]:
            urn = one_resource(snapshot.resources, request.resource).urn
            found = condemned(snapshot, urn, with_dependents=request.with_dependents, force=request.force)
            gone = tuple(dict.fromkeys(entry.urn for entry in found))
            return without(snapshot, set(gone)), replace(edit, gone=gone)

        return self._edited(request.place, change, request.confirm, f"forgot {request.resource}")

    @audited("state.rename")
    def rename(self, request: RenameRequest) -> Edit:
        """Names a resource anew after asking, wherever the state mentions it."""

        def change(snapshot: Snapshot, edit: Edit) -> tuple[Snapshot, Edit]:
            old = one_resource(snapshot.resources, request.resource).urn
            after, new = renamed(snapshot, old, request.name)
            pairs = zip(snapshot.resources, after.resources, strict=True)
            mentions = sum(before is not now and before.urn != old for before, now in pairs)
            return after, replace(edit, old=old, new=new, mentions=mentions)

        message = f"renamed {request.resource} to {request.name}"
        return self._edited(request.place, change, request.confirm, message)

    @audited("state.move")
    def move(self, request: MoveRequest) -> Transfer:
        """Takes resources out of one state and into another after asking, under both locks."""
        workspace = self._doors.open(request.place)
        other = workspace.sibling(request.to_stack)
        first, second = sorted((workspace, other), key=lambda each: each.stack)
        # Always in the same order, so that two moves towards each other don't wait for one another.
        with first.lock(), second.lock():
            stored, there = _stored(workspace), other.stored()
            _refuse_unsettled(stored)
            _refuse_unsettled(there)
            urns = {one_resource(stored.snapshot.resources, name).urn for name in request.resources}
            after = moved(
                stored.snapshot,
                there.snapshot if there else Snapshot(),
                urns,
                (other.project, other.stack),
                parents=request.include_parents,
            )
            foreseen = Transfer(
                workspace.project, workspace.stack, other.stack, after.urns, after.copied, after.links
            )
            if not request.confirm(foreseen):
                return foreseen
            # The other stack first: whatever happens in between, nothing is in neither.
            self._put(other, there, after.target, f"took {len(urns)} resources of {workspace.stack}")
            self._put(workspace, stored, after.source, f"moved {len(urns)} resources to {other.stack}")
        return replace(foreseen, done=True)

    def _put(self, workspace: Workspace, stored: StoredStack | None, after: Snapshot, message: str) -> None:
        begun = int(time.time())
        seals = stored.seals if stored and stored.seals else None
        if seals is None and any(map(_has_secrets, after.resources)):
            editor = sealing_editor(workspace)
            editor.save()
            seals = workspace.seals(editor.salt, stored)
        workspace.backend.writer(workspace.project, workspace.stack, seals).save(after)
        entry = HistoryEntry("import", "succeeded", begun, int(time.time()), {}, message)
        workspace.backend.record(workspace.project, workspace.stack, entry)

    def _edited(
        self,
        place: Place,
        change: Callable[[Snapshot, Edit], tuple[Snapshot, Edit]],
        confirm: Callable[[Edit], bool],
        message: str,
    ) -> Edit:
        workspace = self._doors.open(place)
        with workspace.lock():
            stored = _stored(workspace)
            after, edit = change(stored.snapshot, Edit(workspace.project, workspace.stack))
            if not confirm(edit):
                return edit
            begun = int(time.time())
            # Under the state's own seals nothing has to be opened, so no passphrase is asked for.
            workspace.backend.writer(edit.project, edit.stack, stored.seals).save(after)
            entry = HistoryEntry("import", "succeeded", begun, int(time.time()), {}, message)
            workspace.backend.record(edit.project, edit.stack, entry)
        return replace(edit, done=True)


def _stored(workspace: Workspace) -> StoredStack:
    stored = workspace.stored()
    if stored is None:
        raise StackNotFound(f"`{workspace.stack}` has no state yet", hint="run `tomo apply` first")
    return stored


def _has_secrets(entry: ResourceState) -> bool:
    return has_secret(entry.inputs) or has_secret(entry.outputs) or has_secret(entry.replacement_trigger)


def _refuse_unsettled(stored: StoredStack | None) -> None:
    if stored is not None and needs_recovery(stored):
        raise Interrupted(
            f"an interrupted run of `{stored.name.stack}` is not settled, so nothing can be moved",
            hint=f"run `tomo state repair --stack {stored.name.stack}` first",
        )
