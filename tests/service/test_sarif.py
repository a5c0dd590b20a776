"""Policy findings as SARIF: the structure that its schema asks for, lines of the fleet file, stable marks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_policies import ASK, SOCKET, policies
from tests.worlds import World
from tomo.model.finding import Level
from tomo.policy.policies import built_in
from tomo.service.policies import in_force
from tomo.service.sarif import FINGERPRINT, MOST_RESULTS, Source, sarif

BOTH = """\
schema: tomo.policy/v1
extends: none
rules:
  docker-socket: deny
  bind-mount: require_approval
  public-port: warn
  image-source: {level: require_approval, allow: []}
"""
LEVELS = {"error", "warning", "note", "none"}


@pytest.fixture
def risky(world: World) -> World:
    """A fleet whose app reaches its host's Docker."""
    mount = "            - {volume: data, path: /data}\n"
    world.edit(mount, mount + SOCKET)
    return world


def log_of(world: World) -> dict[str, Any]:
    """The log of the present plan, as a reader of its file gets it."""
    workspace = world.doors.open(world.place)
    policies_now = in_force(world.place, world.settings, world.folder).policies
    return json.loads(json.dumps(sarif(world.plan(), policies_now, Source.of(workspace))))  # type: ignore[no-any-return]


def require_structure(log: dict[str, Any]) -> None:
    """What the schema of SARIF 2.1.0 asks of the parts that are used here."""
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["defaultConfiguration"]["level"] in LEVELS
        assert all(rule[part]["text"] for part in ("shortDescription", "fullDescription", "help"))
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in LEVELS
        assert result["message"]["text"]
        (place,) = result["locations"]
        assert not re.match(r"^/|^[a-z]+:", place["physicalLocation"]["artifactLocation"]["uri"])
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert all(isinstance(mark, str) for mark in result["partialFingerprints"].values())
    assert isinstance(run["invocations"][0]["executionSuccessful"], bool)


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    return log["runs"][0]["results"]  # type: ignore[no-any-return]


def test_levels_become_those_of_sarif(risky: World) -> None:
    policies(risky, BOTH)

    log = log_of(risky)

    require_structure(log)
    found = {result["ruleId"]: result["level"] for result in results(log)}
    assert found == {"docker-socket": "error", "bind-mount": "warning", "image-source": "warning"}


def test_a_result_stands_at_the_line_of_its_app(risky: World) -> None:
    policies(risky, ASK)
    lines = risky.file.read_text().splitlines()

    (result,) = results(log_of(risky))

    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "fleet.yaml"
    assert lines[place["region"]["startLine"] - 1].startswith("  web:")


def test_paths_start_at_the_repository(risky: World) -> None:
    policies(risky, ASK)
    (risky.folder.parent / ".git").mkdir()

    (result,) = results(log_of(risky))

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "fleet/fleet.yaml"


def test_a_finding_keeps_its_mark_when_lines_and_words_move(risky: World) -> None:
    policies(risky, ASK)
    (before,) = results(log_of(risky))
    risky.file.write_text("# one more line\n" + risky.file.read_text())

    (after,) = results(log_of(risky))

    assert before["partialFingerprints"] == after["partialFingerprints"]
    assert before["locations"] != after["locations"]


def test_every_mark_is_another_one(risky: World) -> None:
    policies(risky, BOTH)

    marks = [result["partialFingerprints"][FINGERPRINT] for result in results(log_of(risky))]

    assert len(marks) == len(set(marks)) > 1


def test_rules_say_what_they_find_and_what_follows(risky: World) -> None:
    policies(risky, BOTH)

    rules = {rule["id"]: rule for rule in log_of(risky)["runs"][0]["tool"]["driver"]["rules"]}

    assert rules["docker-socket"]["defaultConfiguration"]["level"] == "error"
    assert "No plan that it finds something in is applied" in rules["docker-socket"]["help"]["text"]
    assert "privileged" not in rules


def test_what_was_removed_from_the_file_points_at_its_list(risky: World) -> None:
    risky.apply()
    policies(risky, "schema: tomo.policy/v1\nextends: none\nrules: {deletes: deny}\n")
    text = risky.file.read_text()
    risky.file.write_text(text.split("apps:", maxsplit=1)[0] + "apps: {}\n")

    log = log_of(risky)

    require_structure(log)
    lines = risky.file.read_text().splitlines()
    at = {result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in results(log)}
    assert {lines[line - 1] for line in at} == {"apps: {}"}


def test_a_plan_without_findings_is_a_log_without_results(world: World) -> None:
    log = log_of(world)

    require_structure(log)
    assert results(log) == []


def test_a_plan_that_could_not_be_made_says_so(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/none:1.0")
    log = log_of(world)
    failed = world.plan().failures

    require_structure(log)
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is not bool(failed)


def test_what_a_platform_would_not_take_is_left_out_and_told(risky: World) -> None:
    policies(risky, ASK)
    planned = risky.plan()
    (finding,) = planned.judgement.findings
    many = replace(planned, judgement=replace(planned.judgement, findings=(finding,) * (MOST_RESULTS + 3)))
    workspace = risky.doors.open(risky.place)

    log = json.loads(json.dumps(sarif(many, built_in("default"), Source.of(workspace))))

    assert len(results(log)) == MOST_RESULTS
    (note,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "3 more findings are not in this log"
    assert log["runs"][0]["invocations"][0]["executionSuccessful"]


def test_levels_cover_every_level_of_a_policy() -> None:
    from tomo.service import sarif as module

    assert set(module._LEVELS) == set(module._FOLLOWS) == set(Level)


def test_a_path_with_special_characters_is_a_uri(tmp_path: Path) -> None:
    source = Source(tmp_path / "my fleet" / "füße.yaml", tmp_path)

    assert source.uri == "my%20fleet/f%C3%BC%C3%9Fe.yaml"
