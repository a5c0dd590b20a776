"""Repositories, apps, versions, ratings and flags, in a database of either kind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tomo.catalog.search import weights_of
from tomo.db.database import Database
from tomo.db.marketplace import KeptApp, Marketplace
from tomo.errors import UsageError
from tomo.model.catalog import AppFilter, AppSummary, Rating, Repository, Standing
from tomo.service.marketplace.searching import found_in

LAB = Repository(
    "homelab", "https://git.example.com/lab.git", "", "c" * 40, "sha256:1", 100, 100, ("bad.yaml:1: no",)
)


def app(id_: str, repository: str = "homelab", **words: object) -> AppSummary:
    said: dict[str, object] = {
        "title": id_.title(),
        "tagline": "",
        "version": "1.0",
        "categories": ("media",),
        "tags": (),
        "description": "",
        "risk": "low",
    }
    return AppSummary(id=id_, repository=repository, **{**said, **words})  # type: ignore[arg-type]


def kept(*apps: AppSummary) -> list[KeptApp]:
    return [KeptApp(each, weights_of(each), f"{each.id} {each.version}") for each in apps]


def refs(market: Marketplace, query: str, wanted: AppFilter | None = None) -> Sequence[str]:
    hits = found_in(market, query, wanted or AppFilter())
    return [hit.app.ref for hit in sorted(hits, key=lambda hit: (-hit.score, hit.app.ref))]


@pytest.fixture
def market(database: Database) -> Marketplace:
    return Marketplace(database)


def test_a_repository_comes_back_as_it_was_with_its_apps(market: Marketplace) -> None:
    wiki = app(
        "wiki", tags=("notes", "markdown"), architectures=("amd64",), memory=1 << 28, disk=1 << 40, cpu=0.5
    )

    market.put(LAB, kept(wiki), new=True)

    assert market.repositories() == (LAB,)
    assert market.repository("homelab") == LAB
    assert market.repository("other") is None
    assert market.apps() == (wiki,)


def test_a_name_is_given_once_and_what_is_gone_is_not_brought_up_to_date(market: Marketplace) -> None:
    market.put(LAB, kept(app("wiki")), new=True)

    with pytest.raises(UsageError, match="is there already"):
        market.put(LAB, [], new=True)
    with pytest.raises(UsageError, match="is gone"):
        market.put(replace(LAB, name="other"), [], new=False)
    assert len(market.apps()) == 1


def test_newer_apps_take_the_place_of_the_old_and_each_version_is_kept(market: Marketplace) -> None:
    market.put(LAB, kept(app("wiki"), app("old")), new=True)

    market.put(
        replace(LAB, commit="d" * 40, synced=200), kept(app("wiki", version="2.0"), app("new")), new=False
    )
    market.put(
        replace(LAB, commit="e" * 40, synced=300), kept(app("wiki", version="2.0"), app("new")), new=False
    )

    assert [each.id for each in market.apps()] == ["new", "wiki"]
    assert [(each.version, each.time) for each in market.versions("homelab", "wiki")] == [
        ("2.0", 200),
        ("1.0", 100),
    ]
    assert refs(market, "old") == []


def test_a_removed_repository_takes_its_apps_words_and_versions_with_it(market: Marketplace) -> None:
    market.put(LAB, kept(app("wiki")), new=True)
    market.put(replace(LAB, name="other"), kept(app("wiki", "other")), new=True)

    assert market.remove("homelab")
    assert not market.remove("homelab")

    assert refs(market, "wiki") == ["other/wiki"]
    assert market.versions("homelab", "wiki") == ()


def test_who_has_an_id_is_known(market: Marketplace) -> None:
    market.put(LAB, kept(app("wiki"), app("photos")), new=True)
    market.put(replace(LAB, name="other"), kept(app("wiki", "other")), new=True)

    assert market.owners() == {"photos": ("homelab",), "wiki": ("homelab", "other")}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("wiki", ["homelab/wiki", "homelab/notes"]),
        ("wik", ["homelab/wiki", "homelab/notes"]),
        ("markdown notes", ["homelab/notes"]),
        ("iki", ["homelab/wiki", "homelab/notes"]),
        ("media", ["homelab/photos"]),
        ("pictures", ["homelab/photos"]),
        ("", ["homelab/notes", "homelab/photos", "homelab/wiki"]),
        ("wiki photos", []),
        ("100%", []),
        ("'; DROP TABLE catalog_apps; --", []),
        ("\x00", ["homelab/notes", "homelab/photos", "homelab/wiki"]),
        ("Ü", []),
        ("zzz", []),
    ],
)
def test_words_find_the_best_first(market: Marketplace, query: str, found: list[str]) -> None:
    apps = [
        app("wiki", categories=("productivity",)),
        app("notes", categories=("productivity",), tags=("wiki", "markdown")),
        app("photos", tagline="All your pictures"),
    ]
    market.put(LAB, kept(*apps), new=True)

    assert refs(market, query) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AppFilter(category="media"), ["photos"]),
        (AppFilter(tag="Notes"), ["wiki"]),
        (AppFilter(architecture="arm64"), ["any", "photos"]),
        (AppFilter(memory=1 << 29), ["any", "wiki"]),
        (AppFilter(disk=1 << 31), ["any", "wiki"]),
        (AppFilter(cpu=1.0), ["any", "wiki"]),
        (AppFilter(memory=1 << 29, architecture="arm64"), ["any"]),
    ],
)
def test_what_an_app_is_and_needs_narrows(market: Marketplace, wanted: AppFilter, found: list[str]) -> None:
    apps = [
        app(
            "wiki",
            categories=("productivity",),
            tags=("notes",),
            architectures=("amd64",),
            memory=1 << 28,
            cpu=0.5,
        ),
        app("photos", architectures=("amd64", "arm64"), memory=1 << 31, disk=1 << 40, cpu=2.0),
        app("any", categories=()),
    ]
    market.put(LAB, kept(*apps), new=True)

    assert refs(market, "", wanted) == [f"homelab/{each}" for each in found]


def test_everybody_has_one_rating_of_an_app_and_the_average_is_shown(market: Marketplace) -> None:
    market.rate(Rating("homelab/wiki", "ann", 2, "slow", 10))
    market.rate(Rating("homelab/wiki", "ann", 5, "fast now", 20))
    market.rate(Rating("homelab/wiki", "bob", 4, "", 30))
    market.feature("jellyfin", "ann", 40, featured=True)
    market.feature("gone", "ann", 50, featured=True)
    market.feature("gone", "ann", 60, featured=False)

    assert [(each.person, each.stars) for each in market.ratings("homelab/wiki")] == [("bob", 4), ("ann", 5)]
    assert market.standings() == {
        "homelab/wiki": Standing(2, 4.5),
        "jellyfin": Standing(0, 0.0, featured=True),
    }


WORDS = ("photo", "music", "wiki", "proxy", "backup", "monitor", "chat", "mail", "video", "notes")


def many(count: int) -> list[AppSummary]:
    """Apps with twenty words each, all of them found by `photo` or another word."""
    return [
        app(
            f"{WORDS[number % 10]}-{number}",
            tags=(WORDS[number % 7], f"tag{number % 50}"),
            tagline=f"Keeps your {WORDS[number % 9]} in order, number {number}",
            description=" ".join(f"word{(number * step) % 997}" for step in range(1, 15)),
            architectures=("amd64", "arm64")[: 1 + number % 2],
            memory=(1 << 26) << number % 6,
        )
        for number in range(count)
    ]


def test_two_thousand_apps_are_searched_in_less_than_fifty_milliseconds(market: Marketplace) -> None:
    market.put(LAB, kept(*many(2_000)), new=True)
    assert len(market.apps()) == 2_000

    def search() -> float:
        begun = time.perf_counter()
        hits = found_in(
            market, "photo order", AppFilter(category="media", architecture="arm64", memory=1 << 28)
        )
        took = time.perf_counter() - begun
        assert hits
        return took

    # The machine does other things, too: the fastest of several is the search's own time.
    assert min(search() for _ in range(7)) < 0.05
