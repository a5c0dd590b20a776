"""One command in a running container, and its output."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from tomo.frozen import frozen
from tomo.providers.docker.container_life import demultiplexed
from tomo.providers.docker.daemon import document
from tomo.providers.docker.http import segment
from tomo.providers.docker.inspected import text_of, whole
from tomo.providers.docker.resource import Host


@frozen
class Ended:
    """How a command ended, and all it wrote."""

    exit_code: int
    output: str


def run(host: Host, container: str, argv: Sequence[str]) -> Ended:
    """Runs a command in a container and waits for its end; raises DockerError where none runs there."""
    doing = f"running `{argv[0]}` in the container `{container}`"
    body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)}
    made = host.daemon.send("POST", f"/containers/{segment(container)}/exec", doing, body=body)
    path = f"/exec/{segment(text_of(document(made), 'Id'))}"
    said = host.daemon.send("POST", f"{path}/start", doing, body={"Detach": False, "Tty": False})
    ended = document(host.daemon.get(f"{path}/json", doing))
    return Ended(whole(ended.get("ExitCode")), demultiplexed(said.body).decode("utf-8", "replace"))


def kernel_form(address: str) -> str:
    """An address as `/proc/net/tcp` and `tcp6` have it: four bytes at a time turned round, in hexadecimal."""
    packed = ip_address(address).packed
    return b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4)).hex().upper()
