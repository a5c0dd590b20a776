"""The log as somebody at a command line asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tomo
from tests.worlds import PASSPHRASE, World
from tomo.errors import ExitCode


@pytest.fixture
def environment(world: World, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody who works in the world's folder, on a fleet without servers."""
    world.file.write_text("fleet: home\nservers: {}\napps: {}\n")
    monkeypatch.setenv("TOMO_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("HOME", str(world.settings.home))
    monkeypatch.delenv("TOMO_LOG", raising=False)
    monkeypatch.delenv("TOMO_LOG_FILE", raising=False)
    return monkeypatch


def test_a_person_sees_no_log_unless_it_is_asked_for(
    world: World, tomo: Tomo, environment: pytest.MonkeyPatch
) -> None:
    ran = tomo(None, "plan", "--no-refresh", "-C", str(world.folder))

    assert ran.code == ExitCode.OK, ran.err
    assert ran.err == ""


def test_lines_go_to_stderr_and_data_stays_on_stdout(
    world: World, tomo: Tomo, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("TOMO_LOG", "debug")

    ran = tomo(None, "plan", "--no-refresh", "--json", "-C", str(world.folder))

    told = [json.loads(line) for line in ran.err.splitlines()]
    assert ran.json["stack"] == "home"
    assert [told[0]["event"], told[-1]["event"]] == ["command begun", "command ended"]
    assert len({line["correlation"] for line in told}) == 1


def test_a_command_that_fails_says_so_in_its_log(
    world: World, tomo: Tomo, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("TOMO_LOG_FILE", str(tmp_path / "tomo.log"))
    world.file.write_text("fleet: home\nservers: {}\napps: {web: {server: nsa}}\n")

    ran = tomo(None, "plan", "-C", str(world.folder))

    last = json.loads((tmp_path / "tomo.log").read_text().splitlines()[-1])
    assert ran.code == ExitCode.FAILED
    assert (last["event"], last["level"], last["error"]) == ("command ended", "error", "invalid-spec")


def test_a_wrong_level_ends_the_command(world: World, tomo: Tomo, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TOMO_LOG", "verbose")

    ran = tomo(None, "plan", "-C", str(world.folder))

    assert ran.code == ExitCode.USAGE
    assert "`debug`, `info`, `warning`, `error`" in ran.err
