"""Every app that ships keeps every rule, and holds together with a fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tomo.catalog.index import Catalog, bundled_folder
from tomo.catalog.lint import lint_file, repository_of, tag_of
from tomo.model.values import Secret
from tomo.resources.compile import compile_fleet
from tomo.resources.texts import FleetValues
from tomo.resources.tokens import CONTAINER
from tomo.spec.app import CATEGORIES, in_language
from tomo.spec.check import check_fleet, warn_fleet
from tomo.spec.inputs import generated_inputs
from tomo.spec.load import fleet_from_text
from tomo.spec.overlay import app_url, bindings, overlaid

FILES = sorted((bundled_folder() / "apps").glob("*.yaml"))
BUNDLED = Catalog.bundled()
RIVALS = frozenset({"caddy", "nginx-proxy-manager", "adguard-home"})
"""Apps for a well-known port that another app of the catalog has too: 53, 80 or 443."""


def fleet_of(apps: Mapping[str, str]) -> str:
    """A fleet file with apps by the name they get, given only the inputs they must have."""
    lines = ["fleet: home", "servers:", "  nas: {host: 192.168.1.10}", "apps:"]
    for name, app_id in apps.items():
        wanted = [each for each in BUNDLED.get(app_id).inputs if each.required and each.generate is None]
        inputs = ", ".join(
            f"{each.name}: {{secret: own.{each.name}}}"
            if each.secret
            else f'{each.name}: "{each.placeholder}"'
            for each in wanted
        )
        lines += [f"  {name}:", f"    app: {app_id}", "    server: nas", f"    inputs: {{{inputs}}}"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_app_keeps_every_rule(file: Path) -> None:
    assert [f"{problem} ({problem.hint})" for problem in lint_file(file)] == []


@pytest.mark.parametrize("app_id", BUNDLED.ids())
def test_a_fleet_with_only_the_required_inputs_has_no_mistake(app_id: str) -> None:
    app = BUNDLED.get(app_id)
    loaded = fleet_from_text(fleet_of({"it": app_id}), Path("fleet.yaml"))

    assert check_fleet(loaded, BUNDLED.find, BUNDLED.ids()) == []
    assert bool(warn_fleet(loaded, BUNDLED.find)) == (app.status == "deprecated")
    fleet = loaded.fleet
    placed = overlaid("it", app, fleet.apps["it"])
    assert all(binding.address != "0.0.0.0" for binding in bindings(placed, fleet.servers["nas"]))
    assert bool(app_url(placed, fleet.apps["it"], fleet.servers["nas"])) == (app.web is not None)


def test_all_apps_but_rivals_for_one_port_fit_on_one_server_together() -> None:
    ids = [app_id for app_id in BUNDLED.ids() if app_id not in RIVALS]

    loaded = fleet_from_text(fleet_of({app_id: app_id for app_id in ids}), Path("fleet.yaml"))

    assert check_fleet(loaded, BUNDLED.find, BUNDLED.ids()) == []


@pytest.mark.parametrize("app_id", BUNDLED.ids())
def test_the_app_becomes_resources_and_its_secrets_stay_closed(app_id: str) -> None:
    loaded = fleet_from_text(fleet_of({"it": app_id}), Path("fleet.yaml"))
    fleet, app = loaded.fleet, BUNDLED.get(app_id)
    own = {f"own.{entry.name}" for entry in app.inputs if entry.secret}
    secrets = {name: Secret("hunter2") for name in own.union(generated_inputs("it", app, fleet.apps["it"]))}

    compiled = compile_fleet(fleet, {"it": app}, FleetValues(secrets))

    containers = [each for each in compiled.declarations.resources if each.type == CONTAINER]
    assert len(containers) == len(overlaid("it", app, fleet.apps["it"]).services)
    assert "hunter2" not in repr(compiled)


def test_the_catalog_covers_every_category_and_apps_of_several_containers() -> None:
    apps = [BUNDLED.get(app_id) for app_id in BUNDLED.ids()]

    assert len(apps) >= 100
    counts = Counter(app.categories[0] for app in apps)
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 10
    assert sum(len(app.services) > 1 for app in apps) >= 4
    assert any(len(app.services) >= 3 for app in apps)


def test_no_two_apps_share_a_title() -> None:
    titles = [in_language(BUNDLED.get(app_id).title) for app_id in BUNDLED.ids()]

    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("image", "tag", "repository"),
    [
        ("nginx", "", "nginx"),
        ("nginx:1.30.4", "1.30.4", "nginx"),
        ("registry.lan:5000/web/app", "", "app"),
        ("registry.lan:5000/web/app:2.0", "2.0", "app"),
        ("postgres:17.2@sha256:abc", "17.2", "postgres"),
        ("docker.io/library/redis@sha256:abc", "", "redis"),
    ],
)
def test_an_images_name_is_taken_apart(image: str, tag: str, repository: str) -> None:
    assert (tag_of(image), repository_of(image)) == (tag, repository)
