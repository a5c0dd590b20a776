"""What was fetched once is planned with as it was pinned, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.catalog.repos.worlds import app_text
from tomo.catalog.index import Catalog
from tomo.catalog.repos.content import Content
from tomo.catalog.repos.shelf import Pin, Shelf, Shelves
from tomo.errors import AppNotFound, RepositoryError

WIKI, BAD = app_text("wiki").encode(), b"id: bad"
CONTENT = Content({"wiki": WIKI, "bad": BAD}, "c" * 40)
PIN = Pin("homelab", "https://git.example.com/homelab.git", CONTENT.digest, CONTENT.commit)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelves(tmp_path).put(PIN, CONTENT.listing, {"wiki": WIKI}, ["bad.yaml:1: no title"])


def test_an_app_is_found_by_its_repository_and_never_by_its_id_alone(shelf: Shelf, tmp_path: Path) -> None:
    catalog = Catalog([], shelves=[shelf])

    assert catalog.get("homelab/wiki").id == "homelab/wiki"
    assert catalog.get("homelab/wiki").short_id == "wiki"
    assert catalog.find("wiki") is None
    assert catalog.file_of("homelab/wiki") == shelf.path("wiki")


@pytest.mark.parametrize(
    "ref", ["homelab/../wiki", "homelab/wiki/x", "/wiki", "homelab/", "HOMELAB/wiki", "a/b/c"]
)
def test_a_ref_is_never_a_path(shelf: Shelf, ref: str) -> None:
    assert Catalog([], shelves=[shelf]).find(ref) is None


def test_an_app_that_breaks_the_rules_is_not_used_and_says_why(shelf: Shelf) -> None:
    with pytest.raises(AppNotFound, match=r"bad\.yaml:1: no title"):
        Catalog([], shelves=[shelf]).get("homelab/bad")


def test_an_unknown_repository_is_named(shelf: Shelf) -> None:
    with pytest.raises(AppNotFound, match="no repository `other`"):
        Catalog([], shelves=[shelf]).get("other/wiki")


def test_a_repository_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    shelf = Shelves(tmp_path).shelf(PIN)
    catalog = Catalog([], shelves=[shelf])

    assert catalog.ids() == ()
    with pytest.raises(RepositoryError) as caught:
        catalog.get("homelab/wiki")
    assert caught.value.hint == "fetch it: `tomo catalog repo sync homelab`"


def _app_changed(shelf: Shelf) -> None:
    shelf.path("wiki").write_bytes(WIKI.replace(b"tomo-test", b"evil"))


def _listing_changed(shelf: Shelf) -> None:
    (shelf.folder / "listing").write_text("0" * 64 + "  wiki\n")


def _app_a_folder(shelf: Shelf) -> None:
    shelf.path("wiki").unlink()
    shelf.path("wiki").mkdir()


@pytest.mark.parametrize("change", [_app_changed, _listing_changed, _app_a_folder])
def test_files_that_were_changed_on_this_machine_are_not_used(
    change: Callable[[Shelf], None], shelf: Shelf, tmp_path: Path
) -> None:
    change(shelf)
    again = Shelves(tmp_path).shelf(PIN)

    assert not again.is_whole()
    with pytest.raises(RepositoryError, match="not those that were pinned"):
        Catalog([], shelves=[again]).get("homelab/wiki")


def test_two_states_of_a_repository_lie_beside_each_other(shelf: Shelf, tmp_path: Path) -> None:
    newer = Content({"wiki": app_text("wiki", version="2.0").encode()})
    pin = replace(PIN, digest=newer.digest)

    other = Shelves(tmp_path).put(pin, newer.listing, newer.files, [])

    assert Catalog([], shelves=[shelf]).get("homelab/wiki").version == "1.0"
    assert Catalog([], shelves=[other]).get("homelab/wiki").version == "2.0"
