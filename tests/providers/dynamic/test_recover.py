"""What Tomo's own dynamic types and commands tell of a creation that was cut off."""

from __future__ import annotations

import pytest

from tomo.model.provider import CreateRequest, DeleteRequest, RecoverRequest, RecoverStatus
from tomo.model.urn import Urn
from tomo.providers.command.provider import COPY, REMOTE_COMMAND, CommandProvider
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.resources.tokens import FILE, SERVER
from tomo.settings import Settings
from tomo.testing.fake_host import FakeConnections, FakeHost

WANTED = {"host": "web1", "path": "/etc/app.conf", "content": "port = 80\n"}


def urn(type_: str) -> Urn:
    return Urn.make("dev", "p", None, type_, "it")


@pytest.fixture
def host() -> FakeHost:
    return FakeHost("web1")


@pytest.fixture
def hosts(host: FakeHost) -> FakeConnections:
    return FakeConnections({"web1": host})


def test_a_file_that_was_written_is_found_and_goes_with_its_resource(
    host: FakeHost, hosts: FakeConnections
) -> None:
    runner = DynamicProvider(hosts)
    runner.create(CreateRequest(urn(FILE), WANTED))

    found = runner.recover(RecoverRequest(urn(FILE), WANTED, act=True))
    runner.delete(DeleteRequest(urn(FILE), found.id, WANTED, found.outputs))

    assert (found.status, found.id) == (RecoverStatus.MADE, "/etc/app.conf")
    assert host.stat_files(["/etc/app.conf"]) == [None]


def test_a_file_that_is_half_written_is_written_anew(host: FakeHost, hosts: FakeConnections) -> None:
    host.write_file("/etc/app.conf", b"port")
    runner = DynamicProvider(hosts)

    found = runner.recover(RecoverRequest(urn(FILE), WANTED, act=True))
    runner.create(CreateRequest(urn(FILE), WANTED))

    assert found.status is RecoverStatus.NOTHING
    assert host.read_file("/etc/app.conf") == b"port = 80\n"


def test_a_server_makes_nothing(hosts: FakeConnections) -> None:
    found = DynamicProvider(hosts).recover(RecoverRequest(urn(SERVER), {"host": "web1"}, act=True))

    assert found.status is RecoverStatus.NOTHING


def test_of_a_providers_own_resource_nothing_tells(hosts: FakeConnections) -> None:
    mine = urn("pulumi-python:dynamic:Resource")

    assert DynamicProvider(hosts).recover(RecoverRequest(mine, {}, act=True)).status is RecoverStatus.UNKNOWN


@pytest.mark.parametrize(
    ("type_", "inputs", "status"),
    [
        (REMOTE_COMMAND, {"create": "make install"}, RecoverStatus.UNKNOWN),
        (REMOTE_COMMAND, {"create": "# tomo-script: docker\n"}, RecoverStatus.NOTHING),
        (REMOTE_COMMAND, {"delete": "rm x"}, RecoverStatus.NOTHING),
        (COPY, {"remotePath": "/x"}, RecoverStatus.NOTHING),
    ],
)
def test_a_command_is_repeated_only_where_that_is_known_to_be_safe(
    hosts: FakeConnections, type_: str, inputs: dict[str, str], status: RecoverStatus
) -> None:
    found = CommandProvider(hosts, Settings()).recover(RecoverRequest(urn(type_), inputs, act=True))

    assert found.status is status
