"""The contract of storages, kept over OpenSSH's SFTP server; here without an sshd before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.sftp import SERVER, SftpServers
from tests.contracts.storage import StorageContract, small_disk
from tomo.errors import NotSupported, StateError, StateFileExists, StateUnreachable
from tomo.model.storage import Storage
from tomo.ssh.storage import SshStorage

__all__ = ["small_disk"]

pytestmark = pytest.mark.skipif(not SERVER, reason="OpenSSH's sftp-server is not installed")


@pytest.fixture
def servers() -> Iterator[SftpServers]:
    servers = SftpServers()
    yield servers
    servers.end()


class TestSftpStorage(StorageContract):
    """A folder behind an SFTP server."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    @pytest.fixture
    def storage(self, servers: SftpServers, root: Path) -> Storage:
        return servers.storage(root)

    @pytest.fixture
    def others(self, servers: SftpServers, root: Path) -> Callable[[], Storage]:
        return lambda: servers.storage(root)

    @pytest.fixture
    def small_root(self, small_disk: Path) -> Path:
        return small_disk

    @pytest.fixture
    def small(self, servers: SftpServers, small_root: Path) -> Storage:
        return servers.storage(small_root)


class TestOlderSftpServer(TestSftpStorage):
    """One that can neither copy nor link."""

    @pytest.fixture
    def servers(self) -> Iterator[SftpServers]:
        servers = SftpServers(options=("-P", "copy-data,hardlink"))
        yield servers
        servers.end()


# --- losing the connection ---

OLD, NEW = b"old" * 30_000, b"new" * 30_000


def _acts(storage: SshStorage) -> dict[str, Callable[[], object]]:
    return {
        "write": lambda: storage.write("deep/a", NEW, keep="deep/a.bak"),
        "create": lambda: storage.create("deep/locks/new", NEW),
        "append": lambda: storage.append("deep/journal").append(NEW),
        "copy": lambda: storage.copy("deep/a", "deep/c", "other/c"),
        "rename": lambda: storage.rename("deep/b", "deep/d"),
        "remove": lambda: storage.remove("deep/a", "deep/b"),
        "read": lambda: storage.read_many(["deep/a", "deep/b"]),
        "list": lambda: storage.list("deep"),
    }


@pytest.fixture
def prepared(servers: SftpServers, tmp_path: Path) -> Callable[[], tuple[SshStorage, Path]]:
    """Makes a store with files, whose connection is warm."""
    count = iter(range(10_000))

    def prepare() -> tuple[SshStorage, Path]:
        root = tmp_path / f"store{next(count)}"
        storage = servers.storage(root)
        for name, content in (("a", OLD), ("b", OLD), ("journal", OLD)):
            storage.write(f"deep/{name}", content)
        return storage, root

    return prepare


def _cuts(servers: SftpServers, storage: SshStorage, act: str) -> list[int]:
    """Where to cut: in the act's first and last bytes, and at places between them."""
    before = servers.sent
    _acts(storage)[act]()
    length = servers.sent - before
    return sorted(
        {0, 1, 30, length // 3, length // 2, length - 300, length - 60, length - 1} & set(range(length))
    )


@pytest.mark.parametrize("act", ["write", "create", "append", "copy", "rename", "remove", "read", "list"])
def test_an_act_that_is_cut_off_anywhere_is_done_over_a_new_connection(
    servers: SftpServers, prepared: Callable[[], tuple[SshStorage, Path]], act: str
) -> None:
    whole, expected_root = prepared()
    places = _cuts(servers, whole, act)
    expected = _tree(expected_root)

    for place in places:
        storage, root = prepared()
        cuts, servers.budget = servers.cuts, place
        _acts(storage)[act]()
        servers.budget = None

        assert servers.cuts == cuts + 1
        assert _tree(root) == expected, place


@pytest.mark.parametrize("act", ["write", "create", "append", "copy", "rename", "remove"])
def test_where_no_new_connection_is_to_be_had_every_file_is_old_or_new(
    servers: SftpServers, prepared: Callable[[], tuple[SshStorage, Path]], act: str
) -> None:
    whole, _ = prepared()
    for place in _cuts(servers, whole, act):
        servers.cuts, servers.gone_after_cut = 0, False
        storage, root = prepared()
        servers.budget, servers.gone_after_cut = place, True

        with pytest.raises(StateUnreachable, match=r"`box` was lost while .* did not answer") as caught:
            _acts(storage)[act]()

        assert "tomo plan" in caught.value.hint
        assert "ssh://box" in caught.value.message
        for path, content in _tree(root).items():
            if path.endswith("journal"):
                assert content.startswith(OLD)
            else:
                assert content in {OLD, NEW}


def test_a_name_taken_by_another_while_the_connection_was_lost_stays_taken(
    servers: SftpServers, prepared: Callable[[], tuple[SshStorage, Path]]
) -> None:
    storage, root = prepared()
    servers.budget = 0
    (root / "deep" / "lock").write_bytes(b"")

    with pytest.raises(StateFileExists):
        storage.create("deep/lock", NEW)

    assert (root / "deep" / "lock").read_bytes() == b""


def test_a_journal_that_somebody_cut_meanwhile_is_not_written_over(
    servers: SftpServers, prepared: Callable[[], tuple[SshStorage, Path]]
) -> None:
    storage, root = prepared()
    appender = storage.append("deep/journal")
    appender.append(b"line\n")
    (root / "deep" / "journal").write_bytes(b"")
    servers.budget = 0

    with pytest.raises(StateError, match="changed by somebody else"):
        appender.append(b"next\n")


def _tree(root: Path) -> dict[str, bytes]:
    """Every file of a store but those that a loss may leave under a passing name."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith(".tmp"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


# --- what it costs ---


def test_each_act_takes_few_round_trips(prepared: Callable[[], tuple[SshStorage, Path]]) -> None:
    storage, _ = prepared()
    journal = storage.append("deep/journal")
    storage.write("deep/a", NEW, keep="deep/a.bak")

    def cost(act: Callable[[], object]) -> int:
        before = storage.round_trips
        act()
        return storage.round_trips - before

    costs = {
        "write": cost(lambda: storage.write("deep/a", NEW, keep="deep/a.bak")),
        "create": cost(lambda: storage.create("deep/locks/x", b"1")),
        "append": cost(lambda: journal.append(OLD)),
        "read": cost(lambda: storage.read_many(["deep/a", "deep/b", "deep/none"])),
        "modified": cost(lambda: storage.modified(["deep/a", "deep/b", "deep/none"])),
        "list": cost(lambda: storage.list("deep")),
        "copy": cost(lambda: storage.copy("deep/a", "history/a", "backups/a")),
        "remove": cost(lambda: storage.remove("deep/a", "deep/b")),
    }
    assert costs == {
        "write": 3, "create": 3, "append": 1, "read": 2, "modified": 1, "list": 2, "copy": 4, "remove": 1,
    }  # fmt: skip


def test_a_server_that_cannot_flush_is_refused_by_name(tmp_path: Path) -> None:
    servers = SftpServers(options=("-P", "fsync"))

    with pytest.raises(NotSupported, match="fsync@openssh") as caught:
        servers.storage(tmp_path).write("a", b"")

    assert "Subsystem sftp internal-sftp" in caught.value.hint
    servers.end()
