"""Apps by id and by words."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tomo.catalog.index import Catalog
from tomo.catalog.search import SearchIndex
from tomo.errors import AppNotFound, SpecError
from tomo.model.catalog import AppFilter, AppSummary

APP = 'schema: tomo.app/v1\nid: {0}\ntitle: {0}\nversion: "1.0"\nservices:\n  s: {{image: "{0}:1.0"}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    apps = tmp_path / "catalog" / "apps"
    apps.mkdir(parents=True)
    for name in ("alpha", "beta"):
        (apps / f"{name}.yaml").write_text(APP.format(name))
    (apps / "readme.txt").write_text("not an app")
    return apps.parent


def test_an_app_is_read_when_it_is_asked_for_and_once(folder: Path) -> None:
    catalog = Catalog([folder])
    (folder / "apps" / "beta.yaml").write_text("broken: [")

    alpha = catalog.get("alpha")

    assert catalog.ids() == ("alpha", "beta")
    assert catalog.get("alpha") is alpha
    with pytest.raises(SpecError):
        catalog.get("beta")


def test_an_unknown_app_suggests_the_nearest(folder: Path) -> None:
    with pytest.raises(AppNotFound, match="no app `alhpa`") as caught:
        Catalog([folder]).get("alhpa")

    assert caught.value.hint == "did you mean `alpha`?"


@pytest.mark.parametrize("name", ["../alpha", "/etc/passwd", "", "Alpha", "a\nb", "\x1b[31m"])
def test_names_that_are_no_ids_are_not_found_and_never_a_path(folder: Path, name: str) -> None:
    catalog = Catalog([folder])

    assert catalog.find(name) is None
    with pytest.raises(AppNotFound) as caught:
        catalog.get(name)
    assert "\x1b" not in str(caught.value)


def test_an_id_in_two_folders_is_reported(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "alpha.yaml").write_text(APP.format("alpha"))
    catalog = Catalog([folder, own])

    (problem,) = catalog.duplicates()

    assert problem.file == str(own / "alpha.yaml")
    assert catalog.get("beta").id == "beta"
    with pytest.raises(SpecError):
        catalog.get("alpha")


def test_a_missing_folder_is_a_mistake_of_the_fleet(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        Catalog([tmp_path / "none"]).ids()

    assert "catalogs:" in caught.value.problems[0].hint


def test_a_listing_passes_over_broken_files_and_names_them(folder: Path) -> None:
    (folder / "apps" / "beta.yaml").write_text("a: 1\na: 2\n")
    (folder / "apps" / "gamma.yaml").write_text("- just\n- a list\n")
    catalog = Catalog([folder])

    assert [app.id for app in catalog.summaries()] == ["alpha", "gamma"]
    assert [problem.line for problem in catalog.problems()] == [2]


def test_the_apps_that_ship_are_found_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert "jellyfin" in Catalog.bundled().ids()


def test_a_listing_loads_no_models() -> None:
    look = "import sys; from tomo.catalog.index import Catalog; Catalog.bundled().summaries(); sys.exit('pydantic' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", look], check=False, timeout=60).returncode == 0
    )  # our own interpreter


# --- search


def summary(name: str, **words: object) -> AppSummary:
    parts = {
        "title": name.title(),
        "tagline": "",
        "version": "1",
        "categories": (),
        "tags": (),
        "description": "",
    }
    return AppSummary(id=name, risk="low", **{**parts, **words})


@pytest.fixture
def index() -> SearchIndex:
    return SearchIndex(
        [
            summary("jellyfin", tags=("films", "music"), categories=("media",), tagline="Media server"),
            summary("navidrome", tags=("music",), categories=("media",), tagline="Music server"),
            summary("music", categories=("storage",)),
            summary(
                "uptime-kuma", categories=("monitoring",), description="Watches websites and music servers."
            ),
        ]
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("music", ["music", "navidrome", "jellyfin", "uptime-kuma"]),
        ("media server", ["jellyfin", "navidrome"]),
        ("JELLY", ["jellyfin"]),
        ("kuma uptime", ["uptime-kuma"]),
        ("jelyfin", ["jellyfin"]),
        ("nothing at all", []),
        ("$(x)", []),
        ("", ["jellyfin", "music", "navidrome", "uptime-kuma"]),
    ],
)
def test_search_finds_the_best_first(index: SearchIndex, query: str, found: list[str]) -> None:
    assert [hit.app.id for hit in index.search(query)] == found


def test_search_within_a_category(index: SearchIndex) -> None:
    assert [hit.app.id for hit in index.search("music", AppFilter(category="media"))] == [
        "navidrome",
        "jellyfin",
    ]


def test_two_thousand_apps_are_searched_in_a_blink() -> None:
    description = "Keeps many things in order and shows them to whoever asks for them. " * 5
    apps = [summary(f"app-{number}", tags=("a", "b"), description=description) for number in range(2000)]
    index = SearchIndex(apps)

    # 5 ms on an idle machine; the bound leaves room for a busy one that also traces coverage.
    assert fastest(lambda: index.search("things in order")) < 0.25


def fastest(work: Callable[[], object]) -> float:
    """The least CPU time of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
