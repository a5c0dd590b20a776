"""What is behind, and images pinned to digests: registries are asked on a person's word only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.catalog.repos.worlds import app_text, commit, git_repository
from tests.databases import put_database
from tests.worlds import World
from tomo.catalog.index import Catalog
from tomo.errors import NotAllowed, UsageError
from tomo.model.people import Person, Role
from tomo.model.values import Secret
from tomo.registry.access import Endpoint, endpoint_of
from tomo.registry.client import RegistryClient
from tomo.registry.name import askable
from tomo.service.app_edits import AppSettings
from tomo.service.apps import AddAppRequest, Apps
from tomo.service.marketplace.opinions import FeatureAppRequest, Opinions, RateAppRequest
from tomo.service.marketplace.outdated import AppState, ImageNews, Outdated, OutdatedRequest
from tomo.service.marketplace.pinning import PinImagesRequest, PinnedFile, Pinning
from tomo.service.marketplace.registries import FleetAccess, FleetRegistries
from tomo.service.marketplace.repositories import (
    AddRepositoryRequest,
    Repositories,
    SyncRepositoriesRequest,
)
from tomo.service.marketplace.store import marketplace_of
from tomo.service.recording import Actor, Trail
from tomo.spec.base import SecretRef
from tomo.spec.registries import Registry
from tomo.testing.registry import FakeRegistry, ImageDefinition
from tomo.testing.registry_http import Manners, RegistryServer, serve_registry

APP_FILE = """\
# the page of the house
schema: tomo.app/v1
id: page
title: A page
version: "1.0"
services:
  server:
    image: tomo-test/web:1.0  # by hand
  helper:
    image: 'tomo-test/web:2.0'
"""


@pytest.fixture
def mirror(world: World) -> Iterator[RegistryServer]:
    """A mirror of Docker Hub on loopback, which the fleet file names; it has what the hosts pull."""
    with ExitStack() as stack:
        server = stack.enter_context(serve_registry(world.registry).running())
        use_mirror(world, server)
        yield server


def use_mirror(world: World, server: RegistryServer) -> None:
    text = world.file.read_text()
    world.file.write_text(text + f"registries: {{docker.io: {{mirrors: ['http://{server.address}']}}}}\n")


def outdated(world: World, *, registries: bool = False) -> AppState:
    ask = FleetRegistries(world.doors, world.place).digests if registries else None
    [found] = Outdated(world.doors, ask).list(OutdatedRequest(world.place))
    return found


# --- what is behind ----------------------------------------------------------------------------------


def test_an_app_at_its_entrys_version_is_not_behind_and_nobody_is_asked(
    world: World, mirror: RegistryServer
) -> None:
    world.apply()
    mirror.asked.clear()
    dialled = len(world.dialled)

    found = outdated(world)

    assert not found.is_behind
    assert (found.running, found.catalog, found.images) == (("1.0",), "1.0", ())
    assert mirror.asked == []
    assert len(world.dialled) == dialled


def test_an_app_whose_entry_is_newer_is_behind(world: World) -> None:
    world.apply()
    world.edit('version: "1.0"', 'version: "1.1"')

    found = outdated(world)

    assert found.is_behind
    assert (found.running, found.catalog) == (("1.0",), "1.1")


def test_an_app_that_was_never_applied_runs_nothing(world: World) -> None:
    found = outdated(world)

    assert (found.running, found.is_behind) == ((), False)


def test_a_tag_that_stands_for_another_image_now_is_told_when_registries_are_asked(
    world: World, mirror: RegistryServer
) -> None:
    world.apply()

    before = outdated(world, registries=True)
    world.registry.republish("tomo-test/web:1.0")
    after = outdated(world, registries=True)

    assert [image.news for image in before.images] == [ImageNews.SAME]
    assert [image.news for image in after.images] == [ImageNews.MOVED]
    assert after.is_behind
    assert after.images[0].servers == ("nas",)
    assert all("/v2/tomo-test/web/manifests/1.0" in asked for asked in mirror.asked)


def test_a_name_with_a_digest_never_moves_and_is_not_asked_about(
    world: World, mirror: RegistryServer
) -> None:
    digest = world.registry.add(ImageDefinition("tomo-test/web:1.0")).digest
    world.edit("image: tomo-test/web:1.0", f"image: tomo-test/web:1.0@{digest}")
    world.apply()
    mirror.asked.clear()

    found = outdated(world, registries=True)

    assert [image.news for image in found.images] == [ImageNews.PINNED]
    assert mirror.asked == []


def test_a_registry_that_refuses_is_told_and_the_rest_goes_on(world: World) -> None:
    with serve_registry(world.registry, Manners(status=403)).running() as server:
        world.edit("image: tomo-test/web:1.0", f"image: {server.address}/web:1.0")
        world.registry.add(ImageDefinition(f"{server.address}/web:1.0"))
        world.apply()

        found = outdated(world, registries=True)

    assert [image.news for image in found.images] == [ImageNews.UNKNOWN]
    assert "to nobody" in found.images[0].problem


def test_a_repository_that_moved_past_its_pin_is_told(bare: World, tmp_path: Path) -> None:
    put_database(bare.settings.data_folder)
    remote = tmp_path / "lab"
    git_repository(remote, {"apps/wiki.yaml": app_text("wiki")})
    repositories = Repositories(bare.doors, lambda: 1.0)
    repositories.add(AddRepositoryRequest(bare.place, str(remote)))
    Apps(bare.doors).add(AddAppRequest(bare.place, "lab/wiki", ("nas",), settings=AppSettings()))
    commit(remote, {"apps/wiki.yaml": app_text("wiki", version="2.0")})

    before = outdated(bare)
    repositories.sync(SyncRepositoriesRequest(bare.place))
    after = outdated(bare)

    assert (before.unpinned, before.is_behind) == ("", False)
    assert (after.catalog, after.unpinned, after.is_behind) == ("1.0", "2.0", True)


def test_an_unknown_app_gets_the_nearest(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        Outdated(world.doors).list(OutdatedRequest(world.place, ("wbe",)))

    assert caught.value.hint == "did you mean `web`?"


# --- pins --------------------------------------------------------------------------------------------


def pinned(world: World, file: Path, *, refresh: bool = False) -> PinnedFile:
    [done] = Pinning(world.doors).run(PinImagesRequest(world.place, (file,), refresh))
    return done


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.yaml"
    file.write_text(APP_FILE)
    return file


def test_images_get_their_digests_and_every_comment_stays(
    world: World, mirror: RegistryServer, page: Path
) -> None:
    digests = {
        tag: world.registry.add(ImageDefinition(f"tomo-test/web:{tag}")).digest for tag in ("1.0", "2.0")
    }

    done = pinned(world, page)
    again = pinned(world, page)

    expected = APP_FILE.replace("web:1.0", f"web:1.0@{digests['1.0']}")
    expected = expected.replace("'tomo-test/web:2.0'", f"tomo-test/web:2.0@{digests['2.0']}")
    assert page.read_text() == expected
    assert sorted(done.images) == ["helper", "server"]
    assert (again.images, again.problems) == ({}, ())
    assert len(mirror.asked) == 2


def test_digests_are_renewed_when_that_is_asked_for(world: World, mirror: RegistryServer, page: Path) -> None:
    pinned(world, page)
    newer = world.registry.republish("tomo-test/web:1.0").digest

    done = pinned(world, page, refresh=True)

    assert list(done.images) == ["server"]
    assert f"web:1.0@{newer}  # by hand" in page.read_text()


def test_a_file_of_which_one_image_can_not_be_pinned_stays_as_it_is(
    world: World, mirror: RegistryServer, page: Path
) -> None:
    page.write_text(APP_FILE.replace("tomo-test/web:2.0", f"{mirror.address}/nonesuch:9"))
    before = page.read_bytes()

    done = pinned(world, page)

    assert page.read_bytes() == before
    assert done.images == {}
    assert "has no image" in done.problems[0]


def test_an_image_that_an_input_chooses_has_no_digest(
    world: World, mirror: RegistryServer, page: Path
) -> None:
    page.write_text(APP_FILE.replace("web:2.0", "web:${input.TAG}"))

    done = pinned(world, page)

    assert "depends on an input" in done.problems[0]


SHIPPED = "miniflux"


@pytest.fixture
def with_folder(world: World) -> Path:
    folder = world.folder / "own"
    folder.mkdir()
    world.edit("fleet: home\n", "fleet: home\ncatalogs: [own]\n")
    return folder


def publish(world: World, app: str) -> dict[str, str]:
    images = [service.image for service in Catalog.bundled().get(app).services.values()]
    return {image: world.registry.add(ImageDefinition(image)).digest for image in images}


def test_an_app_that_ships_is_pinned_in_a_copy_that_stands_in_its_place(
    world: World, mirror: RegistryServer, with_folder: Path
) -> None:
    digests = publish(world, SHIPPED)
    world.edit("apps:\n", f"apps:\n  feeds: {{app: {SHIPPED}, server: nas}}\n")

    done = pinned(world, Path(SHIPPED))
    again = pinned(world, Path(SHIPPED))

    assert done.file == with_folder / f"{SHIPPED}.yaml"
    assert {after for _, after in done.images.values()} == {f"{i}@{d}" for i, d in digests.items()}
    assert again.images == {}
    catalog = world.doors.open(world.place).catalog
    assert {each.image for each in catalog.get(SHIPPED).services.values()} == {
        f"{image}@{digest}" for image, digest in digests.items()
    }
    assert catalog.duplicates() == []


def test_a_copy_of_an_app_that_ships_otherwise_now_stands_in_no_place(
    world: World, mirror: RegistryServer, with_folder: Path
) -> None:
    publish(world, SHIPPED)
    copy = pinned(world, Path(SHIPPED)).file
    copy.write_text(copy.read_text().replace("title:", "title: An older"))
    before = copy.read_bytes()

    with pytest.raises(UsageError) as caught:
        pinned(world, Path(SHIPPED))

    assert "remove it if it is an older copy" in caught.value.hint
    assert copy.read_bytes() == before
    [problem] = world.doors.open(world.place).catalog.duplicates()
    assert f"tomo catalog pin {SHIPPED}" in problem.hint


def test_a_copy_is_not_made_where_an_image_can_not_be_pinned(world: World, with_folder: Path) -> None:
    [first, *_] = publish(world, SHIPPED)
    world.registry.remove(first)

    with serve_registry(world.registry).running() as cache:
        world.edit("catalogs:", f"registries: {{docker.io: {{through: '{cache.address}'}}}}\ncatalogs:")
        done = pinned(world, Path(SHIPPED))

    assert "has no image" in done.problems[0]
    assert list(with_folder.iterdir()) == []


def test_without_files_it_says_what_to_name(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        Pinning(world.doors).run(PinImagesRequest(world.place))

    assert "tomo catalog pin PATH" in caught.value.hint


# --- logins ------------------------------------------------------------------------------------------


def test_a_login_goes_to_its_own_registry_alone() -> None:
    registries = {
        "docker.io": Registry(
            mirrors=("https://mirror.lan",), username="ann", password=SecretRef(secret="HUB")
        ),
        "registry.lan:5000": Registry(username="bob", password=SecretRef(secret="LAN"), insecure=True),
    }
    access = FleetAccess(registries, {"HUB": Secret("hub-password-1"), "LAN": Secret("lan-password-1")})

    mirror, hub = access.endpoints("docker.io")
    [lan] = access.endpoints("registry.lan:5000")

    assert (mirror, hub) == (Endpoint("mirror.lan"), endpoint_of("docker.io"))
    assert lan == Endpoint("registry.lan:5000", plain=True)
    assert access.login(mirror) is None
    assert access.login(Endpoint("elsewhere.lan")) is None
    users = [found.user for each in (hub, lan) if (found := access.login(each)) is not None]
    assert users == ["ann", "bob"]


def test_a_private_registry_is_asked_with_the_fleets_login(world: World, page: Path) -> None:
    images = FakeRegistry()
    with serve_registry(images, Manners("basic", "ann:canary-of-a-registry")).running() as server:
        image = f"{server.address}/web:1.0"
        images.add(ImageDefinition(image))
        access = FleetAccess(
            {server.address: Registry(username="ann", password=SecretRef(secret="LAN"))},
            {"LAN": Secret("canary-of-a-registry")},
        )
        assert RegistryClient(access).digest(askable(image)).startswith("sha256:")


# --- what people think -------------------------------------------------------------------------------


def test_ratings_and_flags_are_of_apps_that_there_are(world: World) -> None:
    put_database(world.settings.data_folder)
    opinions = Opinions(world.doors, lambda: 5.0)

    rating = opinions.rate(RateAppRequest(world.place, "jellyfin", 4, "quick"))
    opinions.feature(FeatureAppRequest(world.place, "jellyfin", featured=True))

    assert (rating.person, rating.stars) == ("tester", 4)
    with marketplace_of(world.settings) as market:
        assert market.standings()["jellyfin"].featured
    for wrong in (
        RateAppRequest(world.place, "jellyfin", 6),
        RateAppRequest(world.place, "jellyfin", 0),
        RateAppRequest(world.place, "jellyfin", 3, "\x1b[2J"),
        RateAppRequest(world.place, "jellyfin", 3, "x" * 501),
    ):
        with pytest.raises(UsageError):
            opinions.rate(wrong)


def test_somebody_who_may_only_read_changes_nothing_of_it(world: World, tmp_path: Path) -> None:
    put_database(world.settings.data_folder)
    git_repository(tmp_path / "lab", {"apps/wiki.yaml": app_text("wiki")})
    reader = Person("rita", Role.READONLY)
    trail = Trail(world.settings, Actor("rita", "", "cli"), lambda _line: None, lambda: reader)
    doors = replace(world.doors, trail=trail)

    with pytest.raises(NotAllowed):
        Repositories(doors, lambda: 1.0).add(AddRepositoryRequest(world.place, str(tmp_path / "lab")))
    with pytest.raises(NotAllowed):
        Opinions(doors, lambda: 1.0).rate(RateAppRequest(world.place, "jellyfin", 4))

    with marketplace_of(world.settings) as market:
        assert market.repositories() == ()
        assert market.standings() == {}
