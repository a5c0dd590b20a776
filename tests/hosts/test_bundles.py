"""Images and apps carried in one file to a server whose registry is never asked."""

from __future__ import annotations

import pytest

from lab.hosts import Host
from tests.hosts.conftest import MakeSite, Site, changes
from tomo.catalog.bundle import Bundle
from tomo.errors import BundleDamaged, ImageNotFound
from tomo.service.bundles import Bundles, CreateBundle, LoadBundle, ShowBundle
from tomo.service.workspace import Place

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def site(docker_hosts: list[Host], make_site: MakeSite) -> Site:
    return make_site([docker_hosts[1]])


def bundled(site: Site, name: str = "carried.tomo") -> Bundle:
    return Bundle(site.folder / name)


def without_images(host: Host) -> None:
    assert host.ssh("docker image rm -f $(docker image ls -q) >/dev/null; docker image ls -q").out == ""


def test_images_that_a_server_has_are_written_to_a_file(site: Site) -> None:
    site.write()
    site.converge()

    told: list[str] = []
    made = Bundles(site.doors).create(
        CreateBundle(Place(site.folder), bundled(site).file, ("site",), tell=told.append)
    )

    assert [image.name for image in made.images] == ["tomo-test/web:1"]
    assert told == [f"saving tomo-test/web:1 from {site.hosts[0].name}"]
    assert Bundles(site.doors).show(ShowBundle(bundled(site).file)).images == made.images
    assert site.destroy().exit_code == 0


def test_an_apply_loads_them_and_asks_no_registry(site: Site) -> None:
    without_images(site.hosts[0])
    site.write(docker="docker: {registry_mirrors: ['http://127.0.0.1:9']}")
    Bundles(site.doors).load(LoadBundle(Place(site.folder), bundled(site).file))

    site.converge()

    assert "bundle: carried.tomo\n" in site.file.read_text()
    assert any("loading tomo-test/web:1 from carried.tomo" in str(event) for event in site.events)
    assert changes(site.plan().plan) == []


def test_an_image_that_is_not_in_it_is_told_and_not_pulled(site: Site) -> None:
    text = site.file.read_text()
    site.file.write_text(text.replace("tomo-test/web:1", "tomo-test/web:2", 1))

    result = site.apply()

    assert [type(each.error) for each in result.failures] == [ImageNotFound]
    assert "the bundle `carried.tomo` has no image `tomo-test/web:2`" in result.failures[0].error.message
    site.file.write_text(text)
    site.converge()
    assert site.destroy().exit_code == 0


def test_a_bundle_that_was_changed_is_refused_before_docker_sees_it(site: Site) -> None:
    without_images(site.hosts[0])
    whole = bytearray(bundled(site).file.read_bytes())
    whole[len(whole) // 2] ^= 1
    bundled(site).file.write_bytes(whole)

    result = site.apply()

    assert BundleDamaged in [type(each.error) for each in result.failures]
    assert site.hosts[0].ssh("docker", "image", "ls", "-q").out == ""
    assert site.destroy().exit_code == 0
