"""What registries of a fleet mean for its resources, on both roads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tomo.model.urn import Urn
from tomo.model.values import Secret
from tomo.resources import tokens
from tomo.resources.compile import compile_fleet
from tomo.resources.standalone import standalone_program
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

PASSWORD = 'quo"te\\d ü'
APP = AppDefinition.model_validate(
    {
        "schema": "tomo.app/v1", "id": "shop", "title": "Shop", "version": "2.0",
        "services": {"server": {"image": "r.lan:5000/me/shop:2.0"}, "db": {"image": "ghcr.io/me/pg:17"}},
    }
)  # fmt: skip
REGISTRIES = {
    "r.lan:5000": {"username": "deploy", "password": {"secret": "R_PASSWORD"}, "insecure": True},
    "unused.lan": {"username": "nobody", "password": {"secret": "R_PASSWORD"}},
    "ghcr.io": {"through": "cache.lan/ghcr"},
    "cache.lan": {"username": "cacher", "password": {"secret": "R_PASSWORD"}},
    "docker.io": {"mirrors": ["https://mirror.lan"]},
}


def fleet_of(**apps: Any) -> Fleet:
    servers = {
        name: {"host": f"192.0.2.{n}", "user": "root", "docker": {"prune": {}}}
        for n, name in enumerate(("nas", "attic"), 1)
    }
    return Fleet.model_validate({"fleet": "home", "servers": servers, "registries": REGISTRIES, "apps": apps})


SHOP = {"shop": {"app": "shop", "server": "nas"}}
VALUES = FleetValues({"R_PASSWORD": Secret(PASSWORD)})


def provider_inputs(recorder: Any, name: str) -> Any:
    return recorder.by_urn()[Urn.make("home", "tomo", None, tokens.DOCKER_PROVIDER, name)].inputs


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_road_gives_the_same_goals_with_logins_as_secrets(
    tmp_path: Path, run_declared: Any, run_program: Any, dry_run: bool
) -> None:
    fleet = fleet_of(**SHOP)
    compiled = compile_fleet(fleet, {"shop": APP}, VALUES).declarations
    for name, text in standalone_program(fleet, {"shop": APP}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def main() -> None:
        from tomo.resources.registration import register

        register(compiled)

    direct = run_declared(compiled, dry_run=dry_run)
    through_sdk = run_program(main, dry_run=dry_run)
    alone = run_program(
        Path("__main__.py"), folder=tmp_path, dry_run=dry_run, config={"tomo:R_PASSWORD": PASSWORD}
    )

    assert direct.by_urn() == through_sdk.by_urn() == alone.by_urn()
    login = provider_inputs(direct, "nas")["registryAuth"]
    assert isinstance(login, Secret)
    assert json.loads(str(login.reveal())) == [
        {"address": "cache.lan", "username": "cacher", "password": PASSWORD},
        {"address": "r.lan:5000", "username": "deploy", "password": PASSWORD},
    ]


def test_a_server_is_given_the_logins_of_its_own_images_only(run_declared: Any) -> None:
    compiled = compile_fleet(fleet_of(**SHOP), {"shop": APP}, VALUES).declarations

    recorder = run_declared(compiled)

    assert "registryAuth" not in provider_inputs(recorder, "attic")
    assert "unused.lan" not in str(provider_inputs(recorder, "nas")["registryAuth"].reveal())


def test_images_are_named_after_what_they_are_pulled_through() -> None:
    compiled = compile_fleet(fleet_of(**SHOP), {"shop": APP}, VALUES).declarations

    images = [each.inputs["name"] for each in compiled.resources if each.type == tokens.REMOTE_IMAGE]
    assert sorted(images) == ["cache.lan/ghcr/me/pg:17", "r.lan:5000/me/shop:2.0"]


def test_a_written_program_names_the_secret_and_does_not_hold_it() -> None:
    code = standalone_program(fleet_of(**SHOP), {"shop": APP})["__main__.py"]

    assert '"password": config.require_secret("R_PASSWORD")' in code
    assert '"address": "r.lan:5000"' in code
