"""Event JSON of a fleet's runs; `tests/interchange/test_events.py` holds it against the real CLI's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds import World
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.step import INIT_ERROR, Op, Step
from tomo.model.urn import Urn
from tomo.resources.tokens import CONTAINER
from tomo.service.event_lines import EventLines
from tomo.service.present import changed_keys


def applied(world: World) -> list[dict[str, Any]]:
    """The lines of one apply."""
    events, lines = EventLines(), []
    world.apply(sink=lambda event: lines.extend(events.lines(event)))
    return [*lines, events.last()]


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [kind for line in lines for kind in line if kind not in {"sequence", "timestamp"}]


def metadata(line: dict[str, Any]) -> dict[str, Any]:
    """What is said of a step; nothing where the line is of none."""
    return next((body.get("metadata", {}) for body in line.values() if isinstance(body, dict)), {})


def of_containers(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    told = [(kinds([line])[0], metadata(line)) for line in lines]
    return [(kind, each["op"]) for kind, each in told if each and each["type"] == CONTAINER]


def test_a_run_begins_with_the_config_without_its_secrets(world: World) -> None:
    lines = applied(world)
    again = applied(world)

    assert kinds(lines)[-1] == "cancelEvent"
    prelude = next(line["preludeEvent"] for line in again if "preludeEvent" in line)
    assert set(prelude["config"].values()) == {"[secret]"}
    assert [line["sequence"] for line in again] == list(range(len(again)))


def test_a_component_is_begun_before_its_children_and_done_after_them(world: World) -> None:
    lines = applied(world)

    told = [(kinds([line])[0], metadata(line).get("type", "")) for line in lines]
    stack = [kind for kind, type_ in told if type_ == "pulumi:pulumi:Stack"]
    assert stack == ["resourcePreEvent", "resOutputsEvent"]
    assert told[-3][1] == "pulumi:pulumi:Stack"
    assert told[-2][0] == "summaryEvent"


def test_a_step_that_is_only_begun_shows_no_outputs_of_it(world: World) -> None:
    lines = applied(world)

    begun = [metadata(line) for line in lines if "resourcePreEvent" in line]
    assert begun
    assert {str(each["new"]["outputs"]) for each in begun} == {"{}"}


def test_a_replacement_is_told_in_three_steps(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")

    told = of_containers(applied(world))

    assert sorted(op for kind, op in told if kind == "resourcePreEvent") == [
        "create-replacement",
        "delete-replaced",
        "replace",
    ]
    assert all(("resOutputsEvent", op) in told for _, op in told)


@pytest.mark.parametrize(
    ("diffs", "told"),
    [((PropertyDiff("v.w", DiffKind.UPDATE, 1, 2),), ["v", INIT_ERROR]), ((), [])],
)
def test_a_failed_creation_that_replaces_is_told_of_beside_what_differs(
    diffs: tuple[PropertyDiff, ...], told: list[str]
) -> None:
    step = Step(Op.REPLACE, Urn("urn:pulumi:dev::proj::fake:index:Res::a"), diffs=diffs, keys=(INIT_ERROR,))

    assert list(changed_keys(step)) == told
