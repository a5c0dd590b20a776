"""What an app was at each version of the stack's history, and the one to go back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tomo.errors import CannotGoBack, StateCorrupt, UsageError
from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn
from tomo.model.values import alike
from tomo.resources import tokens
from tomo.service.history import can_go_back_to
from tomo.service.rolled_back import DIGITS
from tomo.service.workspace import Workspace
from tomo.spec.fleet import RolledBack
from tomo.state.history import Version
from tomo.state.past import PastState, load_past


@frozen
class AppVersion:
    """An app as a version of the history has it; `versions` are its own, `current` where it is so now."""

    version: Version
    versions: tuple[str, ...]
    images: tuple[str, ...]
    current: bool


def app_versions(workspace: Workspace, app: str) -> Iterator[AppVersion]:
    """Every version that an app can be rolled back to, the newest first."""
    now = _parts(workspace.snapshot(), app)
    for past in _pasts(workspace):
        parts = _parts(past.snapshot, app)
        if parts:
            images = {str(each.inputs.get("name")) for each in parts.values() if _is_image(each)}
            versions = {
                str(each.outputs.get("version")) for each in parts.values() if each.type == tokens.APP
            }
            yield AppVersion(past.version, tuple(sorted(versions)), tuple(sorted(images)), _same(parts, now))


def mark_of(workspace: Workspace, app: str, to: int | None) -> RolledBack:
    """What a fleet file says of an app that goes back to a version; without one to the last that differs.

    Raises VersionNotFound and CannotGoBack by name.
    """
    past = _earlier(workspace, app) if to is None else _chosen(workspace, app, to)
    return RolledBack(version=past.version.number, checkpoint=past.digest[:DIGITS])


def _chosen(workspace: Workspace, app: str, number: int) -> PastState:
    past = load_past(workspace.backend, workspace.project, workspace.stack, number, workspace.secrets)
    if not can_go_back_to(past.version):
        raise CannotGoBack(
            f"version `{number}` is what a failed {past.version.entry.kind} left, which nobody asked for",
            hint=f"see those there are: `tomo app history {app}`",
        )
    if not _parts(past.snapshot, app):
        raise CannotGoBack(
            f"version `{number}` has no `{app}`", hint=f"see those that have: `tomo app history {app}`"
        )
    return past


def _earlier(workspace: Workspace, app: str) -> PastState:
    now = _parts(workspace.snapshot(), app)
    for past in _pasts(workspace):
        parts = _parts(past.snapshot, app)
        if parts and not _same(parts, now):
            return past
    raise CannotGoBack(
        f"the history has no earlier state of `{app}`", hint=f"see what there is: `tomo app history {app}`"
    )


def _pasts(workspace: Workspace) -> Iterator[PastState]:
    """The versions that can be gone back to, the newest first; one that can't be read is passed over."""
    for version in workspace.backend.versions(workspace.project, workspace.stack):
        if can_go_back_to(version):
            try:
                yield load_past(
                    workspace.backend, workspace.project, workspace.stack, version.number, workspace.secrets
                )
            except StateCorrupt:
                continue


def _parts(snapshot: Snapshot, app: str) -> Mapping[Urn, ResourceState]:
    """An app's components and all below them."""
    found: dict[Urn, ResourceState] = {}
    for entry in snapshot.resources:
        own = entry.type == tokens.APP and entry.urn.name.rpartition("@")[0] == app
        if not entry.delete and (own or entry.parent in found):
            found[entry.urn] = entry
    return found


def _same(left: Mapping[Urn, ResourceState], right: Mapping[Urn, ResourceState]) -> bool:
    return left.keys() == right.keys() and all(alike(left[urn].inputs, right[urn].inputs) for urn in left)


def _is_image(entry: ResourceState) -> bool:
    return entry.type == tokens.REMOTE_IMAGE


def require_not_rolled_back(name: str, mark: RolledBack | None) -> None:
    """Raises UsageError for settings of an app that stands as it was."""
    if mark is not None:
        raise UsageError(
            f"`{name}` is rolled back to version `{mark.version}`, so its settings don't count now",
            hint=f"go on with it first: `tomo app update {name}`",
        )
