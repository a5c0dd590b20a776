"""The fleet and the program that are measured, as texts."""

from collections.abc import Sequence
from dataclasses import dataclass

IMAGE = "tomo-bench/idle:1"
APP = "load"
NETWORK = APP


@dataclass(frozen=True)
class Node:
    """A server of a measured fleet."""

    name: str
    address: str
    host_key: str
    port: int = 22
    identity: str = ""


def container_names(count: int) -> list[str]:
    """The names of one host's containers."""
    return [f"{APP}-c{number:02}" for number in range(count)]


def fleet_text(nodes: Sequence[Node], containers: int, env: str, *, volumes: bool = False) -> str:
    """A fleet with one app of so many containers on every server; `env` is a variable's value in each.

    With `volumes` every container has one of its own. Docker is there already, as the peers expect it to be.
    """
    names = [name.removeprefix(f"{APP}-") for name in container_names(containers)]
    data = [f"      volumes: {{{', '.join(f'{name}: {{}}' for name in names)}}}"] if volumes else []
    return "\n".join(
        [
            "fleet: bench",
            "servers:",
            *(line for node in nodes for line in _server(node)),
            "apps:",
            f"  {APP}:",
            f"    servers: [{', '.join(node.name for node in nodes)}]",
            "    definition:",
            "      schema: tomo.app/v1",
            f"      id: {APP}",
            "      title: Load",
            "      tagline: Containers that do nothing",
            "      description: Containers that do nothing.",
            "      categories: [networking]",
            '      version: "1"',
            *data,
            "      services:",
            *(f"        {name}: {_service(name, env, volumes=volumes)}" for name in names),
            "",
        ]
    )


def _service(name: str, env: str, *, volumes: bool) -> str:
    mounts = f", mounts: [{{volume: {name}, path: /data}}]" if volumes else ""
    return f'{{image: "{IMAGE}", env: {{ROUND: "{env}"}}{mounts}}}'


def _server(node: Node) -> list[str]:
    lines = [
        f"  {node.name}:",
        f"    host: {node.address}",
        f"    port: {node.port}",
        "    user: root",
        f"    host_key: {node.host_key}",
        "    docker: false",
    ]
    return [*lines, f"    identity: {node.identity}"] if node.identity else lines


PROJECT = "name: bench\nruntime: python\n"


def program_text(pairs: int) -> str:
    """A hand-written program with so many pairs of a volume and a container, by the typed SDK."""
    return f'''"""Volumes and containers on one host."""

import pulumi
import pulumi_docker as docker

host = docker.Provider("host", host="ssh://root@192.0.2.1")
there = pulumi.ResourceOptions(provider=host)
image = docker.RemoteImage("image", name="{IMAGE}", opts=there)
for number in range({pairs}):
    volume = docker.Volume(f"data-{{number:04}}", name=f"data-{{number:04}}", opts=there)
    docker.Container(
        f"app-{{number:04}}",
        name=f"app-{{number:04}}",
        image=image.name,
        envs=["ROUND=one"],
        volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
        opts=there,
    )
'''


def nothing_text(resources: int) -> str:
    """A program of resources of the package `nothing`, in a chain of tens; creating one does nothing."""
    return f'''"""Resources that are nothing."""

import pulumi


class Thing(pulumi.CustomResource):
    value: pulumi.Output[str]

    def __init__(self, name, value, opts=None):
        super().__init__("nothing:index:Thing", name, {{"value": value}}, opts)


for first in range(0, {resources}, 10):
    value = "a"
    for number in range(first, first + 10):
        value = Thing(f"thing-{{number:05}}", value).value
'''
