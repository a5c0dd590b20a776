"""What the search is measured on really is 2,000 apps that it looks through."""

from __future__ import annotations

from pathlib import Path

from bench.search import APPS, SEARCHES, fill, searches
from tests.databases import put_database
from tomo.service.marketplace.store import marketplace_of
from tomo.settings import Settings


def test_so_many_apps_are_searched(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    put_database(settings.data_folder)

    fill(settings)

    with marketplace_of(settings) as market:
        assert len(market.apps()) == APPS == 2_000


def test_each_search_has_a_limit(tmp_path: Path) -> None:
    put_database(Settings(home=tmp_path).data_folder)

    rows = list(searches(tmp_path, rounds=1))

    assert [(row.limit, row.unit) for row in rows] == [(50, "ms")] * len(SEARCHES)
