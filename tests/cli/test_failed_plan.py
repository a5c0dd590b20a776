"""An apply whose plan fails: nobody is asked, and the screen says why."""

import json

from tests.cli.conftest import Tomo
from tests.worlds import World


def test_an_apply_of_a_program_that_raises_says_why(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text("raise ValueError('its own trouble')\n")

    ran = tomo(nothing, "apply", "--yes", "--stack", "dev")

    assert ran.code == 1
    assert "No plan could be made." in ran.out
    assert "__main__.py:1: ValueError: its own trouble" in ran.err


def test_as_json_it_says_so_in_event_lines_to_the_last(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text("raise ValueError('its own trouble')\n")

    ran = tomo(nothing, "apply", "--yes", "--json", "--stack", "dev")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    said = [line["diagnosticEvent"]["message"] for line in lines if "diagnosticEvent" in line]
    assert (ran.code, len(said)) == (1, 1)
    assert "ValueError: its own trouble" in said[0]
    assert lines[-2]["summaryEvent"] | {"durationSeconds": 0} == {
        "maybeCorrupt": False,
        "durationSeconds": 0,
        "resourceChanges": {"create": 1},
        "PolicyPacks": {},
        "isPreview": True,
        "result": "failed",
    }
    assert list(lines[-1]) == ["sequence", "timestamp", "cancelEvent"]
