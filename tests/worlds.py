"""A fleet with hosts in memory, for tests of the service and of the command line."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from tests import canaries
from tomo.engine.retries import Patience
from tomo.model.connection import HostBook, HostSpec
from tomo.model.log import Log, LogLevel
from tomo.secrets.passphrase import PassphraseManagers
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RunResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.registry import FakeRegistry, ImageDefinition

PASSPHRASE = "correct horse"
NAS, PI = "192.0.2.10", "192.0.2.11"

FLEET = """\
# my home
fleet: home
servers:
  nas:
    host: 192.0.2.10
    user: root
    host_key: {key}
apps:
  web:  # the page
    server: nas
    definition:
      schema: tomo.app/v1
      id: page
      title: A page
      version: "1.0"
      inputs:
        - {{name: GREETING, default: hello}}
        - {{name: TOKEN, type: secret, generate: {{kind: password, length: 24}}}}
      services:
        server:
          image: tomo-test/web:1.0
          env:
            GREETING: {{input: GREETING}}
            TOKEN: {{input: TOKEN}}
          ports:
            - {{name: web, container: 80, host: 8080}}
          mounts:
            - {{volume: data, path: /data}}
          healthcheck: {{test: [CMD, "true"], interval: 1s, timeout: 1s}}
      files:
        - {{service: server, path: /etc/page.conf, content: "greeting ${{input.GREETING}}"}}
      volumes: {{data: {{}}}}
      web: {{service: server, port: 80}}
"""

CONTAINER = "web"
IMPATIENT = Patience(wait=lambda stopped, _seconds: stopped.is_set())
"""Tries again at once."""


@cache
def keys() -> PassphraseManagers:
    """Derived once for all tests: a derivation takes a quarter of a second."""
    return canaries.WatchedKeys(lambda: PASSPHRASE, canaries.now)


@cache
def salt() -> str:
    """The salt of every test's stack."""
    return keys().create().salt


def host_key(seed: int = 0) -> str:
    """A well-formed key that no host has."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes([seed] * 32)
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


class _Pool(FakeConnections):
    """Completes addresses from the book, as the real pool does."""

    def __init__(self, hosts: Mapping[str, FakeHost], book: HostBook) -> None:
        super().__init__(hosts)
        self._book = book
        self._log: Log | None = None

    def get(self, spec: HostSpec) -> FakeHost:
        found = super().get(self._book.complete(spec))
        if self._log is not None and not found.dialled:
            self._log.tell(LogLevel.INFO, "dial", host=spec.label, address=spec.host)
        return found

    def listen(self, log: Log) -> None:
        self._log = log


@dataclass
class World:
    """A folder with a fleet, and its hosts."""

    folder: Path
    settings: Settings
    hosts: Mapping[str, FakeHost]
    registry: FakeRegistry
    dialled: list[FakeConnections] = field(default_factory=list)

    @property
    def nas(self) -> FakeHost:
        return self.hosts[NAS]

    @property
    def place(self) -> Place:
        return Place(self.folder)

    @property
    def doors(self) -> Doors:
        return Doors(self.settings, self.connections, secrets=keys(), patience=IMPATIENT)

    def connections(self, _settings: Settings, book: HostBook, _ask: object) -> FakeConnections:
        self.dialled.append(_Pool(self.hosts, book))
        return self.dialled[-1]

    @property
    def file(self) -> Path:
        return self.folder / "fleet.yaml"

    @property
    def config(self) -> Path:
        return self.folder / "Pulumi.home.yaml"

    @property
    def state(self) -> Path:
        return self.folder / ".pulumi" / "stacks" / "tomo" / "home.json"

    def with_settings(self, **changes: object) -> Doors:
        """Doors of another environment, which derives its own keys."""
        return Doors(replace(self.settings, **changes), self.connections, patience=IMPATIENT)  # type: ignore[arg-type]

    def edit(self, before: str, after: str) -> None:
        """Changes the fleet file as a person would."""
        text = self.file.read_text()
        assert before in text
        self.file.write_text(text.replace(before, after))

    # --- runs -----------------------------------------------------------------------------------------

    def plan(self, **options: object) -> PlanResult:
        return Deployments(self.doors).plan(PlanRequest(self.place, **options))  # type: ignore[arg-type]

    def apply(
        self, *, confirm: Callable[[PlanResult], bool] = lambda _shown: True, **options: object
    ) -> RunResult:
        request = ApplyRequest(self.place, confirm, **options)  # type: ignore[arg-type]
        return Deployments(self.doors).apply(request)

    def drift(self) -> PlanResult:
        return Deployments(self.doors).drift(DriftRequest(self.place))


def make_world(folder: Path, fleet: str | None = FLEET) -> World:
    """A world whose fleet file is written already; None leaves the folder empty."""
    registry = FakeRegistry.of_catalog(
        [ImageDefinition("tomo-test/web:1.0"), ImageDefinition("tomo-test/web:2.0")]
    )
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    place = folder / "fleet"
    place.mkdir()
    settings = Settings(passphrase=PASSPHRASE, home=home, user="tester")
    hosts = {address: FakeHost(address, registry=registry) for address in (NAS, PI)}
    world = World(place, settings, hosts, registry)
    if fleet is not None:
        world.file.write_text(fleet.format(key=host_key()))
        world.config.write_text(f"encryptionsalt: {salt()}\n")
    return world


def empty_fleet() -> str:
    """A fleet with a server and no apps."""
    return FLEET.split("apps:", maxsplit=1)[0] + "apps: {{}}\n"
