"""Repositories of catalogs from end to end: added, listed, synced, pinned, planned with, removed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalog.repos.worlds import app_text, commit, git_repository, put
from tests.databases import put_database
from tests.worlds import World
from tomo.errors import ExitCode, RepositoryError, SpecError, UsageError
from tomo.model.catalog import AppFilter, Rating
from tomo.service.app_edits import AppSettings
from tomo.service.apps import AddAppRequest, Apps, AppsRequest
from tomo.service.catalogs import CatalogRequest, Catalogs
from tomo.service.marketplace.repositories import (
    AddRepositoryRequest,
    PinRepositoryRequest,
    Repositories,
    SyncedRepository,
    SyncRepositoriesRequest,
)
from tomo.service.marketplace.store import marketplace_of
from tomo.spec.load import load_fleet
from tomo.testing.registry import ImageDefinition

NOW = 1_790_000_000.0


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A git repository with the apps `wiki` and `jellyfin`, and one that breaks the rules."""
    folder = tmp_path / "homelab.git-work"
    files = {f"apps/{name}.yaml": app_text(name) for name in ("wiki", "jellyfin")}
    git_repository(folder, {**files, "apps/bad.yaml": "id: bad\n"})
    return folder


@pytest.fixture
def market(bare: World) -> World:
    """A fleet with one server and no apps, and a database."""
    put_database(bare.settings.data_folder)
    return bare


def repositories(world: World) -> Repositories:
    return Repositories(world.doors, lambda: NOW)


def added(world: World, remote: Path, name: str = "homelab") -> SyncedRepository:
    return repositories(world).add(AddRepositoryRequest(world.place, str(remote), name))


def install(world: World, app: str) -> None:
    Apps(world.doors).add(AddAppRequest(world.place, app, servers=("nas",), settings=AppSettings()))


def test_a_repository_is_checked_and_pinned_to_a_commit(market: World, remote: Path) -> None:
    done = added(market, remote)

    [view] = repositories(market).list(market.place)
    assert done.added == ("jellyfin", "wiki")
    assert len(view.repository.commit) == 40
    assert view.repository.refused[0].startswith("bad.yaml:1: ")
    assert (view.apps, view.here, view.pinned) == (2, True, "")


def test_an_id_that_others_have_too_is_shown_and_means_tomos_own(market: World, remote: Path) -> None:
    added(market, remote)
    added(market, remote, "other")

    first, _ = repositories(market).list(market.place)
    shown = Catalogs(market.doors).show(CatalogRequest(market.place), "jellyfin")
    found = Catalogs(market.doors).list(CatalogRequest(market.place, "jellyfin"))

    assert first.shared == {"jellyfin": ("tomo", "homelab", "other"), "wiki": ("homelab", "other")}
    assert shown.id == "jellyfin"
    assert [app.ref for app in found.apps[:3]] == ["jellyfin", "homelab/jellyfin", "other/jellyfin"]
    assert found.shared == {"jellyfin"}


def test_an_app_of_a_repository_is_pinned_in_the_fleet_file_and_planned(market: World, remote: Path) -> None:
    added(market, remote)

    install(market, "homelab/wiki")
    market.registry.add(ImageDefinition("tomo-test/wiki:1.0"))
    applied = market.apply()

    fleet = load_fleet(market.file).fleet
    assert fleet.apps["wiki"].app == "homelab/wiki"
    assert len(fleet.repositories["homelab"].commit or "") == 40
    assert applied.exit_code is ExitCode.OK
    assert applied.shown.plan.changes
    assert market.plan().plan.changes == ()


def test_what_is_pinned_does_not_move_when_the_repository_does(market: World, remote: Path) -> None:
    added(market, remote)
    install(market, "homelab/wiki")
    commit(remote, {"apps/wiki.yaml": app_text("wiki", version="2.0")})

    [moved] = repositories(market).sync(SyncRepositoriesRequest(market.place))
    pinned = Catalogs(market.doors).show(CatalogRequest(market.place), "homelab/wiki").version
    repositories(market).pin(PinRepositoryRequest(market.place, "homelab"))
    newer = Catalogs(market.doors).show(CatalogRequest(market.place), "homelab/wiki").version

    assert moved.changed == ("wiki 1.0 → 2.0",)
    assert (pinned, newer) == ("1.0", "2.0")


def test_another_machine_fetches_exactly_what_the_fleet_file_pins(market: World, remote: Path) -> None:
    added(market, remote)
    install(market, "homelab/wiki")
    commit(remote, {"apps/wiki.yaml": app_text("wiki", version="2.0")})
    shutil.rmtree(market.settings.data_folder)
    put_database(market.settings.data_folder)

    with pytest.raises(RepositoryError) as caught:
        Apps(market.doors).list(_request(market))
    [fetched] = repositories(market).sync(SyncRepositoriesRequest(market.place, ("homelab",)))
    again = repositories(market).sync(SyncRepositoriesRequest(market.place, ("homelab",)))

    assert caught.value.hint == "fetch it: `tomo catalog repo sync homelab`"
    assert fetched.pinned
    assert [each.changed for each in again] == [("wiki 1.0 → 2.0",)]
    assert Apps(market.doors).list(_request(market))[0].version == "1.0"


def test_a_pin_that_the_remote_no_longer_keeps_is_refused(market: World, tmp_path: Path) -> None:
    folder = put(tmp_path / "plain", {"apps/wiki.yaml": app_text("wiki")})
    added(market, folder)
    install(market, "homelab/wiki")
    put(folder, {"apps/wiki.yaml": app_text("wiki").replace("tomo-test", "evil")})
    shutil.rmtree(market.settings.data_folder)
    put_database(market.settings.data_folder)

    with pytest.raises(RepositoryError, match="not what the fleet file pins"):
        repositories(market).sync(SyncRepositoriesRequest(market.place))


def test_a_repository_without_a_pin_in_the_file_is_a_mistake_in_it(market: World) -> None:
    market.edit("apps: {}", "apps:\n  wiki: {app: homelab/wiki, server: nas}")

    with pytest.raises(SpecError) as caught:
        market.plan()

    [problem] = caught.value.problems
    assert "`repositories` has no `homelab`" in problem.message
    assert problem.hint == "`tomo catalog repo pin homelab`"


def test_a_failed_sync_leaves_what_was_there(market: World, remote: Path) -> None:
    added(market, remote)
    (remote / "apps" / "evil.yaml").symlink_to("/etc/passwd")
    commit(remote, {})

    with pytest.raises(RepositoryError, match="not followed"):
        repositories(market).sync(SyncRepositoriesRequest(market.place))

    assert Catalogs(market.doors).show(CatalogRequest(market.place), "homelab/wiki").version == "1.0"


def test_a_removed_repository_is_forgotten_but_for_what_the_fleet_pins(market: World, remote: Path) -> None:
    added(market, remote)
    install(market, "homelab/wiki")

    repositories(market).remove(market.place, "homelab")

    assert repositories(market).list(market.place) == ()
    assert Apps(market.doors).list(_request(market))[0].app == "homelab/wiki"
    assert not [
        app for app in Catalogs(market.doors).list(CatalogRequest(market.place)).apps if app.repository
    ]


@pytest.mark.parametrize(
    "act",
    [
        lambda all_, place: all_.pin(PinRepositoryRequest(place, "homelbb")),
        lambda all_, place: all_.remove(place, "homelbb"),
        lambda all_, place: all_.sync(SyncRepositoriesRequest(place, ("homelbb",))),
    ],
)
def test_a_mistyped_name_gets_the_nearest(
    act: Callable[[Repositories, object], object], market: World, remote: Path
) -> None:
    added(market, remote)

    with pytest.raises(UsageError) as caught:
        act(repositories(market), market.place)

    assert caught.value.hint == "did you mean `homelab`?"


def test_two_repositories_are_never_called_the_same(market: World, remote: Path) -> None:
    added(market, remote)

    with pytest.raises(UsageError, match="already"):
        added(market, remote)


def test_a_folder_has_no_branches(market: World, tmp_path: Path) -> None:
    folder = put(tmp_path / "plain", {"apps/wiki.yaml": app_text("wiki")})

    with pytest.raises(UsageError, match="no branches"):
        repositories(market).add(AddRepositoryRequest(market.place, str(folder), "x", branch="main"))


def test_lists_put_featured_apps_first_and_show_ratings(market: World, remote: Path) -> None:
    added(market, remote)
    with marketplace_of(market.settings) as store:
        store.feature("homelab/wiki", "ann", 1, featured=True)
        store.rate(Rating("homelab/wiki", "ann", 4, "", 1))

    found = Catalogs(market.doors).list(CatalogRequest(market.place, wanted=AppFilter(category="media")))

    assert found.apps[0].ref == "homelab/wiki"
    assert found.standings["homelab/wiki"].stars == 4.0


def test_without_a_database_lists_make_none(nothing: World) -> None:
    Catalogs(nothing.doors).list(CatalogRequest(nothing.place, "wiki"))
    repositories(nothing).list(nothing.place)
    repositories(nothing).sync(SyncRepositoriesRequest(nothing.place))

    assert not nothing.settings.data_folder.exists()


def _request(world: World) -> AppsRequest:
    return AppsRequest(world.place)
