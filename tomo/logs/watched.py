"""Connections and storages whose every act stands in a log. Contents, inputs and outputs never do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from tomo.errors import HostError
from tomo.logs.requests import Requests
from tomo.model.connection import (
    Argv,
    ByteStream,
    CommandResult,
    Connection,
    Connections,
    FileStat,
    HostSpec,
)
from tomo.model.log import Dials, Log, LogLevel, told
from tomo.model.storage import PRIVATE, Appender, Content, Entry, Storage

_LONGEST_WORD: Final = 60
_MOST_WORDS: Final = 12


def shape(argv: Argv) -> list[str]:
    """A command's words; a script or another long one as its length."""
    words = [_short(word) for word in argv[:_MOST_WORDS]]
    return [*words, f"<{len(argv) - _MOST_WORDS} more>"] if len(argv) > _MOST_WORDS else words


def _short(word: str) -> str:
    plain = len(word) <= _LONGEST_WORD and word.isprintable()
    return word if plain else f"<{len(word)} characters>"


class WatchedConnections:
    """Connections that tell a log what is done on which host."""

    def __init__(self, connections: Connections, log: Log) -> None:
        self._connections, self._log = connections, log
        self._watched: dict[int, WatchedConnection] = {}
        if isinstance(connections, Dials):
            connections.listen(log)

    def get(self, spec: HostSpec) -> Connection:
        """The connection for a spec; the same one as often as it is asked for."""
        found = self._connections.get(spec)
        return self._watched.setdefault(id(found), WatchedConnection(found, self._log))

    def prepare(self, spec: HostSpec) -> None:
        """Begins to dial in the background."""
        self._connections.prepare(spec)

    def redial(self, error: HostError | None = None) -> None:
        """Has the next use dial again where dialling failed."""
        self._connections.redial(error)

    def close(self) -> None:
        """Ends every connection."""
        self._connections.close()


class WatchedConnection:
    """One host whose commands, files and requests to Docker stand in a log."""

    def __init__(self, connection: Connection, log: Log) -> None:
        self._connection, self._log = connection, log.bind(host=connection.spec.label)
        self.spec = connection.spec

    def run(
        self, argv: Argv, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True
    ) -> CommandResult:
        """Runs a command."""
        with told(self._log, "command", argv=shape(argv), stdin_bytes=len(stdin)):
            return self._connection.run(argv, stdin=stdin, timeout=timeout, check=check)

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Runs a person's own shell text, of which the log has the length and the names of variables."""
        names = sorted(env or {})
        with told(self._log, "command", characters=len(text), variables=names, stdin_bytes=len(stdin)):
            return self._connection.run_text(text, stdin=stdin, env=env, timeout=timeout)

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """A file's content, None where there is none."""
        with told(self._log, "read file", path=path):
            return self._connection.read_file(path, limit=limit)

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """What is at each path, None where nothing is."""
        with told(self._log, "look at files", files=len(paths)):
            return self._connection.stat_files(paths)

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Writes a file whole."""
        with told(self._log, "write file", path=path, bytes=len(content), mode=f"{mode:o}"):
            self._connection.write_file(path, content, mode=mode, owner=owner)

    def remove_file(self, path: str, *, below: str = "") -> None:
        """Removes a file."""
        with told(self._log, "remove file", path=path):
            self._connection.remove_file(path, below=below)

    def open_docker(self) -> ByteStream:
        """A new stream to the host's Docker socket."""
        with told(self._log, "open docker"):
            stream = self._connection.open_docker()
        return WatchedStream(stream, self._log)

    def forget_docker(self) -> None:
        """Forgets how Docker was last reached."""
        self._connection.forget_docker()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


class WatchedStream:
    """A stream to Docker whose requests stand in a log, by method and path."""

    def __init__(self, stream: ByteStream, log: Log) -> None:
        self._stream, self._log = stream, log
        self._requests = Requests()

    def sendall(self, data: bytes) -> None:
        """Sends all bytes or raises OSError."""
        for method, path in self._requests.sent(bytes(data)):
            self._log.tell(LogLevel.DEBUG, "docker", method=method, path=path)
        self._stream.sendall(data)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; `b""` at the end."""
        return self._stream.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """Bounds every later call."""
        self._stream.settimeout(seconds)

    def close(self) -> None:
        """Ends the stream."""
        self._stream.close()


class WatchedStorage:
    """A storage whose every write stands in a log, by path and size."""

    def __init__(self, storage: Storage, log: Log) -> None:
        self._storage, self._log = storage, log

    def location(self, path: str = "") -> str:
        """Where a person finds a file."""
        return self._storage.location(path)

    def read(self, path: str) -> bytes:
        """A file's content."""
        return self._storage.read(path)

    def read_many(self, paths: Sequence[str]) -> Mapping[str, Content]:
        """Those of the files that are there."""
        return self._storage.read_many(paths)

    def modified(self, paths: Sequence[str]) -> Mapping[str, int]:
        """When those of the files that are there were last written."""
        return self._storage.modified(paths)

    def list(self, folder: str) -> list[Entry]:
        """What a folder holds, by name."""
        return self._storage.list(folder)

    def write(self, path: str, content: bytes, *, keep: str | None = None, mode: int = PRIVATE) -> None:
        """Replaces a file whole."""
        with self._told("write", [path], len(content)):
            self._storage.write(path, content, keep=keep, mode=mode)

    def create(self, path: str, content: bytes) -> None:
        """Makes a file that must not be there yet."""
        with self._told("create", [path], len(content)):
            self._storage.create(path, content)

    def append(self, path: str) -> Appender:
        """A file to be appended to."""
        return WatchedAppender(self._storage.append(path), self._log.bind(path=path))

    def copy(self, source: str, *targets: str) -> None:
        """Puts a file's present content under other names too."""
        with self._told("copy", [source, *targets]):
            self._storage.copy(source, *targets)

    def rename(self, source: str, target: str) -> None:
        """Moves a file in one instant."""
        with self._told("rename", [source, target]):
            self._storage.rename(source, target)

    def remove(self, *paths: str) -> None:
        """Removes files."""
        with self._told("remove", paths):
            self._storage.remove(*paths)

    def now(self) -> int:
        """The time by the clock that `modified` is told by."""
        return self._storage.now()

    def close(self) -> None:
        """Ends connections."""
        self._storage.close()

    def _told(
        self, act: str, paths: Iterable[str], size: int | None = None
    ) -> AbstractContextManager[object]:
        sizes = {} if size is None else {"bytes": size}
        return told(self._log, "state", LogLevel.INFO, act=act, paths=[*paths], **sizes)


class WatchedAppender:
    """A growing file whose every flush stands in a log."""

    def __init__(self, appender: Appender, log: Log) -> None:
        self._appender, self._log = appender, log

    def append(self, content: bytes) -> None:
        """Returns once the bytes are safely on disk."""
        with told(self._log, "state", act="append", bytes=len(content)):
            self._appender.append(content)

    def ready(self) -> None:
        """Returns where there is room for more."""
        self._appender.ready()

    def close(self) -> None:
        """Ends the work on the file."""
        self._appender.close()
