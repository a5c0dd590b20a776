"""Apps that a fleet file has stand as a version of the history: their resources of then, declared."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tomo.errors import CannotGoBack, NotSupported, VersionNotFound
from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Declarations, Key, OutputRef
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn
from tomo.model.values import Properties, Value, transform
from tomo.program.recorded import linked_inputs
from tomo.resources import tokens
from tomo.resources.apps import app_key
from tomo.resources.hosts import provider_key, road, server_key
from tomo.service.engines import EngineName
from tomo.service.workspace import Workspace
from tomo.spec.fleet import Fleet, RolledBack, Server
from tomo.state.past import PastState, load_past

DIGITS: Final = 16
"""How many digits of a checkpoint's SHA-256 a fleet file has."""
_OF_FILES: Final = ("path", "content", "mode", "owner")


def as_rolled_back(
    workspace: Workspace, fleet: Fleet, wanted: Declarations
) -> tuple[Declarations, Mapping[str, str]]:
    """The declarations with those of then for apps that were rolled back, and the checkpoints they are of.

    Raises VersionNotFound and CannotGoBack where a version isn't there, is another one, or can't be had.
    """
    require_own_engine(workspace)
    read: dict[RolledBack, PastState] = {}
    pasts: dict[str, PastState] = {}
    for name, app in fleet.apps.items():
        mark = app.rolled_back_to
        if mark is not None and app.present:
            pasts[name] = read[mark] = read.get(mark) or past_of(workspace, name, mark)
    history = {str(past.version.number): past.digest for past in pasts.values()}
    return as_then(fleet, wanted, pasts, workspace.project), history


def as_then(fleet: Fleet, wanted: Declarations, pasts: Mapping[str, PastState], project: str) -> Declarations:
    """The declarations with the resources of then for some apps, each as its own past state has it."""
    known = _known(fleet.fleet, project, wanted)
    by_version = {past.version.number: past for past in pasts.values()}
    thens = {number: _Then(past) for number, past in by_version.items()}
    taken: dict[Key, list[Declaration]] = {}
    for name, past in pasts.items():
        for server in fleet.servers_of(fleet.apps[name]):
            component = Urn.make(fleet.fleet, project, None, tokens.APP, f"{name}@{server}")
            then = thens[past.version.number]
            instance = _Instance(name, server, fleet.servers[server], component, then, known)
            taken[app_key(name, server)] = list(instance.declarations())
    return replace(wanted, resources=tuple(_replaced(wanted.resources, taken)))


def past_of(workspace: Workspace, app: str, mark: RolledBack) -> PastState:
    """The version that an app stands as; raises CannotGoBack where it is another one by now."""
    try:
        past = load_past(
            workspace.backend, workspace.project, workspace.stack, mark.version, workspace.secrets
        )
    except VersionNotFound as error:
        raise CannotGoBack(f"`{app}` is rolled back, and {error.message}", hint=_way_on(app)) from error
    if not past.digest.startswith(mark.checkpoint):
        raise CannotGoBack(
            f"`{app}` is rolled back to version `{mark.version}`, which is another one by now: "
            "files of the history were removed or changed",
            hint=_way_on(app),
        )
    return past


def require_own_engine(workspace: Workspace) -> None:
    """Raises NotSupported where another engine runs the fleet: it can't read the history."""
    if workspace.engine is not EngineName.EMBEDDED:
        raise NotSupported(
            "`rolled_back_to` is not supported with the `pulumi` engine",
            hint="take it out of the fleet file, or choose Tomo's own: `--engine embedded`",
        )


def _way_on(app: str) -> str:
    return f"name another version: `tomo app rollback {app} --to VERSION`; or go on: `tomo app update {app}`"


def _known(stack: str, project: str, wanted: Declarations) -> dict[Urn, Key]:
    """What the fleet declares now, by URN, so that what was recorded finds it again."""
    urns: dict[Key, Urn] = {}
    for each in wanted.resources:
        parent = urns[each.parent] if each.parent is not None else None
        urns[each.key] = Urn.make(stack, project, parent, each.type, each.name)
    return {urn: key for key, urn in urns.items()}


class _Then:
    """A version of the history, by URN and by parent."""

    def __init__(self, past: PastState) -> None:
        self.past = past
        self.every = {entry.urn: entry for entry in past.snapshot.resources if not entry.delete}
        self.parts: dict[Urn, list[ResourceState]] = {}
        for entry in self.every.values():
            if entry.parent is not None:
                self.parts.setdefault(entry.parent, []).append(entry)

    @property
    def number(self) -> int:
        """The version's number."""
        return self.past.version.number


@frozen
class _Instance:
    """One app on one server as a version of the history has it."""

    app: str
    server_name: str
    server: Server
    component: Urn
    then: _Then
    known: dict[Urn, Key]

    def declarations(self) -> Iterator[Declaration]:
        """The component and its parts, each after what it needs."""
        if self.component not in self.then.every:
            raise CannotGoBack(
                f"version `{self.then.number}` has no `{self.app}` on `{self.server_name}`",
                hint=_way_on(self.app),
            )
        parts = self.then.parts.get(self.component, [])
        own = {self.component: self._key_of_all, **{entry.urn: self._key(entry) for entry in parts}}
        keys = ChainMap(own, self.known)
        yield Declaration(
            key=self._key_of_all,
            type=tokens.APP,
            name=self.component.name,
            custom=False,
            outputs=self.then.every[self.component].outputs,
            outputs_when_well=True,
        )
        for entry in parts:
            yield self._part(entry, keys)

    @property
    def _key_of_all(self) -> Key:
        return app_key(self.app, self.server_name)

    def _key(self, entry: ResourceState) -> Key:
        """The key of the same part now, so that what refers to it finds it; else one of its own."""
        same = self.known.get(entry.urn)
        return same or f"{self._key_of_all}/recorded/{entry.type}/{entry.urn.name}"

    def _part(self, entry: ResourceState, keys: Mapping[Urn, Key]) -> Declaration:
        every = self.then.every
        needed = [urn for urn in entry.dependencies if urn in every]
        read = (urn for urns in entry.property_dependencies.values() for urn in urns if urn in every)
        self._require(entry, (*needed, *read), keys)
        inputs = {name: _by_key(value, keys) for name, value in linked_inputs(entry, every).items()}
        of_docker = entry.type.startswith("docker:")
        return Declaration(
            key=keys[entry.urn],
            type=entry.type,
            name=entry.urn.name,
            inputs=self._file_inputs(inputs) if entry.type == tokens.FILE else inputs,
            parent=self._key_of_all,
            provider=provider_key(self.server_name) if of_docker else None,
            version=tokens.DOCKER_VERSION if of_docker else "",
            depends_on=self._depends_on(entry, needed, keys),
            retain_on_delete=entry.retain_on_delete or None,
            delete_before_replace=True if entry.type == tokens.NETWORK else None,
            ignore_changes=entry.ignore_changes,
            replace_on_changes=entry.replace_on_changes,
            additional_secret_outputs=entry.additional_secret_outputs,
            custom_timeouts=entry.custom_timeouts,
        )

    def _depends_on(
        self, entry: ResourceState, needed: Sequence[Urn], keys: Mapping[Urn, Key]
    ) -> tuple[Key, ...]:
        own = (server_key(self.server_name),) if entry.type == tokens.FILE else ()
        return tuple(dict.fromkeys((*own, *(keys[urn] for urn in needed))))

    def _file_inputs(self, recorded: Properties) -> Properties:
        """A file of then, on the way there that the fleet has now."""
        kept = {name: recorded[name] for name in _OF_FILES if name in recorded}
        return {**road(self.server), **kept, tokens.PROVIDER_KEY: tokens.FILE_PROVIDER}

    def _require(self, entry: ResourceState, needed: Iterable[Urn], keys: Mapping[Urn, Key]) -> None:
        missing = next((urn for urn in needed if urn not in keys), None)
        if missing is not None:
            raise CannotGoBack(
                f"`{entry.urn.name}` of version `{self.then.number}` needs `{missing.name}`, "
                "which the fleet no longer has",
                hint=f"bring that back into the fleet file; or go on: `tomo app update {self.app}`",
                where=entry.urn,
            )


def _by_key(value: Value, keys: Mapping[Urn, Key]) -> Value:
    def named(leaf: Value) -> Value:
        return replace(leaf, key=keys[Urn(leaf.key)]) if isinstance(leaf, OutputRef) else leaf

    return transform(value, named)


def _replaced(
    wanted: Iterable[Declaration], taken: Mapping[Key, Sequence[Declaration]]
) -> Iterator[Declaration]:
    """The declarations, with others in the place of a component and all below it."""
    for each in wanted:
        if each.key in taken:
            yield from taken[each.key]
        elif each.parent not in taken:
            yield each
