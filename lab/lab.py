"""One run's servers and registry, and their end."""

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.docker import docker
from lab.hosts import Host, HostWish, make_identity, start_host
from lab.images import ImageStore
from lab.registry import Registry, start_registry
from lab.runs import remove_ended_runs, remove_run, run_of_this_process

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "lab"


class Lab:
    """Everything one run starts on this machine; `close` removes all of it and nothing else."""

    def __init__(
        self, cache: Path = CACHE, *, name: str = "", folder: Path | None = None, keep: bool = False
    ) -> None:
        remove_ended_runs()
        self._keep = keep
        self.run = run_of_this_process(name or f"tomo-lab-{secrets.token_hex(3)}", keep=keep)
        self.images = ImageStore(cache)
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"{self.run.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.identity = make_identity(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep:
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
            host = start_host(name, wish, self.identity, self.run)
            host.wait_until_up()
            return host

        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(started, names))

    def registry(self, name: str = "registry", *, users: str = "", cache_of: str = "") -> Registry:
        """Starts a registry of this run; `users` gives it a login, `cache_of` has it pull through."""
        return start_registry(self.images, self.run, name, users=users, cache_of=cache_of)

    def remove(self, *hosts: Host) -> None:
        """Removes servers before the run ends, unless what this run starts is to stay up."""
        if not self._keep:
            docker("container", "rm", "--force", "--volumes", *(host.container for host in hosts))

    def close(self) -> None:
        """Removes the run's containers with their volumes, and its keys."""
        remove_run(self.run.name)
        shutil.rmtree(self.folder, ignore_errors=True)
