"""The recorded state of a stack: list, show, export, import, unlock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from tomo.errors import StackNotFound, StateCorrupt, StateError, UsageError
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import PendingOperation
from tomo.service.effect import Effect
from tomo.service.recording import audited
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec.files import FLEET_FILE
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.state.backend import StackName, StoredStack
from tomo.state.codec import decode_deployment
from tomo.state.history import HistoryEntry
from tomo.state.seals import Seals
from tomo.state.transfer import export_deployment, import_deployment


@frozen
class StateRequest:
    """What is recorded? Opens no secret, dials nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class ExportRequest:
    """The state as `pulumi stack export` prints it; secrets sealed unless asked for."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    show_secrets: bool = False


@frozen
class ImportRequest:
    """Put a document in the state's place; the old state is kept as a backup."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    document: bytes
    confirm: Callable[[ImportResult], bool]


@frozen
class UnlockRequest:
    """Remove the stack's locks after `confirm` was shown who holds them."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    confirm: Callable[[tuple[str, ...]], bool]


@frozen
class StateListing:
    """The recorded resources in dependency order, and operations that were never finished."""

    project: str
    stack: str
    file: str
    time: str
    resources: tuple[ResourceState, ...]
    pending: tuple[PendingOperation, ...]


@frozen
class ImportResult:
    """What an import does to the state. `before` is None where there was none, or none to be read."""

    project: str
    stack: str
    before: int | None
    after: int
    done: bool = False


class States:
    """The use cases over a stack's state."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: StateRequest) -> StateListing:
        """Everything that is recorded."""
        workspace = self._open(request.place)
        stored = _stored(workspace)
        snapshot = stored.snapshot
        return StateListing(
            workspace.project,
            workspace.stack,
            stored.path,
            stored.time,
            snapshot.resources,
            snapshot.pending_operations,
        )

    def show(self, request: StateRequest, name: str) -> ResourceState:
        """One resource by its URN, its name, or what the host calls it."""
        return one_resource(self.list(request).resources, name)

    def stacks(self, request: StateRequest) -> tuple[StackName, ...]:
        """The stacks of the place's project."""
        place = request.place
        fleet = place.file is not None or (place.directory / FLEET_FILE).is_file()
        # A project's folder may hold several stacks or none: which one is meant does not matter here.
        workspace = self._open(place if fleet else replace(place, stack=place.stack or "any"))
        return tuple(workspace.backend.stacks(workspace.project))

    def export(self, request: ExportRequest) -> bytes:
        """The state as a document."""
        return export_deployment(_stored(self._open(request.place)), show_secrets=request.show_secrets)

    def file(self, request: StateRequest, location: str) -> bytes:
        """A file of the store as messages name it, such as a backup on a server."""
        return self._open(request.place).backend.file_at(location)

    @audited("state.import")
    def import_(self, request: ImportRequest) -> ImportResult:
        """Checks the document, asks, and writes it under the lock."""
        workspace = self._open(request.place)
        name = StackName(workspace.project, workspace.stack)
        with workspace.lock():
            snapshot = import_deployment(request.document, name, workspace.secrets)
            salt = _salt(workspace, request.document)
            foreseen = ImportResult(*_names(name), _resources_now(workspace), len(snapshot.resources))
            if not request.confirm(foreseen):
                return foreseen
            begun = int(time.time())
            # What an interrupted run left belongs to the state that is replaced here.
            workspace.backend.drop_journal(*_names(name))
            workspace.writer(salt).save(snapshot)
            entry = HistoryEntry("import", "succeeded", begun, int(time.time()), {}, "imported a document")
            workspace.backend.record(*_names(name), entry)
        return replace(foreseen, done=True)

    @audited("state.unlock")
    def unlock(self, request: UnlockRequest) -> tuple[str, ...]:
        """Removes the locks; gives who held them, nobody where there was no lock or nobody agreed."""
        workspace = self._open(request.place)
        names = workspace.project, workspace.stack
        holders = tuple(lock.describe(time.time()) for lock in workspace.backend.locks(*names))
        if not holders or not request.confirm(holders):
            return ()
        workspace.backend.unlock(*names)
        return holders

    def _open(self, place: Place) -> Workspace:
        return self._doors.open(place)


def _names(name: StackName) -> tuple[str, str]:
    return name.project, name.stack


def _stored(workspace: Workspace) -> StoredStack:
    stored = workspace.stored()
    if stored is None:
        raise StackNotFound(f"`{workspace.stack}` has no state yet", hint="run `tomo apply` first")
    return stored


def _resources_now(workspace: Workspace) -> int | None:
    try:
        stored = workspace.stored()
    except StateCorrupt:
        # An import is how a corrupt state is mended; the file itself stays beside it as a backup.
        return None
    return len(stored.snapshot.resources) if stored else None


def _salt(workspace: Workspace, document: bytes) -> str:
    """The salt to seal under: the config's, or else the one the document came with."""
    config = workspace.config()
    if config.salt:
        return config.salt
    salt = decode_deployment(document, lambda text: Seals(workspace.secrets.for_salt(text))).salt
    if salt:
        editor = workspace.config_editor()
        editor.adopt_salt(salt)
        editor.save()
    return salt


def one_resource(resources: tuple[ResourceState, ...], name: str) -> ResourceState:
    """The recorded resource that a person means: by URN, by name, or by what its host calls it."""
    by_urn = [entry for entry in resources if entry.urn == name]
    by_name = [entry for entry in resources if entry.urn.name == name]
    on_host = [
        entry for entry in resources if entry.inputs.get("name") == name or (name and entry.id == name)
    ]
    found = by_urn or by_name or on_host
    if not found:
        known = {entry.urn.name for entry in resources}
        raise StateError(
            f"the state has no resource `{shown(name)}`",
            hint=did_you_mean(name, known, "`tomo state list` shows all"),
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} resources are called `{shown(name)}`",
            hint="name one by its URN:\n" + "\n".join(f"    '{entry.urn}'" for entry in found),
        )
    return found[0]
