"""A store on a real sshd: the contract, and what only a connection can do to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.storage import StorageContract, small_disk
from tests.ssh.conftest import Person, Sshd
from tomo.errors import HostError, HostKeyUnknown, HostUnreachable, LoginRefused, NotSupported, StateError
from tomo.model.storage import Storage
from tomo.settings import Settings
from tomo.ssh.storage import SshStorage, open_store
from tomo.ssh.store_address import parse_store_address

__all__ = ["small_disk"]

pytestmark = pytest.mark.sshd

SUBSYSTEM = "Subsystem sftp internal-sftp"
Opened = Callable[..., SshStorage]


@pytest.fixture
def configure(settings: Settings, keys: Path) -> Callable[..., None]:
    """Writes what a person has in `~/.ssh` for a server."""

    def write(server: Sshd, *, user: str = "root", known: bool = True) -> None:
        folder = settings.home / ".ssh"
        (folder / "config").write_text(
            f"Host box\n HostName 127.0.0.1\n Port {server.port}\n User {user}\n IdentityFile {keys / 'ed25519'}\n"
        )
        line = f"[127.0.0.1]:{server.port} {server.host_key()}\n" if known else ""
        (folder / "known_hosts").write_text(line)

    return write


@pytest.fixture
def opened(settings: Settings) -> Iterator[Opened]:
    """Opens stores by their address, as `~/.ssh/config` has the server."""
    made: list[SshStorage] = []

    def open_(url: str) -> SshStorage:
        made.append(open_store(parse_store_address(url), settings, None))
        return made[-1]

    yield open_
    for storage in made:
        storage.close()


class TestSshStorage(StorageContract):
    """A folder of a server that lets in two sessions at once."""

    @pytest.fixture
    def server(self, sshd: Callable[..., Sshd], configure: Callable[..., None]) -> Sshd:
        server = sshd(SUBSYSTEM, "MaxSessions 2")
        configure(server)
        return server

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    @pytest.fixture
    def storage(self, server: Sshd, opened: Opened, root: Path) -> Storage:
        return opened(f"ssh://box{root}")

    @pytest.fixture
    def others(self, server: Sshd, opened: Opened, root: Path) -> Callable[[], Storage]:
        return lambda: opened(f"ssh://box{root}")

    @pytest.fixture
    def small_root(self, small_disk: Path) -> Path:
        return small_disk

    @pytest.fixture
    def small(self, server: Sshd, opened: Opened, small_root: Path) -> Storage:
        return opened(f"ssh://box{small_root}")

    def test_one_connection_and_one_session_serve_a_run(self, storage: Storage, server: Sshd) -> None:
        for number in range(5):
            storage.write("a", str(number).encode(), keep="a.bak")
            storage.list("none")

        assert server.logins() == 1
        assert server.connections() == 1

    def test_a_lost_connection_is_made_again_and_the_act_done(self, storage: Storage, server: Sshd) -> None:
        appender = storage.append("journal")
        appender.append(b"one\n")
        for number, act in enumerate(
            (
                lambda: storage.write("a", b"1", keep="a.bak"),
                lambda: storage.create("b", b"2"),
                lambda: appender.append(b"two\n"),
                lambda: storage.read("a"),
                lambda: storage.copy("a", "c"),
                lambda: storage.rename("c", "d"),
                lambda: storage.remove("d"),
            )
        ):
            server.cut_connections()

            act()

            assert server.logins() == number + 2
        assert storage.read("journal") == b"one\ntwo\n"

    def test_a_server_that_is_gone_for_good_is_named_with_what_to_do(
        self, storage: Storage, server: Sshd, root: Path
    ) -> None:
        storage.write("a", b"1")
        server.stop()

        with pytest.raises(StateError) as caught:
            storage.write("a", b"2")

        assert caught.value.code == "state-unreachable"
        assert "`box` was lost while writing `ssh://box" in caught.value.message
        assert "tomo plan" in caught.value.hint
        assert (root / "a").read_bytes() == b"1"


# --- the road ---


def test_a_store_may_lie_in_the_login_s_home(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened, person: Person
) -> None:
    configure(sshd(SUBSYSTEM), user=person.name)

    opened("ssh://box/~/state").write("a", b"1")

    assert (person.home / "state" / "a").read_bytes() == b"1"


def test_an_account_that_may_do_nothing_but_sftp_is_enough(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened, person: Person
) -> None:
    configure(sshd(SUBSYSTEM, "ForceCommand internal-sftp", "AllowTcpForwarding no"), user=person.name)
    storage = opened("ssh://box/~/state")

    storage.write("a", b"1", keep="a.bak")
    storage.write("a", b"2", keep="a.bak")

    assert (storage.read("a"), storage.read("a.bak")) == (b"2", b"1")


def test_a_folder_that_belongs_to_somebody_else_is_named(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened, person: Person
) -> None:
    configure(sshd(SUBSYSTEM), user=person.name)
    storage = opened("ssh://box/root/state")

    for act in (
        lambda: storage.write("a", b"1"),
        lambda: storage.create("a", b"1"),
        lambda: storage.append("a"),
        lambda: storage.read("a"),
    ):
        with pytest.raises(StateError, match="permission denied") as caught:
            act()
        assert "ls -la /root/state" in caught.value.hint
    assert storage.now() > 0


def test_an_unknown_host_key_stops_before_the_login(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened
) -> None:
    server = sshd(SUBSYSTEM)
    configure(server, known=False)

    with pytest.raises(HostKeyUnknown, match=r"the state `ssh://box/srv/state` can't be reached") as caught:
        opened("ssh://box/srv/state").read("a")

    assert "`ssh box`" in caught.value.hint
    assert server.logins() == 0


def test_a_refused_login_and_a_silent_server_are_told_apart(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened
) -> None:
    server = sshd(SUBSYSTEM)
    configure(server, user="nobody")
    with pytest.raises(LoginRefused):
        opened("ssh://box/srv/state").read("a")
    server.stop()

    with pytest.raises(HostUnreachable):
        opened("ssh://box/srv/state").read("a")


def test_a_server_without_sftp_is_told_what_to_set(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened
) -> None:
    configure(sshd())

    with pytest.raises(HostError, match="opens no SFTP session") as caught:
        opened("ssh://box/srv/state").read("a")

    assert "Subsystem sftp internal-sftp" in caught.value.hint


def test_a_login_that_prints_things_is_no_sftp(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened
) -> None:
    configure(sshd("Subsystem sftp /bin/echo welcome to this server"))

    with pytest.raises(HostError, match="opens no SFTP session"):
        opened("ssh://box/srv/state").read("a")


def test_a_server_that_cannot_flush_is_refused_by_name(
    sshd: Callable[..., Sshd], configure: Callable[..., None], opened: Opened
) -> None:
    configure(sshd("Subsystem sftp internal-sftp -P fsync"))

    with pytest.raises(NotSupported, match="fsync@openssh"):
        opened(f"ssh://box/tmp/{os.urandom(6).hex()}").write("a", b"1")


def test_a_store_behind_a_jump_host_is_reached(
    sshd: Callable[..., Sshd],
    configure: Callable[..., None],
    opened: Opened,
    settings: Settings,
    tmp_path: Path,
) -> None:
    jump, server = sshd(), sshd(SUBSYSTEM)
    configure(server)
    config, known = (settings.home / ".ssh" / name for name in ("config", "known_hosts"))
    config.write_text(
        config.read_text()
        + f" ProxyJump door\nHost door\n HostName 127.0.0.1\n Port {jump.port}\n User root\n"
        + next(line for line in config.read_text().splitlines(keepends=True) if "IdentityFile" in line)
    )
    known.write_text(known.read_text() + f"[127.0.0.1]:{jump.port} {jump.host_key()}\n")

    opened(f"ssh://box{tmp_path}/store").write("a", b"1")

    assert (tmp_path / "store" / "a").read_bytes() == b"1"
    assert jump.logins() == 1
