"""What was done to a stack, and the way back to how one of those operations left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from tomo.errors import CannotGoBack, NotSupported, ProgramFailed
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.source import Source
from tomo.model.urn import STACK_TYPE
from tomo.model.values import Archive, Asset, leaves
from tomo.program.assets import hashed_archive, hashed_asset
from tomo.program.recorded import RecordedSource
from tomo.service.effect import Effect
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.state.history import Version
from tomo.state.past import PastState, load_past

_SUCCEEDED = "succeeded"


@frozen
class HistoryRequest:
    """What was done to the stack? Opens no secret, dials nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class StackHistory:
    """A stack's versions, newest first."""

    project: str
    stack: str
    versions: tuple[Version, ...]


class Histories:
    """The use case over a stack's history."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: HistoryRequest) -> StackHistory:
        """Every finished operation, newest first."""
        workspace = self._doors.open(request.place)
        versions = workspace.backend.versions(workspace.project, workspace.stack)
        return StackHistory(workspace.project, workspace.stack, tuple(versions))


def can_go_back_to(version: Version) -> bool:
    """Whether a version is one that a plan can lead back to, as far as the history alone tells."""
    return version.entry.result == _SUCCEEDED and bool(version.checkpoint)


@frozen
class WayBack:
    """From what is recorded now to what a version holds."""

    past: PastState
    now: Snapshot

    @property
    def source(self) -> Source:
        """What asks for the resources of then."""
        return RecordedSource(self.past.snapshot, self.now)

    @property
    def known(self) -> Snapshot:
        """What either state has, for names of what is to go and of what is to come back."""
        there = {entry.urn for entry in self.now.resources}
        gone = (entry for entry in self.past.snapshot.resources if entry.urn not in there)
        return replace(self.now, resources=(*self.now.resources, *gone))

    @property
    def message(self) -> str:
        """What the history says of the run."""
        return f"back to version {self.past.version.number}"


def way_back(workspace: Workspace, number: int, now: Snapshot) -> WayBack:
    """The way to a version; raises VersionNotFound, CannotGoBack and NotSupported where there is none."""
    past = load_past(workspace.backend, workspace.project, workspace.stack, number, workspace.secrets)
    _refuse_failed(past.version, workspace)
    _refuse_empty(past)
    _refuse_foreign(past, workspace)
    _refuse_hooks(past)
    _refuse_changed_files(past, now, workspace.program_folder)
    return WayBack(past, now)


def _refuse_failed(version: Version, workspace: Workspace) -> None:
    if version.entry.result == _SUCCEEDED:
        return
    versions = workspace.backend.versions(workspace.project, workspace.stack)
    before = next((each for each in versions if each.number < version.number and can_go_back_to(each)), None)
    raise CannotGoBack(
        f"version `{version.number}` is what a failed {version.entry.kind} left, which nobody asked for",
        hint=f"the last one before it that succeeded: `tomo plan --to {before.number}`"
        if before
        else "name one that succeeded: `tomo state history`",
    )


def _refuse_empty(past: PastState) -> None:
    if all(entry.type == STACK_TYPE for entry in past.snapshot.resources):
        raise CannotGoBack(
            f"version `{past.version.number}` has no resources: nothing would be left",
            hint="`tomo destroy` removes everything",
        )


def _refuse_foreign(past: PastState, workspace: Workspace) -> None:
    """A stack that was renamed has its old name in every URN of before."""
    own = workspace.stack, workspace.project
    other = next((e.urn for e in past.snapshot.resources if (e.urn.stack, e.urn.project) != own), None)
    if other is not None:
        raise CannotGoBack(
            f"version `{past.version.number}` is of the time when the stack was "
            f"`{other.project}/{other.stack}`",
            hint="name a later version: `tomo state history`",
        )


def _refuse_hooks(past: PastState) -> None:
    hooked = next((entry for entry in past.snapshot.resources if entry.hooks and not entry.delete), None)
    if hooked is not None:
        raise NotSupported(
            f"`{hooked.urn.name}` of version `{past.version.number}` has hooks, "
            "which only the program could run",
            hint="go back in the program's own history and run `tomo plan`",
            where=hooked.urn,
        )


def _refuse_changed_files(past: PastState, now: Snapshot, root: Path) -> None:
    """A state has a file's digest, not its content: what was made of another content can't be made again."""
    present = {entry.urn: set(_digests(entry)) for entry in now.resources}
    for entry in past.snapshot.resources:
        for source in _sources(entry):
            made_already = source.hash in present.get(entry.urn, ())
            if not made_already and not _is_as_then(source, root):
                raise CannotGoBack(
                    f"`{entry.urn.name}` of version `{past.version.number}` was made of "
                    f"`{source.path or source.uri}`, which is another file now",
                    hint="bring that file back as it was, then plan again",
                    where=entry.urn,
                )


def _sources(entry: ResourceState) -> Iterator[Asset | Archive]:
    """The files and folders that an entry's inputs were read from."""
    for leaf in leaves(entry.inputs):
        if isinstance(leaf, (Asset, Archive)):
            yield from _files_of(leaf)


def _files_of(source: Asset | Archive) -> Iterator[Asset | Archive]:
    if isinstance(source, Archive) and source.assets is not None:
        for inner in source.assets.values():
            yield from _files_of(inner)
    elif source.path is not None or source.uri is not None:
        yield source


def _digests(entry: ResourceState) -> Iterator[str]:
    yield from (source.hash for source in _sources(entry))


def _is_as_then(source: Asset | Archive, root: Path) -> bool:
    try:
        if isinstance(source, Asset):
            return hashed_asset(replace(source, hash=""), root).hash == source.hash
        return hashed_archive(replace(source, hash=""), root).hash == source.hash
    except (NotSupported, ProgramFailed):
        return False
