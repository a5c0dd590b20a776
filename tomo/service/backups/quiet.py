"""Has an app hold still while it is copied: stopped, or after its own commands; then it runs again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tomo.errors import BackupError, HostError, TomoError
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.running import run_inside, runs, start_container, stop_container
from tomo.service.backups.targets import Target

_HOOK_SECONDS: Final = 3600.0
_LINES: Final = 20
Redact = Callable[[str], str]


@contextmanager
def quiet(daemon: Daemon, target: Target, tell: Callable[[str], None], redact: Redact) -> Iterator[None]:
    """The time in which an app's volumes don't change, as far as the app says how."""
    if target.around.stop:
        with stopped(daemon, target, tell):
            yield
        return
    try:
        _run_all(daemon, target, target.around.pre, "before", redact)
        yield
    except BaseException:
        # What was begun before has to be ended; the first failure is the one to be told.
        _ended_anyhow(daemon, target, redact)
        raise
    _run_all(daemon, target, target.around.post, "after", redact)


@contextmanager
def stopped(daemon: Daemon, target: Target, tell: Callable[[str], None]) -> Iterator[None]:
    """The time in which an app's containers are stopped; those that ran run again, whatever happens."""
    ran = [name for name in target.containers if runs(daemon, name)]
    try:
        for name in reversed(ran):
            tell(f"{target.instance}: stopping {name}")
            stop_container(daemon, name)
        yield
    except BaseException as error:
        _start_anyhow(daemon, target, ran, error)
        raise
    start(daemon, target, ran, tell)


def start(daemon: Daemon, target: Target, names: Sequence[str], tell: Callable[[str], None]) -> None:
    """Starts containers in their order; raises BackupError that names those that stay stopped."""
    failed: list[str] = []
    reason: HostError | None = None
    for name in names:
        try:
            start_container(daemon, name)
        except HostError as error:
            failed.append(name)
            reason = reason or error
    if reason is not None:
        raise BackupError(
            f"{', '.join(f'`{name}`' for name in failed)} on `{target.server}` could not be started again: "
            f"{reason.message}",
            hint="`tomo apply` starts what should run",
        ) from reason
    if names:
        tell(f"{target.instance}: runs again")


def _start_anyhow(daemon: Daemon, target: Target, names: Sequence[str], error: BaseException) -> None:
    try:
        start(daemon, target, names, lambda _line: None)
    except TomoError as another:
        if isinstance(error, TomoError):
            error.detail = "\n".join(filter(None, [error.detail, another.message]))
            error.hint = another.hint


def _run_all(
    daemon: Daemon, target: Target, commands: Sequence[Sequence[str]], when: str, redact: Redact
) -> None:
    for argv in commands:
        ran = run_inside(daemon, target.main, argv, timeout=_HOOK_SECONDS)
        if ran.exit_code:
            raise BackupError(
                f"the command `{argv[0]}`, which `{target.app}` has run {when} a backup, failed on "
                f"`{target.server}` with exit code {ran.exit_code}",
                hint="run it by hand in the container, and see `backup` of the app",
                detail="\n".join(redact(ran.output).splitlines()[-_LINES:]),
            )


def _ended_anyhow(daemon: Daemon, target: Target, redact: Redact) -> None:
    for argv in target.around.post:
        try:
            _run_all(daemon, target, [argv], "after", redact)
        except TomoError:
            continue
