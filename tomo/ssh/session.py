"""A host over SSH."""

from __future__ import annotations

from tomo.model.connection import Argv, ByteStream, CommandResult, HostSpec
from tomo.ssh import quote
from tomo.ssh.docker_road import DOCKER_SOCKET
from tomo.ssh.link import Link
from tomo.ssh.shell import ShellConnection


class SshConnection(ShellConnection):
    """Commands, files and Docker of one host over a link, which other connections may share."""

    def __init__(self, spec: HostSpec, link: Link) -> None:
        super().__init__(spec)
        self._link = link

    @property
    def is_root(self) -> bool:
        """Whether the login user is root, who needs no sudo."""
        return (self.spec.user or self._link.user()) == "root"

    def prepare(self) -> None:
        """Begins to dial in the background."""
        # Here and now: a thread would share the time with what is imported next, and dial twice as late.
        from tomo.ssh import dial  # noqa: F401, PLC0415

        self._link.prepare()

    def execute(
        self, argv: Argv, *, stdin: bytes, timeout: float | None, limit: int, shown: str
    ) -> CommandResult:
        """Runs a command as the login user; never raises for an exit code."""
        command = quote.encoded(quote.join(argv))
        return self._link.command(command, stdin=stdin, timeout=timeout, limit=limit, shown=shown)

    def open_socket(self) -> ByteStream | None:
        """A channel to Docker's socket; None where sshd or the socket refuses."""
        return self._link.open_socket(self.spec.docker_socket or DOCKER_SOCKET)

    def open_process(self, argv: Argv) -> ByteStream:
        """A command's stdin and stdout as a stream."""
        return self._link.open_process(quote.encoded(quote.join(argv)))

    def close(self) -> None:
        """Ends the link; streams of it end too."""
        self._link.close()
