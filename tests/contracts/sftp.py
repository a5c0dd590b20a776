"""OpenSSH's SFTP server as sshd runs it, without an sshd: at the end of a socket that can be cut."""

from __future__ import annotations

import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tomo.errors import HostUnreachable
from tomo.ssh.storage import SshStorage
from tomo.ssh.store_address import parse_store_address

_PLACES = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
SERVER = next((path for path in _PLACES if Path(path).exists()), "")


class Wire:
    """A socket that breaks after so many bytes were sent: the rest never arrives, and no answer comes back."""

    def __init__(self, ours: socket.socket, servers: SftpServers) -> None:
        self._socket, self._servers = ours, servers

    def sendall(self, data: bytes) -> None:
        servers = self._servers
        if servers.budget is not None and len(data) > servers.budget:
            self._socket.sendall(data[: servers.budget])
            servers.budget = None
            servers.cuts += 1
            # What arrived is done; that it was, nobody hears.
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(1 << 16):
                pass
            raise ConnectionResetError("cut")
        if servers.budget is not None:
            servers.budget -= len(data)
        servers.sent += len(data)
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        return self._socket.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()


@dataclass
class SftpServers:
    """Starts servers. `budget` is after how many more bytes a connection breaks, `gone` refuses new ones."""

    budget: int | None = None
    gone_after_cut: bool = False
    sent: int = 0
    cuts: int = 0
    opened: int = 0
    options: tuple[str, ...] = ()
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> Wire:
        with self.lock:
            # A lock that nobody released is still renewed by its thread, which would start one more server.
            if self.ended or (self.gone_after_cut and self.cuts):
                raise HostUnreachable("`box` did not answer in 15 s", host="box")
            ours, theirs = socket.socketpair()
            self.running.append(subprocess.Popen([SERVER, *self.options], stdin=theirs, stdout=theirs))
            self.sockets.append(ours)
            theirs.close()
            self.opened += 1
            return Wire(ours, self)

    def storage(self, root: Path) -> SshStorage:
        return SshStorage(parse_store_address(f"ssh://box{root}"), self.open, lambda: None)

    def end(self) -> None:
        with self.lock:
            self.ended = True
            for each in self.sockets:
                each.close()
            for process in self.running:
                process.kill()
                process.wait()
