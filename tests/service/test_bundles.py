"""Bundles of a fleet: what goes in, what an apply takes out, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.worlds import World
from tomo.catalog.bundle import Bundle, BundleWriter
from tomo.errors import BundleDamaged, ImageNotFound, NotSupported, TomoError, UsageError
from tomo.model.plan import Plan
from tomo.service.bundles import BundleContents, Bundles, CreateBundle, LoadBundle, ShowBundle
from tomo.service.deployments import Deployments
from tomo.service.engines import EngineName
from tomo.service.runs import PlanRequest
from tomo.service.workspace import Place


def create(world: World, *apps: str, server: str = "") -> BundleContents:
    return Bundles(world.doors).create(CreateBundle(world.place, world.folder / "b.tomo", apps, server))


def load(world: World, file: Path | None = None, into: Path | None = None) -> Sequence[str]:
    request = LoadBundle(world.place, file or world.folder / "b.tomo", into)
    return Bundles(world.doors).load(request).written


def changes(plan: Plan) -> list[str]:
    return [f"{step.op.pulumi_name} {step.urn.name}" for step in plan.changes]


def emptied(world: World) -> None:
    """The server loses its app and its images, and the way to a registry."""
    world.apply(destroy=True)
    world.nas.docker.remove_image_by_hand("tomo-test/web:1.0")
    world.registry.unreachable = True


def test_what_one_server_has_another_apply_loads_without_a_registry(world: World) -> None:
    world.apply()

    made = create(world)
    emptied(world)
    load(world)
    result = world.apply()

    assert [image.name for image in made.images] == ["tomo-test/web:1.0"]
    assert result.exit_code == 0, [each.error for each in result.failures]
    assert changes(world.plan().plan) == []
    assert "bundle: b.tomo" in (world.folder / "fleet.yaml").read_text()


def test_an_image_that_no_server_has_is_told_and_nothing_is_written(world: World) -> None:
    with pytest.raises(ImageNotFound, match="is on none of `nas`"):
        create(world)

    assert not list(world.folder.glob("*b.tomo*"))


@pytest.mark.parametrize(
    ("apps", "server", "told"),
    [(("wep",), "", "no app `wep`"), ((), "nass", "no server `nass`"), (("\x1b[2J",), "", r"no app `\\x1b")],
)
def test_names_that_are_not_there_are_told(
    world: World, apps: tuple[str, ...], server: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        create(world, *apps, server=server)


def test_an_image_by_its_digest_is_refused_by_name(world: World) -> None:
    text = (world.folder / "fleet.yaml").read_text()
    (world.folder / "fleet.yaml").write_text(text.replace("web:1.0", f"web:1.0@sha256:{'a' * 64}"))

    with pytest.raises(UsageError, match="named by its digest"):
        create(world)


def test_a_bundle_that_lacks_an_image_fails_that_step_and_asks_nobody(world: World) -> None:
    with BundleWriter(world.folder / "b.tomo"):
        pass
    load(world)

    result = world.apply()

    assert "the bundle `b.tomo` has no image `tomo-test/web:1.0`" in result.failures[0].error.message
    assert not any("pulling" in str(event) for event in result.failures)


def test_a_damaged_bundle_is_refused_by_every_command(world: World) -> None:
    (world.folder / "b.tomo").write_bytes(b"no bundle" * 100)
    text = (world.folder / "fleet.yaml").read_text()

    with pytest.raises(BundleDamaged):
        load(world)
    with pytest.raises(BundleDamaged):
        Bundles(world.doors).show(ShowBundle(world.folder / "b.tomo"))

    assert (world.folder / "fleet.yaml").read_text() == text


APP = b"schema: tomo.app/v1\nid: mine\ntitle: Mine\nversion: '1'\nservices: {web: {image: 'a:1'}}\n"


def with_app(world: World, app_id: str, content: bytes) -> None:
    with BundleWriter(world.folder / "b.tomo") as writer:
        writer.add_app(app_id, content)


def test_app_files_are_written_where_they_are_missing_and_never_over_another(world: World) -> None:
    with_app(world, "mine", APP)
    mine = world.folder / "mine"

    first, second = load(world, into=mine), load(world, into=mine)
    (mine / "mine.yaml").write_bytes(APP.replace(b"Mine", b"Edited"))

    assert (first, second) == (("mine",), ())
    with pytest.raises(UsageError, match="differs from the bundle's"):
        load(world, into=mine)
    assert b"Edited" in (mine / "mine.yaml").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"- a", b"id: &a [*a]", b"\xff\xfe", b"x: 1", APP.replace(b"id: mine", b"id: other"), b"a: b: c"],
)
def test_an_app_file_that_is_none_stops_the_whole_bundle(world: World, content: bytes) -> None:
    with_app(world, "mine", content)
    text = (world.folder / "fleet.yaml").read_text()

    with pytest.raises(TomoError):
        load(world, into=world.folder / "mine")

    assert not (world.folder / "mine").exists()
    assert (world.folder / "fleet.yaml").read_text() == text


def test_without_a_folder_for_app_files_the_hint_says_how(world: World) -> None:
    with_app(world, "mine", APP)

    with pytest.raises(UsageError, match="no folder for it") as raised:
        load(world)

    assert "catalogs: [catalog]" in raised.value.hint


def test_the_pulumi_engine_refuses_a_bundle_by_name(world: World) -> None:
    with BundleWriter(world.folder / "b.tomo"):
        pass
    load(world)

    with pytest.raises(NotSupported, match="`bundle` in a fleet file"):
        Deployments(world.doors).plan(PlanRequest(Place(world.folder, engine=EngineName.PULUMI)))


def test_a_bundle_is_checked_as_it_is_written(world: World) -> None:
    world.apply()

    made = create(world)

    assert Bundle(world.folder / "b.tomo").verify().images == made.images
