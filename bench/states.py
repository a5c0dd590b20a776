"""States of many resources, for plans that look at no host.

One server, or one pair of resources, is really applied, to a host in memory; its entries are then repeated
under other names, because applying thousands would take longer than everything that is measured.

`python -m bench.states KIND FOLDER COUNT`: a process of its own, since the memory of a process that was
started counts as peak memory of what it starts.
"""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.fleets import IMAGE, PROJECT, Node, fleet_text, program_text
from bench.timing import PASSPHRASE, BenchError
from tomo.errors import ExitCode
from tomo.model.connection import HostBook
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest
from tomo.service.wiring import AskPassphrase, Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo.testing.registry import FakeRegistry, ImageDefinition

PER_SERVER = 100
_CONTAINERS = 95  # with its server, provider, app, image and network: PER_SERVER resources
_BYTES = 32
_STACK = "bench"


def make_fleet(folder: Path, resources: int) -> None:
    """A fleet of so many resources whose state says that everything is as declared."""
    _make_servers(folder, resources // PER_SERVER, _CONTAINERS, volumes=False)


def make_volumes(folder: Path, containers: int) -> None:
    """The same for so many containers with a volume each, so twice as many resources, 100 on a server."""
    _make_servers(folder, containers // PER_SERVER, PER_SERVER, volumes=True)


def _make_servers(folder: Path, count: int, containers: int, *, volumes: bool) -> None:
    nodes = [Node(f"node-{number:02}", f"192.0.2.{number + 1}", host_key()) for number in range(count)]
    folder.mkdir(parents=True)
    file = folder / "fleet.yaml"
    file.write_text(fleet_text(nodes[:1], containers, "one", volumes=volumes))
    _apply(folder)

    def named(number: int) -> Callable[[str], str]:
        return lambda text: text.replace("node-00", nodes[number].name).replace(
            nodes[0].address, nodes[number].address
        )

    state = folder / f".pulumi/stacks/tomo/{_STACK}.json"
    _repeat(state, "node-00", [named(n) for n in range(1, count)])
    # As Tomo writes it; the CLI's own states are indented.
    state.write_text(json.dumps(json.loads(state.read_text()), separators=(",", ":")))
    file.write_text(fleet_text(nodes, containers, "one", volumes=volumes))


def make_program(folder: Path, resources: int) -> None:
    """The same for a hand-written program of volumes and containers."""
    pairs = resources // 2
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(PROJECT)
    (folder / "__main__.py").write_text(program_text(1))
    _apply(folder)

    def named(number: int) -> Callable[[str], str]:
        return lambda text: text.replace("-0000", f"-{number:04}")

    state = folder / f".pulumi/stacks/bench/{_STACK}.json"
    _repeat(state, "-0000", [named(number) for number in range(1, pairs)])
    (folder / "__main__.py").write_text(program_text(pairs))


def _apply(folder: Path) -> None:
    registry = FakeRegistry()
    registry.add(ImageDefinition(IMAGE))
    host = FakeHost("host", registry=registry, docker_installed=True)

    def connections(_settings: Settings, _book: HostBook, _ask: AskPassphrase | None) -> FakeConnections:
        return FakeConnections({"192.0.2.1": host})

    settings = replace(
        Settings.from_environment(), passphrase=PASSPHRASE, passphrase_file=None, state_url=None
    )
    stack = None if (folder / "fleet.yaml").exists() else _STACK
    request = ApplyRequest(Place(folder, stack=stack), lambda _plan: True)
    result = Deployments(Doors(settings, connections)).apply(request)
    if result.exit_code is not ExitCode.OK:
        raise BenchError(f"the state could not be made: {result.program_error or result.failures}")


def _repeat(state: Path, mark: str, names: list[Callable[[str], str]]) -> None:
    """Repeats the state's entries that carry a mark, in their order, once for each renaming."""
    document = json.loads(state.read_text())
    latest = document["checkpoint"]["latest"]
    entries = [json.dumps(entry) for entry in latest["resources"][1:]]
    repeated = [entry for entry in entries if mark in entry]
    latest["resources"] += [json.loads(name(entry)) for name in names for entry in repeated]
    outputs = latest["resources"][0].get("outputs", {})
    servers = outputs.get("servers", {})
    for name in names:
        outputs["servers"] = {**outputs.get("servers", {}), **json.loads(name(json.dumps(servers)))}
    if not servers:
        outputs.pop("servers", None)
    state.write_text(json.dumps(document, indent=4))


def host_key() -> str:
    """A well-formed key that no host has."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + _BYTES.to_bytes(4, "big") + bytes(_BYTES)
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


if __name__ == "__main__":
    makers = {"fleet": make_fleet, "volumes": make_volumes, "program": make_program}
    makers[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
