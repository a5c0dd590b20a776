"""A fleet on real servers, planned and applied as the command line does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.hosts import Host
from lab.registry import Registry
from tests import canaries
from tomo.model.plan import Plan
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest, PlanRequest, PlanResult, RunResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

PASSPHRASE = "correct horse battery staple"

TWO_CONTAINERS = """
  site:
    server: {server}
    definition:
      schema: tomo.app/v1
      id: site
      title: Site
      tagline: A page and its neighbour
      description: A page and its neighbour.
      categories: [networking]
      version: "1"
      inputs:
        - {{name: TOKEN, type: secret, label: Token, generate: {{kind: password, length: 24}}}}
      services:
        page:
          image: tomo-test/web:{tag}
          env: {{GREETING: {greeting}, TOKEN: {{input: TOKEN}}}}
          ports: [{{name: web, container: 80, host: {port}, expose: local}}]
          mounts: [{{volume: data, path: /data}}]
          healthcheck: {{test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}}
          stop: {{grace: 1s}}
        neighbour:
          image: tomo-test/web:1
          healthcheck: {{test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}}
          stop: {{grace: 1s}}
      volumes: {{data: {{backup: true}}}}
      files: [{{path: /etc/site.conf, content: "answer = 42\\n", service: page}}]
      web: {{service: page, port: 80}}
"""


@dataclass
class Site:
    """One fleet in a folder of its own; `write` says what it declares."""

    folder: Path
    hosts: list[Host]
    registry: Registry
    events: list[object] = field(default_factory=list)

    def write(
        self, *, greeting: str = "hello", tag: str = "1", apps: str | None = None, docker: str = ""
    ) -> None:
        """The fleet file: every host, and the app on the first one unless other apps are given."""
        port = 18080
        text = TWO_CONTAINERS.format(server=self.hosts[0].name, greeting=greeting, tag=tag, port=port)
        servers = "".join(self.server(host, docker) for host in self.hosts)
        body = text if apps is None else apps
        self.file.write_text(f"fleet: {self.folder.name}\nservers:\n{servers}apps:{body or ' {}'}\n")

    def server(self, host: Host, docker: str = "") -> str:
        """One server's part of the fleet file."""
        options = docker or f"docker: {{registry_mirrors: ['{self.registry.mirror}']}}"
        return (
            f"  {host.name}:\n    host: {host.address}\n    port: {host.port}\n    user: {host.user}\n"
            f"    identity: {host.identity}\n    host_key: {host.host_key}\n    {options}\n"
        )

    @property
    def file(self) -> Path:
        """The fleet file."""
        return self.folder / "fleet.yaml"

    def plan(self, *, look: bool = True) -> PlanResult:
        """What an apply would do."""
        return self._deployments.plan(PlanRequest(Place(self.folder), look))

    def apply(self, **options: object) -> RunResult:
        """Makes it so."""
        request = ApplyRequest(Place(self.folder), lambda _: True, sink=self.events.append, **options)
        return self._deployments.apply(request)

    def converge(self) -> RunResult:
        """Applies, and shows that nothing is left to do, with and without a look at the hosts."""
        result = self.apply()
        assert result.exit_code == 0, [str(f.error) + f.error.detail for f in result.failures]
        assert changes(self.plan().plan) == []
        assert changes(self.plan(look=False).plan) == []
        return result

    def destroy(self) -> RunResult:
        """Removes everything."""
        return self.apply(destroy=True)

    @property
    def _deployments(self) -> Deployments:
        return Deployments(self.doors)

    @property
    def doors(self) -> Doors:
        """The doors of somebody who works in the fleet's folder."""
        canaries.now().watch(self.folder)
        keys = canaries.WatchedKeys(lambda: PASSPHRASE, canaries.lasting)
        settings = Settings.from_environment({"TOMO_PASSPHRASE": PASSPHRASE, "HOME": str(self.folder)})
        return Doors(settings, secrets=keys)


def changes(plan: Plan) -> list[str]:
    """What a plan would change: `op name`, in order."""
    return [f"{step.op.pulumi_name} {step.urn.name}" for step in plan.changes]


MakeSite = Callable[[list[Host]], Site]


@pytest.fixture(scope="module")
def make_site(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, request: pytest.FixtureRequest
) -> MakeSite:
    """Makes fleets on given servers."""

    def make(hosts: list[Host]) -> Site:
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-").removesuffix("-py")
        folder = tmp_path_factory.mktemp("fleet") / name.split("-")[-1]
        folder.mkdir()
        return Site(folder, hosts, registry)

    return make
