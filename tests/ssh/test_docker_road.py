"""How Docker is found on a host: its socket, the client in its stead, and why there is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tomo.errors import DockerDenied, DockerUnavailable
from tomo.model.connection import LOCAL
from tomo.ssh.pool import ConnectionPool

pytestmark = pytest.mark.sshd


@pytest.fixture
def echo_socket(tmp_path: Path) -> Iterator[str]:
    """A Unix socket that sends back what it gets."""
    path = str(tmp_path / "echo.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while part := client.recv(65536):
                    client.sendall(part)

    thread = threading.Thread(target=serve)
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("road", ["ssh", "local"])
def test_a_stream_carries_bytes_both_ways(sshd, spec_for, pool, echo_socket, road: str) -> None:
    spec = spec_for(sshd("MaxSessions 0")) if road == "ssh" else LOCAL
    stream = pool.get(replace(spec, docker_socket=echo_socket)).open_docker()
    stream.settimeout(5)

    stream.sendall(b"x" * 100_000)

    back = b""
    while len(back) < 100_000:
        back += stream.recv(1 << 16)
    stream.settimeout(0.05)
    with pytest.raises(TimeoutError):
        stream.recv(1)
    stream.close()
    assert back == b"x" * 100_000


def test_streams_are_no_sessions(sshd, spec_for, pool, echo_socket) -> None:
    connection = pool.get(spec_for(sshd("MaxSessions 1"), docker_socket=echo_socket))

    streams = [connection.open_docker() for _ in range(5)]

    assert connection.run(["echo", "in"]).text == "in"
    for stream in streams:
        stream.close()


@pytest.mark.docker
@pytest.mark.parametrize("sessions", ["MaxSessions 10", "MaxSessions 2"])
def test_the_client_stands_in_where_forwarding_is_off(sshd, spec_for, pool, ping, sessions: str) -> None:
    connection = pool.get(spec_for(sshd("AllowStreamLocalForwarding no", sessions)))

    stream = connection.open_docker()

    assert (ping(stream), ping(stream)) == (b"OK", b"OK")
    assert connection.run(["echo", "beside"]).text == "beside"
    stream.close()
    again = connection.open_docker()
    assert ping(again) == b"OK"
    again.close()


@pytest.mark.docker
def test_root_by_sudo_stands_in_where_the_socket_denies(sshd, spec_for, pool, ping, sudoer) -> None:
    connection = pool.get(spec_for(sshd(), user=sudoer.name, become=True))

    stream = connection.open_docker()

    assert ping(stream) == b"OK"
    stream.close()


@pytest.mark.docker
def test_a_socket_that_denies_is_named_where_sudo_does_too(sshd, spec_for, pool, person) -> None:
    connection = pool.get(spec_for(sshd(), user=person.name))

    with pytest.raises(DockerDenied, match=f"does not let `{person.name}` in") as caught:
        connection.open_docker()

    assert "`become: sudo`" in caught.value.hint
    assert f"usermod -aG docker {person.name}" in caught.value.hint


@pytest.mark.parametrize("road", ["ssh", "local"])
def test_a_daemon_that_does_not_run_is_named(sshd, spec_for, pool, tmp_path, road: str) -> None:
    spec = spec_for(sshd()) if road == "ssh" else LOCAL

    with pytest.raises(DockerUnavailable, match="is not running") as caught:
        pool.get(replace(spec, docker_socket=str(tmp_path / "none.sock"))).open_docker()

    assert "systemctl start docker" in caught.value.hint


@pytest.mark.parametrize("road", ["ssh", "local"])
def test_a_socket_that_nobody_serves_is_not_running(
    sshd, spec_for, pool: ConnectionPool, tmp_path, road: str
) -> None:
    path = str(tmp_path / "stale.sock")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    spec = spec_for(sshd()) if road == "ssh" else LOCAL

    with pytest.raises(DockerUnavailable, match="is not running"):
        pool.get(replace(spec, docker_socket=path)).open_docker()


def test_a_host_without_docker_says_how_it_gets_it(sshd, spec_for, pool, tmp_path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    server = sshd(f"SetEnv PATH={tmp_path}/bin")

    with pytest.raises(DockerUnavailable, match="is not installed"):
        pool.get(spec_for(server, docker_socket="/nowhere/docker.sock")).open_docker()
