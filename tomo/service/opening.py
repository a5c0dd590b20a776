"""Opens a stack for Tomo's own engine, and has its hosts dialled meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from tomo.errors import NotSupported
from tomo.model.connection import Connections
from tomo.service.engines import EngineName
from tomo.service.hosts import book_of, declared_hosts, dial_recorded, glanced_hosts, lacks_credential
from tomo.service.wiring import Doors
from tomo.service.workspace import LockTerms, Workspace
from tomo.state.backend import StoredStack
from tomo.state.codec import without_collector
from tomo.state.config import StackConfig, with_defaults

if TYPE_CHECKING:
    from tomo.service.adoption import Adoption
    from tomo.service.fleets import FleetProgram
    from tomo.service.session import Session


@contextmanager
def opened(
    doors: Doors,
    workspace: Workspace,
    adoption: Adoption | None = None,
    *,
    locked: LockTerms | None = None,
    looks: bool = False,
) -> Iterator[Session]:
    """The session of a command; with `locked` nobody else changes the state from before it is read.

    One that `looks` at everything recorded begins to dial its hosts while the rest is read.
    """
    if workspace.engine is not EngineName.EMBEDDED:
        raise NotSupported(
            "this is not supported with the `pulumi` engine", hint="choose Tomo's own: `--engine embedded`"
        )
    workspace.adopt(adoption)
    # The cyclic collector walks every live object; a run makes many and keeps nearly all of them.
    with without_collector(), workspace.lock(locked) if locked else nullcontext():
        yield from _session(workspace, doors, looks=looks)


def fleet_of(workspace: Workspace, config: StackConfig) -> FleetProgram | None:
    """What the workspace's fleet declares; None where a hand-written program does."""
    if workspace.fleet is None:
        return None
    from tomo.service.fleets import fleet_program  # noqa: PLC0415  # its models take 0.15 s; programs have none

    return fleet_program(workspace, config)


def _session(workspace: Workspace, doors: Doors, *, looks: bool) -> Iterator[Session]:
    """Reads everything a run starts from, and holds the connections until its end."""
    stored = workspace.stored()
    config = workspace.config()
    workspace.prepare_secrets(stored.sealed_salt if stored else "", config.salt if config.secret_keys else "")
    with _connected(workspace, doors, config, stored, looks=looks) as connections:
        # Importing the engine takes about as long as a host takes to let somebody in.
        from tomo.providers.plugin import PluginHost  # noqa: PLC0415
        from tomo.service.session import Session  # noqa: PLC0415

        fleet = fleet_of(workspace, config)
        if fleet is None and workspace.program is not None:
            config = with_defaults(workspace.program, config)
        with PluginHost(doors.settings) as plugins:
            yield Session(
                workspace=workspace,
                doors=doors,
                stored=stored,
                config=config,
                fleet=fleet,
                connections=connections,
                plugins=plugins,
            )


@contextmanager
def _connected(
    workspace: Workspace, doors: Doors, config: StackConfig, stored: StoredStack | None, *, looks: bool
) -> Iterator[Connections]:
    """The connections of a run; the hosts of a state that will be looked at are being dialled already.

    They are dialled as the unchecked file has them. Where the checked fleet has them otherwise those
    connections end, and nothing was done over them.
    """
    recorded = stored.snapshot if stored is not None else None
    looked_at = recorded if looks else None
    with ExitStack() as closing:
        glanced, connections = None, None
        if looked_at is not None and workspace.glance is not None:
            glanced = glanced_hosts(workspace.glance)
            connections = closing.enter_context(doors.open_connections(book_of(glanced, recorded)))
            dial_recorded(connections, looked_at)
        fleet = workspace.fleet.fleet if workspace.fleet is not None else None
        hosts = declared_hosts(fleet, config) if fleet is not None else ()
        if connections is None or glanced != hosts:
            closing.close()
            connections = closing.enter_context(doors.open_connections(book_of(hosts, recorded)))
            if looked_at is not None and fleet is not None and not lacks_credential(fleet, config):
                dial_recorded(connections, looked_at)
        yield connections
