"""The contract of storages, kept over OpenSSH's SFTP server; here without an sshd before it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.storage import StorageContract, small_disk
from tomo.model.connection import ByteStream
from tomo.model.storage import Storage
from tomo.ssh.storage import SshStorage
from tomo.ssh.store_server import StoreAddress

__all__ = ["small_disk"]

SERVER = next(
    (
        path
        for path in (
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/lib/ssh/sftp-server",
        )
        if Path(path).exists()
    ),
    "",
)
pytestmark = pytest.mark.skipif(not SERVER, reason="OpenSSH's sftp-server is not installed")


class Servers:
    """Starts SFTP servers as sshd does, each at the end of a socket."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []
        self.sockets: list[socket.socket] = []

    def open(self) -> ByteStream:
        ours, theirs = socket.socketpair()
        self.running.append(subprocess.Popen([SERVER], stdin=theirs, stdout=theirs))
        self.sockets.append(ours)
        theirs.close()
        return ours

    def storage(self, root: Path) -> SshStorage:
        address = StoreAddress(f"ssh://box{root}", str(root), "box", "box")
        return SshStorage(address, self.open, lambda: None)

    def end(self) -> None:
        for each in self.sockets:
            each.close()
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.end()


class TestSftpStorage(StorageContract):
    """A folder behind an SFTP server."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    @pytest.fixture
    def storage(self, servers: Servers, root: Path) -> Storage:
        return servers.storage(root)

    @pytest.fixture
    def others(self, servers: Servers, root: Path) -> Callable[[], Storage]:
        return lambda: servers.storage(root)

    @pytest.fixture
    def small_root(self, small_disk: Path) -> Path:
        return small_disk

    @pytest.fixture
    def small(self, servers: Servers, small_root: Path) -> Storage:
        return servers.storage(small_root)
