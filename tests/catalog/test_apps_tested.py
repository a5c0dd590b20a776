"""The page of tested apps says what is so, and stand-ins cover what the catalog asks for."""

from __future__ import annotations

from pathlib import Path

from tests.life import debian_images
from tests.life.choice import chosen
from tests.life.entries import CATALOG, fleet_part, lab_entry
from tests.life.limits import OLDER, STAND_INS
from tests.life.report import STAND_IN, kinds, lived_in, page
from tests.life.stand_ins import stand_ins
from tomo.spec.app import AppDefinition, span

PAGE = Path(__file__).resolve().parents[2] / "docs" / "apps-tested.md"


def test_the_page_of_tested_apps_has_each_app_at_its_version_and_as_what_it_ran() -> None:
    text = PAGE.read_text(encoding="utf-8")

    lived = lived_in(text)

    assert set(chosen()) <= lived <= set(CATALOG.ids())
    assert text == page(lived, chosen())


def test_every_image_of_the_catalog_has_one_stand_in_that_listens_on_its_ports() -> None:
    apps = [CATALOG.get(app) for app in CATALOG.ids()]

    made = {one.reference: one for one in stand_ins(apps)}

    services = [service for app in apps for service in app.services.values()]
    assert set(made) == {service.image for service in services}
    for service in services:
        declared = {(number, port.protocol) for port in service.ports for number in span(port.container)}
        one = made[service.image]
        assert declared <= {(port, "tcp") for port in one.tcp} | {(port, "udp") for port in one.udp}


def test_every_image_made_of_debian_packages_is_one_of_the_catalog() -> None:
    images = {service.image for app in CATALOG.ids() for service in CATALOG.get(app).services.values()}

    used = {how.repository for image in images if (how := debian_images.built_of_debian(image))}

    assert used == {each.repository for each in debian_images.ALL}


def test_reasons_are_given_for_stand_ins_and_shortcomings_for_real_software() -> None:
    excused, older = set(STAND_INS), set(OLDER)

    real = {app for app in excused | older if STAND_IN not in kinds(app).values()}

    assert real == older


def test_a_next_release_of_an_entry_differs_in_its_version_and_images_only() -> None:
    one, two = lab_entry("nextcloud"), lab_entry("nextcloud", 2)

    AppDefinition.model_validate(two)
    assert two["version"] == f"{one['version']}-next"
    for name, service in two["services"].items():
        assert service == {**one["services"][name], "image": f"{one['services'][name]['image']}-next"}
    assert {**two, "version": 0, "services": 0} == {**one, "version": 0, "services": 0}
    assert "app: lab-nextcloud" in fleet_part("nextcloud")
