"""How long a search takes over the apps that ship and 2,000 of a repository, in a SQLite file."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.report import Row, Samples
from tomo.catalog.index import Catalog
from tomo.catalog.search import weights_of
from tomo.db.address import database_address
from tomo.db.database import Database
from tomo.db.marketplace import KeptApp, Marketplace
from tomo.model.catalog import AppFilter, AppSummary, Repository
from tomo.service.catalogs import CatalogRequest, listing
from tomo.service.workspace import Place
from tomo.settings import Settings

APPS = 2_000
LIMIT_MS = 50
WORDS = ("photos", "music", "wiki", "proxy", "backup", "monitoring", "chat", "mail", "video", "notes")
SEARCHES = (
    ("one word", "photos", AppFilter()),
    (
        "three words and every filter",
        "keeps photos order",
        AppFilter("media", "", "arm64", 1 << 29, 1 << 40, 2.0),
    ),
)


def searches(folder: Path, rounds: int) -> Iterator[Row]:
    """Each search by the use case that the command and assistants have, its catalog read before."""
    settings = Settings(home=folder)
    fill(settings)
    catalog, request = Catalog.bundled(), Place(folder)
    catalog.summaries()
    for what, words, wanted in SEARCHES:
        taken = [
            _milliseconds(catalog, CatalogRequest(request, words, wanted), settings)
            for _ in range(rounds + 1)
        ]
        name = f"search over {APPS:,} apps of a repository: {what}"
        yield Row(name, Samples("search", taken[1:]), limit=LIMIT_MS, unit="ms")


def fill(settings: Settings) -> None:
    """Puts a repository of so many apps into the database."""
    database = Database(database_address(settings))
    try:
        now = int(time.time())
        made = Repository("bench", "https://git.example.com/bench.git", "", "c" * 40, "sha256:0", now, now)
        kept = [KeptApp(app, weights_of(app), app.id) for app in islice(apps(), APPS)]
        Marketplace(database).put(made, kept, new=True)
    finally:
        database.close()


def apps() -> Iterator[AppSummary]:
    """Apps without end, each with some twenty words."""
    number = 0
    while True:
        word, other = WORDS[number % 10], WORDS[number % 7]
        yield AppSummary(
            id=f"{word}-{number}",
            title=f"{word.title()} {number}",
            tagline=f"Keeps your {other} in order",
            version="1.0",
            categories=("media", "productivity")[: 1 + number % 2],
            tags=(word, other, f"tag{number % 50}"),
            description=" ".join(f"word{number * step % 997}" for step in range(1, 15)),
            risk="low",
            architectures=("amd64", "arm64")[: 1 + number % 2],
            memory=(1 << 26) << number % 6,
            repository="bench",
        )
        number += 1


def _milliseconds(catalog: Catalog, request: CatalogRequest, settings: Settings) -> float:
    begun = time.perf_counter()
    found = listing(catalog, request, settings)
    took = (time.perf_counter() - begun) * 1000
    assert found.apps
    return took
