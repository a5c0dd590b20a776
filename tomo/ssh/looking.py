"""A road to hosts that can only look: Docker's GETs from a closed list, and a closed list of commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from tomo.errors import HostError, HostNotAccepted, LookOnly
from tomo.model.connection import (
    Argv,
    ByteStream,
    CommandResult,
    Connection,
    Connections,
    FileStat,
    HostBook,
    HostSpec,
)
from tomo.model.log import Dials, Log
from tomo.ssh.accepted import AcceptedHosts

MayRun = Callable[[Argv, bytes], bool]
"""Whether a command with this standard input only looks."""

_NAME: Final = "[^/?#]+"
_LOOKS: Final = re.compile(
    r"(?:/v[0-9]+\.[0-9]+)?/(?:"
    r"_ping|version|info|system/df"
    rf"|containers/json|containers/{_NAME}/(?:json|logs|top)"
    rf"|images/json|images/(?:{_NAME}/)*{_NAME}/json"
    rf"|networks(?:/{_NAME})?|volumes(?:/{_NAME})?"
    r")(?:\?[^#\s]*)?"
)
_HEAD_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 64 * 1024
_WITH_BODY: Final = frozenset({"content-length", "transfer-encoding", "upgrade", "expect"})


class LookingConnections:
    """Connections that change nothing, to hosts that were accepted; None accepts what the book declares."""

    def __init__(
        self, inner: Connections, book: HostBook, may_run: MayRun, accepted: AcceptedHosts | None = None
    ) -> None:
        self._inner, self._book, self._may_run, self._accepted = inner, book, may_run, accepted

    def get(self, spec: HostSpec) -> Connection:
        """The connection for a spec; one to a host that nobody has accepted dials nothing and says so."""
        if not self._accepts(spec):
            return _NotAccepted(self._book.completed(spec))
        return LookingConnection(self._inner.get(spec), self._may_run)

    def prepare(self, spec: HostSpec) -> None:
        """Begins to dial an accepted host."""
        if self._accepts(spec):
            self._inner.prepare(spec)

    def listen(self, log: Log) -> None:
        """Has every dial from now on told to a log."""
        if isinstance(self._inner, Dials):
            self._inner.listen(log)

    def redial(self, error: HostError | None = None) -> None:
        """Has the next use dial again where dialling failed."""
        self._inner.redial(error)

    def close(self) -> None:
        """Ends every connection."""
        self._inner.close()

    def _accepts(self, spec: HostSpec) -> bool:
        return self._accepted is None or self._accepted.accepts(spec, self._book)


class LookingConnection:
    """One host that can be looked at; whatever else is asked raises LookOnly before anything is sent."""

    def __init__(self, inner: Connection, may_run: MayRun) -> None:
        self.spec = inner.spec
        self._inner, self._may_run = inner, may_run

    def run(
        self, argv: Argv, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True
    ) -> CommandResult:
        """Runs a command of the closed list."""
        if not self._may_run(argv, stdin):
            self._refuse(f"the command `{argv[0] if argv else ''}`")
        return self._inner.run(argv, stdin=stdin, timeout=timeout, check=check)

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Refused: shell text can do anything."""
        del text, stdin, env, timeout
        self._refuse("a shell command")

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """Refused: a file's content may be anybody's; its digest is enough to compare it."""
        del limit
        self._refuse(f"reading the file `{path}`")

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """What is at each path."""
        return self._inner.stat_files(paths)

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Refused."""
        del content, mode, owner
        self._refuse(f"writing the file `{path}`")

    def remove_file(self, path: str, *, below: str = "") -> None:  # noqa: ARG002  # as the protocol has it
        """Refused."""
        self._refuse(f"removing the file `{path}`")

    def open_docker(self) -> ByteStream:
        """A stream to the host's Docker that lets GETs of the closed list through."""
        return LookingStream(self._inner.open_docker(), self.spec.label)

    def forget_docker(self) -> None:
        """Forgets how Docker was last reached."""
        self._inner.forget_docker()

    def close(self) -> None:
        """Ends the connection."""
        self._inner.close()

    def _refuse(self, what: str) -> NoReturn:
        raise _look_only(what, self.spec.label)


class LookingStream:
    """Passes whole requests on when they only look, and none otherwise; answers come back as they are."""

    def __init__(self, inner: ByteStream, host: str) -> None:
        self._inner, self._host = inner, host
        self._waiting = b""

    def sendall(self, data: bytes) -> None:
        """Sends the requests in it; raises LookOnly for one that could change something."""
        self._waiting += data
        whole, end, rest = self._waiting.rpartition(_HEAD_END)
        for head in whole.split(_HEAD_END) if end else ():
            _require_look(head, self._host)
        if len(rest) > _LONGEST_HEAD:
            raise _look_only("a request without an end", self._host)
        self._waiting = rest
        if end:
            self._inner.sendall(whole + end)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; `b""` at the end."""
        return self._inner.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """Bounds every later call."""
        self._inner.settimeout(seconds)

    def close(self) -> None:
        """Ends the stream."""
        self._inner.close()


class _NotAccepted:
    """A host that nobody has accepted: every use says so, and nothing is dialled."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec

    def _refuse(self, *_given: object, **_named: object) -> NoReturn:
        raise HostNotAccepted(
            f"`{self.spec.label}` was not looked at: its address, host key, credential or jump host is new "
            "or changed here, and nobody has accepted that yet",
            host=self.spec.label,
            hint="it is dialled when the plan is applied; look at what it says of the server first",
        )

    run = run_text = read_file = stat_files = write_file = remove_file = open_docker = _refuse

    def forget_docker(self) -> None:
        """Has nothing to forget."""

    def close(self) -> None:
        """Has nothing to end."""


def _require_look(head: bytes, host: str) -> None:
    try:
        first, *fields = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise _look_only("a request that is not ASCII", host) from None
    words = first.split(" ")
    if len(words) != 3 or words[0] not in {"GET", "HEAD"} or words[2] != "HTTP/1.1":  # noqa: PLR2004
        raise _look_only(f"Docker's `{first[:80]}`", host)
    if not _LOOKS.fullmatch(words[1]) or ".." in words[1] or "%2f" in words[1].lower():
        raise _look_only(f"Docker's `{first[:80]}`", host)
    names = {line.partition(":")[0].strip().lower() for line in fields}
    if any("\n" in line or "\r" in line for line in (first, *fields)) or names & _WITH_BODY:
        raise _look_only(f"Docker's `{first[:80]}` with a body", host)


def _look_only(what: str, host: str) -> LookOnly:
    return LookOnly(
        f"{what} is refused: this process may only look at `{host}`",
        host=host,
        hint="propose a change; a person applies it with `tomo apply`",
    )
