"""State on a server: every use case over OpenSSH's SFTP server, with hosts in memory."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.sftp import SERVER, SftpServers
from tests.worlds import World, keys, make_world
from tomo.errors import ExitCode, NotSupported, StateCorrupt, StateLocked, StateUnreachable, UsageError
from tomo.service.deployments import Deployments
from tomo.service.doctor import Check, Doctor, DoctorRequest, Health
from tomo.service.runs import ApplyRequest, PlanRequest, RunResult
from tomo.service.states import ExportRequest, ImportRequest, StateRequest, States, UnlockRequest
from tomo.service.stores import Stores
from tomo.service.wiring import Doors
from tomo.ssh.storage import SshStorage
from tomo.state.backend import FileBackend
from tomo.state.lock import LockOwner

pytestmark = pytest.mark.skipif(not SERVER, reason="OpenSSH's sftp-server is not installed")


class Shared:
    """A fleet whose state is on a server; `doors()` are those of one more client."""

    def __init__(self, world: World, root: Path) -> None:
        self.world, self.root = world, root
        self.servers = SftpServers()
        self.settings = replace(world.settings, state_url=f"ssh://box{root}")
        self.storages: list[SshStorage] = []

    def doors(self) -> Doors:
        def opened(*_: object) -> SshStorage:
            self.storages.append(self.servers.storage(self.root))
            return self.storages[-1]

        return Doors(self.settings, self.world.connections, secrets=keys(), stores=Stores(opened))

    def apply(self) -> RunResult:
        return Deployments(self.doors()).apply(ApplyRequest(self.world.place, lambda _: True))

    def plan(self, *, look: bool = True) -> set[str]:
        result = Deployments(self.doors()).plan(PlanRequest(self.world.place, look=look))
        return {step.urn.name for step in result.plan.changes}

    @property
    def here(self) -> FileBackend:
        """The same store, as somebody sees it on the server."""
        return FileBackend(self.root)

    @property
    def file(self) -> Path:
        return self.root / ".pulumi" / "stacks" / "tomo" / "home.json"

    def resources(self) -> int:
        return len(self.here.load("tomo", "home", keys()).snapshot.resources)


@pytest.fixture
def shared(world: World, tmp_path: Path) -> Iterator[Shared]:
    shared = Shared(world, tmp_path / "store")
    yield shared
    shared.servers.end()


def test_an_apply_leaves_the_whole_store_on_the_server_and_nothing_here(shared: Shared) -> None:
    result = shared.apply()

    assert result.exit_code is ExitCode.OK
    assert shared.plan() == set()
    assert not (shared.world.folder / ".pulumi").exists()
    assert {path.name for path in (shared.root / ".pulumi").iterdir()} == {
        "meta.yaml", "stacks", "locks", "history", "backups",
    }  # fmt: skip
    assert [version.entry.kind for version in shared.here.versions("tomo", "home")] == ["update"]
    assert shared.here.locks("tomo", "home") == []


def test_secrets_stay_in_the_project_and_are_sealed_on_the_server(shared: Shared) -> None:
    shared.apply()

    token = shared.world.nas.docker.inspect("web")["Config"]["Env"]
    value = next(entry for entry in token if entry.startswith("TOKEN=")).removeprefix("TOKEN=")
    assert shared.world.config.exists()
    assert list(shared.root.rglob("Pulumi.*.yaml")) == []
    for path in shared.root.rglob("*"):
        assert not path.is_file() or value.encode() not in path.read_bytes()


def test_a_store_here_and_a_store_there_hold_the_same(shared: Shared, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    local = make_world(tmp_path / "other")

    shared.apply()
    local.apply()

    here = FileBackend(local.folder).load("tomo", "home", keys()).snapshot
    there = shared.here.load("tomo", "home", keys()).snapshot
    assert {entry.urn for entry in there.resources} == {entry.urn for entry in here.resources}


def test_every_use_case_over_the_state_works(shared: Shared) -> None:
    shared.apply()
    place, states = shared.world.place, States(shared.doors())

    listing = states.list(StateRequest(place))
    document = states.export(ExportRequest(place))
    imported = states.import_(ImportRequest(place, document, lambda _: True))

    assert listing.file == f"ssh://box{shared.file}"
    assert json.loads(document)["deployment"]["resources"]
    assert imported.done
    assert [name.full for name in states.stacks(StateRequest(place))] == ["organization/tomo/home"]
    assert shared.plan() == set()
    assert len(shared.here.versions("tomo", "home")) == 2


def test_a_damaged_state_is_mended_from_a_backup_by_the_address_that_is_told(shared: Shared) -> None:
    shared.apply()
    shared.file.write_bytes(b"{")

    with pytest.raises(StateCorrupt) as caught:
        shared.plan()
    told = caught.value.hint.split("`")[1].removeprefix("tomo state import ")
    states, place = States(shared.doors()), shared.world.place
    document = states.file(StateRequest(place), told)
    states.import_(ImportRequest(place, document, lambda _: True))

    assert told.startswith(f"ssh://box{shared.root}/.pulumi/backups/tomo/home/home.")
    assert shared.plan() == set()
    with pytest.raises(UsageError, match="no file of the store"):
        states.file(StateRequest(place), "ssh://elsewhere/srv/x.json")


def test_the_outputs_of_another_stack_of_the_store_are_found(shared: Shared) -> None:
    shared.apply()
    backend = shared.doors().open(shared.world.place).backend

    assert backend.load("tomo", "home", keys()).snapshot.resources
    assert [name.stack for name in backend.stacks()] == ["home"]


def checks(shared: Shared) -> dict[str, Check]:
    return {
        check.name: check
        for check in Doctor(shared.doors()).examine(DoctorRequest(shared.world.place)).checks
    }


def test_the_doctor_says_whether_the_server_of_the_state_answers(shared: Shared) -> None:
    before = checks(shared)
    shared.apply()
    after = checks(shared)
    shared.servers.cuts, shared.servers.gone_after_cut = 1, True
    gone = checks(shared)

    assert "the first apply makes the store there" in before["state server"].message
    assert f"`ssh://box{shared.root}` answers in" in after["state server"].message
    assert after["state"].health is Health.OK
    assert gone["state server"].health is Health.FAIL
    assert "did not answer" in gone["state server"].message
    assert "lock" not in gone


# --- two clients ---


def test_of_two_clients_one_works_and_the_other_is_told_who_does(shared: Shared) -> None:
    shared.apply()
    other = LockOwner(4711, "sam", "laptop")

    with (
        shared.doors().open(shared.world.place).backend.lock("tomo", "home", owner=other),
        pytest.raises(StateLocked) as caught,
    ):
        shared.apply()

    for part in ("`home`", "`sam`", "`laptop`", "4711", "ago"):
        assert part in caught.value.message
    assert "tomo state repair" in caught.value.hint
    assert shared.apply().exit_code is ExitCode.OK


def test_the_lock_of_a_run_that_died_is_shown_and_removed_on_request(shared: Shared) -> None:
    shared.apply()
    doors, place = shared.doors(), shared.world.place
    gone = LockOwner(2**22 + 1, "sam", socket.gethostname())
    doors.open(place).backend.lock("tomo", "home", owner=gone).__enter__()

    with pytest.raises(StateLocked, match="runs no more"):
        shared.apply()
    removed = States(shared.doors()).unlock(UnlockRequest(place, lambda _: True))

    assert "`sam`" in removed[0]
    assert shared.apply().exit_code is ExitCode.OK


# --- lost connections ---


def bytes_of_an_apply(make: Callable[[str], Shared]) -> int:
    measured = make("measured")
    measured.apply()
    measured.servers.end()
    return measured.servers.sent


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Shared]]:
    made: list[Shared] = []

    def new(name: str) -> Shared:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Shared(make_world(folder), folder / "store"))
        return made[-1]

    yield new
    for each in made:
        each.servers.end()


def test_an_apply_goes_on_over_a_new_connection_wherever_the_first_was_lost(
    make: Callable[[str], Shared],
) -> None:
    total = bytes_of_an_apply(make)

    for part in range(1, 17, 3):
        shared = make(f"cut{part}")
        shared.servers.budget = total * part // 20

        result = shared.apply()

        assert result.exit_code is ExitCode.OK, result.failures
        assert shared.servers.opened == shared.servers.cuts + 1 == 2
        assert shared.here.locks("tomo", "home") == []
        assert shared.plan() == set()


def test_after_a_server_that_went_away_for_good_nothing_is_lost_or_made_twice(
    make: Callable[[str], Shared],
) -> None:
    total = bytes_of_an_apply(make)

    for part in range(1, 17, 3):
        shared = make(f"gone{part}")
        shared.servers.budget, shared.servers.gone_after_cut = total * part // 20, True
        with pytest.raises(StateUnreachable) as caught:
            shared.apply()
        assert "tomo plan" in caught.value.hint
        shared.servers.gone_after_cut = False

        States(shared.doors()).unlock(UnlockRequest(shared.world.place, lambda _: True))
        result = shared.apply()

        # What was being created when the server went away is there, and its name says so.
        open_creation = [failure.error.code for failure in result.failures]
        assert result.exit_code is ExitCode.OK or open_creation == ["name-taken"], result.failures
        assert open_creation or shared.plan() == set()
        assert shared.world.nas.docker.container_names == ["web"]


# --- what it costs ---


def trips(shared: Shared) -> int:
    return sum(storage.round_trips for storage in shared.storages)


def test_a_plan_takes_three_round_trips_and_an_apply_a_few_more(shared: Shared) -> None:
    shared.apply()
    first = trips(shared)

    shared.plan()
    plan = trips(shared) - first
    shared.apply()
    nothing_to_do = trips(shared) - first - plan

    assert plan == 3
    assert nothing_to_do <= 30
    assert first <= 66


def test_a_command_opens_one_session(shared: Shared) -> None:
    shared.apply()

    assert shared.servers.opened == 1


# --- other addresses ---


@pytest.mark.parametrize(
    "url", ["s3://bucket", "gs://bucket", "azblob://box", "postgres://db/x", "https://api.pulumi.com"]
)
def test_backends_of_pulumi_are_refused_by_name(world: World, url: str) -> None:
    with pytest.raises(NotSupported, match=url.partition(":")[0]) as caught:
        Deployments(world.with_settings(state_url=url)).plan(PlanRequest(world.place))

    assert "--engine pulumi" in caught.value.hint


def test_an_address_without_a_folder_is_answered_with_its_form(world: World) -> None:
    with pytest.raises(UsageError, match="names no folder"):
        Deployments(world.with_settings(state_url="ssh://box")).plan(PlanRequest(world.place))
