"""Brings apps to another version: edits the fleet file, plans, asks, applies, and puts back what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from tomo.errors import ApprovalMissing, ExitCode, NotSupported, UsageError
from tomo.frozen import frozen
from tomo.model.events import Begun, Event, Sink, ignore
from tomo.model.rollout import Rollout
from tomo.model.selection import Selection
from tomo.resources.tokens import APP, CONTAINER
from tomo.service.app_edits import app_of, fleet_after, require_servers
from tomo.service.app_history import AppVersion, app_versions, mark_of
from tomo.service.deployments import Deployments
from tomo.service.effect import Effect
from tomo.service.engines import EngineName
from tomo.service.new_versions import (
    Newer,
    newer_versions,
    require_present,
    require_recorded,
    rolled_back,
    with_new_versions,
)
from tomo.service.propose.changes import NewVersions, RollBackApp
from tomo.service.propose.proposing import ProposeRequest
from tomo.service.recording import audited
from tomo.service.runs import ApplyRequest, Confirm, PlanResult, RunResult
from tomo.service.server_edits import fleet_of
from tomo.service.stop import Stop
from tomo.service.wiring import Doors
from tomo.service.workspace import LockTerms, Place, Workspace
from tomo.spec.edit import replace_file
from tomo.spec.files import read_bytes

_BOM = "\ufeff"


# --- requests and results ----------------------------------------------------------------------------


@frozen
class RunTerms:
    """How an update or a way back runs; as in `ApplyRequest`."""

    parallel: int = 16
    stop_on_error: bool = False
    retry: bool = True
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    message: str = ""
    lock: LockTerms = field(default_factory=LockTerms)
    backup: bool = True
    rollout: Rollout = Rollout()


@frozen
class NewerVersionsRequest:
    """Which apps would `UpdateAppsRequest` change? Dials nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class UpdateAppsRequest:
    """Bring apps to their entries' versions: those named, or every one that is behind.

    `servers` are some of the apps' own; none means all of them.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    confirm: Confirm
    apps: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    terms: RunTerms = field(default_factory=RunTerms)


@frozen
class RollBackAppRequest:
    """Bring an app back to a version of the history; without `to` to the last where it was otherwise."""

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    confirm: Confirm
    name: str
    to: int | None = None
    terms: RunTerms = field(default_factory=RunTerms)


@frozen
class AppHistoryRequest:
    """What was an app at each version of the history? Dials nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    name: str


@frozen
class ChangedApps:
    """What became of it; `run` is None where nothing was to be done.

    `written` says that the fleet file holds the change now, `put_back` that it did while the run failed.
    """

    apps: tuple[str, ...]
    file: Path
    run: RunResult | None = None
    written: bool = False
    put_back: bool = False

    @property
    def declined(self) -> bool:
        """Whether the person said no."""
        return self.run is not None and self.run.declined

    @property
    def done(self) -> bool:
        """Whether there was a run at all."""
        return self.run is not None and self.run.done is not None


# --- use cases ---------------------------------------------------------------------------------------


class AppUpdates:
    """The use cases that bring apps to another version."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def newer(self, request: NewerVersionsRequest) -> tuple[Newer, ...]:
        """Every app that its entry would bring to another version."""
        workspace = self._doors.open(request.place)
        return tuple(newer_versions(fleet_of(workspace), workspace.catalog, workspace.snapshot()))

    @audited("app.update")
    def update(self, request: UpdateAppsRequest) -> ChangedApps:
        """Plans, asks, writes the fleet file, applies. Raises UsageError and SpecError before that."""
        workspace = _own_workspace(self._doors, request.place)
        loaded, names = fleet_of(workspace), self._chosen(workspace, request)
        if not names:
            return ChangedApps((), loaded.file)

        def change(text: str) -> str:
            return with_new_versions(text, loaded, workspace.catalog, names)

        changing = _Changing(workspace, names, request.servers, f"update {', '.join(names)}")
        return self._changed(changing, change, request.confirm, request.terms)

    def update_proposed(self, request: UpdateAppsRequest, why: str) -> ProposeRequest:
        """The same as a proposal for people to decide; raises UsageError where nothing is behind."""
        workspace = _own_workspace(self._doors, request.place)
        names = self._chosen(workspace, request)
        if not names:
            raise UsageError("every app is at the version of its catalog entry", hint="see `tomo app list`")
        selection = selection_of(names, request.servers)
        return ProposeRequest(request.place, NewVersions(names), why, selection=selection)

    def rollback_proposed(self, request: RollBackAppRequest, why: str) -> ProposeRequest:
        """A way back as a proposal for people to decide."""
        _own_workspace(self._doors, request.place)
        change = RollBackApp(request.name, request.to)
        return ProposeRequest(request.place, change, why, selection=selection_of((request.name,)))

    def history(self, request: AppHistoryRequest) -> tuple[AppVersion, ...]:
        """Every version that an app can be rolled back to, the newest first."""
        workspace = self._doors.open(request.place)
        app_of(fleet_of(workspace), request.name)
        return tuple(app_versions(workspace, request.name))

    @audited("app.rollback")
    def rollback(self, request: RollBackAppRequest) -> ChangedApps:
        """Has the fleet file say that the app stands as it was then; plans, asks, writes it, applies."""
        workspace = _own_workspace(self._doors, request.place)
        name = request.name
        require_present(name, app_of(fleet_of(workspace), name))
        mark = mark_of(workspace, name, request.to)
        message = f"roll back {name} to version {mark.version}"
        changing = _Changing(workspace, (name,), (), message)
        return self._changed(
            changing, lambda text: rolled_back(text, name, mark), request.confirm, request.terms
        )

    # --- parts ----------------------------------------------------------------------------------------

    def _chosen(self, workspace: Workspace, request: UpdateAppsRequest) -> tuple[str, ...]:
        """The apps that are meant, each of them there."""
        loaded, snapshot = fleet_of(workspace), workspace.snapshot()
        require_servers(loaded, request.servers)
        for name in request.apps:
            app_of(loaded, name)
        behind = newer_versions(loaded, workspace.catalog, snapshot)
        names = request.apps or tuple(each.app for each in behind)
        require_recorded(names, request.servers, snapshot)
        return names

    def _changed(
        self, changing: _Changing, change: Callable[[str], str], confirm: Confirm, terms: RunTerms
    ) -> ChangedApps:
        """A run of the changed fleet file, restricted to the apps."""
        workspace, loaded = changing.workspace, fleet_of(changing.workspace)
        file = loaded.file
        before = read_bytes(file)
        text = change(before.decode().removeprefix(_BOM))
        after = (_BOM * before.startswith(_BOM.encode()) + text).encode()
        fleet_after(text, loaded, workspace.catalog)

        writing = _Writing(file, before, after)

        def asked(shown: PlanResult) -> bool:
            agreed = confirm(shown)
            if agreed:
                writing.write()
            return agreed

        def hear(event: Event) -> None:
            writing.begun = writing.begun or isinstance(event, Begun)
            terms.sink(event)

        proposed = after if before != after else None
        try:
            run = _run(self._doors, changing, asked, proposed, replace(terms, sink=hear))
        except BaseException:
            # What comes before the first step failed, as a backup: the file would say what nobody began.
            if not writing.begun:
                writing.undo()
            raise
        if isinstance(run.refusal, ApprovalMissing):
            run.refusal.hint = "have it proposed, and approved by a person: add `--propose`"
        written = run.done is not None and before != after
        put_back = written and run.exit_code is not ExitCode.OK and not _touched(run, changing.apps)
        if put_back:
            writing.undo()
        return ChangedApps(changing.apps, file, run, written and not put_back, put_back)


@dataclass(slots=True)
class _Writing:
    """The fleet file on its way to another text; `begun` says that a run of that text was."""

    file: Path
    before: bytes
    after: bytes
    written: bool = False
    begun: bool = False

    def write(self) -> None:
        """Writes it; raises UsageError where somebody else has changed it meanwhile."""
        if self.before != self.after:
            replace_file(self.file, self.before, self.after)
            self.written = True

    def undo(self) -> None:
        """Puts back what was written."""
        if self.written:
            replace_file(self.file, self.after, self.before)
            self.written = False


@frozen
class _Changing:
    """What a run is about."""

    workspace: Workspace
    apps: tuple[str, ...]
    servers: tuple[str, ...]
    message: str


def selection_of(apps: tuple[str, ...], servers: Sequence[str] = ()) -> Selection:
    """Nothing but some apps, on all their servers or on some."""
    if not servers:
        return Selection(apps)
    return Selection(tuple(f"{app}@{server}" for app in apps for server in servers))


def _own_workspace(doors: Doors, place: Place) -> Workspace:
    """The workspace of a fleet on Tomo's own engine; raises NotSupported for another."""
    workspace = doors.open(place)
    fleet_of(workspace)
    if workspace.engine is not EngineName.EMBEDDED:
        raise NotSupported(
            "this is not supported with the `pulumi` engine",
            hint="edit the fleet file and run `tomo apply`, or choose `--engine embedded`",
        )
    return workspace


def _run(
    doors: Doors, changing: _Changing, confirm: Confirm, proposed: bytes | None, terms: RunTerms
) -> RunResult:
    place = changing.workspace.place
    request = ApplyRequest(
        replace(place, proposed=proposed) if proposed is not None else place,
        confirm,
        parallel=terms.parallel,
        stop_on_error=terms.stop_on_error,
        retry=terms.retry,
        sink=terms.sink,
        stop=terms.stop,
        message=terms.message or changing.message,
        lock=terms.lock,
        backup=terms.backup,
        rollout=terms.rollout,
        selection=selection_of(changing.apps, changing.servers),
    )
    return Deployments(doors).apply(request)


def _touched(run: RunResult, apps: Sequence[str]) -> bool:
    """Whether a container of the apps is another one now: then the file's former text says what is not so."""
    for step in run.done.steps if run.done is not None else ():
        parent = step.entry.parent
        own = parent is not None and parent.type == APP and parent.name.rpartition("@")[0] in apps
        if own and step.type == CONTAINER and step.op.changes:
            return True
    return False
