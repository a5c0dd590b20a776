"""The road to a host: run a command, move a file, reach the Docker socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Protocol, TypeAlias

from tomo.errors import HostError
from tomo.frozen import frozen
from tomo.model.values import Secret

Argv: TypeAlias = Sequence[str]
"""A command as a list of arguments; one place quotes it (`tomo.ssh.quote`)."""


@frozen
class HostSpec:
    """How to reach one host; equal specs share one connection in a run.

    `host` is an address or a name of `~/.ssh/config`, or `local` for this machine. None for user, port or
    identity means: ask `~/.ssh/config`, then the default. `host_keys` are pinned `TYPE BASE64` texts;
    without one the user's known_hosts decides. `private_key` is PEM text, `identity` a file's path.
    `docker_socket` is the daemon's socket on the host where it isn't Docker's usual one.
    """

    host: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    private_key: Secret | None = None
    private_key_password: Secret | None = None
    password: Secret | None = None
    host_keys: tuple[str, ...] = ()
    known_hosts: str | None = None
    config_file: str | None = None
    proxy_jump: str | None = None
    proxy: HostSpec | None = None
    agent_socket: str | None = None
    docker_socket: str | None = None
    become: bool = False
    name: str = ""
    connect_timeout: float = 15.0

    @property
    def label(self) -> str:
        """The name people know it by."""
        return self.name or self.host


LOCAL = HostSpec(host="local")
_PLAIN = HostSpec(host="")


class HostBook:
    """The hosts a fleet declares, so that a bare address finds its pinned key and credential.

    Resources carry only what Pulumi's own inputs hold (`ssh://root@192.0.2.1:22`); the rest is here.
    """

    def __init__(self, specs: Iterable[HostSpec] = ()) -> None:
        self._specs = {(spec.user, spec.host, spec.port or 22): spec for spec in specs}
        self._places: dict[tuple[str, int], list[HostSpec]] = {}
        for declared in self._specs.values():
            self._places.setdefault((declared.host, declared.port or 22), []).append(declared)

    def complete(self, spec: HostSpec) -> HostSpec:
        """The declared host of the same user, address and port; the spec itself where there is none.

        What was made through another login than the declared one is reached through the declared one.
        """
        place = (spec.host, spec.port or 22)
        exact = self._specs.get((spec.user, *place))
        if exact is not None:
            return exact
        at_place = self._places.get(place, [])
        return at_place[0] if len(at_place) == 1 else spec

    def completed(self, spec: HostSpec) -> HostSpec:
        """The declared host, with what the spec itself says on top."""
        declared = self.complete(spec)
        if declared is spec:
            return spec
        own = {
            name: value
            for name in (item.name for item in fields(HostSpec))
            if (value := getattr(spec, name)) != getattr(_PLAIN, name)
        }
        return replace(declared, **own)


@frozen
class CommandResult:
    """How a command ended; exit codes above 128 mean a signal, as shells say it."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Stdout as UTF-8 text without its last newline."""
        return self.stdout.decode("utf-8", "replace").removesuffix("\n")


@frozen
class FileStat:
    """A file on the host; `mode` holds the permission bits, `sha256` is hex of the content."""

    mode: int
    size: int
    sha256: str
    is_directory: bool = False


class ByteStream(Protocol):
    """A two-way stream, socket-like: what `http.client` and urllib3 need of one."""

    def sendall(self, data: bytes) -> None:
        """Sends all bytes or raises OSError."""
        ...

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; `b""` at the end."""
        ...

    def settimeout(self, seconds: float | None) -> None:
        """Bounds every later call; None waits forever."""
        ...

    def close(self) -> None:
        """Ends the stream."""
        ...


class Connection(Protocol):
    """One host. Methods may be called from several threads; all raise HostError's family only.

    With `become` set in the spec, commands and files are the root user's.
    """

    spec: HostSpec

    def run(
        self,
        argv: Argv,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        check: bool = True,
    ) -> CommandResult:
        """Runs a command; with `check` a non-zero exit code raises CommandFailed with its stderr."""
        ...

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Runs a person's own shell text, as `command:remote:Command` means it; never built from values.

        `env` is exported to it. Does not raise for a non-zero exit code.
        """
        ...

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """A file's content, None where there is none; raises HostError above `limit` bytes."""
        ...

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """What is at each path, None where nothing is; one round trip for all."""
        ...

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Writes a file whole, making missing parents; one that exists keeps its inode (bind mounts)."""
        ...

    def remove_file(self, path: str, *, below: str = "") -> None:
        """Removes a file, and the folders that are empty then, as long as they lie below `below`.

        A file that is gone already is fine.
        """
        ...

    def open_docker(self) -> ByteStream:
        """A new stream to the host's Docker socket; raises DockerUnavailable where none answers."""
        ...

    def forget_docker(self) -> None:
        """Forgets how Docker was last reached, as after its installation or a change of groups."""
        ...

    def close(self) -> None:
        """Ends the connection; streams of it end too."""
        ...


class Connections(Protocol):
    """The pool of a run: one connection a host, dialled when first used."""

    def get(self, spec: HostSpec) -> Connection:
        """The connection for a spec; dials at most once a run even when asked by many threads.

        Does not dial yet: the first use of the connection does, and raises what went wrong. Later uses
        raise that again without dialling, until `redial`.
        """
        ...

    def prepare(self, spec: HostSpec) -> None:
        """Begins to dial in the background, so that the first use waits less; that raises what went wrong."""
        ...

    def redial(self, error: HostError | None = None) -> None:
        """Has the next use dial again where dialling failed; with an error, where it ended with that one.

        Of several threads that saw the same failure only the first has it dialled again.
        """
        ...

    def close(self) -> None:
        """Ends every connection."""
        ...
