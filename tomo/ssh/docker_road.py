"""How the Docker daemon of a host is reached: its socket directly, else `docker system dial-stdio`."""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

from tomo.errors import DockerDenied, DockerUnavailable
from tomo.frozen import frozen
from tomo.model.connection import Argv, ByteStream, CommandResult, HostSpec

DOCKER_SOCKET: Final = "/var/run/docker.sock"
_PROBE: Final = """socket=$1
if [ ! -S "$socket" ]; then echo absent
elif [ -w "$socket" ]; then echo open
else echo denied; fi
if command -v docker >/dev/null 2>&1; then echo client; fi
if command -v dockerd >/dev/null 2>&1; then echo daemon; fi
"""
_PING: Final = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
_PATIENCE = 30.0


class DockerHost(Protocol):
    """What the road needs of a connection."""

    spec: HostSpec

    @property
    def is_root(self) -> bool: ...  # noqa: D102
    def open_socket(self) -> ByteStream | None: ...  # noqa: D102
    def open_process(self, argv: Argv) -> ByteStream: ...  # noqa: D102
    def execute(  # noqa: D102
        self, argv: Argv, *, stdin: bytes, timeout: float | None, limit: int, shown: str
    ) -> CommandResult: ...


class _Way(Enum):
    SOCKET = "socket"
    CLIENT = "client"
    SUDO = "sudo"


@frozen
class _Facts:
    """What the host says about its Docker."""

    socket: str
    client: bool
    daemon: bool


class DockerRoad:
    """Opens streams to a host's Docker and remembers the way that works."""

    def __init__(self, host: DockerHost) -> None:
        self._host = host
        self._way: _Way | None = None

    def forget(self) -> None:
        """Looks for the way anew next time."""
        self._way = None

    def open(self) -> ByteStream:
        """A stream to the daemon, by the way that worked before or by the first that does."""
        if self._way not in {None, _Way.SOCKET}:
            return self._host.open_process(self._argv(self._way))
        stream = self._host.open_socket()
        if stream is not None:
            self._way = _Way.SOCKET
            return stream
        self._way = None
        return self._open_by_client(self._facts())

    def _open_by_client(self, facts: _Facts) -> ByteStream:
        host = self._host
        if facts.socket == "absent":
            raise self._not_running() if facts.client or facts.daemon else self._not_installed()
        if not facts.client:
            raise self._denied("its `docker` command is missing")
        needs_root = facts.socket == "denied" or (host.spec.become and not host.is_root)
        way = _Way.SUDO if needs_root else _Way.CLIENT
        stream = host.open_process(self._argv(way))
        problem = _ping(stream)
        if problem is not None:
            stream.close()
            raise self._unreached(problem, way)
        self._way = way
        return stream

    def _argv(self, way: _Way | None) -> Argv:
        socket = self._host.spec.docker_socket
        where = ("--host", f"unix://{socket}") if socket else ()
        dial = ("docker", *where, "system", "dial-stdio")
        return ("sudo", "-n", "--", *dial) if way is _Way.SUDO else dial

    def _facts(self) -> _Facts:
        probe = ["sh", "-c", _PROBE, "sh", self._host.spec.docker_socket or DOCKER_SOCKET]
        result = self._host.execute(
            probe, stdin=b"", timeout=_PATIENCE, limit=1 << 20, shown="look for docker"
        )
        words = result.text.split()
        return _Facts(words[0] if words else "absent", "client" in words, "daemon" in words)

    def _unreached(self, problem: str, way: _Way) -> DockerUnavailable:
        if way is _Way.SUDO and "sudo" in problem:
            return self._denied("sudo wants a password or is missing")
        return self._not_running(problem)

    def _not_installed(self) -> DockerUnavailable:
        return self._error(
            "is not installed", "`tomo apply` installs it unless the server says `docker: false`"
        )

    def _not_running(self, detail: str = "") -> DockerUnavailable:
        return self._error("is not running", "Start it on the host: `sudo systemctl start docker`", detail)

    def _denied(self, also: str) -> DockerDenied:
        label, user = self._host.spec.label, self._host.spec.user or "the login user"
        return DockerDenied(
            f"Docker on `{label}` does not let `{user}` in (permission denied on its socket), and {also}",
            host=label,
            hint="Write `become: sudo` where sudo asks no password, or run "
            f"`sudo usermod -aG docker {user}` on the host",
        )

    def _error(self, problem: str, hint: str, detail: str = "") -> DockerUnavailable:
        label = self._host.spec.label
        return DockerUnavailable(f"Docker on `{label}` {problem}", host=label, hint=hint, detail=detail)


def _ping(stream: ByteStream) -> str | None:
    """None when the daemon answers through the stream, else what the client said."""
    stream.settimeout(_PATIENCE)
    try:
        stream.sendall(_PING)
        answer = b""
        while not answer.endswith(b"OK"):
            part = stream.recv(4096)
            if not part:
                break
            answer += part
    except OSError as error:
        return str(error) or "no answer"
    if answer.startswith(b"HTTP/1.1 200"):
        stream.settimeout(None)
        return None
    said = getattr(stream, "stderr", str)()
    return said.strip() or answer[:200].decode("utf-8", "replace") or "the stream ended at once"
