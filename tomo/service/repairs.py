"""Repair: settle what an interrupted run left, by what hosts and a person say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from tomo.engine.recovery import Fate, Resolved, Terms
from tomo.errors import StateLocked, UsageError
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType
from tomo.model.urn import Urn
from tomo.service.effect import Effect
from tomo.service.executing import Execution
from tomo.service.opening import opened
from tomo.service.recording import audited
from tomo.service.recovery import needs_id, ways_out
from tomo.service.wiring import Doors
from tomo.service.workspace import LockTerms, Place, Workspace
from tomo.state.backend import StoredStack
from tomo.state.lock import HeldLock

FORGET, KEEP = "forget", "keep"


@frozen
class RepairRequest:
    """Fold in what an interrupted run left, settle what it began, release its lock.

    `forget` are creations to be taken as never made, by URN or name; `keep` those to be taken as made, each
    with its id. `decide` is asked about every one of which nothing can be found out: FORGET, KEEP or `""`.
    `confirm` is shown what else is to be done.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    confirm: Callable[[Sequence[str]], bool]
    decide: Callable[[Resolved], str] = lambda _resolved: ""
    forget: tuple[str, ...] = ()
    keep: Mapping[str, str] = field(default_factory=dict)
    drop_journal: bool = False
    lock: LockTerms = field(default_factory=LockTerms)


@frozen
class RepairResult:
    """What was found and done, a line each; `unsettled` are those that a person still has to decide about."""

    stack: str
    lines: tuple[str, ...] = ()
    unsettled: tuple[Resolved, ...] = ()
    declined: bool = False


class Repairs:
    """The use case over what an interrupted run left."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @audited("state.repair")
    def repair(self, request: RepairRequest) -> RepairResult:
        """Settles what can be settled, and releases the lock of the run that is gone."""
        workspace = self._doors.open(request.place)
        held = _to_release(workspace)
        moment = time.time()
        lines = [f"the lock of {lock.describe(moment)} is removed" for lock in held]
        if lines and not request.confirm(lines):
            return RepairResult(workspace.stack, declined=True)
        workspace.backend.unlock(workspace.project, workspace.stack)
        if request.drop_journal:
            with workspace.lock(request.lock):
                found = _dropped(workspace, request.confirm)
        else:
            found = self._settled(request)
        return replace(found, lines=(*lines, *found.lines))

    def _settled(self, request: RepairRequest) -> RepairResult:
        with opened(self._doors, self._doors.open(request.place), locked=request.lock) as session:
            found = Execution(session).recover(_terms_of(request, session.stored))
            lines = [note.message for note in found.notes]
            answers = _asked(request, found.unsettled)
            if answers.forget or answers.keep:
                found = Execution(session).recover(_terms_of(answers, session.stored))
                lines += [note.message for note in found.notes]
            return RepairResult(session.workspace.stack, tuple(lines), found.unsettled)


def _asked(request: RepairRequest, unsettled: Sequence[Resolved]) -> RepairRequest:
    """The request with what a person says about creations of which nothing tells."""
    said = {each.urn: request.decide(each) for each in unsettled if each.fate is Fate.UNKNOWN}
    forget = tuple(urn for urn, word in said.items() if word == FORGET)
    keep: dict[str, str] = {
        urn: word.removeprefix(f"{KEEP}=") for urn, word in said.items() if word.startswith(KEEP)
    }
    return replace(request, forget=forget, keep=keep)


def _to_release(workspace: Workspace) -> list[HeldLock]:
    """The locks that a repair removes; raises StateLocked where an owner certainly still runs."""
    held = workspace.backend.locks(workspace.project, workspace.stack)
    running = next((lock for lock in held if lock.runs_here()), None)
    if running is not None:
        raise StateLocked(
            f"stack `{workspace.stack}` is locked by {running.describe(time.time())}",
            hint="there is nothing to repair while it runs; end it first",
            detail=running.place,
        )
    return held


def _terms_of(request: RepairRequest, stored: StoredStack | None) -> Terms:
    """What a person said about creations, by URN; raises UsageError for what isn't pending."""
    creating = [] if stored is None else _creating(stored)
    forget = [_named(creating, name).urn for name in request.forget]
    keep: dict[Urn, str] = {}
    for name, id_ in request.keep.items():
        entry = _named(creating, name)
        if entry.urn in forget:
            raise UsageError(
                f"`{entry.urn.name}` can't be forgotten and kept", hint="choose one: `--forget` or `--keep`"
            )
        if not id_ and needs_id(entry.urn):
            raise UsageError(
                f"`{entry.urn.name}` can be kept only with the id that it got",
                hint=f"`{ways_out(entry.urn)[1]}`",
            )
        keep[entry.urn] = id_ or entry.urn.name
    return Terms(act=True, forget=forget, keep=keep)


def _creating(stored: StoredStack) -> list[ResourceState]:
    pending = stored.snapshot.pending_operations
    return [op.resource for op in pending if op.type is OperationType.CREATING]


def _named(creating: Sequence[ResourceState], name: str) -> ResourceState:
    found = [entry for entry in creating if name in {str(entry.urn), entry.urn.name}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"`{entry.urn}`" for entry in creating) or "none"
    raise UsageError(
        f"no creation of `{name}` was interrupted" if not found else f"`{name}` names {len(found)} of them",
        hint=f"interrupted creations: {known}",
    )


def _dropped(workspace: Workspace, confirm: Callable[[Sequence[str]], bool]) -> RepairResult:
    """Sets a journal aside that does not fit the state, after showing what the state lacks of it."""
    names = workspace.project, workspace.stack
    if not workspace.backend.has_journal(*names):
        return RepairResult(workspace.stack)
    lost = workspace.backend.only_in_journal(*names)
    shown = [
        "the journal of the interrupted run is set aside; what it holds is not taken into the state",
        *(f"the state does not have: {line}" for line in lost),
    ]
    if not confirm(shown):
        return RepairResult(workspace.stack, declined=True)
    place = workspace.backend.drop_journal(*names)
    return RepairResult(workspace.stack, (*shown[1:], f"the journal is kept as {place}"))
