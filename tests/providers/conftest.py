"""A host double for providers: it runs everything in a folder of this machine and keeps what it was asked."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import CommandFailed, DockerUnavailable, HostError
from tomo.model.connection import CommandResult, FileStat, HostSpec


class FolderHost:
    """A Connection whose host is this machine, with an environment of the test's own."""

    def __init__(self, spec: HostSpec, environment: Mapping[str, str], failures: list[HostError]) -> None:
        self.spec = spec
        self._environment, self._failures = environment, failures
        self.asked: list[tuple[Any, ...]] = []

    def _use(self, *what: Any) -> None:
        self.asked.append(what)
        if self._failures:
            raise self._failures.pop(0)

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float | None = None, check: bool = True
    ) -> CommandResult:
        self._use("run", *argv)
        done = subprocess.run(
            argv, input=stdin, capture_output=True, timeout=timeout, check=False, env=dict(self._environment)
        )
        if check and done.returncode:
            raise CommandFailed(done.stderr.decode(), host=self.spec.label)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        self._use("run_text", text, dict(env or {}))
        done = subprocess.run(
            ["/bin/sh", "-c", text],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**self._environment, **(env or {})},
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        self._use("read_file", path)
        return Path(path).read_bytes() if Path(path).is_file() else None

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        self._use("stat_files", *paths)
        return [_stat(Path(path)) for path in paths]

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        self._use("write_file", path, mode, owner)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        Path(path).chmod(mode)

    def remove_file(self, path: str, *, below: str = "") -> None:
        self._use("remove_file", path)
        Path(path).unlink(missing_ok=True)

    def open_docker(self) -> Any:
        self._use("open_docker")
        raise DockerUnavailable("a folder has no Docker", host=self.spec.label)

    def forget_docker(self) -> None:
        self._use("forget_docker")

    def close(self) -> None:
        pass


class FolderHosts:
    """A pool of such hosts; `failures` are raised by the next calls, in order."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, failures: Iterable[HostError] = ()
    ) -> None:
        self.environment = {"PATH": "/usr/bin:/bin", **(environment or {})}
        self.failures = list(failures)
        self.hosts: list[FolderHost] = []
        self.redialled: list[HostError | None] = []

    def get(self, spec: HostSpec) -> FolderHost:
        found = next((host for host in self.hosts if host.spec == spec), None)
        if found is None:
            found = FolderHost(spec, self.environment, self.failures)
            self.hosts.append(found)
        return found

    @property
    def made(self) -> list[HostSpec]:
        return [host.spec for host in self.hosts]

    def asked(self, what: str = "") -> list[tuple[Any, ...]]:
        return [call for host in self.hosts for call in host.asked if not what or call[0] == what]

    def prepare(self, spec: HostSpec) -> None:
        pass

    def redial(self, error: HostError | None = None) -> None:
        self.redialled.append(error)

    def close(self) -> None:
        pass


def _stat(path: Path) -> FileStat | None:
    if not path.exists():
        return None
    if path.is_dir():
        return FileStat(path.stat().st_mode & 0o7777, 0, "", is_directory=True)
    content = path.read_bytes()
    return FileStat(path.stat().st_mode & 0o7777, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def hosts() -> FolderHosts:
    return FolderHosts()


@pytest.fixture
def make_hosts() -> type[FolderHosts]:
    return FolderHosts
