"""`--target`, `--exclude` and `--replace` as people type them."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Tomo
from tests.service.test_selections import OTHER, SECOND
from tests.worlds import World, host_key
from tomo.errors import ExitCode


@pytest.fixture
def two(world: World) -> World:
    """Two servers, each with an app."""
    world.edit("apps:\n", SECOND.format(key=host_key(1)))
    world.file.write_text(world.file.read_text() + OTHER)
    return world


def test_a_plan_says_how_much_it_leaves_out(two: World, tomo: Tomo) -> None:
    ran = tomo(two, "plan", "--target", "pi")

    assert ran.code == ExitCode.OK, ran.err
    assert "blog" in ran.out
    assert "web@nas" not in ran.out
    assert "web.TOKEN" not in ran.out
    assert ran.out.rstrip().endswith("Plan: 6 to create, 0 unchanged. 8 resources not targeted.")


def test_json_names_what_is_left_out(two: World, tomo: Tomo) -> None:
    ran = tomo(two, "plan", "-t", "pi", "--json")

    left_out = {urn.rpartition("::")[2] for urn in ran.json["leftOut"]}
    assert {"nas", "web@nas"} <= left_out
    assert "blog@pi" not in left_out


def test_apply_exclude_replace_and_destroy(two: World, tomo: Tomo) -> None:
    only_pi = tomo(two, "apply", "--yes", "--target", "pi")
    rest = tomo(two, "apply", "--yes", "--exclude", "pi")
    again = tomo(two, "apply", "--yes", "--target-replace", "blog")
    refreshed = tomo(two, "refresh", "--yes", "--target", "nas")
    gone = tomo(two, "destroy", "--yes", "--exclude", "web")

    assert [ran.code for ran in (only_pi, rest, again, refreshed, gone)] == [0] * 5, gone.err
    assert "1 replaced" in again.err
    assert two.nas.docker.container_names == ["web"]
    assert two.hosts["192.0.2.11"].docker.container_names == []


def test_what_can_not_be_done_alone_is_told_with_what_to_type(two: World, tomo: Tomo) -> None:
    ran = tomo(two, "apply", "--yes", "--target", "blog")

    assert ran.code == ExitCode.FAILED
    assert "--target 'pi' --target 'pi-docker'" in ran.err
    assert two.hosts["192.0.2.11"].docker.container_names == []


def test_what_is_left_out_says_nothing_about_outputs(two: World, tomo: Tomo) -> None:
    tomo(two, "apply", "--yes", "--target", "pi")

    again = tomo(two, "plan", "--target", "pi", "--detailed-exitcode")

    assert again.code == ExitCode.OK, again.out
    assert "Outputs" not in again.out


def test_a_name_that_only_the_file_has_is_refused_where_no_program_runs(two: World, tomo: Tomo) -> None:
    tomo(two, "apply", "--yes", "--target", "pi")

    ran = tomo(two, "destroy", "--yes", "--exclude", "web")

    assert ran.code == ExitCode.USAGE
    assert two.hosts["192.0.2.11"].docker.container_names == ["blog"]


def test_a_wrong_name_is_a_usage_error(two: World, tomo: Tomo) -> None:
    wrong = tomo(two, "destroy", "--yes", "--exclude", "wbe")
    both = tomo(two, "plan", "--exclude", "web", "--target", "pi")
    replaced = tomo(two, "plan", "--destroy", "--replace", "web")

    assert [ran.code for ran in (wrong, both, replaced)] == [ExitCode.USAGE] * 3
    assert "`wbe`" in wrong.err
