"""Which apps a plan brings to another version, and whether their entries allow that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.step import Step
from tomo.model.update import AppUpdate, MovedData
from tomo.model.values import Properties, Value
from tomo.resources import tokens
from tomo.resources.requirements import Shortfall
from tomo.spec.app import AppDefinition, in_language
from tomo.spec.fleet import App, Fleet

Versions = Mapping[tuple[str, str], str]
"""The version of each app on each server."""


def recorded_versions(entries: Iterable[ResourceState]) -> Versions:
    """The versions that a state has."""
    found: dict[tuple[str, str], str] = {}
    for entry in entries:
        version = entry.outputs.get("version")
        if entry.type == tokens.APP and isinstance(version, str):
            app, _, server = entry.urn.name.rpartition("@")
            found[app, server] = version
    return found


def allows(definition: AppDefinition, before: str) -> bool:
    """Whether an entry says that an update to it may start at a version."""
    starts = definition.upgrade.from_
    return not starts or any(before == start or before.startswith(f"{start}.") for start in starts)


def refused_jumps(
    fleet: Fleet, definitions: Mapping[str, AppDefinition], recorded: Versions
) -> Iterator[Shortfall]:
    """Every update that starts at a version from which its entry does not allow it."""
    for (name, server), before in recorded.items():
        app, definition = fleet.apps.get(name), definitions.get(name)
        if app is None or definition is None or server not in fleet.servers_of(app):
            continue
        if not app.present or app.rolled_back_to is not None:
            continue
        if before != definition.version and not allows(definition, before):
            starts = ", ".join(definition.upgrade.from_)
            yield Shortfall(
                server,
                name,
                f"`{name}` can't go from {before} to {definition.version} in one step: "
                f"its entry allows it from {starts}",
                f"go to a version in between first, such as {definition.upgrade.from_[-1]}, "
                "with an entry of that version in a folder of `catalogs`",
                blocks=True,
            )


def app_updates(
    steps: Sequence[Step],
    before: Versions,
    after: Versions,
    fleet: Fleet,
    definitions: Mapping[str, AppDefinition],
) -> tuple[AppUpdate, ...]:
    """The apps that a plan brings to another version, one for servers where it does the same."""
    changed = [key for key, version in after.items() if key in before and before[key] != version]
    moved = _moved_by_app(steps) if changed else {}
    found: dict[_Change, list[str]] = {}
    for place in changed:
        change = _Change(place[0], before[place], after[place], tuple(moved.get(place, ())))
        found.setdefault(change, []).append(place[1])
    return tuple(
        _update(change, tuple(servers), fleet.apps[change.name], definitions[change.name])
        for change, servers in found.items()
        if change.name in fleet.apps and change.name in definitions
    )


@frozen
class _Change:
    """What sets one update of an app apart from another."""

    name: str
    before: str
    after: str
    moved: tuple[MovedData, ...]


def _update(change: _Change, servers: tuple[str, ...], app: App, definition: AppDefinition) -> AppUpdate:
    back = app.rolled_back_to is not None
    upgrade = definition.upgrade
    # Of a version that is left only its own entry tells what it did to the data.
    told = not back or definition.version == change.before
    return AppUpdate(
        change.name,
        servers,
        change.before,
        change.after,
        back,
        breaking=upgrade.breaking and not back,
        data_migration=upgrade.data_migration if told else "none",
        notes="" if back else in_language(upgrade.notes),
        release_notes="" if back else in_language(definition.release_notes),
        moved=change.moved,
        data=tuple(
            app.names.volumes.get(volume, f"{change.name}-{volume}")
            for volume, each in definition.volumes.items()
            if each.backup
        ),
        own_images=() if back else tuple(name for name, each in app.services.items() if each.image),
    )


# --- data -------------------------------------------------------------------------------------------


def _moved_by_app(steps: Iterable[Step]) -> Mapping[tuple[str, str], list[MovedData]]:
    found: dict[tuple[str, str], list[MovedData]] = {}
    for step in steps:
        parent = step.entry.parent
        if step.type != tokens.CONTAINER or parent is None or parent.type != tokens.APP:
            continue
        if step.op.is_logical and step.old is not None and step.new is not None:
            app, _, server = parent.name.rpartition("@")
            found.setdefault((app, server), []).extend(_moved(step.old.inputs, step.new.inputs))
    return found


def _moved(before: Properties, after: Properties) -> Iterator[MovedData]:
    was, is_ = _paths(before), _paths(after)
    container = str(after.get("name") or before.get("name") or "")
    for source, paths in was.items():
        now = is_.get(source, [])
        if sorted(paths) != sorted(now):
            yield MovedData(container, source, tuple(sorted(paths)), tuple(sorted(now)))


def _paths(inputs: Properties) -> Mapping[str, list[str]]:
    """Where each volume and folder of a server is in a container; files that Tomo brings are no data."""
    found: dict[str, list[str]] = {}
    for each in _mappings(inputs.get("volumes")):
        source, path = each.get("volumeName") or each.get("hostPath"), each.get("containerPath")
        if isinstance(source, str) and isinstance(path, str):
            found.setdefault(source, []).append(path)
    return found


def _mappings(value: Value) -> Iterator[Mapping[str, Value]]:
    yield from (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()
