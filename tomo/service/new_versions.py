"""Which apps of a fleet are not at their entries' versions, and the fleet file's text once they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tomo.catalog.index import Catalog
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.snapshot import Snapshot
from tomo.resources.updates import recorded_versions
from tomo.service.app_edits import app_of
from tomo.service.fleets import definition_of_app
from tomo.spec import edit
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import App, RolledBack
from tomo.spec.load import LoadedFleet


@frozen
class Newer:
    """An app that its catalog entry would bring to another version; `before` are those on its servers."""

    app: str
    before: tuple[str, ...]
    after: str


def newer_versions(loaded: LoadedFleet, catalog: Catalog, snapshot: Snapshot) -> Iterator[Newer]:
    """Every app on a server in another version than its entry has, but for those that were rolled back."""
    recorded = recorded_versions(snapshot.resources)
    for name, app in loaded.fleet.apps.items():
        if not app.present or app.rolled_back_to is not None:
            continue
        after = definition_of_app(app, catalog).version
        places = ((name, server) for server in loaded.fleet.servers_of(app))
        before = {recorded[place] for place in places if place in recorded}
        if before - {after}:
            yield Newer(name, tuple(sorted(before)), after)


def with_new_versions(text: str, loaded: LoadedFleet, catalog: Catalog, names: Iterable[str]) -> str:
    """The fleet file's text with the entries' versions where it names one; raises UsageError."""
    for name in names:
        app = app_of(loaded, name)
        require_present(name, app)
        if app.rolled_back_to is not None:
            text = edit.remove_value(text, ("apps", name, "rolled_back_to"))
        text = _with_version(text, name, app, definition_of_app(app, catalog))
    return text


def rolled_back(text: str, name: str, mark: RolledBack) -> str:
    """The fleet file's text in which an app stands as a version of the history."""
    return edit.set_value(text, ("apps", name, "rolled_back_to"), mark.model_dump())


def require_present(name: str, app: App) -> None:
    """Raises UsageError for an app that is being removed."""
    if not app.present:
        raise UsageError(
            f"the app `{name}` is being removed", hint="take `state: absent` out of the fleet file first"
        )


def require_recorded(names: Sequence[str], servers: Sequence[str], snapshot: Snapshot) -> None:
    """Raises UsageError for an app that was never put where it is to change."""
    recorded = recorded_versions(snapshot.resources)
    for name in names:
        there = [server for app, server in recorded if app == name]
        missing = [server for server in servers if server not in there]
        if not there or missing:
            where = f" on `{missing[0]}`" if missing and there else ""
            raise UsageError(f"`{name}` was never applied{where}", hint="apply it first: `tomo apply`")


def _with_version(text: str, name: str, app: App, definition: AppDefinition) -> str:
    if app.version is not None and app.version != definition.version:
        return edit.set_value(text, ("apps", name, "version"), definition.version)
    return text
