"""One SSH connection to one host: dialled once, shared by threads, its channels counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from tomo.errors import CommandTimeout, ConnectionLost, HostError, HostUnreachable, TomoError
from tomo.model.connection import CommandResult, HostSpec
from tomo.ssh.slots import Slots

if TYPE_CHECKING:
    from tomo.ssh.transport import SshChannel, SshTransport

_REFUSAL_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08)
"""sshd frees a session a moment after its channel closed; a refusal that lasts longer is its limit."""


class Links(Protocol):
    """The pool as links see it: where the connection to a jump host comes from."""

    def link(self, spec: HostSpec) -> Link:
        """The link to a jump host."""
        ...


class Dial(Protocol):
    """Makes the connection of a link; where nobody may be asked for a passphrase it raises NotUnasked."""

    def __call__(self, *, may_ask: bool) -> SshTransport:
        """Dials, checks the host key and logs in."""
        ...


class NotUnasked(Exception):
    """Somebody would have to be asked, or may have to be."""


class Link:
    """A connection that dials at its first use; every method may be called from any thread."""

    def __init__(self, spec: HostSpec, dial: Dial) -> None:
        self.spec = spec
        self._dial = dial
        self._lock = threading.Lock()
        self._transport: SshTransport | None = None
        self._failure: HostError | None = None
        self._closed = False
        self._dialer = 0
        self._slots = Slots()

    def command(
        self, command: bytes, *, stdin: bytes, timeout: float | None, limit: int, shown: str
    ) -> CommandResult:
        """Runs a command line; the exit code of one that died by a signal is 128 and its number."""
        from paramiko import SSHException  # noqa: PLC0415

        deadline = None if timeout is None else time.monotonic() + timeout
        channel = self._session(deadline, stream=False)
        try:
            channel.execute(command)
            return self._run(channel, stdin, deadline, limit, shown)
        except (SSHException, ConnectionError) as error:
            raise self._lost(f"while `{shown}` ran") from error
        finally:
            channel.close()
            self._slots.release(stream=False)

    def open_socket(self, path: str) -> SshChannel | None:
        """A stream to a Unix socket on the host; None where the host refuses."""
        from tomo.ssh.transport import ChannelRefused  # noqa: PLC0415

        try:
            return self._opened(lambda transport: transport.open_socket(path))
        except ChannelRefused:
            return None

    def open_tcp(self, host: str, port: int, *, timeout: float) -> SshChannel:
        """A stream to an address as seen from the host, for a connection through it."""
        from tomo.ssh.transport import ChannelRefused  # noqa: PLC0415

        try:
            return self._opened(lambda transport: transport.open_tcp(host, port, timeout=timeout))
        except ChannelRefused as error:
            label = self.spec.label
            raise HostUnreachable(
                f"jump host `{label}` can't open a connection to {host}:{port}: {error.reason}",
                host=label,
                hint=f"Does {host}:{port} answer from there, and does its sshd allow AllowTcpForwarding?",
            ) from error

    def open_process(self, command: bytes) -> ProcessStream:
        """A command whose stdin and stdout are a stream; it holds a session until it is closed."""
        return self._process(lambda channel: channel.execute(command))

    def open_subsystem(self, name: str) -> ProcessStream:
        """One of the server's own services as a stream; it holds a session until it is closed."""
        return self._process(lambda channel: channel.start_subsystem(name))

    def user(self) -> str:
        """Whom the connection is logged in as."""
        return self._alive().get_username() or ""

    @property
    def depth(self) -> int:
        """How many jump hosts the connection goes through; none while there is no connection."""
        transport = self._transport
        return transport.depth if transport is not None else 0

    def prepare(self) -> None:
        """Begins to dial without being waited for; asks nobody anything, since nobody waits for it yet."""
        threading.Thread(target=self._prepare, name="tomo-dial", daemon=True).start()

    def redial(self, error: HostError | None = None) -> None:
        """Has the next use dial again after any failure, or after the one that this error came from."""
        with self._lock:
            if error is None or any(each is self._failure for each in _causes(error)):
                self._failure = None

    def close(self) -> None:
        """Ends the connection, for good; one that is being dialled ends when that is done."""
        self._closed = True
        if not self._lock.acquire(blocking=False):
            return
        try:
            transport, self._transport = self._transport, None
        finally:
            self._lock.release()
        if transport is not None:
            transport.end()

    def _process(self, start: Callable[[SshChannel], None]) -> ProcessStream:
        from paramiko import SSHException  # noqa: PLC0415

        channel = self._session(None, stream=True)
        stream = ProcessStream(channel, lambda: self._slots.release(stream=True))
        try:
            start(channel)
        except (SSHException, ConnectionError) as error:
            stream.close()
            raise self._lost("as a command was started") from error
        return stream

    def _run(
        self, channel: SshChannel, stdin: bytes, deadline: float | None, limit: int, shown: str
    ) -> CommandResult:
        from tomo.ssh.transport import TooMuchOutput  # noqa: PLC0415

        try:
            out, err = channel.exchange(stdin, deadline=deadline, limit=limit)
        except TimeoutError as error:
            raise timed_out(self.spec.label, shown) from error
        except TooMuchOutput as error:
            channel.send_signal("TERM")
            raise too_much(self.spec.label, shown, limit) from error
        if channel.exec_refused:
            raise HostError(f"`{self.spec.label}` refuses to run commands", host=self.spec.label)
        if channel.exit_status < 0:
            raise self._lost(f"while `{shown}` ran")
        return CommandResult(channel.exit_status, out, err)

    def _session(self, deadline: float | None, *, stream: bool) -> SshChannel:
        """A channel for a command, when the server's limit on sessions leaves room for one."""
        from tomo.ssh.transport import ChannelRefused  # noqa: PLC0415

        while True:
            if not self._slots.take(stream=stream, deadline=deadline):
                raise self._no_slot(deadline)
            try:
                for pause in (*_REFUSAL_PAUSES, 0.0):
                    try:
                        channel = self._opened(lambda transport: transport.open("session"))
                    except ChannelRefused:
                        time.sleep(pause)
                    else:
                        self._slots.opened()
                        return channel
            except BaseException:
                self._slots.give_back(stream=stream)
                raise
            if not self._slots.shrink(stream=stream):
                label = self.spec.label
                hint = "Is MaxSessions 0 in its sshd_config?"
                raise HostError(f"`{label}` refuses every session", host=label, hint=hint)

    def _no_slot(self, deadline: float | None) -> HostError:
        label = self.spec.label
        if deadline is not None and time.monotonic() >= deadline:
            return CommandTimeout(f"no session became free on `{label}` in time", host=label)
        return HostError(
            f"`{label}` allows too few sessions, and streams to Docker hold them all",
            host=label,
            hint="Set AllowStreamLocalForwarding yes, or raise MaxSessions, in its sshd_config",
        )

    def _opened(self, open_channel: Callable[[SshTransport], SshChannel]) -> SshChannel:
        """Opens a channel; one lost connection is dialled again, since nothing has begun on it yet."""
        from paramiko import SSHException  # noqa: PLC0415

        transport = self._alive()
        try:
            return open_channel(transport)
        except (SSHException, OSError, EOFError):
            if transport.is_active():
                transport.end()
        try:
            return open_channel(self._alive())
        except (SSHException, OSError, EOFError) as error:
            raise self._lost("twice") from error

    def _prepare(self) -> None:
        with suppress(HostError, NotUnasked):
            self._alive(may_ask=False)

    def _alive(self, *, may_ask: bool = True) -> SshTransport:
        """The transport; dials at the first use and after a loss. A failure to dial stands until `redial`."""
        transport = self._transport
        if transport is not None and transport.is_active():
            return transport
        if self._dialer == threading.get_ident():
            raise HostError(f"the jump hosts of `{self.spec.label}` lead in a circle", host=self.spec.label)
        with self._lock:
            if self._failure is not None:
                raise again(self._failure) from self._failure
            if self._transport is None or not self._transport.is_active():
                self._drop()
                if not self._closed:
                    self._transport = self._first_or_next(may_ask=may_ask)
            if self._closed or self._transport is None:
                self._drop()
                raise ConnectionLost(f"the connection to `{self.spec.label}` is closed", host=self.spec.label)
            return self._transport

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.end()

    def _first_or_next(self, *, may_ask: bool) -> SshTransport:
        self._dialer = threading.get_ident()
        try:
            return self._dial(may_ask=may_ask)
        except TomoError as error:
            self._failure = _of_host(error, self.spec.label)
            if self._failure is error:
                raise
            raise self._failure from error
        finally:
            self._dialer = 0

    def _lost(self, when: str) -> ConnectionLost:
        label = self.spec.label
        return ConnectionLost(
            f"the connection to `{label}` was lost {when}",
            host=label,
            hint="Whether the command finished is not known; run the plan again to see",
        )


class ProcessStream:
    """A remote command's stdin and stdout as one stream."""

    def __init__(self, channel: SshChannel, release: Callable[[], None]) -> None:
        self._channel = channel
        self._release: Callable[[], None] | None = release
        self._lock = threading.Lock()

    def sendall(self, data: bytes) -> None:
        """Sends all bytes or raises OSError."""
        self._channel.sendall(data)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        return self._channel.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """Bounds every later call."""
        self._channel.settimeout(seconds)

    def stderr(self) -> str:
        """What the command has said on stderr so far."""
        ready = self._channel.recv_stderr_ready()
        return self._channel.recv_stderr(4096).decode("utf-8", "replace") if ready else ""

    def close(self) -> None:
        """Ends the command's stdin and frees the session."""
        with self._lock:
            release, self._release = self._release, None
        if release is not None:
            self._channel.close()
            release()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def again(error: HostError) -> HostError:
    """The same error for another thread: a raised exception belongs to one traceback."""
    return type(error)(
        error.message, host=error.host, hint=error.hint, where=error.where, detail=error.detail
    )


def _of_host(error: TomoError, label: str) -> HostError:
    """A mistake in a config file or a key as this host's error: it ends the host's part of a run only."""
    if isinstance(error, HostError) and error.host:
        return error
    message = error.message if label in error.message else f"`{label}`: {error.message}"
    return HostError(message, host=label, hint=error.hint, detail=error.detail)


def timed_out(label: str, shown: str) -> CommandTimeout:
    """The error for a command that was ended because it took too long."""
    return CommandTimeout(
        f"`{shown}` on `{label}` did not end in time and was stopped",
        host=label,
        hint="Give the resource a longer timeout, or see on the host what it waits for",
    )


def too_much(label: str, shown: str, limit: int) -> HostError:
    """The error for a command that was ended because it printed too much."""
    return HostError(
        f"`{shown}` on `{label}` printed more than {limit >> 20} MiB and was stopped", host=label
    )
