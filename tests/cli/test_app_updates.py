"""Updates and ways back, as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Tomo
from tests.databases import put_database
from tests.service.test_app_updates import FLEET, entry
from tests.worlds import World
from tomo.testing.registry import ImageDefinition, exits


@pytest.fixture
def pair(world: World, tomo: Tomo, tmp_path: Path) -> World:
    put_database(tmp_path / "home" / ".local" / "share" / "tomo")
    key = world.file.read_text().split("host_key: ")[1].splitlines()[0]
    world.file.write_text(FLEET.format(key=key))
    entry(world, "1.0")
    assert tomo(world, "apply", "--yes").code == 0
    return world


def test_an_update_shows_the_notes_asks_and_writes_and_is_rolled_back(pair: World, tomo: Tomo) -> None:
    entry(pair, "2.0", upgrade="{breaking: true, notes: Read this.}", path="/var/data")

    asked = tomo(pair, "app", "update", "web")
    updated = tomo(pair, "app", "update", "--yes")
    again = tomo(pair, "app", "update", "--yes")
    history = tomo(pair, "app", "history", "web")
    back = tomo(pair, "app", "rollback", "web", "--yes")

    assert asked.code != 0
    for told in ("Update: web 1.0 → 2.0 on nas, pi", "Read this.", "Better.", "was at /data"):
        assert told in updated.out
    assert "Wrote the change" in updated.err
    assert (updated.code, again.code) == (0, 0)
    assert "Every app is at the version" in again.err
    assert "2 now" in history.out
    assert back.code == 0, back.err
    assert "Back: web 2.0 → 1.0 on nas, pi" in back.out
    assert "as in version 1" in tomo(pair, "app", "list").out
    assert "No changes" in tomo(pair, "plan", "--expect-no-changes").out


def test_a_failed_update_says_that_all_is_as_before(pair: World, tomo: Tomo) -> None:
    pair.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=exits(1)))
    entry(pair, "2.0")

    failed = tomo(pair, "app", "update", "web", "--yes")

    assert failed.code == 1
    assert "run again, and" in failed.err
    assert "is as it was" in failed.err


def test_json_has_the_updates_of_a_plan_and_the_versions_of_an_app(pair: World, tomo: Tomo) -> None:
    entry(pair, "2.0", upgrade="{data_migration: manual}")
    pair.edit('version: "1.0"', 'version: "2.0"')

    (told,) = tomo(pair, "plan", "--json").json["updates"]
    ran = tomo(pair, "app", "update", "web", "--yes", "--json")
    versions = tomo(pair, "app", "history", "web", "--json").json

    assert (told["app"], told["before"], told["after"], told["data_migration"]) == (
        "web",
        "1.0",
        "2.0",
        "manual",
    )
    assert told["warnings"]
    assert '"summaryEvent"' in ran.out
    assert [(each["version"], each["appVersions"]) for each in versions] == [(2, ["2.0"]), (1, ["1.0"])]


def test_an_update_is_proposed_and_applied_once_somebody_agreed(pair: World, tomo: Tomo) -> None:
    entry(pair, "2.0", upgrade="{breaking: true}")

    made = tomo(pair, "app", "update", "web", "--propose", "-m", "security", "--json").json
    applied = tomo(pair.doors, "apply", made["id"], "--yes")

    assert made["title"] == "update web to the catalog's version"
    assert applied.code == 0, applied.err
    assert 'version: "2.0"' in pair.file.read_text()
    back = tomo(pair, "app", "rollback", "web", "--to", "1", "--propose", "--json").json
    assert tomo(pair.doors, "apply", back["id"], "--yes").code == 0
    assert "rolled_back_to" in pair.file.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("app update wbe", 64, "no app `wbe`"),
        ("app update web --server nsa", 64, "no server `nsa`"),
        ("app update --propose", 64, "every app is at the version"),
        ("app rollback wbe", 64, "no app `wbe`"),
        ("app rollback web", 1, "no earlier state"),
        ("app rollback web --to 9", 1, "no version `9`"),
        ("app rollback web --to 0", 64, "--to"),
        ("app rollback web --to x", 64, "--to"),
        ("app rollback", 64, "APP"),
        ("app history wbe", 64, "no app `wbe`"),
    ],
)
def test_wrong_input_is_told_in_a_sentence(pair: World, tomo: Tomo, words: str, code: int, said: str) -> None:
    ran = tomo(pair, *words.split())

    assert ran.code == code, ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_stages_are_for_fleets_on_tomos_own_engine(pair: World, tomo: Tomo) -> None:
    entry(pair, "2.0")

    other = tomo(pair, "apply", "--canary", "1", "--engine", "pulumi", "--yes")
    update = tomo(pair, "app", "update", "web", "--canary", "1", "--serial", "1", "--json", "--yes")

    assert other.code == 1
    assert "`--canary`" in other.err
    assert update.code == 0, update.err
