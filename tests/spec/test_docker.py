"""Docker's options: what becomes daemon.json, what a pin is, and every mistake in them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tomo.spec.docker import DockerOptions


def options(**given: Any) -> DockerOptions:
    return DockerOptions.model_validate(given)


def test_typed_settings_and_free_ones_become_one_daemon_json() -> None:
    found = options(
        logs={"driver": "local", "max_size": "20m", "max_files": 5},
        live_restore=True,
        registry_mirrors=["https://m.lan"],
        daemon={"debug": True},
    )

    assert found.settings() == {
        "debug": True,
        "registry-mirrors": ["https://m.lan"],
        "live-restore": True,
        "log-driver": "local",
        "log-opts": {"max-size": "20m", "max-file": "5"},
    }
    assert found.first_settings() == {}


@pytest.mark.parametrize(
    ("given", "first"),
    [({}, True), ({"logs": False}, False), ({"daemon": {"log-driver": "journald"}}, False)],
)
def test_a_new_docker_rotates_logs_unless_something_else_is_said(given: Any, first: bool) -> None:
    assert bool(options(**given).first_settings()) is first
    assert not {"log-opts", "live-restore"} & options(**given).settings().keys()


@pytest.mark.parametrize(
    ("version", "pin"), [("27.3.*", "27.3.*"), ("*", "*"), ("27.3.1", ""), ("5:27.3.1-1~debian.12", "")]
)
def test_a_version_with_a_star_is_a_pin(version: str, pin: str) -> None:
    assert options(version=version).pin == pin


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"version": "27*"}, "is no version"),
        ({"version": "27.*.1"}, "is no version"),
        ({"version": "$(id)*"}, "is no version"),
        ({"logs": {"max_size": "10 MB"}}, "is no size of a log file"),
        ({"logs": {"max_files": 0}}, "greater than or equal to 1"),
        ({"logs": {"driver": "none"}}, "json-file"),
        ({"logs": {}, "daemon": {"log-opts": {}}}, "write it as `logs`|`daemon` holds `log-opts`"),
        ({"live_restore": True, "daemon": {"live-restore": False}}, "`daemon` holds `live-restore`"),
        ({"daemon": {"live-restore": "yes"}}, "is `true` or `false`"),
    ],
)
def test_what_docker_would_not_start_with_is_told(given: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        options(**given)
