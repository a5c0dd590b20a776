"""A stack that Tomo keeps on a server, taken over there by the real CLI and handed back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance.engines import Program, PulumiCli, TomoEngine
from conformance.store import Store
from conformance.vocabulary import Group, Res
from tests.contracts.sftp import SERVER, SftpServers
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend

pytestmark = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not SERVER, reason="OpenSSH's sftp-server is not installed"),
]


class OverSftp(FileBackend):
    """Reached over SFTP; on the server itself the CLI has it as a folder."""

    def __init__(self, directory: Path, servers: SftpServers) -> None:
        super().__init__(servers.storage(directory))
        self._directory = directory

    @property
    def url(self) -> str:
        return f"file://{self._directory}"


@dataclass
class ServedStore(Store):
    """A stack whose files Tomo reaches over SFTP only."""

    servers: SftpServers = field(default_factory=SftpServers)

    @property
    def backend(self) -> FileBackend:
        return OverSftp(self.directory, self.servers)


@pytest.fixture
def served(tmp_path: Path, salt: str, secrets: PassphraseManagers) -> Iterator[ServedStore]:
    store = ServedStore(tmp_path / "stack", salt, secrets)
    store.prepare()
    yield store
    store.servers.end()


def program(value: int) -> Program:
    def declare() -> None:
        group = Group("group", {})
        Res("a", {"v": value, "s": "secret"})
        Res("b", {"v": 1}, depends_on=[group])

    return declare


def test_the_real_cli_finds_nothing_to_do_and_tomo_nothing_after_it(
    served: ServedStore, tomo: TomoEngine, pulumi_cli: PulumiCli
) -> None:
    made = tomo.up(served, program(1))

    found = pulumi_cli.plan(served, program(1))
    changed = pulumi_cli.up(served, program(2))
    back = tomo.plan(served, program(2))

    assert made.ok, made.said
    assert found.ok, found.said
    assert found.changes == {}
    assert changed.ok, changed.said
    assert list(changed.changes.values()) == [["update"]]
    assert back.ok, back.said
    assert back.changes == {}
    assert served.servers.opened > 0
