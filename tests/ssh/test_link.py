"""One connection a host: limits of sshd, jump hosts, loss, and what a run shares."""

from __future__ import annotations

import gc
import os
import signal
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

from tomo.errors import ConnectionLost, HostError, HostUnreachable
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
        jump = sshd()
        spec = HostSpec(host="127.0.0.1", port=1, user="root", name="db", proxy=spec_for(jump))

        with pytest.raises(HostUnreachable, match=r"jump host `web` can't open a connection to 127.0.0.1:1"):
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
