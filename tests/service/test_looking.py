"""Use cases that look: status, outputs, state, catalog, doctor, program, trial; and what each may do."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
import time
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import tomo.service
from tests.worlds import CONTAINER, World
from tomo.errors import AppNotFound, ExitCode, StackNotFound, StateError, UsageError
from tomo.model.catalog import AppFilter
from tomo.service.catalogs import CatalogRequest, Catalogs
from tomo.service.doctor import Doctor, DoctorRequest, Health
from tomo.service.effect import Effect
from tomo.service.programs import ProgramRequest, Programs
from tomo.service.states import ExportRequest, ImportRequest, StateRequest, States
from tomo.service.status import ContainerStatus, OutputsRequest, Status, Statuses, StatusRequest
from tomo.service.trial import Trial, TrialRequest
from tomo.service.workspace import Place
from tomo.settings import Settings
from tomo.state.lock import LockOwner

# --- effects -----------------------------------------------------------------------------------------


def requests() -> dict[str, type]:
    """Every request of the service."""
    found = {}
    for info in pkgutil.iter_modules(tomo.service.__path__):
        module = importlib.import_module(f"tomo.service.{info.name}")
        found |= {
            name: each
            for name, each in inspect.getmembers(module, inspect.isclass)
            if name.endswith("Request") and each.__module__ == module.__name__
        }
    return found


@pytest.mark.parametrize("name", requests())
def test_every_request_says_what_it_may_do_and_never_changes(name: str) -> None:
    request = requests()[name]

    assert isinstance(request.effect, Effect)  # type: ignore[attr-defined]
    assert is_dataclass(request)
    assert request.__dataclass_params__.frozen  # type: ignore[attr-defined]


# --- status ------------------------------------------------------------------------------------------


def status(world: World, *, live: bool = False) -> Status:
    return Statuses(world.doors).status(StatusRequest(world.place, live))


def the_container(found: Status) -> ContainerStatus:
    (server,) = found.servers
    (app,) = server.apps
    (container,) = app.containers
    return container


def test_before_the_first_apply_there_are_servers_and_nothing_on_them(world: World) -> None:
    found = status(world, live=True)

    assert [server.name for server in found.servers] == ["nas"]
    assert found.servers[0].apps == ()
    assert world.dialled == [] or world.nas.dialled == 0


def test_status_from_the_state_dials_nobody(world: World) -> None:
    world.apply()
    dialled = len(world.dialled)

    found = status(world)

    assert the_container(found) == ContainerStatus(CONTAINER, "tomo-test/web:1.0", ("127.0.0.1:8080→80/tcp",))
    assert len(world.dialled) == dialled


@pytest.mark.parametrize(
    ("act", "word", "well"),
    [
        ("", "healthy", True),
        ("stop_by_hand", "exited", False),
        ("pause_by_hand", "paused", False),
        ("remove_by_hand", "gone", False),
    ],
)
def test_a_live_status_says_how_a_container_is(world: World, act: str, word: str, well: bool) -> None:
    world.apply()
    if act:
        getattr(world.nas.docker, act)(CONTAINER)

    container = the_container(status(world, live=True))

    assert (container.word, container.is_well) == (word, well)


def test_an_unhealthy_container_is_not_well(world: World) -> None:
    world.apply()
    world.nas.docker.set_health(CONTAINER, "unhealthy")

    container = the_container(status(world, live=True))

    assert (container.word, container.is_well) == ("unhealthy", False)


def test_a_live_status_writes_nothing(world: World) -> None:
    world.apply()
    writes, state = len(world.nas.docker.writes), world.state.read_bytes()

    status(world, live=True)

    assert len(world.nas.docker.writes) == writes
    assert world.state.read_bytes() == state


@pytest.mark.parametrize(
    ("fault", "code"), [("unreachable", ExitCode.FAILED), ("login_refused", ExitCode.LOGIN)]
)
def test_a_silent_host_is_a_problem_of_its_own(world: World, fault: str, code: ExitCode) -> None:
    world.apply()
    setattr(world.nas.faults, fault, True)

    found = status(world, live=True)

    assert found.servers[0].problem
    assert the_container(found).state == "recorded"
    assert found.exit_code is code


def test_outputs_are_those_of_the_last_run(world: World) -> None:
    service = Statuses(world.doors)
    with pytest.raises(StackNotFound):
        service.outputs(OutputsRequest(world.place))
    world.apply()

    assert service.outputs(OutputsRequest(world.place))["urls"] == {"web": "http://127.0.0.1:8080"}


# --- state -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-data@nas", "web-data"])
def test_a_resource_is_found_by_the_names_people_have_for_it(world: World, name: str) -> None:
    world.apply()

    entry = States(world.doors).show(StateRequest(world.place), name)

    assert entry.urn.name == "web-data@nas"
    assert States(world.doors).show(StateRequest(world.place), entry.urn) == entry


def test_a_name_of_several_resources_asks_which(world: World) -> None:
    world.apply()

    with pytest.raises(UsageError, match="resources are called") as caught:
        States(world.doors).show(StateRequest(world.place), "web@nas")

    assert caught.value.hint.count("urn:pulumi:") >= 2


@pytest.mark.parametrize("name", ["", "wbe-data@nas", "\x1b[31m", "urn:pulumi:x"])
def test_an_unknown_resource_is_not_found(world: World, name: str) -> None:
    world.apply()

    with pytest.raises(StateError) as caught:
        States(world.doors).show(StateRequest(world.place), name)

    assert "\x1b" not in str(caught.value)


def test_an_export_goes_back_where_it_came_from(world: World) -> None:
    world.apply()
    service = States(world.doors)

    document = service.export(ExportRequest(world.place))
    world.state.unlink()

    result = service.import_(ImportRequest(world.place, document, lambda _foreseen: True))

    assert result.done
    assert not world.plan().has_changes
    assert result.before is None


def test_an_import_waits_for_the_lock(world: World) -> None:
    world.apply()
    workspace = world.doors.open(world.place)
    document = world.state.read_bytes()
    owner = LockOwner(1, "ann", "elsewhere")

    with workspace.backend.lock("tomo", "home", owner=owner), pytest.raises(StateError, match="locked"):
        States(world.doors).import_(ImportRequest(world.place, document, lambda _foreseen: True))


def test_the_stacks_of_a_project_need_no_stack_to_be_named(nothing: World) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")

    assert States(nothing.doors).stacks(StateRequest(nothing.place)) == ()


# --- catalog -----------------------------------------------------------------------------------------


def test_the_catalog_needs_no_fleet(nothing: World) -> None:
    service = Catalogs(nothing.doors)

    everything = service.list(CatalogRequest(nothing.place))
    media = service.list(CatalogRequest(nothing.place, wanted=AppFilter(category="media")))
    found = service.list(CatalogRequest(nothing.place, query="feed reader"))

    assert len(everything.apps) >= 20
    assert 0 < len(media.apps) < len(everything.apps)
    assert "miniflux" in [app.id for app in found.apps]


def test_a_fleets_own_apps_are_in_its_catalog(bare: World) -> None:
    bare.edit("fleet: home\n", "fleet: home\ncatalogs: [mine]\n")
    (bare.folder / "mine").mkdir()
    (bare.folder / "mine" / "own.yaml").write_text(
        'schema: tomo.app/v1\nid: own\ntitle: Own\nversion: "1"\nservices: {a: {image: "x:1"}}\n'
    )

    assert Catalogs(bare.doors).show(CatalogRequest(bare.place), "own").id == "own"


@pytest.mark.parametrize("name", ["", "minifluxx", "../apps/miniflux", "$(id)", "\x1b[31m", "a\nb"])
def test_an_unknown_app_is_not_found(nothing: World, name: str) -> None:
    with pytest.raises(AppNotFound) as caught:
        Catalogs(nothing.doors).show(CatalogRequest(nothing.place), name)

    assert "\x1b" not in str(caught.value)


def test_an_unknown_category_gets_the_nearest(nothing: World) -> None:
    with pytest.raises(UsageError) as caught:
        Catalogs(nothing.doors).list(CatalogRequest(nothing.place, wanted=AppFilter(category="medai")))

    assert caught.value.hint == "did you mean `media`?"


# --- doctor ------------------------------------------------------------------------------------------


def health(world: World, **settings: object) -> dict[str, Health]:
    doors = world.with_settings(**settings) if settings else world.doors
    report = Doctor(doors).examine(DoctorRequest(world.place))
    worst = {}
    for check in report.checks:
        worst[check.name] = max(worst.get(check.name, Health.OK), check.health, key=list(Health).index)
    return worst


def test_a_healthy_folder_has_no_failed_check(world: World) -> None:
    world.apply()

    found = health(world)

    assert Health.FAIL not in found.values()
    assert found["passphrase"] is found["state"] is found["lock"] is Health.OK


def test_an_empty_folder_is_no_failure(nothing: World) -> None:
    assert health(nothing)["fleet"] is Health.WARN


def test_each_thing_that_is_wrong_is_found(world: World) -> None:
    world.apply()
    agent = str(world.folder / "no-agent")

    assert health(world, passphrase="wrong")["passphrase"] is Health.FAIL
    assert health(world, passphrase=None)["passphrase"] is Health.WARN
    assert health(world, ssh_auth_sock=agent)["ssh agent"] is Health.WARN
    workspace = world.doors.open(world.place)
    with workspace.backend.lock("tomo", "home", owner=LockOwner(1, "ann", "elsewhere")):
        assert health(world)["lock"] is Health.WARN
    world.state.write_text("{")
    assert health(world)["state"] is Health.FAIL
    world.edit("    user: root\n", "    user: root\n    identity: /nowhere/key\n")
    assert health(world)["ssh keys"] is Health.FAIL
    world.file.write_text("fleet: [")
    assert health(world)["fleet"] is Health.FAIL


def test_a_key_that_others_can_read_is_told(world: World) -> None:
    key = world.settings.home / ".ssh" / "id_ed25519"
    key.write_text("key")
    key.chmod(0o644)

    assert health(world)["ssh keys"] is Health.WARN


def test_the_passphrase_is_in_no_report(world: World) -> None:
    report = Doctor(world.doors).examine(DoctorRequest(world.place))

    assert "correct horse" not in repr(report)


# --- program and trial -------------------------------------------------------------------------------


def test_a_program_is_written_whole_and_over_nothing(world: World, tmp_path: Path) -> None:
    world.apply()
    folder = tmp_path / "program"

    written = Programs(world.doors).write(ProgramRequest(world.place, folder))

    assert {"Pulumi.yaml", "__main__.py", "Pulumi.home.yaml"} <= set(written.files)
    assert "secure:" in (folder / "Pulumi.home.yaml").read_text()
    compile((folder / "__main__.py").read_text(), "__main__.py", "exec")
    with pytest.raises(UsageError, match="exists already"):
        Programs(world.doors).write(ProgramRequest(world.place, folder))


def test_a_trial_leaves_nothing_behind_and_reads_no_environment(tmp_path: Path) -> None:
    settings = Settings(passphrase="mine", state_url=f"file://{tmp_path}", home=tmp_path)

    with Trial.open(TrialRequest(settings)) as trial:
        folder = trial.place.directory
        trial.begin()
        passphrase = trial.doors.settings.passphrase

    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
    assert passphrase not in {"mine", None, ""}


@pytest.mark.slow
def test_a_whole_trial_takes_less_than_ten_seconds() -> None:
    """Slow: it is the whole of `tomo try`, in a process of its own."""
    root = Path(__file__).resolve().parents[2]
    begun = time.process_time(), time.monotonic()

    ran = subprocess.run(
        [sys.executable, "-c", "import sys; from tomo_cli.main import run; sys.exit(run(['try']))"],
        env={"PYTHONPATH": f"{root}:{root / 'cli'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert ran.returncode == 0, ran.stderr
    assert "Done in" in ran.stderr
    assert time.monotonic() - begun[1] < 30


def test_a_place_is_relative_to_nothing_but_the_folder(world: World) -> None:
    found = Statuses(world.doors).status(StatusRequest(Place(world.folder, Path("fleet.yaml"))))

    assert found.stack == "home"
