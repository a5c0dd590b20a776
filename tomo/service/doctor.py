"""What about this machine and this folder would stop Tomo, and what to do about it."""

from __future__ import annotations

import platform
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final

from tomo import __version__
from tomo.errors import ExitCode, PassphraseMissing, SpecError, TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.connection import LOCAL, HostBook
from tomo.secrets.source import find_passphrase
from tomo.service.effect import Effect
from tomo.service.stores import is_on_a_server
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.settings import Settings

_META: Final = ".pulumi/meta.yaml"
_OLDEST_PYTHON: Final = (3, 11)
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Health(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@frozen
class DoctorRequest:
    """Check the environment. Changes nothing; it dials this machine's Docker and the state's server only."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class Check:
    """One thing that was looked at."""

    name: str
    health: Health
    message: str
    hint: str = ""


@frozen
class Report:
    """Every check, in a fixed order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> ExitCode:
        """FAILED where a check failed; warnings are none."""
        failed = any(check.health is Health.FAIL for check in self.checks)
        return ExitCode.FAILED if failed else ExitCode.OK


class Doctor:
    """The use case that checks the environment."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def examine(self, request: DoctorRequest) -> Report:
        """Runs every check; one that fails does not stop the others."""
        settings = self._doors.settings
        checks = [_python(), _agent(settings), *_keys(settings), _known_hosts(settings)]
        workspace, found = self._workspace(request.place)
        checks.append(found)
        if workspace is not None:
            checks += [
                _apps(workspace),
                *_identities(workspace),
                *_of_the_state(workspace, self._doors),
            ]
        if workspace is None or _needs_local_docker(workspace):
            checks.append(self._docker(needed=workspace is not None))
        return Report(tuple(checks))

    def _workspace(self, place: Place) -> tuple[Workspace | None, Check]:
        try:
            workspace = self._doors.open(place)
        except SpecError as error:
            first = error.problems[0]
            message = f"{error.message}: {first}" if len(error.problems) > 1 else str(first)
            return None, Check("fleet", Health.FAIL, message, first.hint or "`tomo plan` shows them all")
        except UsageError as error:
            return None, Check("fleet", Health.WARN, error.message, error.hint)
        except TomoError as error:
            return None, Check("fleet", Health.FAIL, str(error), error.hint)
        if workspace.fleet is None:
            message = f"Pulumi project `{workspace.project}`, stack `{workspace.stack}`"
            return workspace, Check("fleet", Health.OK, message)
        fleet = workspace.fleet.fleet
        message = (
            f"`{fleet.fleet}`: {_counted(len(fleet.servers), 'server')}, {_counted(len(fleet.apps), 'app')}"
        )
        return workspace, Check("fleet", Health.OK, message)

    def _docker(self, *, needed: bool) -> Check:
        try:
            with self._doors.open_connections(HostBook()) as connections:
                connections.get(LOCAL).open_docker().close()
        except TomoError as error:
            if not needed:
                return Check("docker", Health.OK, "none on this machine, and no server is `local`")
            return Check("docker", Health.FAIL, error.message, error.hint)
        return Check("docker", Health.OK, "Docker answers on this machine")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


# --- this machine ------------------------------------------------------------------------------------


def _python() -> Check:
    text = (
        f"Tomo {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Check("python", Health.FAIL, text, "Tomo needs Python 3.11 or newer")
    return Check("python", Health.OK, text)


def _agent(settings: Settings) -> Check:
    path = settings.ssh_auth_sock
    if not path:
        return Check("ssh agent", Health.OK, "none; key files are used")
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(path)
    except OSError as error:
        hint = "start it anew (`eval $(ssh-agent)`), or unset SSH_AUTH_SOCK"
        return Check("ssh agent", Health.WARN, f"`{path}` does not answer: {error.strerror or error}", hint)
    return Check("ssh agent", Health.OK, f"answers at `{path}`")


def _keys(settings: Settings) -> Iterator[Check]:
    folder = settings.home / ".ssh"
    keys = sorted(path for path in folder.glob("id_*") if path.suffix != ".pub" and path.is_file())
    for path in keys:
        if path.stat().st_mode & _OPEN_TO_OTHERS:
            yield Check("ssh keys", Health.WARN, f"others can read `{path}`", f"run `chmod 600 {path}`")
    if keys:
        yield Check("ssh keys", Health.OK, ", ".join(path.name for path in keys))
    elif settings.ssh_auth_sock:
        yield Check("ssh keys", Health.OK, f"none in `{folder}`; the agent may hold some")
    else:
        hint = "make one with `ssh-keygen -t ed25519`, or name one with `--identity FILE`"
        yield Check("ssh keys", Health.WARN, f"none in `{folder}`, and no agent", hint)


def _known_hosts(settings: Settings) -> Check:
    file = settings.home / ".ssh" / "known_hosts"
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return Check("known hosts", Health.OK, f"no `{file}`; keys are pinned in the fleet file")
    except OSError as error:
        return Check(
            "known hosts", Health.WARN, f"`{file}` cannot be read: {error.strerror}", f"ls -l {file}"
        )
    count = sum(1 for line in lines if line.strip() and not line.startswith("#"))
    return Check("known hosts", Health.OK, f"{count} entries in `{file}`")


# --- this folder -------------------------------------------------------------------------------------


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except SpecError as error:
        first = error.problems[0]
        return Check(name, Health.FAIL, f"{error.message}; the first: {first}", first.hint)
    except TomoError as error:
        return Check(name, Health.FAIL, str(error), error.hint)


def _apps(workspace: Workspace) -> Check:
    def check() -> Check:
        if workspace.fleet is None:
            return Check("apps", Health.OK, "the program's own affair")
        from tomo.service.fleets import definitions_of  # noqa: PLC0415  # builds the models

        apps = definitions_of(workspace.fleet, workspace.catalog)
        return Check(
            "apps",
            Health.OK,
            f"{_counted(len(apps), 'app')} checked; the catalog has {len(workspace.catalog.ids())}",
        )

    return _guarded("apps", check)


def _identities(workspace: Workspace) -> Iterator[Check]:
    servers = workspace.fleet.fleet.servers if workspace.fleet else {}
    for name, server in servers.items():
        if not server.is_local and not server.host_key:
            hint = f"`tomo server add {name} --replace-key` shows and pins it"
            message = f"`{name}` has no pinned key; known_hosts decides"
            yield Check("host keys", Health.WARN, message, hint)
        if server.identity and "%" not in server.identity:
            path = Path(server.identity.replace("~", str(workspace.settings.home), 1))
            if not (workspace.directory / path).is_file():
                hint = "correct `identity` in the fleet file"
                yield Check("ssh keys", Health.FAIL, f"`{name}`: there is no `{server.identity}`", hint)


def _passphrase(workspace: Workspace, doors: Doors) -> Check:
    def check() -> Check:
        settings = doors.settings
        source = (
            "the environment"
            if settings.passphrase is not None
            else f"the file `{settings.passphrase_file}`"
            if settings.passphrase_file
            else "the keyring"
        )
        salt = workspace.config().salt
        if not salt:
            stored = workspace.stored()
            salt = stored.salt if stored else ""
        try:
            if not salt:
                find_passphrase(settings, stack=workspace.stack)()
                return Check("passphrase", Health.OK, f"comes from {source}; nothing is sealed yet")
            workspace.secrets.for_salt(salt).verify()
        except PassphraseMissing as error:
            return Check("passphrase", Health.WARN, error.message, error.hint)
        return Check("passphrase", Health.OK, f"comes from {source} and opens this stack's secrets")

    return _guarded("passphrase", check)


def _of_the_state(workspace: Workspace, doors: Doors) -> Iterator[Check]:
    """What is known of the state; a server that does not answer is told of once."""
    server = _state_server(workspace)
    if server is not None:
        yield server
    if server is None or server.health is Health.OK:
        yield _passphrase(workspace, doors)
        yield _state(workspace)
        yield _lock(workspace)


def _state_server(workspace: Workspace) -> Check | None:
    name = "state server"

    def check() -> Check:
        storage = workspace.backend.storage
        storage.modified([_META])
        begun = time.perf_counter()
        found = storage.modified([_META])
        milliseconds = (time.perf_counter() - begun) * 1000
        what = f"`{storage.location()}` answers in {milliseconds:.0f} ms"
        return Check(name, Health.OK, what if found else f"{what}; the first apply makes the store there")

    try:
        remote = is_on_a_server(workspace.backend.location)
    except TomoError as error:
        return Check(name, Health.FAIL, error.message, error.hint)
    return _guarded(name, check) if remote else None


def _state(workspace: Workspace) -> Check:
    def check() -> Check:
        stored = workspace.stored()
        if stored is None:
            return Check(
                "state", Health.OK, f"none yet; it will be in `{workspace.backend.location}/.pulumi`"
            )
        if pending := stored.snapshot.pending_operations:
            message = f"{_counted(len(pending), 'operation')} begun and never finished"
            return Check("state", Health.WARN, message, "`tomo apply` looks at them and goes on")
        return Check(
            "state", Health.OK, f"{_counted(len(stored.snapshot.resources), 'resource')} in `{stored.path}`"
        )

    return _guarded("state", check)


def _lock(workspace: Workspace) -> Check:
    def check() -> Check:
        locks = workspace.backend.locks(workspace.project, workspace.stack)
        if not locks:
            return Check("lock", Health.OK, "nobody holds the stack")
        hint = "wait for it to end; if that process is gone, run `tomo state unlock`"
        return Check("lock", Health.WARN, "; ".join(lock.describe(time.time()) for lock in locks), hint)

    return _guarded("lock", check)


def _needs_local_docker(workspace: Workspace) -> bool:
    if workspace.fleet is None:
        return True
    return any(server.is_local for server in workspace.fleet.fleet.servers.values())
