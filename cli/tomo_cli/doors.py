"""How the command line reaches the service: the environment, and a person at the terminal."""

from __future__ import annotations

import getpass
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tomo.errors import PassphraseMissing
from tomo.service.stores import Stores
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo_cli.endings import at_end, on_end

if TYPE_CHECKING:
    from tomo.model.log import Log
    from tomo.service.recording import Trail

_GIVEN: ContextVar[Doors | None] = ContextVar("tomo_doors", default=None)
_STORES: ContextVar[Stores | None] = ContextVar("tomo_stores", default=None)


@contextmanager
def through(given: Doors | None) -> Iterator[None]:
    """Lets the commands inside go through other doors than the environment's, as tests do."""
    token = _GIVEN.set(given)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def doors() -> Doors:
    """The doors of this process; questions are asked only at a terminal."""
    if (given := _GIVEN.get()) is not None:
        return given
    settings = Settings.from_environment()
    stores = _stores()
    trail = _trail(settings)
    log = _log(settings, trail)
    if not sys.stdin.isatty():
        return Doors(settings, stores=stores, trail=trail, log=log, meanwhile=_load_view)
    return Doors(
        settings, ask=_ask, ask_passphrase=_ask_key, stores=stores, trail=trail, log=log, meanwhile=_load_view
    )


def _log(settings: Settings, trail: Trail) -> Log | None:
    """The log of this command, where the environment asks for one; its lines carry the trail's id."""
    if settings.log is None and settings.log_file is None:
        return None
    from tomo.service.logs import begun, open_log

    log = open_log(settings, sys.stderr, _tell)
    if log is None:
        return None
    bound = log.bind(correlation=trail.correlation)
    on_end(begun(bound, trail.actor.surface))
    return bound


def _trail(settings: Settings) -> Trail:
    """Where the acts of this command are recorded, under the account that the system knows."""
    from tomo.service.recording import Actor, Trail
    from tomo.service.who import person_here

    actor = Actor(f"{settings.account}@{platform.node()}", "", "cli")
    return Trail(settings, actor, _tell, partial(person_here, settings))


def _tell(line: str) -> None:
    from tomo_cli.console import say

    say(line)


def _load_view() -> None:
    """Loads what lays out a plan, where somebody will look at it."""
    if sys.stdout.isatty():
        import tomo_cli.plan_view  # noqa: F401


def _stores() -> Stores:
    """One connection to the state for all use cases of a command; the command's end ends it."""
    stores = _STORES.get()
    if stores is None:
        stores = Stores()
        _STORES.set(stores)
        at_end(_leave_stores)
    return stores


def _leave_stores() -> None:
    stores = _STORES.get()
    _STORES.set(None)
    if stores is not None:
        stores.close()


def place(
    directory: Path,
    file: Path | None,
    stack: str | None,
    engine: str | None = None,
    policy: Path | None = None,
) -> Place:
    """Where the command works, with which engine and under which policies."""
    return Place(directory, file, stack, engine, policy)


def place_given(
    directory: Path, file: Path | None, stack: str | None, policy: Path | None = None
) -> Place | None:
    """Where the command line says that it works; None where it says nothing."""
    if directory == Path() and file is None and stack is None and policy is None:
        return None
    return place(directory, file, stack, policy=policy)


def _ask(prompt: str) -> str:
    from tomo_cli.console import ended_by_ctrl_c

    try:
        with ended_by_ctrl_c():
            return getpass.getpass(f"{prompt}: ", stream=sys.stderr)
    except (EOFError, KeyboardInterrupt):
        raise PassphraseMissing("no passphrase was given", hint="set TOMO_PASSPHRASE or type it") from None


def _ask_key(name: str) -> str | None:
    return _ask(f"passphrase of the key {name}") or None
