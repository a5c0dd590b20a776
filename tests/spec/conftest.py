"""Fleets as texts, and a small catalog to hold them against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tomo.errors import Problem, SpecError
from tomo.spec.app import AppDefinition
from tomo.spec.check import check_fleet
from tomo.spec.load import LoadedFleet, fleet_from_text

NOTES = {
    "schema": "tomo.app/v1",
    "id": "notes",
    "title": "Notes",
    "version": "1.2.0",
    "inputs": [
        {"name": "TITLE", "default": "Notes", "validate": {"min": 2, "max": 10}},
        {"name": "ADMIN", "required": True, "placeholder": "me"},
        {"name": "WORKERS", "type": "integer", "default": "2", "validate": {"min": 1, "max": 8}},
        {
            "name": "MODE",
            "type": "enum",
            "options": [{"value": "fast"}, {"value": "safe"}],
            "default": "safe",
        },
        {"name": "PASSWORD", "type": "secret", "required": True, "generate": {"kind": "password"}},
        {"name": "API_KEY", "type": "secret"},
        {"name": "SEARCH", "type": "boolean", "default": "false"},
    ],
    "services": {
        "server": {
            "image": "notes:1.2.0",
            "env": {
                "TITLE": {"input": "TITLE"},
                "PASSWORD": {"input": "PASSWORD"},
                "API_KEY": {"input": "API_KEY"},
            },
            "ports": [
                {"name": "web", "container": 80, "host": 8080},
                {"name": "sync", "container": "9000-9002", "protocol": "udp"},
            ],
            "mounts": [{"volume": "data", "path": "/data"}],
            "depends_on": {"search": "started"},
        },
        "search": {"image": "search:2.0", "when": {"input": "SEARCH", "equals": "true"}},
    },
    "volumes": {"data": {}},
    "web": {"service": "server", "port": 80},
}
SECRETIVE = {
    "schema": "tomo.app/v1",
    "id": "vault",
    "title": "Vault",
    "version": "3.0",
    "exposure": {"allowed": False},
    "dependencies": [{"app": "notes"}],
    "services": {"server": {"image": "vault:3.0", "ports": [{"name": "web", "container": 8080}]}},
    "web": {"service": "server", "port": 8080},
}
FLEET = """\
fleet: home
servers:
  nas:
    host: 192.168.1.10
apps:
  notes:
    app: notes
    server: nas
    inputs:
      ADMIN: me
"""


@pytest.fixture
def catalog() -> dict[str, AppDefinition]:
    """Two apps."""
    return {str(app["id"]): AppDefinition.model_validate(app) for app in (NOTES, SECRETIVE)}


@pytest.fixture
def fleet_text() -> str:
    """A fleet without a mistake."""
    return FLEET


@pytest.fixture
def load() -> Callable[[str], LoadedFleet]:
    """Loads a fleet from its text."""
    return lambda text: fleet_from_text(text, Path("fleet.yaml"))


@pytest.fixture
def mistakes(catalog: dict[str, AppDefinition]) -> Callable[[str], list[Problem]]:
    """Every mistake of a fleet, those that show only with the catalog included."""

    def find(text: str) -> list[Problem]:
        try:
            loaded = fleet_from_text(text, Path("fleet.yaml"))
        except SpecError as error:
            return list(error.problems)
        return check_fleet(loaded, catalog.get, sorted(catalog))

    return find
