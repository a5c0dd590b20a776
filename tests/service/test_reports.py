"""What CI jobs leave to read: it fits a comment, says where it was cut, and keeps what matters."""

from __future__ import annotations

import pytest

from tests.service.test_policies import ASK, SOCKET, policies
from tests.worlds import World
from tomo.errors import PlanRefused
from tomo.service.markdown import plan_markdown
from tomo.service.reports import MOST_CHARACTERS, cut, error_report, plan_report, run_json, run_report

APP = """
  web{number}:
    server: nas
    definition: {{schema: tomo.app/v1, id: page, title: A page, version: "1.0", services: {{server: {{image: "tomo-test/web:1.0"}}}}}}
"""


def large(world: World, apps: int) -> None:
    """A fleet with many apps."""
    world.file.write_text(
        world.file.read_text() + "".join(APP.format(number=number) for number in range(apps))
    )


def test_a_plan_that_fits_is_whole(world: World) -> None:
    shown = world.plan()

    report = plan_report(shown)

    assert report == plan_markdown(shown)


def test_a_kept_plan_names_its_digest(world: World) -> None:
    report = plan_report(world.plan(), "sha256:abc")

    assert report.endswith("Plan `sha256:abc`; exactly this is applied, once.\n")


def test_a_long_plan_is_cut_to_a_comment_and_says_so(world: World) -> None:
    mount = "            - {volume: data, path: /data}\n"
    world.edit(mount, mount + SOCKET)
    large(world, 12)
    policies(world, ASK)
    shown = world.plan()
    most = 1_300
    assert len(plan_markdown(shown)) > most

    report = plan_report(shown, "sha256:abc", most)

    assert len(report) <= most
    assert "**This is not the whole plan" in report
    assert "docker-socket" in report
    assert report.count("```") % 2 == 0
    assert "It needs 1 approval of the role `admin`" in report
    assert report.endswith("exactly this is applied, once.\n")


def test_the_limit_is_below_that_of_comments() -> None:
    assert MOST_CHARACTERS < 65_536


@pytest.mark.parametrize("most", range(0, 60, 7))
def test_what_is_cut_has_whole_lines_and_closed_fences(most: int) -> None:
    text = "**nas**\n\n````diff\n+ one ```\n+ two\n````\n\nafter\n"

    kept = cut(text, most)

    assert len(kept) <= most
    assert kept.count("````") % 2 == 0
    assert all(line in text.splitlines() for line in kept.splitlines())


def test_a_run_says_what_was_done(world: World) -> None:
    result = world.apply()

    report, document = run_report(result), run_json(result)

    assert report.startswith("### Applied: `tomo/home`: ")
    assert "+ created Container web@nas on nas" in report
    assert document["exitCode"] == 0
    assert document["errors"] == []


def test_a_failed_run_says_what_failed_and_what_to_do(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/none:1.0")

    result = world.apply()

    report, document = run_report(result), run_json(result)
    assert report.startswith("### Failed: `tomo/home`: ")
    assert "**Failed**" in report
    assert document["exitCode"] == 1
    assert document["errors"]


def test_what_was_refused_is_told_with_its_hint() -> None:
    report = error_report(PlanRefused("the plan `x` was used before", hint="make a new one"))

    assert report == (
        "### Nothing was done\n\n```\nthe plan `x` was used before\nhint: make a new one\n```\n\n"
        "Error code plan\\-refused.\n"
    )
