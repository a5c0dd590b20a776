"""Trouble that passes, on hosts in memory: what is tried again, and what is not."""

from __future__ import annotations

from tests.worlds import CONTAINER, World
from tomo.errors import ExitCode
from tomo.model.events import Diagnostic, Event

HANDSHAKE = 'Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout'


def lines(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Diagnostic)]


def test_a_registry_that_is_slow_for_a_moment_costs_a_pause(world: World) -> None:
    world.nas.docker.fail_next("POST", "/images/create", 500, HANDSHAKE, times=2)
    events: list[Event] = []

    result = world.apply(sink=events.append)

    assert result.exit_code is ExitCode.OK, result.failures
    assert [line.rpartition("; ")[2] for line in lines(events)] == [
        "trying again in 2 s",
        "trying again in 6 s",
    ]
    assert world.nas.docker.container_names == [CONTAINER]
    assert not world.plan().has_changes


def test_a_registry_that_stays_away_fails_and_says_how_often_it_was_asked(world: World) -> None:
    world.registry.unreachable = True

    result = world.apply()

    assert result.exit_code is ExitCode.FAILED
    assert [str(failure.error) for failure in result.failures] == [
        "`nas` can't reach the registry of `tomo-test/web:1.0` (tried 4 times)"
    ]


def test_a_busy_daemon_is_asked_again_and_nothing_is_made_twice(world: World) -> None:
    world.nas.docker.fail_next("POST", "/containers/create", 409, "a prune operation is already running")

    result = world.apply()

    assert result.exit_code is ExitCode.OK, result.failures
    assert world.nas.docker.container_names == [CONTAINER]


def test_what_a_step_had_begun_is_not_done_again(world: World) -> None:
    refused = "device or resource busy"
    world.nas.docker.fail_next("POST", "/containers/[^/]+/start", 500, refused)
    events: list[Event] = []

    result = world.apply(sink=events.append)

    assert result.exit_code is ExitCode.FAILED
    assert refused in str(result.failures[0].error)
    assert lines(events) == []
    assert world.apply().exit_code is ExitCode.OK
    assert world.nas.docker.container_names == [CONTAINER]


def test_nothing_is_asked_again_where_that_is_not_wanted(world: World) -> None:
    world.nas.docker.fail_next("POST", "/images/create", 500, HANDSHAKE)

    result = world.apply(retry=False)

    assert result.exit_code is ExitCode.FAILED
