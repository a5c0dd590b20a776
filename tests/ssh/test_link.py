"""One connection a host: limits of sshd, jump hosts, loss, and what a run shares."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ssh.conftest import free_port
from tomo.errors import ConnectionLost, HostError, HostKeyError, HostUnreachable
from tomo.model.connection import LOCAL, HostSpec
from tomo.settings import Settings
from tomo.ssh.pool import ConnectionPool

FIFTY = range(50)


def end(flag: Path) -> None:
    """Ends the command that wrote its process id there: it outlives its connection."""
    with suppress(ProcessLookupError):
        os.kill(int(flag.read_text()), signal.SIGKILL)


@pytest.mark.sshd
class TestLimits:
    @pytest.mark.parametrize(
        "options",
        [("MaxSessions 2", "MaxStartups 1"), ("MaxSessions 1", "MaxStartups 1"), ("MaxStartups 1",)],
    )
    def test_fifty_parallel_commands_fit_into_any_limit_with_one_login(
        self, sshd, spec_for, pool, options: tuple[str, ...]
    ) -> None:
        server = sshd(*options)
        connection = pool.get(spec_for(server))

        with ThreadPoolExecutor(20) as threads:
            results = threads.map(lambda number: connection.run(["echo", str(number)]).text, FIFTY)

        assert list(results) == [str(number) for number in FIFTY]
        assert (server.logins(), server.connections()) == (1, 1)

    def test_a_server_without_sessions_is_named(self, sshd, spec_for, pool) -> None:
        connection = pool.get(spec_for(sshd("MaxSessions 0")))

        with pytest.raises(HostError, match="refuses every session"):
            connection.run(["true"])

    def test_without_the_cyclic_collector_nothing_stays_open(self, sshd, spec_for, pool) -> None:
        server = sshd()
        connection = pool.get(spec_for(server))
        gc.disable()
        try:
            for number in range(30):
                connection.run(["echo", str(number)])
                connection.open_socket().close()
        finally:
            gc.enable()

        assert server.connections() == 1


@pytest.mark.sshd
class TestJumps:
    def test_a_chain_of_jump_hosts_is_one_connection_to_each(self, sshd, spec_for, pool) -> None:
        first, second, target = sshd(), sshd("MaxSessions 0"), sshd()
        way = replace(spec_for(second), proxy=spec_for(first))
        connections = [
            pool.get(replace(spec_for(target), proxy=way)),
            pool.get(replace(spec_for(second, host="localhost"), proxy=spec_for(first))),
        ]

        assert connections[0].run(["echo", "in"]).text == "in"
        with pytest.raises(HostError, match="refuses every session"):
            connections[1].run(["true"])

        assert (first.connections(), second.connections(), target.connections()) == (1, 2, 1)

    def test_a_jump_host_by_name_is_completed_by_the_book(
        self, sshd, spec_for, pools, settings: Settings
    ) -> None:
        jump, target = sshd(), sshd()
        declared = spec_for(jump)
        spec = spec_for(target, proxy_jump=f"root@127.0.0.1:{jump.port}")

        assert pools(settings, (declared,)).get(spec).run(["echo", "in"]).text == "in"

    def test_hosts_that_jump_through_one_another_are_an_error(self, pool, settings: Settings) -> None:
        (settings.home / ".ssh" / "config").write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")

        with pytest.raises(HostError, match="lead in a circle"):
            pool.get(HostSpec(host="a", user="root")).run(["true"])

    def test_a_target_that_the_jump_host_does_not_reach_is_named(self, sshd, spec_for, pool) -> None:
        jump, port = sshd(), free_port()
        spec = HostSpec(host="127.0.0.1", port=port, user="root", name="db", proxy=spec_for(jump))

        told = rf"jump host `web` can't open a connection to 127\.0\.0\.1:{port}\b"
        with pytest.raises(HostUnreachable, match=told):
            pool.get(spec).run(["true"])


@pytest.mark.sshd
class TestLoss:
    def test_a_connection_lost_while_idle_is_made_again(self, sshd, spec_for, pool) -> None:
        server = sshd()
        connection = pool.get(spec_for(server))
        connection.run(["true"])

        server.cut_connections()

        assert connection.run(["echo", "back"]).text == "back"
        assert server.connections() == 2

    def test_a_connection_lost_under_a_command_is_an_error(self, sshd, spec_for, pool, tmp_path) -> None:
        server = sshd()
        connection = pool.get(spec_for(server))
        flag = tmp_path / "started"

        def cut() -> None:
            while not flag.exists():
                pass
            server.cut_connections()

        cutter = threading.Thread(target=cut)
        cutter.start()
        with pytest.raises(ConnectionLost, match="was lost while `sh -c echo"):
            connection.run(["sh", "-c", f"echo $$ >{flag}.new; mv {flag}.new {flag}; exec sleep 600"])
        cutter.join()
        end(flag)

        assert server.connections() == 1

    def test_a_host_that_does_not_come_back_is_unreachable_at_once(self, sshd, spec_for, pool) -> None:
        server = sshd()
        connection = pool.get(spec_for(server))
        connection.run(["true"])
        server.stop()

        for _ in range(2):
            with pytest.raises(HostUnreachable, match="refused the connection"):
                connection.run(["true"])

    def test_closing_is_quick_and_final(self, sshd, spec_for, pool) -> None:
        connection = pool.get(spec_for(sshd()))
        connection.run(["true"])
        started = time.monotonic()

        connection.close()

        assert time.monotonic() - started < 0.5
        with pytest.raises(ConnectionLost, match="is closed"):
            connection.run(["true"])

    def test_a_waiting_command_ends_when_the_pool_closes(self, sshd, spec_for, pool, tmp_path) -> None:
        connection = pool.get(spec_for(sshd()))
        flag = tmp_path / "started"
        caught: list[BaseException] = []

        def wait() -> None:
            try:
                connection.run(["sh", "-c", f"echo $$ >{flag}.new; mv {flag}.new {flag}; exec sleep 600"])
            except HostError as error:
                caught.append(error)

        waiter = threading.Thread(target=wait)
        waiter.start()
        while not flag.exists():
            pass
        pool.close()
        waiter.join(5)
        end(flag)

        assert isinstance(caught[0], ConnectionLost)


class TestPool:
    def test_equal_specs_share_a_connection_and_nothing_is_dialled(self, pool: ConnectionPool) -> None:
        spec = HostSpec(host="192.0.2.1", user="root")

        assert pool.get(spec) is pool.get(replace(spec))
        assert pool.get(spec) is not pool.get(replace(spec, user="ann"))
        assert pool.get(LOCAL) is pool.get(LOCAL)

    @pytest.mark.sshd
    def test_become_does_not_make_another_connection(self, sshd, spec_for, pool: ConnectionPool) -> None:
        server = sshd()
        plain, root = pool.get(spec_for(server)), pool.get(spec_for(server, become=True, name="other"))

        assert plain.run(["echo", "in"]).text == root.run(["echo", "in"]).text == "in"

        assert plain is not root
        assert server.connections() == 1

    @pytest.mark.sshd
    def test_root_needs_no_sudo_even_where_only_the_config_names_the_user(
        self, sshd, spec_for, pool: ConnectionPool
    ) -> None:
        connection = pool.get(spec_for(sshd("SetEnv PATH=/usr/bin:/bin"), user=None, become=True))

        assert connection.sudo == ()

    @pytest.mark.sshd
    def test_a_bare_address_is_completed_by_the_book(
        self, sshd, spec_for, pools: Callable[..., ConnectionPool], settings: Settings
    ) -> None:
        server = sshd()
        pool = pools(settings, (spec_for(server),))

        connection = pool.get(HostSpec(host="127.0.0.1", user="root", port=server.port))

        assert connection.run(["echo", "in"]).text == "in"
        assert connection is pool.get(spec_for(server))

    def test_paramiko_is_not_imported_before_a_remote_host_is_used(self) -> None:
        program = (
            "import sys; from tomo.ssh.pool import ConnectionPool; from tomo.model.connection import *; "
            "from tomo.settings import Settings; p = ConnectionPool(Settings()); "
            "p.get(HostSpec(host='192.0.2.1', user='root')); p.get(LOCAL).run(['true']); p.close(); "
            "print('paramiko' in sys.modules, 'cryptography' in sys.modules)"
        )

        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert shown.stdout.split() == ["False", "False"]


@pytest.mark.sshd
class TestDiallingBeforeTheFirstUse:
    def test_the_first_use_takes_over_the_connection(self, sshd, spec_for, pool) -> None:
        server = sshd()

        pool.prepare(spec_for(server))
        said = pool.get(spec_for(server)).run(["echo", "here"]).text

        assert said == "here"
        assert (server.logins(), server.connections()) == (1, 1)

    def test_what_went_wrong_is_told_by_the_first_use(self, sshd, spec_for, pool) -> None:
        server = sshd()
        spec = spec_for(
            server,
            host_keys=("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",),
        )

        pool.prepare(spec)

        with pytest.raises(HostKeyError, match="shows another host key"):
            pool.get(spec).run(["true"])
        assert server.logins() == 0

    def test_nobody_is_asked_for_a_passphrase_before_somebody_waits(
        self, sshd, spec_for, pools, keys, settings
    ) -> None:
        asked: list[str] = []

        def answer(file: str) -> str:
            asked.append(threading.current_thread().name)
            return "open sesame"

        server = sshd()
        spec = spec_for(server, identity=str(keys / "locked-ed25519"))
        asking = pools(settings, ask_passphrase=answer)
        asking.prepare(spec)
        said = asking.get(spec).run(["echo", "here"]).text

        assert said == "here"
        assert asked == [threading.current_thread().name]

    def test_closing_waits_for_no_host_that_is_silent(self, pool, spec_for, sshd) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            spec = HostSpec("127.0.0.1", "root", silent.getsockname()[1], connect_timeout=1.0)
            pool.prepare(spec)
            silent.accept()[0].close()
            begun = time.monotonic()
            pool.close()

        assert time.monotonic() - begun < 0.5


@pytest.mark.sshd
class TestDiallingAgain:
    def test_a_failure_stands_until_it_is_dialled_again(self, sshd, spec_for, pool) -> None:
        server = sshd()
        spec = spec_for(server)
        server.process.send_signal(signal.SIGSTOP)
        connection = pool.get(replace(spec, connect_timeout=0.2))
        with pytest.raises(HostUnreachable) as first:
            connection.run(["true"])
        server.process.send_signal(signal.SIGCONT)

        with pytest.raises(HostUnreachable) as second:
            connection.run(["true"])
        pool.redial(second.value)
        said = connection.run(["echo", "here"]).text

        assert str(second.value) == str(first.value)
        assert said == "here"

    def test_only_the_first_of_those_who_saw_a_failure_has_it_dialled_again(self, pool) -> None:
        port = free_port()
        connection = pool.get(HostSpec("127.0.0.1", "root", port))
        with pytest.raises(HostUnreachable) as seen:
            connection.run(["true"])
        pool.redial(seen.value)
        with pytest.raises(HostUnreachable) as newer:
            connection.run(["true"])

        pool.redial(seen.value)

        with socket.create_server(("127.0.0.1", port)), pytest.raises(HostUnreachable) as still:
            connection.run(["true"])
        assert still.value.message == newer.value.message

    def test_a_jump_host_is_dialled_again_too(self, sshd, spec_for, pool) -> None:
        server, jump = sshd(), sshd()
        dead = free_port()
        proxy = replace(spec_for(jump), port=dead)
        connection = pool.get(spec_for(server, proxy=proxy))
        with pytest.raises(HostUnreachable) as first:
            connection.run(["true"])
        with pytest.raises(HostUnreachable) as second:
            connection.run(["true"])

        pool.redial(second.value)

        with socket.create_server(("127.0.0.1", dead)) as listening:
            listening.settimeout(5)
            with ThreadPoolExecutor(1) as thread:
                dialled = thread.submit(connection.run, ["true"])
                listening.accept()[0].close()
                listening.close()
            with pytest.raises(HostUnreachable):
                dialled.result()
        assert first.value.message == second.value.message
