"""A hostile sshd that a changed fleet points at: it is not even dialled before somebody has accepted it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ssh.conftest import Sshd, Thief
from tests.worlds import PASSPHRASE, salt
from tomo.model.snapshot import Snapshot
from tomo.model.values import Secret
from tomo.service.configs import Configs, SetConfigRequest
from tomo.service.looking import accepted_hosts
from tomo.service.planning import Planning
from tomo.service.runs import PlanRequest, PlanResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.spec.load import load_fleet
from tomo.state.config import StackConfig

pytestmark = pytest.mark.sshd


class Fleet:
    """A fleet file with one real server, and plans of what somebody makes of it."""

    def __init__(self, folder: Path, settings: Settings, server: Sshd, thief: Thief, keys: Path) -> None:
        self.file = folder / "fleet.yaml"
        self.settings, self.keys = settings, keys
        self.server, self.thief = server, thief
        self.file.write_text(self.text())
        (folder / "Pulumi.home.yaml").write_text(f"encryptionsalt: {salt()}\n")
        self.base = load_fleet(self.file)

    def text(self, **changes: object) -> str:
        key = changes.pop("host_key", self.server.host_key())
        fields = {
            "host": "127.0.0.1", "port": self.server.port, "user": "root",
            "identity": f"{self.keys}/ed25519", "host_key": f"'{key}'", **changes,
        }  # fmt: skip
        lines = "".join(f"    {name}: {value}\n" for name, value in fields.items())
        return f"fleet: home\nservers:\n  nas:\n{lines}"

    @property
    def thiefs_key(self) -> str:
        return " ".join((self.keys / "other_ed25519.pub").read_text().split()[:2])

    def plan(self, text: str, *, accept: bool = False) -> PlanResult:
        self.file.write_text(text)
        base = load_fleet(self.file) if accept else self.base
        accepted = accepted_hosts(base.fleet, StackConfig(Path("none")), Snapshot(), self.settings)
        doors = Doors(self.settings).looking_only(accepted)
        place = Place(self.file.parent)
        return Planning(doors, doors.open(place)).plan(PlanRequest(place))


@pytest.fixture
def fleet(tmp_path: Path, settings: Settings, sshd: Callable[..., Sshd], thief: Thief, keys: Path) -> Fleet:
    folder = tmp_path / "fleet"
    folder.mkdir()
    known = Settings(home=settings.home, user="root", passphrase=PASSPHRASE)
    return Fleet(folder, known, sshd(), thief, keys)


def test_the_accepted_server_is_looked_at(fleet: Fleet) -> None:
    found = fleet.plan(fleet.text())

    assert found.plan.unlooked == ()
    assert fleet.server.logins() == 1


def test_the_hostile_server_does_record_once_somebody_has_accepted_it(fleet: Fleet) -> None:
    found = fleet.plan(fleet.text(port=fleet.thief.port, host_key=fleet.thiefs_key), accept=True)

    assert [each.code for each in found.plan.unlooked] == ["login-refused"]
    assert fleet.thief.dialled >= 1
    assert "publickey" in fleet.thief.shown


@pytest.mark.parametrize("kind", ["new", "moved", "jump", "jump is a server of the fleet"])
def test_a_hostile_server_is_sent_nothing_at_all(fleet: Fleet, kind: str) -> None:
    thief, key = fleet.thief, f"'{fleet.thiefs_key}'"
    new = f"  evil: {{host: 127.0.0.1, port: {thief.port}, user: root, host_key: {key}}}\n"
    changed = {
        "new": fleet.text() + new,
        "moved": fleet.text(port=thief.port, host_key=fleet.thiefs_key),
        "jump": fleet.text(proxy_jump=f"root@127.0.0.1:{thief.port}"),
        "jump is a server of the fleet": fleet.text(proxy_jump=f"root@127.0.0.1:{thief.port}") + new,
    }

    found = fleet.plan(changed[kind])

    assert {each.code for each in found.plan.unlooked} == {"host-not-accepted"}
    assert (thief.dialled, thief.shown) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "admin"},
        {"identity": "/somewhere/else"},
        {"host": "localhost"},
        {"proxy_jump": "root@127.0.0.1:1"},
        {"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_no_part_of_what_was_accepted_may_change(fleet: Fleet, changes: dict[str, object]) -> None:
    found = fleet.plan(fleet.text(**changes))

    assert [each.code for each in found.plan.unlooked] == ["host-not-accepted"]
    assert fleet.server.connections() == 0
    assert found.exit_code == 0


def test_a_password_that_is_set_is_sent_nowhere_that_nobody_accepted(fleet: Fleet) -> None:
    secret = Secret("the-password-of-another-server")
    Configs(Doors(fleet.settings)).set(SetConfigRequest(Place(fleet.file.parent), "other", secret))
    thief = {"port": fleet.thief.port, "host_key": fleet.thiefs_key}

    found = [fleet.plan(fleet.text(password="{secret: other}", **more)) for more in ({}, thief)]

    assert [each.code for plan in found for each in plan.plan.unlooked] == ["host-not-accepted"] * 2
    assert (fleet.server.connections(), fleet.thief.dialled, fleet.thief.shown) == (0, 0, [])


def test_a_server_without_its_pin_is_another_one(fleet: Fleet) -> None:
    unpinned = "\n".join(line for line in fleet.text().splitlines() if "host_key" not in line)

    found = fleet.plan(unpinned)

    assert [each.code for each in found.plan.unlooked] == ["host-not-accepted"]
    assert fleet.server.connections() == 0


def test_other_words_for_the_same_server_are_no_change(fleet: Fleet) -> None:
    (fleet.settings.home / ".ssh" / "config").write_text(
        f"Host nas\n  HostName 127.0.0.1\n  Port {fleet.server.port}\n  User root\n"
    )
    kept = [
        line for line in fleet.text(host="nas").splitlines() if "port:" not in line and "user:" not in line
    ]

    found = fleet.plan("\n".join(kept))

    assert found.plan.unlooked == ()
    assert fleet.server.logins() == 1
