"""One run's servers and registry, and their end."""

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.docker import docker, labelled, try_docker
from lab.hosts import Host, HostWish, make_identity, start_host
from lab.images import ImageStore
from lab.registry import Registry, start_registry

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "lab"


class Lab:
    """Everything one run starts on this machine; `close` removes all of it and nothing else."""

    def __init__(self, cache: Path = CACHE, *, prefix: str = "tomo-lab") -> None:
        self.run_id = f"{prefix}-{secrets.token_hex(3)}"
        self.images = ImageStore(cache)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.run_id}-"))
        self.identity = make_identity(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hosts(
        self,
        *names: str,
        docker_installed: bool = False,
        mirrors: Sequence[str] = (),
        sshd_options: Mapping[str, str] | None = None,
    ) -> list[Host]:
        """Starts servers side by side and returns when all of them are up."""
        image = self.images.docker_host() if docker_installed else self.images.host()
        wish = HostWish(image, mirrors, sshd_options or {})

        def started(name: str) -> Host:
            host = start_host(name, wish, self.identity, self.run_id)
            host.wait_until_up()
            return host

        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(started, names))

    def registry(self) -> Registry:
        """Starts a registry of this run."""
        return start_registry(self.images, self.run_id)

    def close(self) -> None:
        """Removes the run's containers with their volumes, its networks and its keys."""
        remove_run(self.run_id)
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_run(run_id: str | None = None) -> None:
    """Removes what one run left in Docker, or what any run did."""
    containers = labelled("container", run_id)
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    for kind in ("volume", "network"):
        for name in labelled(kind, run_id):
            docker(kind, "rm", name)


def remove_images() -> None:
    """Removes the lab's images, except those that a container still uses."""
    for image in labelled("image"):
        try_docker("image", "rm", "--force", image)
