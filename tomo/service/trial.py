"""A fleet to try things on: one server in memory, a temporary folder, a passphrase thrown away."""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from tomo.frozen import frozen
from tomo.secrets.generate import generate
from tomo.secrets.passphrase import PassphraseManagers
from tomo.secrets.source import find_passphrase
from tomo.service.addresses import Address
from tomo.service.apps import AddAppRequest, AddedApp, Apps
from tomo.service.effect import Effect
from tomo.service.projects import InitRequest, NewFleet, Projects
from tomo.service.server_edits import NewServer
from tomo.service.stores import AskPassphrase
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.model.connection import Connections, HostBook
    from tomo.testing.fake_host import FakeHost

STACK: Final = "trial"
SERVER: Final = "nas"
ADDRESS: Final = "192.0.2.10"
APP: Final = "miniflux"
BROKEN: Final = f"{APP}-server"


@frozen
class TrialRequest:
    """Try plan, apply, drift and repair on a server in memory; leaves nothing behind."""

    effect: ClassVar[Effect] = Effect.EXECUTE
    settings: Settings


@frozen
class Trial:
    """A place and doors for the ordinary use cases, and what a person could do to the host by hand."""

    place: Place
    doors: Doors
    host: FakeHost

    @classmethod
    @contextmanager
    def open(cls, request: TrialRequest) -> Iterator[Trial]:
        """Makes the folder and the host; removes both at the end."""
        from tomo.testing.fake_host import FakeConnections, FakeHost  # noqa: PLC0415  # for this command only

        host = FakeHost(SERVER)

        def connections(_settings: Settings, _book: HostBook, _ask: AskPassphrase | None) -> Connections:
            return FakeConnections({ADDRESS: host, SERVER: host})

        with tempfile.TemporaryDirectory(prefix="tomo-try-") as folder:
            home = Path(folder)
            settings = replace(
                request.settings,
                passphrase=generate("password"),
                passphrase_file=None,
                state_url=None,
                docker_host=None,
                home=home,
            )
            keys = PassphraseManagers(find_passphrase(settings, stack=STACK))
            yield cls(Place(home), Doors(settings, connections, secrets=keys), host)

    def begin(self) -> NewFleet:
        """A fleet file with the server in it."""
        server = NewServer(SERVER, Address(ADDRESS, "root"), (_host_key(),))
        return Projects().init(InitRequest(self.place, STACK, server))

    def add_app(self) -> AddedApp:
        """An app of two containers with generated secrets."""
        return Apps(self.doors).add(AddAppRequest(self.place, APP, (SERVER,)))

    def break_something(self) -> str:
        """Stops a container and edits another one's restart policy, as someone at the host would."""
        self.host.docker.stop_by_hand(BROKEN)
        self.host.docker.edit_restart_by_hand(f"{APP}-db", "no")
        return f"docker stop {BROKEN}; docker update --restart no {APP}-db"


def _host_key() -> str:
    """A well-formed key that no host has."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + secrets.token_bytes(32)
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"
