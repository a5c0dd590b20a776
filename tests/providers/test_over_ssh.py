"""Commands, copies, Server and File over a real sshd on loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import CommandFailed, HostKeyError, HostUnreachable
from tomo.model.connection import HostBook, HostSpec
from tomo.model.provider import CreateRequest, DeleteRequest, ReadRequest, ReadStatus
from tomo.model.urn import Urn
from tomo.model.values import Archive, Secret
from tomo.providers.command import CommandProvider
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.resources.tokens import FILE, SERVER
from tomo.settings import Settings
from tomo.ssh.pool import ConnectionPool

pytestmark = pytest.mark.sshd

COMMAND = Urn("urn:pulumi:dev::p::command:remote:Command::a")
COPY = Urn("urn:pulumi:dev::p::command:remote:CopyToRemote::a")
HOSTILE = 'it\'s "q" $(id) `id` \\ \t\n;é'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys and settings of a server of this test's own."""
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    lines = [
        "ListenAddress 127.0.0.1", f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/user.pub",
        "StrictModes no", "PermitRootLogin yes", "UsePAM no", "PidFile none", f"SetEnv HOME={folder}",
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(lines))
    Path("/run/sshd").mkdir(exist_ok=True)
    return folder


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def sshd(folder: Path, port: int) -> subprocess.Popen[str]:
    """A server that listens."""
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config"), "-p", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    while "Server listening" not in (line := server.stderr.readline()):
        assert line, "sshd did not start"
    return server


@pytest.fixture(scope="module")
def road(folder: Path) -> Iterator[dict[str, Any]]:
    """A `connection` to a server of this test's own."""
    port = free_port()
    server = sshd(folder, port)
    yield {
        "host": "127.0.0.1", "user": "root", "port": float(port), "privateKey": (folder / "user").read_text(),
        "hostKey": (folder / "host.pub").read_text(), "dialErrorLimit": 0,
    }  # fmt: skip
    server.terminate()
    server.communicate()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(Settings(home=tmp_path, user="root"))
    yield pool
    pool.close()


def test_a_command_gets_its_environment_and_input_and_says_what_it_says(
    pool: ConnectionPool, road: dict[str, Any]
) -> None:
    inputs = {
        "connection": road,
        "create": 'printf %s "$V"; cat; echo err >&2',
        "environment": {"V": HOSTILE},
        "stdin": HOSTILE,
    }

    made = CommandProvider(pool, Settings()).create(CreateRequest(COMMAND, inputs))

    assert made.outputs["stdout"] == HOSTILE * 2
    assert made.outputs["stderr"] == "err"


def test_a_failing_command_names_status_and_output(pool: ConnectionPool, road: dict[str, Any]) -> None:
    provider = CommandProvider(pool, Settings())

    with pytest.raises(CommandFailed, match="exit status 3: running `echo why; exit 3`\nwhy"):
        provider.create(CreateRequest(COMMAND, {"connection": road, "create": "echo why; exit 3"}))
    provider.delete(DeleteRequest(COMMAND, "a", {"connection": road, "delete": "true"}, {}))


def test_another_host_key_stops_before_anything_runs(
    pool: ConnectionPool, road: dict[str, Any], tmp_path: Path
) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    unknown = {key: value for key, value in road.items() if key != "hostKey"}

    for connection in ({**road, "hostKey": other}, unknown):
        with pytest.raises(HostKeyError):
            CommandProvider(pool, Settings()).create(
                CreateRequest(COMMAND, {"connection": connection, "create": f"touch {tmp_path}/ran"})
            )

    assert not (tmp_path / "ran").exists()


def test_a_port_where_nobody_listens_is_unreachable(pool: ConnectionPool, road: dict[str, Any]) -> None:
    pauses: list[float] = []
    provider = CommandProvider(pool, Settings(), pause=lambda seconds: bool(pauses.append(seconds)))
    closed = {**road, "port": 1, "dialErrorLimit": 2, "perDialTimeout": 1}

    with pytest.raises(HostUnreachable, match="after 3 failed attempts"):
        provider.create(CreateRequest(COMMAND, {"connection": closed, "create": "true"}))

    assert pauses == [1.0, 1.5]


def test_a_host_that_comes_up_while_it_is_dialled_is_reached(
    pool: ConnectionPool, road: dict[str, Any], folder: Path
) -> None:
    port = free_port()
    servers: list[subprocess.Popen[str]] = []

    def comes_up(_seconds: float) -> bool:
        servers.append(sshd(folder, port))
        return False

    provider = CommandProvider(pool, Settings(), pause=comes_up)
    late = {**road, "port": port, "dialErrorLimit": 1, "perDialTimeout": 5}
    made = provider.create(CreateRequest(COMMAND, {"connection": late, "create": "echo at last"}))
    pool.close()
    for server in servers:
        server.terminate()
        server.communicate()

    assert made.outputs["stdout"] == "at last"
    assert len(servers) == 1


def test_folders_are_copied_whole(pool: ConnectionPool, road: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "src/sub dir").mkdir(parents=True)
    (tmp_path / "src/sub dir/it's").write_bytes(b"\x00\xff")
    inputs = {"connection": road, "source": Archive(path="src"), "remotePath": str(tmp_path / "to")}

    CommandProvider(pool, Settings(), root=tmp_path).create(CreateRequest(COPY, inputs))

    assert (tmp_path / "to/src/sub dir/it's").read_bytes() == b"\x00\xff"


def test_a_server_is_looked_at_and_a_file_lives_there(road: dict[str, Any], tmp_path: Path) -> None:
    place = {key: road[key] for key in ("host", "user", "port")}
    spec = HostSpec(
        "127.0.0.1",
        "root",
        int(road["port"]),
        private_key=Secret(road["privateKey"]),
        host_keys=(" ".join(road["hostKey"].split()[:2]),),
    )
    own = ConnectionPool(Settings(home=tmp_path, user="root"), HostBook([spec]))
    provider = DynamicProvider(own)
    file, server = Urn.make("d", "p", None, FILE, "f"), Urn.make("d", "p", None, SERVER, "s")
    inputs = {**place, "path": str(tmp_path / "a/it's"), "content": HOSTILE, "mode": "0640"}

    facts = provider.create(CreateRequest(server, {**place, "docker": False})).outputs
    made = provider.create(CreateRequest(file, inputs))
    [found] = provider.read([ReadRequest(file, made.id, inputs, made.outputs)])
    provider.delete(DeleteRequest(file, made.id, inputs, made.outputs))
    [gone] = provider.read([ReadRequest(file, made.id, inputs, made.outputs)])
    own.close()

    assert facts["cpus"] > 0
    assert (found.status, found.inputs) == (ReadStatus.FOUND, inputs)
    assert gone.status is ReadStatus.GONE
