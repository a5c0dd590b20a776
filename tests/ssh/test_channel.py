"""A channel beside its transport's thread: nothing follows its CLOSE, and a lost connection is told."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from paramiko import Channel
from paramiko.common import MSG_CHANNEL_CLOSE, cMSG_CHANNEL_EOF, cMSG_CHANNEL_REQUEST

from tomo.errors import ConnectionLost
from tomo.ssh import transport
from tomo.ssh.transport import SshTransport

MORE_THAN_SESSIONS = range(12)


@pytest.fixture
def close_handled(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the transport's thread is done with the server's CLOSE of any channel."""
    handled = threading.Event()

    def handle(channel: Channel, message: Any) -> None:
        Channel._handle_close(channel, message)
        handled.set()

    monkeypatch.setitem(SshTransport._channel_handler_table, MSG_CHANNEL_CLOSE, handle)
    return handled


@pytest.mark.sshd
class TestAMessageBesideTheClose:
    @pytest.mark.parametrize("held", [transport._Outgoing, SshTransport])
    def test_an_eof_that_comes_late_costs_no_connection(
        self, sshd, spec_for, pool, monkeypatch, close_handled, held: type
    ) -> None:
        send = held._send_user_message

        def late(sender: Any, message: Any) -> None:
            ours = threading.current_thread() is threading.main_thread()
            if ours and message.asbytes().startswith(cMSG_CHANNEL_EOF):
                assert close_handled.wait(30)
            send(sender, message)

        monkeypatch.setattr(held, "_send_user_message", late)
        server = sshd()
        connection = pool.get(spec_for(server))

        said = [connection.run(["echo", word]).text for word in ("one", "two", "three")]

        assert said == ["one", "two", "three"]
        assert (server.connections(), "nonexistent channel" in server.log()) == (1, False)


@pytest.mark.sshd
class TestAConnectionThatTakesNoMore:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """Kinds of message that can't be written any more."""
        kinds: list[bytes] = []
        send = SshTransport._send_user_message

        def refuse(sender: Any, message: Any) -> None:
            if message.asbytes()[:1] in kinds:
                raise EOFError
            send(sender, message)

        monkeypatch.setattr(SshTransport, "_send_user_message", refuse)
        return kinds

    @pytest.mark.parametrize("kind", [cMSG_CHANNEL_EOF, cMSG_CHANNEL_REQUEST])
    def test_a_command_that_can_not_be_sent_whole_is_an_error(
        self, sshd, spec_for, pool, broken: list[bytes], kind: bytes
    ) -> None:
        connection = pool.get(spec_for(sshd()))
        connection.run(["true"])
        broken.append(kind)

        with pytest.raises(ConnectionLost, match="was lost while `echo one` ran"):
            connection.run(["echo", "one"])

    def test_a_process_that_can_not_be_started_frees_its_session(
        self, sshd, spec_for, pool, broken: list[bytes]
    ) -> None:
        connection = pool.get(spec_for(sshd()))
        broken.append(cMSG_CHANNEL_REQUEST)

        for _ in MORE_THAN_SESSIONS:
            with pytest.raises(ConnectionLost, match="was lost as a command was started"):
                connection.open_process(["cat"])
        broken.clear()

        assert connection.run(["echo", "in"]).text == "in"
