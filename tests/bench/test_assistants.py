"""The fleet that an assistant is measured on really is one, with a secret and a volume for each app."""

from __future__ import annotations

from pathlib import Path

from bench.assistants import APPS, SERVERS, make_fleet
from tomo.catalog.index import Catalog
from tomo.spec.check import check_fleet
from tomo.spec.load import load_fleet


def test_the_measured_fleet_has_so_many_apps_on_so_many_servers(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet")

    loaded = load_fleet(tmp_path / "fleet" / "fleet.yaml")

    catalog = Catalog.bundled(loaded.catalogs)
    assert (len(loaded.fleet.apps), len(loaded.fleet.servers)) == (APPS, SERVERS)
    assert check_fleet(loaded, catalog.find, catalog.ids()) == []
