"""paramiko's transport and channel with what they lack: Unix socket channels, reasons, death by signal."""

# The stubs leave out paramiko's underscore names; `tests/ssh` holds the ones used here against paramiko.
# mypy: disable-error-code="attr-defined, misc, union-attr"

# ruff: noqa: SLF001  # the seam to paramiko's insides is this file, and only this one

from __future__ import annotations

import errno
import logging
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from paramiko import Channel, Message, SSHException, Transport
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    cMSG_CHANNEL_CLOSE,
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_REQUEST,
)

from tomo.ssh.hostkeys import ALGORITHMS

DISABLED: Final = {
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
}
_CHUNK = 1 << 20

# paramiko logs every refused channel; without any handler Python would print that to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class ChannelRefused(Exception):
    """The server answered a channel's opening with no; `reason` is its text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMuchOutput(Exception):
    """A command printed more than its limit."""


class _Outgoing:
    """A transport as one channel sends on it: its CLOSE comes last, whichever thread sends what.

    paramiko builds a message under the channel's lock and sends it after that, so the CLOSE that
    answers the server's can overtake it; sshd ends the whole connection over what follows a CLOSE.
    """

    def __init__(self, transport: SshTransport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._sending = 0
        self._closed = False
        self._close: Message | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_user_message(self, message: Message) -> None:
        """Sends it, or drops it after the CLOSE; a CLOSE waits for what other threads still send."""
        with self._lock:
            if self._closed:
                return
            self._closed = message.asbytes().startswith(cMSG_CHANNEL_CLOSE)
            if self._closed and self._sending:
                self._close = message
                return
            self._sending += 1
        try:
            self._send(message)
        finally:
            with self._lock:
                self._sending -= 1
                last = None if self._sending else self._close
        if last is not None:
            self._send(last)

    def _send(self, message: Message) -> None:
        try:
            self._transport._send_user_message(message)
        except EOFError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the connection was lost") from error


class SshChannel(Channel):
    """A channel that wakes the one thread that works on it, whatever happens."""

    def __init__(self, chanid: int) -> None:
        super().__init__(chanid)
        self.wake = threading.Event()
        self.exec_refused = False

    def attach(self, transport: SshTransport) -> None:
        """Binds the channel to its transport, as the transport does before it opens one."""
        self._set_transport(_Outgoing(transport))
        self._set_window(transport.default_window_size, transport.default_max_packet_size)

    def execute(self, command: bytes) -> None:
        """Starts a command without waiting for the server's word: that saves a round trip."""
        message = _request(self.remote_chanid, "exec", want_reply=True)
        message.add_string(command)
        self.transport._send_user_message(message)

    def start_subsystem(self, name: str) -> None:
        """Starts one of the server's own services, such as `sftp`, without waiting for its word."""
        message = _request(self.remote_chanid, "subsystem", want_reply=True)
        message.add_string(name)
        self.transport._send_user_message(message)

    def send_signal(self, name: str) -> None:
        """Asks the server to signal the command's process group; servers may ignore it."""
        if self.closed:
            return
        message = _request(self.remote_chanid, "signal", want_reply=False)
        message.add_string(name)
        self.transport._send_user_message(message)

    def exchange(self, stdin: bytes, *, deadline: float | None, limit: int) -> tuple[bytes, bytes]:
        """Feeds stdin and drains both outputs until the command ends; raises TimeoutError at the deadline."""
        self.settimeout(0.0)
        out, err = bytearray(), bytearray()
        sent = self._feed_stdin(stdin, 0)
        while True:
            self.wake.clear()
            ended = self.closed
            sent = self._feed_stdin(stdin, sent)
            while self.recv_ready():
                out += self.recv(_CHUNK)
            while self.recv_stderr_ready():
                err += self.recv_stderr(_CHUNK)
            if len(out) + len(err) > limit:
                raise TooMuchOutput
            if ended:
                return bytes(out), bytes(err)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self.wake.wait(left)

    def _feed_stdin(self, stdin: bytes, sent: int) -> int:
        try:
            while sent < len(stdin) and self.send_ready():
                count = self.send(stdin[sent : sent + self.out_max_packet_size])
                if not count:
                    break
                sent += count
        except ConnectionError:
            raise
        except OSError:
            # A command may end without having read its stdin; what it printed still counts.
            return len(stdin)
        if sent == len(stdin) and not self.eof_sent:
            self.shutdown_write()
        return sent

    def _feed(self, m: Any) -> None:
        super()._feed(m)
        self.wake.set()

    def _feed_extended(self, m: Any) -> None:
        super()._feed_extended(m)
        self.wake.set()

    def _window_adjust(self, m: Any) -> None:
        super()._window_adjust(m)
        self.wake.set()

    def _set_closed(self) -> None:
        super()._set_closed()
        self.wake.set()

    def _request_failed(self, m: Any) -> None:
        self.exec_refused = True
        super()._request_failed(m)

    def _handle_request(self, m: Any) -> None:
        start = m.packet.tell()
        if m.get_text() == "exit-signal":
            m.get_boolean()
            self.exit_status = 128 + _signal_number(m.get_text())
            self.status_event.set()
        else:
            m.packet.seek(start)
            super()._handle_request(m)


class SshTransport(Transport):
    """One SSH connection's protocol; opens channels and keeps each refusal's reason."""

    # paramiko's table names the methods of its own Channel, past those that a subclass overrides.
    _channel_handler_table: Final = {
        **Transport._channel_handler_table,
        MSG_CHANNEL_FAILURE: SshChannel._request_failed,
        MSG_CHANNEL_DATA: SshChannel._feed,
        MSG_CHANNEL_EXTENDED_DATA: SshChannel._feed_extended,
        MSG_CHANNEL_WINDOW_ADJUST: SshChannel._window_adjust,
        MSG_CHANNEL_REQUEST: SshChannel._handle_request,
    }

    def __init__(self, sock: Any, algorithms: Sequence[str] = ()) -> None:
        super().__init__(sock, disabled_algorithms=DISABLED)
        every = [name for names in ALGORITHMS.values() for name in names]
        self._host_key_algorithms = tuple(algorithms or every)
        self._refusals: dict[int, str] = {}
        self.offered: frozenset[str] = frozenset()

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms that are asked for."""
        return self._host_key_algorithms

    @property
    def depth(self) -> int:
        """How many jump hosts this connection goes through."""
        return 1 + self.sock.transport.depth if isinstance(self.sock, SshChannel) else 0

    def run(self) -> None:
        """Serves the connection; a jump host that is lost under it is no error of this thread's own."""
        with suppress(EOFError, OSError):
            super().run()

    def negotiate(self, timeout: float) -> None:
        """Agrees on keys; after it the host key is known and nothing secret was sent."""
        self.banner_timeout = self.handshake_timeout = timeout
        self.start_client(timeout=timeout)
        if not self.initial_kex_done:
            raise TimeoutError

    def open(self, kind: str, extra: bytes = b"", *, timeout: float = 30.0) -> SshChannel:
        """Opens a channel; raises ChannelRefused for a no, SSHException for a lost connection."""
        opened = threading.Event()
        with self.lock:
            chanid = self._next_channel()
            channel = SshChannel(chanid)
            self._channels.put(chanid, channel)
            self.channel_events[chanid] = opened
            self.channels_seen[chanid] = True
            channel.attach(self)
        self._send_user_message(self._open_message(kind, chanid, extra))
        deadline = time.monotonic() + timeout
        while not opened.wait(0.2) and self.active and time.monotonic() < deadline:
            pass
        reason = self._refusals.pop(chanid, None)
        if reason is not None:
            raise ChannelRefused(reason)
        if not self.active or not channel.active:
            raise SSHException("the connection was lost" if not self.active else "no answer in time")
        return channel

    def open_socket(self, path: str) -> SshChannel:
        """A channel to a Unix socket on the host (OpenSSH's PROTOCOL, 2.4); it counts as no session."""
        extra = Message()
        extra.add_string(path)
        extra.add_string("")
        extra.add_int(0)
        return self.open("direct-streamlocal@openssh.com", extra.asbytes())

    def open_tcp(self, host: str, port: int, *, timeout: float) -> SshChannel:
        """A channel to an address that the host can reach."""
        extra = Message()
        extra.add_string(host)
        extra.add_int(port)
        extra.add_string("127.0.0.1")
        extra.add_int(0)
        return self.open("direct-tcpip", extra.asbytes(), timeout=timeout)

    def end(self) -> None:
        """Closes at once: its thread wakes from reading and ends, and so does every channel."""
        if isinstance(self.sock, socket.socket):
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        self.close()
        self.packetizer.complete_handshake()  # stops its timer, which a failed handshake leaves running
        if self.is_alive() and self is not threading.current_thread():
            self.join(1.0)

    def _open_message(self, kind: str, chanid: int, extra: bytes) -> Message:
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string(kind)
        message.add_int(chanid)
        message.add_int(self.default_window_size)
        message.add_int(self.default_max_packet_size)
        message.add_bytes(extra)
        return message

    def _parse_channel_open_failure(self, m: Any) -> None:
        chanid = m.get_int()
        m.get_int()
        self._refusals[chanid] = m.get_text()
        m.rewind()
        super()._parse_channel_open_failure(m)

    def _really_parse_kex_init(self, m: Any, ignore_first_byte: bool = False) -> Any:  # noqa: FBT001, FBT002
        parsed = super()._really_parse_kex_init(m, ignore_first_byte)
        if not ignore_first_byte:
            self.offered = frozenset(parsed["server_key_algo_list"])
        return parsed


def _request(chanid: int, kind: str, *, want_reply: bool) -> Message:
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(chanid)
    message.add_string(kind)
    message.add_boolean(want_reply)
    return message


def _signal_number(name: str) -> int:
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        return signal.SIGKILL.value
