"""What people name on the command line, as URNs and patterns: apps, servers, resources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.declaration import Declaration
from tomo.model.plan import Plan
from tomo.model.selection import Selection
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE, Urn
from tomo.resources.tokens import APP, CONTAINER, LOCAL_COMMAND, REMOTE_COMMAND, SERVER

if TYPE_CHECKING:
    from tomo.resources.requirements import Shortfall
    from tomo.service.fleets import FleetProgram

_MOST_URNS = 4


@frozen
class Known:
    """A resource that the state or the fleet has; `root` is the outermost one above it, or itself."""

    urn: Urn
    root: Urn


def resolved(
    selection: Selection, snapshot: Snapshot, fleet: FleetProgram | None, stack: tuple[str, str] | None
) -> Selection:
    """The selection with each name as the URNs it stands for.

    `stack` is project and stack where declarations are run, None where only the state counts.

    A server's name means all on it, an app's all of it, on one server where it is `APP@SERVER`; to replace
    one of them is to replace its containers. Raises UsageError for a name that is several things or, in a
    fleet, none.
    """
    if selection.targets and selection.excludes:
        raise UsageError("`--target` and `--exclude` don't go together", hint="give one of them")
    _refuse_dependents_of_nothing(selection)
    if not any(map(_is_name, (*selection.targets, *selection.excludes, *selection.replaces))):
        return selection
    declared = _declared(fleet, stack) if fleet is not None and stack is not None else ()
    names = _Names([*_recorded(snapshot), *declared], fleet, only_recorded=stack is None)
    return replace(
        selection,
        targets=tuple(names.meant(selection.targets)),
        excludes=tuple(names.meant(selection.excludes)),
        replaces=tuple(names.meant(selection.replaces, kinds=frozenset({CONTAINER}))),
    )


def _refuse_dependents_of_nothing(selection: Selection) -> None:
    """A run with half of what was to be named would be a run of everything."""
    for asked, names, option in (
        (selection.target_dependents, selection.targets, "target"),
        (selection.exclude_dependents, selection.excludes, "exclude"),
    ):
        if asked and not names:
            raise UsageError(f"`--{option}-dependents` wants a `--{option}`", hint=f"add `--{option} NAME`")


def check_names(selection: Selection, plan: Plan, fleet: FleetProgram | None) -> None:
    """Raises UsageError where a name turns out to be that of several resources of a program."""
    if fleet is not None:
        return
    for name in (*selection.targets, *selection.excludes, *selection.replaces):
        if _is_name(name):
            _only(name, {step.urn for step in plan.steps if step.urn.name == name})


def of_chosen(plan: Plan, shortfalls: Iterable[Shortfall]) -> tuple[Shortfall, ...]:
    """What servers lack for apps that the plan does not leave out."""
    left_out = {urn.name for urn in plan.left_out if urn.type in {APP, SERVER}}
    return tuple(each for each in shortfalls if left_out.isdisjoint(_place_of(each)))


def apps_of_chosen(plan: Plan, shortfalls: Iterable[Shortfall]) -> tuple[Shortfall, ...]:
    """What stands against apps that the plan does not leave out, whatever it does with their servers."""
    left_out = {urn.name for urn in plan.left_out if urn.type == APP}
    return tuple(each for each in shortfalls if f"{each.app}@{each.server}" not in left_out)


def secrets_of_chosen(plan: Plan, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the apps' secrets (`APP.INPUT`) whose app the plan does not leave out everywhere."""
    left_out = set(plan.left_out)
    apps = {step.urn for step in plan.steps if step.type == APP and step.urn not in left_out}
    chosen = {urn.name.rpartition("@")[0] for urn in apps}
    return tuple(name for name in names if not left_out or name.partition(".")[0] in chosen)


def _place_of(shortfall: Shortfall) -> set[str]:
    """The server that lacks something and the app that needs it, by the names of their resources."""
    return {shortfall.server, f"{shortfall.app}@{shortfall.server}"}


def _is_name(text: str) -> bool:
    return not text.startswith("urn:") and "*" not in text


class _Names:
    """What names stand for, among all resources that are known before a program runs."""

    def __init__(self, known: Iterable[Known], fleet: FleetProgram | None, *, only_recorded: bool) -> None:
        self._known, self._fleet, self._only_recorded = list(known), fleet, only_recorded

    def meant(self, texts: Iterable[str], kinds: Collection[str] = ()) -> Iterator[str]:
        """The URNs and patterns of some names; of an app or a server only these kinds, if any are given."""
        for text in texts:
            if not _is_name(text):
                yield text
                continue
            part = self._part_of_fleet(text)
            yield from [urn for urn in part if not kinds or urn.type in kinds] or self._resource(text)

    def _resource(self, name: str) -> Iterable[str]:
        names = (
            {name, *(f"{name}@{server}" for server in self._fleet.fleet.servers)} if self._fleet else {name}
        )
        found = {known.urn for known in self._known if known.urn.name in names}
        _only(name, found)
        if not found and self._only_recorded:
            raise UsageError(f"nothing in the state is called `{name}`", hint=self._what_there_is())
        if found or self._fleet is None:
            # A program may declare what no state has yet.
            return found or [f"**::{name}"]
        raise UsageError(f"`{name}` is no app, server or resource of this fleet", hint=self._what_there_is())

    def _part_of_fleet(self, name: str) -> list[Urn]:
        if self._fleet is None:
            return []
        app = [k.urn for k in self._known if k.root.type == APP and name in _app_names(k.root)]
        on_server = [k.urn for k in self._known if _server_of(k.root) == name]
        if app and on_server:
            raise UsageError(
                f"`{name}` is both an app and a server",
                hint=f"`{name}@SERVER` is the app; `'**@{name}'` is what stands on the server",
            )
        return app or on_server

    def _what_there_is(self) -> str:
        fleet = self._fleet.fleet if self._fleet else None
        if fleet is None or self._only_recorded:
            return "`tomo state list` shows what there is"
        names = [*fleet.apps, *fleet.servers]
        return f"there are {', '.join(f'`{each}`' for each in names)}" if names else "the fleet is empty"


def _app_names(component: Urn) -> tuple[str, str]:
    return component.name, component.name.rpartition("@")[0]


def _server_of(root: Urn) -> str:
    """The server that a fleet's outermost resource belongs to: `web@nas`, `nas-docker`, `nas` itself."""
    if root.type in {REMOTE_COMMAND, LOCAL_COMMAND}:
        return root.name.removesuffix("-docker")
    return root.name.rpartition("@")[2]


def _only(name: str, found: Iterable[Urn]) -> None:
    urns = sorted(found)
    if len(urns) > 1:
        shown = "\n  ".join(urns[:_MOST_URNS])
        raise UsageError(f"{len(urns)} resources are called `{name}`", hint=f"give the URN:\n  {shown}")


def _recorded(snapshot: Snapshot) -> Iterator[Known]:
    roots: dict[Urn, Urn] = {}
    for entry in snapshot.resources:
        if entry.type != STACK_TYPE:
            roots[entry.urn] = roots.get(entry.parent, entry.urn) if entry.parent else entry.urn
            yield Known(entry.urn, roots[entry.urn])


def _declared(fleet: FleetProgram, stack: tuple[str, str]) -> Iterator[Known]:
    found: dict[str, Known] = {}
    by_key = {each.key: each for each in fleet.declarations.resources}
    for key in by_key:
        yield _known(key, by_key, found, stack)


def _known(
    key: str, by_key: Mapping[str, Declaration], found: dict[str, Known], stack: tuple[str, str]
) -> Known:
    if key not in found:
        declared = by_key[key]
        above = _known(declared.parent, by_key, found, stack) if declared.parent else None
        project, name = stack
        urn = Urn.make(name, project, above.urn if above else None, declared.type, declared.name)
        found[key] = Known(urn, above.root if above else urn)
    return found[key]
