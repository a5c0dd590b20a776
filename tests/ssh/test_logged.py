"""The log of a real connection: the dial, each command by its words, and what went wrong; nothing of their content."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.ssh.conftest import Sshd
from tomo.errors import HostUnreachable
from tomo.logs.lines import json_log
from tomo.logs.watched import WatchedConnections
from tomo.model.connection import HostBook, HostSpec
from tomo.model.log import LogLevel
from tomo.service.looking import only_looks
from tomo.ssh.looking import LookingConnections
from tomo.ssh.pool import ConnectionPool

pytestmark = pytest.mark.sshd


def test_every_line_of_a_connection_has_the_id_of_its_work(
    sshd: Callable[..., Sshd], pool: ConnectionPool, spec_for: Callable[..., HostSpec]
) -> None:
    lines: list[str] = []
    log = json_log(lines.append, LogLevel.DEBUG, pytest.fail).bind(correlation="c1")
    connection = WatchedConnections(pool, log).get(spec_for(sshd()))

    connection.run(["printf", "canary-of-%s", "an-output"])
    connection.run_text("echo $WORD", stdin=b"canary-of-an-input", env={"WORD": "canary-of-a-variable"})
    connection.read_file("/etc/hostname")

    told = [json.loads(line) for line in lines]
    assert {line["correlation"] for line in told} == {"c1"}
    assert [line["event"] for line in told] == ["dial", "command", "command", "read file"]
    assert told[0]["host"] == told[1]["host"] == "web"
    assert told[1]["argv"] == ["printf", "canary-of-%s", "an-output"]
    assert (told[2]["characters"], told[2]["variables"]) == (10, ["WORD"])
    assert told[3]["path"] == "/etc/hostname"
    assert "an-input" not in "".join(lines)
    assert "a-variable" not in "".join(lines)


def test_a_dial_that_fails_is_a_warning_with_its_code(
    pool: ConnectionPool, spec_for: Callable[..., HostSpec], sshd: Callable[..., Sshd]
) -> None:
    lines: list[str] = []
    log = json_log(lines.append, LogLevel.WARNING, pytest.fail)
    connection = WatchedConnections(pool, log).get(spec_for(sshd(), port=1))

    with pytest.raises(HostUnreachable):
        connection.run(["true"])

    told = [json.loads(line) for line in lines]
    assert [(line["event"], line["error"]) for line in told] == [
        ("dial", "host-unreachable"),
        ("command", "host-unreachable"),
    ]


def test_a_road_that_only_looks_tells_its_dials_too(
    sshd: Callable[..., Sshd], pool: ConnectionPool, spec_for: Callable[..., HostSpec]
) -> None:
    lines: list[str] = []
    log = json_log(lines.append, LogLevel.DEBUG, pytest.fail).bind(correlation="c1")
    looking = LookingConnections(pool, HostBook(), only_looks)

    WatchedConnections(looking, log).get(spec_for(sshd())).run(["true"])

    told = [json.loads(line) for line in lines]
    assert [(line["event"], line["correlation"]) for line in told] == [("dial", "c1"), ("command", "c1")]
