"""A real sshd on loopback for each test that asks, with the options the test names."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest

from tomo.model.connection import ByteStream, HostBook, HostSpec
from tomo.settings import Settings
from tomo.ssh.pool import ConnectionPool

HOST_KEYS = ("ed25519", "ecdsa", "rsa")


@dataclass
class Sshd:
    """One running sshd."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    pids: set[int] = field(default_factory=set)

    def host_key(self, kind: str = "ed25519") -> str:
        words = (self.folder / f"host_{kind}.pub").read_text().split()
        return f"{words[0]} {words[1]}"

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    def logins(self) -> int:
        return len(re.findall(r"Accepted [a-z/-]+ for ", self.log()))

    def connections(self) -> int:
        return self.log().count("Connection from ")

    def children(self) -> list[int]:
        """The processes that serve connections."""
        shown = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in shown.stdout.split()]

    def cut_connections(self) -> None:
        """Kills what serves the connections, and waits until it is gone."""
        children = self.children()
        for child in children:
            subprocess.run(["pkill", "-KILL", "-x", "sshd", "-P", str(child)], check=False)
            subprocess.run(["kill", "-KILL", str(child)], check=False)
        while set(self.children()) & set(children):
            pass

    def stop(self) -> None:
        self.cut_connections()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(5)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key pairs of every kind; those called `locked-…` have the passphrase `open sesame`."""
    folder = tmp_path_factory.mktemp("keys")
    made = {
        "ed25519": ["-t", "ed25519"],
        "ecdsa": ["-t", "ecdsa", "-b", "384"],
        "rsa": ["-t", "rsa", "-b", "2048"],
        "rsa-pem": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
        "ecdsa-pem": ["-t", "ecdsa", "-m", "PEM"],
        "rsa-pkcs8": ["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
        "stranger": ["-t", "ed25519"],
    }
    for name, options in made.items():
        _keygen(folder / name, options, "")
        if name != "stranger":
            _keygen(folder / f"locked-{name}", options, "open sesame")
    for kind in HOST_KEYS:
        _keygen(folder / f"host_{kind}", ["-t", kind], "")
        _keygen(folder / f"other_{kind}", ["-t", kind], "")
    return folder


def _keygen(path: Path, options: list[str], passphrase: str) -> None:
    command = ["ssh-keygen", "-q", *options, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def sshd(tmp_path: Path, keys: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts servers: `sshd("MaxSessions 2", host_keys=("rsa",))`."""
    running: list[Sshd] = []

    def start(*options: str, host_keys: tuple[str, ...] = HOST_KEYS) -> Sshd:
        folder = tmp_path / f"sshd{len(running)}"
        folder.mkdir()
        for kind in host_keys:
            for suffix in ("", ".pub"):
                shutil.copy(keys / f"host_{kind}{suffix}", folder / f"host_{kind}{suffix}")
        server = _started(folder, keys, options, host_keys)
        running.append(server)
        return server

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop()


def _started(folder: Path, keys: Path, options: tuple[str, ...], host_keys: tuple[str, ...]) -> Sshd:
    Path("/run/sshd").mkdir(exist_ok=True)
    authorized = folder / "authorized_keys"
    authorized.write_text(_authorized(keys))
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        "\n".join(
            [
                *options,
                f"Port {port}",
                "ListenAddress 127.0.0.1",
                *(f"HostKey {folder}/host_{kind}" for kind in host_keys),
                f"AuthorizedKeysFile {authorized} /home/%u/.ssh/authorized_keys",
                f"PidFile {folder}/pid",
                "StrictModes no",
                "PermitRootLogin yes",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "UsePAM no",
                "LogLevel VERBOSE",
                f"SetEnv HOME={folder}",  # whatever this machine's login shell would read at its start
            ]
        )
    )
    command = ["/usr/sbin/sshd", "-D", "-f", str(config), "-E", str(folder / "sshd.log")]
    process = subprocess.Popen(command)
    while not _listens(folder):
        assert process.poll() is None, (folder / "sshd.log").read_text()
    return Sshd(port, folder, process)


def _authorized(keys: Path) -> str:
    public = [file for file in sorted(keys.glob("*.pub")) if not file.name.startswith(("stranger", "host_"))]
    return "".join(file.read_text() for file in public)


def _listens(folder: Path) -> bool:
    log = folder / "sshd.log"
    return log.exists() and "Server listening" in log.read_text()


class Thief(paramiko.ServerInterface):
    """A server that writes down who dials it, and every credential it is shown."""

    def __init__(self) -> None:
        self.port = 0
        self.dialled = 0
        self.shown: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "none,publickey,password,keyboard-interactive"

    def check_auth_none(self, username: str) -> int:
        self.shown.append("none")
        return paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self.shown.append("password")
        return paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.shown.append("publickey")
        return paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> int:
        self.shown.append("keyboard-interactive")
        return paramiko.AUTH_FAILED


@pytest.fixture
def thief(keys: Path) -> Iterator[Thief]:
    """A hostile sshd; its host key is `other_ed25519`."""
    listener = socket.create_server(("127.0.0.1", 0))
    interface, transports = Thief(), []
    interface.port = listener.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            interface.dialled += 1
            transport = paramiko.Transport(client)
            transports.append(transport)
            transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(keys / "other_ed25519")))
            transport.start_server(event=threading.Event(), server=interface)

    thread = threading.Thread(target=serve)
    thread.start()
    yield interface
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for transport in transports:
        transport.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, no agent."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    return Settings(home=home, user="root")


@pytest.fixture
def pool(settings: Settings) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(settings)
    yield pool
    pool.close()


@pytest.fixture
def pools() -> Iterator[Callable[..., ConnectionPool]]:
    """Makes pools with settings or a book of their own, and ends them."""
    made: list[ConnectionPool] = []

    def make(settings: Settings, specs: tuple[HostSpec, ...] = (), **options: object) -> ConnectionPool:
        made.append(ConnectionPool(settings, HostBook(specs), **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def spec_for(keys: Path) -> Callable[..., HostSpec]:
    """A spec for root at a server, its key pinned, logging in with a key file."""

    def spec(server: Sshd, **changes: object) -> HostSpec:
        usual: dict[str, object] = {
            "host": "127.0.0.1",
            "user": "root",
            "port": server.port,
            "identity": str(keys / "ed25519"),
            "host_keys": (server.host_key(),),
            "name": "web",
        }
        return HostSpec(**(usual | changes))  # type: ignore[arg-type]

    return spec


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every connection that a test closed has ended its thread."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(3)
        assert not thread.is_alive(), thread


@dataclass(frozen=True)
class Person:
    """A throwaway account on this machine."""

    name: str
    password: str
    home: Path


@pytest.fixture
def person(keys: Path) -> Iterator[Person]:
    """An account without any right to become root."""
    name = f"tomo{uuid.uuid4().hex[:8]}"
    password = uuid.uuid4().hex
    home = Path("/home") / name
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", name], check=True)
    subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True)
    (home / ".ssh").mkdir()
    (home / ".ssh" / "authorized_keys").write_text(_authorized(keys))
    yield Person(name, password, home)
    subprocess.run(["pkill", "-KILL", "-u", name], check=False)
    subprocess.run(["userdel", "--remove", "--force", name], check=False, capture_output=True)


@pytest.fixture
def sudoer(person: Person) -> Iterator[Person]:
    """The account with sudo that asks no password."""
    rule = Path("/etc/sudoers.d") / person.name
    rule.write_text(f"{person.name} ALL=(ALL) NOPASSWD: ALL\n")
    rule.chmod(0o440)
    yield person
    rule.unlink()


@pytest.fixture
def ping() -> Callable[..., bytes]:
    """Asks Docker's `_ping` over a stream and returns the body."""

    def ask(stream: ByteStream) -> bytes:
        stream.settimeout(10)
        stream.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
        answer = b""
        while not answer.endswith(b"OK"):
            part = stream.recv(4096)
            assert part, answer
            answer += part
        return answer.rpartition(b"\r\n")[2]

    return ask
