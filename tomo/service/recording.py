"""Records who did what: before it begins, and what became of it."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from tomo.audit.chain import event_json, sealed
from tomo.audit.waiting import Waiting
from tomo.db.address import database_address
from tomo.errors import (
    ApprovalMissing,
    AuditUnwritable,
    DatabaseError,
    ExitCode,
    HostKeyError,
    NotAllowed,
    PlanRefused,
    PolicyDenied,
    PolicyRuleBroken,
    TargetsRefused,
    TomoError,
    UsageError,
)
from tomo.frozen import frozen
from tomo.identity.roles import needed_for, require
from tomo.model.audit import AuditEvent, AuditOutcome, AuditStore
from tomo.model.events import Result
from tomo.model.people import Permission, Person
from tomo.service.audit_heads import NotedHead
from tomo.service.logs import tell_act
from tomo.settings import Settings
from tomo.state.clock import rfc3339

if TYPE_CHECKING:
    from tomo.service.runs import RunResult
    from tomo.service.wiring import Doors
    from tomo.service.workspace import Place

S = TypeVar("S", bound="_UseCases")
R = TypeVar("R", bound="_OfAPlace")
T = TypeVar("T")

_REFUSALS: Final = (
    NotAllowed,
    PlanRefused,
    PolicyDenied,
    ApprovalMissing,
    PolicyRuleBroken,
    TargetsRefused,
    HostKeyError,
    UsageError,
)
_NO_FILE: Final = "none"
_UNKNOWN: Final = "unknown"


class _UseCases(Protocol):
    _doors: Doors


class _OfAPlace(Protocol):
    @property
    def place(self) -> Place: ...


@frozen
class Actor:
    """Who acts, in which role, and through what."""

    name: str
    role: str
    surface: str


@dataclass(slots=True)
class Act:
    """One thing under way; what is learned on the way is put in before its end."""

    action: str
    object: str = ""
    plan: str = ""
    approval: str = ""
    run: str = ""
    outcome: AuditOutcome = AuditOutcome.DONE
    details: dict[str, str] = field(default_factory=dict)
    _before: dict[Path, str] = field(default_factory=dict, init=False)

    def watch(self, *files: Path) -> None:
        """Has settings files that are others at its end stand in its entry, with both checksums."""
        self._before = {**{file: checksum(file) for file in files}, **self._before}

    def note_changed(self) -> None:
        """Puts the checksums of what was changed into the details."""
        self.details |= _changed(self._before)


class Trail:
    """Writes what one command does into the audit record. `tell` gets what a person must know of it."""

    def __init__(
        self,
        settings: Settings,
        actor: Actor,
        tell: Callable[[str], None],
        who: Callable[[], Person] | None = None,
    ) -> None:
        """`who` says as whom an act is done, when one is; without it everything is allowed to the actor."""
        self._settings, self.tell, self._who = settings, tell, who
        self.actor = actor
        self.correlation = uuid.uuid4().hex
        self._waiting = Waiting(settings.data_folder)
        self._under_way: list[Act] = []

    @contextmanager
    def under_way(self, act: Act) -> Iterator[None]:
        """Has an act be the one that `watch` is about."""
        self._under_way.append(act)
        try:
            yield
        finally:
            self._under_way.pop()

    def watch(self, *files: Path) -> None:
        """Has settings files that are about to be written stand in the entry of what is being done."""
        for act in self._under_way[-1:]:
            act.watch(*files)

    def require(self, permission: Permission) -> None:
        """Raises NotAllowed where the actor's role lacks a permission."""
        if self._who is None:
            return
        person = self._who()
        self.actor = replace(self.actor, role=person.role.value if person.role else _UNKNOWN)
        require(person, permission)

    def begin(self, act: Act) -> None:
        """Notes that something is about to be done, on the disk on return.

        Raises AuditUnwritable where neither the file nor the database takes it: then it must not be done.
        """
        event = replace(self._event(act), outcome=AuditOutcome.BEGUN)
        try:
            self._waiting.add(event)
        except AuditUnwritable as error:
            self._add_directly(event, error)

    def end(self, act: Act) -> None:
        """Notes what became of it; where that can't be written, a person is told the whole entry."""
        event = self._event(act)
        try:
            self._waiting.add(event)
        except AuditUnwritable as error:
            try:
                self._add_directly(event, error)
            except AuditUnwritable as refused:
                self.tell(f"warning: {refused.message}; keep this entry: {_line(event)}")

    def prepare(self) -> None:
        """Loads what the database needs while a run waits for hosts; nothing depends on it."""
        Thread(target=_load, name="tomo-audit", daemon=True).start()

    def settle(self) -> None:
        """Takes what waits into the record; where that fails it waits for the next command."""
        if self._waiting.is_empty():
            return
        try:
            with audit_store(self._settings) as store:
                keep_waiting(self._settings, store)
        except TomoError as error:
            self.tell(
                f"warning: {error.message}; the audit entries wait in {self._waiting.file} "
                "and are taken in by the next command"
            )

    def _add_directly(self, event: AuditEvent, file_error: AuditUnwritable) -> None:
        try:
            with audit_store(self._settings) as store:
                store.append([event], sealed)
        except DatabaseError as error:
            raise AuditUnwritable(
                f"{file_error.message}, and {error.message}", hint=file_error.hint
            ) from error

    def _event(self, act: Act) -> AuditEvent:
        return AuditEvent(
            id=uuid.uuid4().hex,
            time=rfc3339(time.time_ns()),
            actor=self.actor.name,
            role=self.actor.role,
            surface=self.actor.surface,
            action=act.action,
            object=act.object,
            outcome=act.outcome,
            correlation=self.correlation,
            plan=act.plan,
            approval=act.approval,
            run=act.run,
            details=dict(act.details),
        )


@contextmanager
def recorded(
    doors: Doors,
    action: str,
    object_: str = "",
    *,
    changes: Sequence[Path] = (),
    long: bool = False,
    later: bool = False,
    needs: Permission | None = None,
    anybody: bool = False,
    details: Mapping[str, str] | None = None,
) -> Iterator[Act]:
    """Has what is done inside stand in the audit record, before it begins and after, whatever became of it.

    `changes` are settings files: of each that is another one at the end, both checksums are in the entry.
    `long` says that hosts are waited for; `later` leaves it to the next command to write to the database.
    `needs` is the permission, where it isn't the action's own; `anybody` may log in.
    """
    act = Act(action, object_, run=uuid.uuid4().hex if long else "", details=dict(details or {}))
    trail = doors.trail
    if trail is None:
        yield act
        return
    if not anybody:
        _require(trail, act, needs or needed_for(action))
    act.watch(*changes)
    trail.begin(act)
    tell_act(doors.log, "begun", act)
    if long:
        trail.prepare()
    try:
        with trail.under_way(act):
            yield act
    except TomoError as error:
        act.outcome = AuditOutcome.REFUSED if isinstance(error, _REFUSALS) else AuditOutcome.FAILED
        act.details["error"] = error.code
        raise
    except BaseException as error:
        act.outcome = AuditOutcome.FAILED if isinstance(error, Exception) else AuditOutcome.STOPPED
        act.details["error"] = type(error).__name__
        raise
    finally:
        act.note_changed()
        trail.end(act)
        tell_act(doors.log, "ended", act)
        if not later:
            trail.settle()


def _require(trail: Trail, act: Act, permission: Permission) -> None:
    """Refuses what a role doesn't allow, and records that it was tried."""
    try:
        trail.require(permission)
    except TomoError as error:
        refused = replace(act, outcome=AuditOutcome.REFUSED, details={**act.details, "error": error.code})
        trail.end(refused)
        trail.settle()
        raise


def audited(action: str) -> Callable[[Callable[[S, R], T]], Callable[[S, R], T]]:
    """Has a use case that writes files of a stack stand in the audit record, also where it is refused."""

    def wrapped(use: Callable[[S, R], T]) -> Callable[[S, R], T]:
        @wraps(use)
        def use_and_record(self: S, request: R) -> T:
            doors = self._doors
            if doors.trail is None:
                return use(self, request)
            workspace = doors.open(request.place)
            fleet = [workspace.fleet.file] if workspace.fleet is not None else []
            object_ = workspace.name + _within(request)
            with recorded(doors, action, object_, changes=[*fleet, workspace.stack_file]) as act:
                result = use(self, request)
                if getattr(result, "declined", False) or not getattr(result, "done", True):
                    act.outcome = AuditOutcome.DECLINED
                return result

        return use_and_record

    return wrapped


def _within(request: object) -> str:
    """What of the stack a request is about, by the name that the person gave."""
    for field_name in ("name", "key", "resource", "app", "server"):
        found = getattr(request, field_name, None)
        name = getattr(found, "name", found)
        if isinstance(name, str) and name:
            return f"#{name}"
    return "#" + ",".join(getattr(request, "resources", ())) if hasattr(request, "resources") else ""


def _changed(before: Mapping[Path, str]) -> Mapping[str, str]:
    after = {file: checksum(file) for file in before}
    moved = [file for file in before if before[file] != after[file]]
    return {
        key: value
        for file in moved
        for key, value in ((f"{file.name}.old", before[file]), (f"{file.name}.new", after[file]))
    }


def recorded_run(doors: Doors, action: str, run: Callable[[R], RunResult], request: R) -> RunResult:
    """A run with its entries in the audit record."""
    with recorded(doors, action, str(request.place), long=True) as act:
        return note_run(act, run(request))


def note_run(act: Act, result: RunResult) -> RunResult:
    """Puts what a run did into its entry of the audit record."""
    plan = result.done or result.shown.plan
    act.object = f"{plan.project}/{plan.stack}"
    if result.declined:
        act.outcome = AuditOutcome.DECLINED
    elif result.result is Result.CANCELLED:
        act.outcome = AuditOutcome.STOPPED
    elif result.exit_code is not ExitCode.OK:
        refused = result.refusal is not None or result.exit_code is ExitCode.PLAN_REFUSED
        act.outcome = AuditOutcome.REFUSED if refused else AuditOutcome.FAILED
    act.details["exit_code"] = str(int(result.exit_code))
    act.details |= {op.pulumi_name: str(count) for op, count in plan.counts.items() if op.changes}
    return result


def checksum(file: Path) -> str:
    """`sha256:…` of a file; `none` where there is none."""
    try:
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError:
        return _NO_FILE


@contextmanager
def audit_store(settings: Settings) -> Iterator[AuditStore]:
    """The record of the database that the settings name; closed at the end."""
    from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s; plans don't need it
    from tomo.db.entries import AuditEntries  # noqa: PLC0415

    database = Database(database_address(settings))
    try:
        yield AuditEntries(database)
    finally:
        database.close()


def keep_waiting(settings: Settings, store: AuditStore) -> None:
    """Takes what waits into the store, and notes the head that it has then."""

    def keep(events: Sequence[AuditEvent]) -> None:
        NotedHead(settings).follow(store, store.append(events, sealed))

    Waiting(settings.data_folder).take(keep)


def _load() -> None:
    from tomo.db import entries  # noqa: F401, PLC0415  # that is all


def _line(event: AuditEvent) -> str:
    import json  # noqa: PLC0415  # for the one entry that could not be written

    return json.dumps(event_json(event), ensure_ascii=False)
