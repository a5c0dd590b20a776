"""Names of apps, servers and resources as targets, on hosts in memory."""

from __future__ import annotations

import pytest

from tests.worlds import World, host_key
from tomo.errors import ExitCode, TargetsRefused, UsageError
from tomo.model.events import Result
from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.resources.tokens import CONTAINER
from tomo.service.runs import PlanResult

SECOND = """\
  pi:
    host: 192.0.2.11
    user: root
    host_key: {key}
apps:
"""
OTHER = """\
  blog:
    server: pi
    definition:
      schema: tomo.app/v1
      id: blog
      title: A blog
      version: "1.0"
      services: {server: {image: "tomo-test/web:1.0"}}
"""


@pytest.fixture
def two(world: World) -> World:
    """Two servers, each with an app."""
    world.edit("apps:\n", SECOND.format(key=host_key(1)))
    world.file.write_text(world.file.read_text() + OTHER)
    return world


def changed(result: PlanResult) -> set[str]:
    return {step.urn.name for step in result.plan.changes}


def test_a_server_is_all_that_is_on_it(two: World) -> None:
    result = two.plan(selection=Selection(("pi",)))

    assert result.exit_code is ExitCode.OK
    assert {"pi", "blog@pi"} <= changed(result)
    assert not any("web" in name or "nas" in name for name in changed(result))
    assert any(urn.name == "web@nas" for urn in result.plan.left_out)


def test_an_app_alone_needs_its_server_first(two: World) -> None:
    refused = two.plan(selection=Selection(("blog",)))
    two.apply(selection=Selection(("pi",)))

    alone = two.plan(selection=Selection(("blog",), replaces=("blog",)))

    assert refused.exit_code is ExitCode.FAILED
    assert all(isinstance(failure.error, TargetsRefused) for failure in refused.failures)
    assert "--target 'pi-docker'" in refused.failures[0].error.hint
    assert changed(alone) == {"blog@pi"}


def test_an_apply_of_one_server_leaves_the_other_and_its_hosts_alone(two: World) -> None:
    result = two.apply(selection=Selection(("pi",)))

    assert result.result is Result.SUCCEEDED, result.failures
    assert two.hosts["192.0.2.11"].docker.container_names == ["blog"]
    assert not two.nas.docker_installed
    assert two.plan().has_changes


def test_an_excluded_app_stays_while_the_rest_changes(two: World) -> None:
    two.apply()
    two.edit("    server: nas\n", "    server: nas\n    inputs: {GREETING: good morning}\n")

    spared = two.plan(selection=Selection(excludes=("web",)))
    whole = two.plan()

    assert not spared.plan.changes
    assert "web@nas" in changed(whole)


def test_destroying_an_app_leaves_the_servers(two: World) -> None:
    two.apply()

    result = two.apply(destroy=True, look=False, selection=Selection(("blog",)))

    assert result.exit_code is ExitCode.OK, result.program_error
    assert two.hosts["192.0.2.11"].docker.container_names == []
    assert two.nas.docker.container_names == ["web"]


def test_the_containers_of_an_app_are_replaced_on_demand_and_its_data_stays(two: World) -> None:
    two.apply()
    before = two.nas.docker.inspect("web")["Id"]

    result = two.apply(selection=Selection(("web",), replaces=("web",)))

    assert result.exit_code is ExitCode.OK, (result.failures, result.program_error)
    assert two.nas.docker.inspect("web")["Id"] != before
    assert [(step.op, step.type) for step in result.shown.plan.changes] == [(Op.REPLACE, CONTAINER)]


def test_a_resource_goes_by_its_name_with_or_without_its_server(two: World) -> None:
    two.apply()

    for name in ("web-data", "web-data@nas"):
        left_out = {urn.name for urn in two.plan(selection=Selection((name,))).plan.left_out}
        assert {"web@nas", "blog@pi"} <= left_out
        assert "web-data@nas" not in left_out


def test_a_name_that_nothing_has_is_refused_with_what_there_is(two: World) -> None:
    with pytest.raises(UsageError, match="`blgo` is no app, server or resource") as refused:
        two.plan(selection=Selection(("blgo",)))

    assert "`blog`" in refused.value.hint
    assert "`nas`" in refused.value.hint


def test_targets_and_excludes_do_not_go_together(two: World) -> None:
    with pytest.raises(UsageError, match="don't go together"):
        two.plan(selection=Selection(("pi",), ("nas",)))


@pytest.mark.parametrize("side", ["target", "exclude"])
def test_dependents_of_nothing_are_refused(two: World, side: str) -> None:
    selection = Selection(target_dependents=side == "target", exclude_dependents=side == "exclude")

    with pytest.raises(UsageError, match=f"`--{side}-dependents` wants a `--{side}`"):
        two.plan(selection=selection)


def test_a_name_of_an_app_and_of_a_server_is_refused(two: World) -> None:
    two.edit("  blog:\n", "  nas:\n")

    with pytest.raises(UsageError, match="`nas` is both an app and a server"):
        two.plan(selection=Selection(("nas",)))

    assert {"nas@pi"} <= changed(two.plan(selection=Selection(("nas@pi", "pi"))))
