"""The machine's own Docker, by its command line."""

import io
import ipaddress
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from lab.shell import Finished, attempt, execute

LABEL = "tomo.lab"


@dataclass(frozen=True)
class Member:
    """One file of a tar stream that Docker unpacks."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0


def docker(*argv: str, stdin: bytes | None = None, timeout: float = 600) -> str:
    """Runs one docker command and returns its output."""
    return execute(["docker", *argv], stdin=stdin, timeout=timeout)


def try_docker(*argv: str, timeout: float = 60) -> Finished:
    """Runs one docker command that may fail."""
    return attempt(["docker", *argv], timeout=timeout)


def answers() -> bool:
    """Whether a dockerd answers here."""
    return try_docker("version", "--format", "{{.Server.Version}}").code == 0


def has_image(name: str) -> bool:
    """Whether the image is on this machine."""
    return try_docker("image", "inspect", "--format", "{{.Id}}", name).code == 0


def gateway() -> str:
    """The address under which containers on the default bridge reach this machine."""
    config = json.loads(docker("network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"))
    # Docker names the gateway only where somebody chose it; its own choice is the first address.
    first = next(ipaddress.ip_network(config["Subnet"]).hosts())
    return str(config.get("Gateway") or first)


def tar_of(members: Sequence[Member]) -> bytes:
    """A tar stream of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            entry = tarfile.TarInfo(member.path)
            entry.size, entry.mode, entry.uid, entry.gid = (
                len(member.content),
                member.mode,
                member.uid,
                member.uid,
            )
            archive.addfile(entry, io.BytesIO(member.content))
    return buffer.getvalue()


def build(tag: str, dockerfile: str, files: Sequence[Member] = (), *, timeout: float = 900) -> None:
    """Builds an image from a Dockerfile and the files beside it."""
    context = tar_of([Member("Dockerfile", dockerfile.encode()), *files])
    # The classic builder is the one that every dockerd has; BuildKit needs a plugin that Debian doesn't ship.
    classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
    argv = ["docker", "build", "--quiet", "--force-rm", "--label", f"{LABEL}=image", "--tag", tag, "-"]
    execute(argv, stdin=context, timeout=timeout, env=classic)
