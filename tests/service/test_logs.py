"""A run in the log: every act under one correlation id, the audit record's own, and never a secret."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import PASSPHRASE, World
from tomo.errors import ExitCode, UsageError
from tomo.model.log import LogLevel
from tomo.service.deployments import ApplyRequest, Deployments
from tomo.service.logs import for_call, learning, open_log
from tomo.service.recording import Actor, Trail
from tomo.service.wiring import Doors
from tomo.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def trail_of(world: World) -> Trail:
    return Trail(world.settings, Actor("me@desk", "owner", "cli"), lambda _line: None)


def doors_of(world: World, level: str = "debug") -> tuple[Doors, io.StringIO]:
    """The world's doors with a log into a text."""
    text = io.StringIO()
    settings = replace(world.settings, log=level)
    log = open_log(settings, text, pytest.fail)
    trail = trail_of(world)
    assert log is not None
    return for_call(replace(world.doors, settings=settings, log=log), trail), text


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def apply(doors: Doors, world: World) -> None:
    result = Deployments(doors).apply(ApplyRequest(world.place, lambda _: True))
    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]


def test_every_act_of_a_run_carries_the_trails_id(world: World) -> None:
    doors, text = doors_of(world)

    apply(doors, world)

    told = lines(text)
    assert doors.trail is not None
    assert {line["correlation"] for line in told} == {doors.trail.correlation}
    events = {line["event"] for line in told}
    assert {
        "act begun",
        "act ended",
        "dial",
        "command",
        "docker",
        "state",
        "step begun",
        "step done",
    } <= events
    assert ("POST", "/containers/create") in {
        (line["method"], "/containers/create" if line["path"].endswith("/containers/create") else "")
        for line in told
        if line["event"] == "docker"
    }
    assert any("stacks/tomo/home.json" in line["paths"][0] for line in told if line.get("act") == "write")


def test_no_line_holds_a_secret_that_the_run_used(world: World) -> None:
    doors, text = doors_of(world)

    apply(doors, world)

    env = world.nas.docker.inspect("web")["Config"]["Env"]
    (token,) = [each.partition("=")[2] for each in env if each.startswith("TOKEN=")]
    assert len(token) == 24
    assert token not in text.getvalue()
    assert PASSPHRASE not in text.getvalue()


def test_info_leaves_out_single_commands_and_requests(world: World) -> None:
    doors, text = doors_of(world, "info")

    apply(doors, world)

    events = {line["event"] for line in lines(text)}
    assert {"act begun", "dial", "step done", "state"} <= events
    assert not events & {"command", "docker"}


def test_a_failed_step_is_told_as_an_error(world: World) -> None:
    world.nas.docker.fail_next("POST", "/containers/create", 500, "no such luck")
    doors, text = doors_of(world, "error")

    result = Deployments(doors).apply(ApplyRequest(world.place, lambda _: True))

    (line,) = lines(text)
    assert result.exit_code is ExitCode.FAILED
    assert (line["event"], line["level"], line["op"]) == ("step failed", "error", "create")
    assert "no such luck" in line["message"]


def test_what_a_person_types_is_masked_from_then_on() -> None:
    text = io.StringIO()
    log = open_log(Settings(log="info"), text, pytest.fail)
    ask = learning(lambda _prompt: "canary-that-was-typed", log)

    assert ask is not None
    assert log is not None
    typed = ask("passphrase")
    log.tell(LogLevel.INFO, "x", said=f"it is {typed}")

    (line,) = lines(text)
    assert line["said"] == "it is [secret]"
    assert learning(None, log) is None


def test_each_call_of_a_process_has_its_own_id(world: World) -> None:
    doors, text = doors_of(world, "info")
    one = for_call(doors, trail_of(world), tool="add_server")
    two = for_call(doors, trail_of(world), tool="list_servers")

    for call in (one, two):
        assert call.log is not None
        call.log.tell(LogLevel.INFO, "tool")

    assert len({line["correlation"] for line in lines(text)}) == 2
    assert [line["tool"] for line in lines(text)] == ["add_server", "list_servers"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TOMO_LOG": "loud"}, "`TOMO_LOG` is `loud`"),
        ({"TOMO_LOG_FILE": "/tmp/x", "TOMO_LOG_BYTES": "many"}, "`TOMO_LOG_BYTES` is `many`"),
        ({"TOMO_LOG_FILE": "/tmp/x", "TOMO_LOG_KEEP": "-1"}, "`TOMO_LOG_KEEP` is `-1`"),
    ],
)
def test_a_wrong_variable_is_named(variables: dict[str, str], words: str) -> None:
    settings = Settings.from_environment(variables)

    with pytest.raises(UsageError, match=words):
        open_log(settings, io.StringIO(), pytest.fail)


def test_nothing_is_logged_unless_asked_for() -> None:
    assert open_log(Settings(), io.StringIO(), pytest.fail) is None
    assert open_log(Settings(log="off", log_file=Path("/nowhere/x")), io.StringIO(), pytest.fail) is None


def test_a_file_alone_turns_the_log_on(tmp_path: Path) -> None:
    log = open_log(Settings(log_file=tmp_path / "tomo.log"), io.StringIO(), pytest.fail)

    assert log is not None
    log.tell(LogLevel.INFO, "seen")
    log.tell(LogLevel.DEBUG, "not seen")
    (line,) = (tmp_path / "tomo.log").read_text().splitlines()
    assert json.loads(line)["event"] == "seen"


@pytest.mark.slow  # starts a Python of its own
def test_without_a_log_structlog_is_not_imported(world: World) -> None:
    world.file.write_text("fleet: home\nservers: {}\napps: {}\n")
    text = (
        "import sys; from tomo_cli.main import run; code = run(['plan', '--no-refresh', '-C', sys.argv[1]]); "
        "assert code == 0, code; assert not [m for m in sys.modules if m.startswith(('structlog', 'tomo.logs'))]"
    )
    environment = {
        "PYTHONPATH": f"{ROOT}:{ROOT}/cli",
        "TOMO_PASSPHRASE": PASSPHRASE,
        "HOME": str(world.folder),
    }

    ran = subprocess.run(
        [sys.executable, "-c", text, str(world.folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
