"""The demo's own images keep up with the catalog."""

import pytest
import yaml

from demo.standins import ALL, CATALOG, StandIn
from demo.story import APPS


@pytest.mark.parametrize("standin", ALL, ids=lambda standin: standin.name)
def test_a_stand_in_has_the_name_that_the_catalog_asks_for(standin: StandIn) -> None:
    entry = yaml.safe_load((CATALOG / f"{standin.app}.yaml").read_text(encoding="utf-8"))

    assert standin.public_name() == entry["services"][standin.service]["image"]


@pytest.mark.parametrize("app", [app.app for app in APPS])
def test_every_service_of_the_demos_apps_has_a_stand_in(app: str) -> None:
    entry = yaml.safe_load((CATALOG / f"{app}.yaml").read_text(encoding="utf-8"))

    assert {standin.service for standin in ALL if standin.app == app} == set(entry["services"])


def test_the_demo_has_an_app_with_several_containers_and_a_secret() -> None:
    entries = [yaml.safe_load((CATALOG / f"{app.app}.yaml").read_text(encoding="utf-8")) for app in APPS]

    several = [entry for entry in entries if len(entry["services"]) > 1]
    assert any(question.get("type") == "secret" for entry in several for question in entry["inputs"])
