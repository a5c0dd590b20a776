"""Takes containers that run on a server into the fleet; nothing on the server is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import ClassVar, Final

from tomo.errors import PlanRefused, Problem, SpecError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostBook
from tomo.model.events import Sink, ignore
from tomo.model.step import Op, Step
from tomo.model.values import Secret, reveal
from tomo.resources import tokens
from tomo.service.adoption import Adoption
from tomo.service.deployments import Deployments
from tomo.service.effect import Effect
from tomo.service.found.filled import filled
from tomo.service.found.look import Found, Running, look_at
from tomo.service.found.matched import matched
from tomo.service.found.written import Written, name_from, written
from tomo.service.hosts import fleet_secrets, host_spec
from tomo.service.recording import audited
from tomo.service.runs import ApplyRequest, Confirm, PlanResult, RunResult
from tomo.service.sealing import sealing_editor
from tomo.service.server_edits import fleet_of
from tomo.service.stop import Stop
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec import edit
from tomo.spec.check import check_fleet
from tomo.spec.fleet import Server
from tomo.spec.load import LoadedFleet, fleet_from_text
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown as shown_text

_MADE_WITHOUT_TOUCHING: Final = frozenset(
    {
        tokens.APP, tokens.SERVER, tokens.DOCKER_PROVIDER, tokens.LOCAL_COMMAND, tokens.REMOTE_COMMAND,
    }
)  # fmt: skip


@frozen
class AdoptRequest:
    """Take running containers into the fleet: as a catalog app, as one of the file, or as they are.

    `app` is a catalog id, an app of the fleet file, or the name of a new app; `""` with `everything`.
    `containers` are names, where the app's do not follow; `leave` are those that stay out.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    server: str
    confirm: Confirm
    app: str = ""
    containers: tuple[str, ...] = ()
    name: str = ""
    everything: bool = False
    leave: tuple[str, ...] = ()
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)


@frozen
class Adopted:
    """How an adoption went, the apps it was about, and the secrets it found."""

    run: RunResult
    file: Path
    apps: tuple[str, ...]
    secrets: tuple[str, ...]
    written: tuple[str, ...]
    """The apps that were not in the fleet file before."""


@frozen
class _Prepared:
    """What an adoption will write, before anybody was asked."""

    adoption: Adoption
    entries: Mapping[str, Mapping[str, object]]


class Adoptions:
    """The use case of taking in what runs."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @audited("import")
    def adopt(self, request: AdoptRequest) -> Adopted:
        """Looks, plans, asks, writes the fleet file and the state. A mistake leaves both as they were."""
        workspace = self._doors.open(request.place)
        prepared = self._prepared(workspace, request)

        def confirm(plan: PlanResult) -> bool:
            _refuse_more_than_imports(plan)
            agreed = request.confirm(plan)
            if agreed:
                self._write(workspace, prepared)
            return agreed

        asked = ApplyRequest(
            request.place,
            confirm,
            sink=request.sink,
            stop=request.stop,
            message=f"import on {request.server}",
            adoption=prepared.adoption,
        )
        run = Deployments(self._doors).apply(asked)
        made = prepared.adoption
        return Adopted(run, made.fleet.file, made.apps, tuple(made.secrets), tuple(prepared.entries))

    # --- before anybody is asked ----------------------------------------------------------------------

    def _prepared(self, workspace: Workspace, request: AdoptRequest) -> _Prepared:
        loaded = fleet_of(workspace)
        server = _server(loaded, request.server)
        found = self._look(workspace, request.server, server)
        free = _not_recorded(workspace, found)
        groups = _groups(workspace, request, free)
        made = {
            name: _entry(workspace, request, name, group, found)
            for name, group in groups.items()
            if name not in loaded.fleet.apps
        }
        _refuse_problems(loaded.file, made, everything=request.everything)
        secrets = _new_secrets(workspace, made)
        entries = {name: each.entry for name, each in made.items()}
        after = _changed(workspace, loaded, entries)
        chosen = [each for group in groups.values() for each in group]
        adoption = Adoption(after, request.server, tuple(groups), found.ids(chosen), secrets)
        return _Prepared(adoption, entries)

    def _look(self, workspace: Workspace, name: str, server: Server) -> Found:
        secrets = fleet_secrets(workspace.config())
        spec = host_spec(name, server, secrets)
        with self._doors.open_connections(HostBook([spec])) as connections:
            return look_at(connections.get(spec), name)

    def _write(self, workspace: Workspace, prepared: _Prepared) -> None:
        """Secrets first: a fleet file that names one which is not there could not be used."""
        if prepared.adoption.secrets:
            editor = sealing_editor(workspace)
            for name, value in prepared.adoption.secrets.items():
                editor.set_secret(name, str(reveal(value)))
            editor.save()
        file = prepared.adoption.fleet.file
        if prepared.entries:
            edit.edit_fleet(file, lambda text: _with_apps(text, prepared.entries))


# --- which containers --------------------------------------------------------------------------------


def _server(loaded: LoadedFleet, name: str) -> Server:
    servers = loaded.fleet.servers
    if name not in servers:
        hint = did_you_mean(name, servers, f"add it: `tomo server add {shown_text(name)} USER@HOST`")
        raise UsageError(f"the fleet has no server `{shown_text(name)}`", hint=hint)
    return servers[name]


def _not_recorded(workspace: Workspace, found: Found) -> tuple[Running, ...]:
    known = {entry.id for entry in workspace.snapshot().resources if entry.type == tokens.CONTAINER}
    return tuple(each for each in found.containers if each.id not in known)


def _groups(
    workspace: Workspace, request: AdoptRequest, free: Sequence[Running]
) -> Mapping[str, Sequence[Running]]:
    """The containers of each app to be, by the app's name."""
    left = [each for each in free if each.name not in request.leave]
    _require_names(request.leave, free, request.server)
    if request.everything:
        return _everything(workspace, request, left)
    name = name_from(request.name or request.app)
    if request.containers:
        _require_names(request.containers, left, request.server)
        return {name: [each for each in left if each.name in request.containers]}
    apps = fleet_of(workspace).fleet.apps
    if name in apps:
        return {name: left}
    definition = workspace.catalog.find(request.app)
    if definition is not None:
        return {name: list(matched(name, definition, left, request.server).values())}
    own = [each for each in left if request.app in {each.project, each.name}]
    if not own:
        names = [*(each.name for each in left), *(each.project for each in left if each.project)]
        hint = did_you_mean(request.app, names, "name them: `--container NAME`")
        raise UsageError(
            f"`{shown_text(request.app)}` is no app of the catalog, and no container or compose project "
            f"on `{request.server}` that is not in the state",
            hint=hint,
        )
    return {name: own}


def _everything(
    workspace: Workspace, request: AdoptRequest, left: Sequence[Running]
) -> Mapping[str, Sequence[Running]]:
    """Compose projects as one app each, every other container as one of its own."""
    if request.app or request.containers or request.name:
        raise UsageError(
            "`--all` takes everything on the server", hint="leave out the app, `--container` and `--name`"
        )
    if not left:
        raise UsageError(
            f"there is nothing on `{request.server}` that is not in the state", hint="see `tomo status`"
        )
    groups: dict[str, list[Running]] = {}
    for each in left:
        groups.setdefault(name_from(each.project or each.name), []).append(each)
    taken = sorted(groups.keys() & fleet_of(workspace).fleet.apps.keys())
    if taken:
        raise UsageError(
            f"the fleet has an app `{taken[0]}` already",
            hint=f"take it in first: `tomo import {request.server} {taken[0]}`",
        )
    return groups


def _require_names(names: Sequence[str], there: Sequence[Running], server: str) -> None:
    known = [each.name for each in there]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, "`docker ps -a` there shows all")
            raise UsageError(
                f"`{server}` has no container `{shown_text(name)}` that is not in the state", hint=hint
            )


# --- what is written ---------------------------------------------------------------------------------


def _entry(
    workspace: Workspace, request: AdoptRequest, name: str, group: Sequence[Running], found: Found
) -> Written:
    server = fleet_of(workspace).fleet.servers[request.server]
    definition = None if request.everything else workspace.catalog.find(request.app)
    if definition is None:
        return written(name, group, found, server)
    pairs = matched(name, definition, group, request.server)
    return filled(name, definition, pairs, found, server)


def _refuse_problems(file: Path, made: Mapping[str, Written], *, everything: bool) -> None:
    problems = [
        Problem(str(file), 0, f"app `{name}`: {text}", _hint(everything=everything))
        for name, each in made.items()
        for text in each.problems
    ]
    if problems:
        raise SpecError(problems)


def _hint(*, everything: bool) -> str:
    return "leave it out: `--except CONTAINER`" if everything else "change that on the server first"


def _new_secrets(workspace: Workspace, made: Mapping[str, Written]) -> Mapping[str, Secret]:
    known = fleet_secrets(workspace.config())
    found = {name: value for each in made.values() for name, value in each.secrets.items()}
    for name, value in found.items():
        if name in known and reveal(known[name]) != value:
            raise UsageError(
                f"the secret `{name}` is set already, to another value than what runs",
                hint=f"remove it first: `tomo secret remove {name}`",
            )
    return {name: Secret(value) for name, value in found.items() if name not in known}


def _changed(
    workspace: Workspace, loaded: LoadedFleet, entries: Mapping[str, Mapping[str, object]]
) -> LoadedFleet:
    """The fleet as it will be; raises SpecError where that would be a mistake."""
    try:
        after = fleet_from_text(_with_apps(loaded.file.read_text("utf-8-sig"), entries), loaded.file)
        problems = check_fleet(after, workspace.catalog.find, workspace.catalog.ids())
    except SpecError as error:
        problems = list(error.problems)
    if problems:
        # Their lines are those of a file that is not written.
        raise SpecError([replace(problem, line=0) for problem in problems])
    return after


def _with_apps(text: str, entries: Mapping[str, Mapping[str, object]]) -> str:
    for name, entry in entries.items():
        text = edit.add_app(text, name, entry)
    return text


# --- what may be done --------------------------------------------------------------------------------


def _refuse_more_than_imports(plan: PlanResult) -> None:
    """Raises PlanRefused where more would be done than taking in what is there."""
    more = [each for each in plan.plan.steps if not _touches_nothing(each)]
    if not more:
        return
    imported = {step.urn for step in plan.plan.steps if step.op is Op.IMPORT}
    lines = [_told(step) for step in more if step.op.is_logical]
    if any(step.urn in imported for step in more):
        raise PlanRefused(
            "what runs is not as the app declares it, and nothing may be changed for an import",
            hint="declare it as it runs, or import it under a name of its own, as it is",
            detail="\n".join(lines),
        )
    raise PlanRefused(
        "the fleet has other changes, and an import does nothing else",
        hint="run `tomo apply` first, then import",
        detail="\n".join(lines),
    )


def _touches_nothing(step: Step) -> bool:
    if step.op in {Op.SAME, Op.IMPORT, Op.READ}:
        return True
    made = step.type in _MADE_WITHOUT_TOUCHING or not step.type.startswith(("docker:", "pulumi-python:"))
    return made and (step.op is Op.CREATE or not step.entry.custom)


def _told(step: Step) -> str:
    paths = ", ".join(f"`{diff.path}`" for diff in step.diffs if diff.path)
    return f"{step.op.pulumi_name} {step.urn.name}{f': {paths}' if paths else ''}"
