"""What a plan rests on, read from this machine; and what of it is not as it was."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tomo.errors import PlanRefused
from tomo.model.connection import HostBook, HostSpec
from tomo.model.resource import ResourceState
from tomo.model.saved_plan import Basis, HostIdentity
from tomo.model.step import Step
from tomo.model.values import has_unknown, reveal
from tomo.resources.tokens import DOCKER_PROVIDER, SERVER
from tomo.service.plans.form import looks_like_plan
from tomo.service.workspace import Workspace
from tomo.settings import Settings
from tomo.ssh.identity import identities
from tomo.state.files import translated
from tomo.state.past import PastState

if TYPE_CHECKING:
    from tomo.service.fleets import FleetProgram

_OWN_PACKAGES: Final = (
    "cryptography",
    "docker",
    "orjson",
    "paramiko",
    "pulumi",
    "pulumi-command",
    "pulumi-docker",
    "pydantic",
    "tomo-iac",
)
"""What decides how a fleet is carried out. A program may import anything, so there every package counts."""
_SKIPPED_FOLDERS: Final = {"__pycache__", "node_modules"}
_HINT: Final = "look at what changed, then make a new plan: `tomo plan -o FILE`"


# --- reading ---------------------------------------------------------------------------------------


def basis_of(
    workspace: Workspace,
    stack_id: str,
    state: str,
    specs: Sequence[HostSpec],
    fleet: FleetProgram | None,
    *,
    past: PastState | None = None,
) -> Basis:
    """What a plan made here and now rests on; `past` is where a plan back leads."""
    return Basis(
        stack_id,
        workspace.project,
        workspace.stack,
        state,
        _digest(workspace.stack_file) if workspace.stack_file.exists() else "",
        _fleet_files(workspace) if fleet else dict(program_files(workspace)),
        _catalog_files(workspace, fleet) if fleet else {},
        packages(every=fleet is None),
        host_identities(specs, workspace.settings),
        {str(past.version.number): past.digest} if past else dict(fleet.history) if fleet else {},
    )


def _fleet_files(workspace: Workspace) -> dict[str, str]:
    if workspace.fleet is None:
        return {}
    proposed, file = workspace.place.proposed, workspace.fleet.file
    return {file.name: _digest(file) if proposed is None else hashlib.sha256(proposed).hexdigest()}


def _catalog_files(workspace: Workspace, fleet: FleetProgram) -> dict[str, str]:
    ids = {app.catalog_id for app in fleet.fleet.apps.values() if app.definition is None}
    files = {app_id: workspace.catalog.file_of(app_id) for app_id in sorted(ids)}
    return {app_id: _digest(file) for app_id, file in files.items() if file is not None}


def program_files(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Every file of a program's folders with its digest, by path from the project's folder.

    Left out: what is hidden, virtual environments, compiled code, saved plans, and the stacks' config files.
    """
    roots = dict.fromkeys([workspace.directory.resolve(), workspace.program_folder.resolve()])
    for root in roots:
        if any(root != other and root.is_relative_to(other) for other in roots):
            continue
        for path in _files(root):
            content = _content(path)
            if not looks_like_plan(content):
                name = os.path.relpath(path, workspace.directory.resolve())
                yield Path(name).as_posix(), hashlib.sha256(content).hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(place) / name))
        for name in sorted(names):
            path = Path(place) / name
            config = name.startswith("Pulumi.") and name.count(".") > 1 and path.suffix in {".yaml", ".yml"}
            if not name.startswith(".") and path.suffix != ".pyc" and not config and path.is_file():
                yield path


def _is_skipped(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _SKIPPED_FOLDERS
    return hidden or (folder / "pyvenv.cfg").exists()


def _content(path: Path) -> bytes:
    with translated(path, "read"):
        return path.read_bytes()


def _digest(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()


def packages(*, every: bool) -> dict[str, str]:
    """Versions of the installed packages that a run depends on, and of Python."""
    versions = {"python": platform.python_version()}
    if every:
        versions |= {dist.name.lower(): dist.version for dist in metadata.distributions()}
        return versions
    for name in _OWN_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


# --- hosts -----------------------------------------------------------------------------------------


def host_identities(specs: Sequence[HostSpec], settings: Settings) -> tuple[HostIdentity, ...]:
    """The hosts of specs, each once, sorted."""
    return tuple(sorted({identity for spec in specs for identity in identities(spec, settings)}))


def hosts_in(steps: Sequence[Step], settings: Settings, book: HostBook) -> list[HostSpec]:
    """The hosts that a program's resources name, as far as they are known; each once."""
    found: list[HostSpec] = []
    for step in steps:
        spec = host_of(step.entry, settings)
        if spec is not None and (completed := book.complete(spec)) not in found:
            found.append(completed)
    return found


def host_of(entry: ResourceState, settings: Settings) -> HostSpec | None:
    """The host that a resource's inputs name; None where they name none, or not yet."""
    inputs = entry.inputs
    if entry.type == DOCKER_PROVIDER:
        from tomo.providers.docker.config import opened  # noqa: PLC0415  # for programs that use it
        from tomo.ssh.docker_host import spec_for_docker  # noqa: PLC0415

        config = opened(inputs, settings.docker_host or "")
        return spec_for_docker(config.host, config.ssh_opts, settings) if config.known else None
    connection = inputs.get("connection")
    if connection is not None and not has_unknown(connection):
        from tomo.providers.command.connection import road_to  # noqa: PLC0415

        opened_connection = reveal(connection)
        return road_to(opened_connection).spec if isinstance(opened_connection, Mapping) else None
    if entry.type == SERVER and not has_unknown(inputs.get("host")):
        from tomo.providers.dynamic.roads import spec_of  # noqa: PLC0415

        return spec_of(inputs)
    return None


# --- comparing -------------------------------------------------------------------------------------


def require_same_stack(before: Basis, project: str, stack: str, stack_id: str) -> None:
    """Raises PlanRefused for a plan of another stack."""
    if (before.project, before.stack) != (project, stack):
        raise PlanRefused(
            f"the plan is for the stack `{before.project}/{before.stack}`, and this is `{project}/{stack}`",
            hint="name the plan's own stack or folder: `-C DIR`, `--stack NAME`",
        )
    if before.stack_id != stack_id:
        raise PlanRefused(
            f"the plan is for another stack of the name `{project}/{stack}`: the ids differ",
            hint="apply it where its state is, or make a new one: `tomo plan -o FILE`",
        )


def require_same_basis(before: Basis, now: Basis) -> None:
    """Raises PlanRefused, naming everything that is not as it was when the plan was made."""
    moved = list(_moved(before, now))
    if moved:
        rest = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
        raise PlanRefused(f"{moved[0]}{rest}", hint=_HINT, detail="\n".join(moved[1:]))


def _moved(before: Basis, now: Basis) -> Iterator[str]:
    if before.state != now.state:
        yield "the state moved since the plan was made: another run or command has written it"
    yield from _moved_hosts(before.hosts, now.hosts)
    if before.config != now.config:
        yield f"the config of stack `{now.stack}` was changed since the plan was made"
    yield from _moved_items("the file", before.files, now.files)
    yield from _moved_items("the catalog entry", before.catalog, now.catalog)
    yield from _moved_items("the history's version", before.history, now.history)
    for name in sorted(before.packages.keys() | now.packages.keys()):
        was, is_ = before.packages.get(name, "missing"), now.packages.get(name, "missing")
        if was != is_:
            yield f"the package `{name}` was `{was}` when the plan was made and is `{is_}`"


def _moved_items(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield f"{what} `{name}` is gone, which the plan rests on"
        elif name not in before:
            yield f"{what} `{name}` was added since the plan was made"
        elif before[name] != now[name]:
            yield f"{what} `{name}` was changed since the plan was made"


def _moved_hosts(before: Sequence[HostIdentity], now: Sequence[HostIdentity]) -> Iterator[str]:
    was, is_ = {host.name: host for host in before}, {host.name: host for host in now}
    for name in sorted(was.keys() | is_.keys()):
        old, new = was.get(name), is_.get(name)
        if old is None or new is None:
            yield f"the host `{name}` is {'not in the plan' if old is None else 'in the plan and not here'}"
        elif old.place != new.place:
            yield f"the host `{name}` was at `{old.place}` when the plan was made and is at `{new.place}`"
        elif old.keys != new.keys:
            yield f"the host key of `{name}` is another one than when the plan was made"
    if len(was) != len(before) and tuple(before) != tuple(now):
        yield "a host that is reached in several ways is not as it was when the plan was made"
