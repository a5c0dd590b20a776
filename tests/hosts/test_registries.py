"""Images from a registry with a login, from a mirror and through a cache, on a real server's Docker."""

from __future__ import annotations

import json
import urllib.request

import bcrypt
import pytest

from lab.docker import docker
from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.conftest import MakeSite, Site, changes
from tomo.errors import RegistryLoginFailed
from tomo.model.values import Secret
from tomo.service.secret_names import Secrets, SetSecretRequest
from tomo.service.workspace import Place

pytestmark = pytest.mark.hosts
USER, PASSWORD, WRONG = "puller", "s3cret-of-the-registry", "not-the-password-at-all"

APP = """
  {name}:
    server: {server}
    definition:
      schema: tomo.app/v1
      id: {name}
      title: Page
      tagline: A page
      description: A page.
      categories: [networking]
      version: "1"
      services:
        page: {{image: "{image}", stop: {{grace: 1s}}}}
"""


@pytest.fixture(scope="module")
def private(lab: Lab, registry: Registry) -> Registry:
    """A registry that lets one user in, with one image."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    private = lab.registry("private", users=f"{USER}:{hashed}\n")
    docker("login", "--username", USER, "--password-stdin", private.push_address, stdin=PASSWORD.encode())
    docker("pull", "--quiet", f"{registry.push_address}/tomo-test/web:1")
    docker("tag", f"{registry.push_address}/tomo-test/web:1", "tomo-test/web:1")
    private.push("tomo-test/web:1", "tomo-test/secret:1")
    docker("logout", private.push_address)
    return private


@pytest.fixture(scope="module")
def cache(lab: Lab, registry: Registry) -> Registry:
    """A pull-through cache of the lab's registry."""
    return lab.registry("cache", cache_of=registry.mirror)


@pytest.fixture(scope="module")
def site(docker_hosts: list[Host], make_site: MakeSite) -> Site:
    return make_site([docker_hosts[0]])


def address(registry: Registry) -> str:
    return registry.mirror.removeprefix("http://")


def write(site: Site, registries: str, docker: str = "", **images: str) -> None:
    server = site.hosts[0].name
    apps = "".join(APP.format(name=name, server=server, image=each) for name, each in images.items())
    site.write(apps=apps, docker=docker)
    with site.file.open("a") as file:
        file.write(f"registries:\n{registries}")


def set_password(site: Site, value: str) -> None:
    Secrets(site.doors).set(SetSecretRequest(Place(site.folder), "REGISTRY_PASSWORD", Secret(value)))


def container(site: Site) -> str:
    return site.hosts[0].ssh("docker", "inspect", "page", "--format", "{{.Id}}").out


def repositories(registry: Registry) -> list[str]:
    with urllib.request.urlopen(f"http://{registry.push_address}/v2/_catalog") as answer:
        return list(json.load(answer)["repositories"])


def test_a_wrong_password_is_told_and_the_right_one_pulls(site: Site, private: Registry) -> None:
    login = f"username: {USER}, password: {{secret: REGISTRY_PASSWORD}}"
    image = f"{address(private)}/tomo-test/secret:1"
    write(site, f"  {address(private)}: {{{login}, insecure: true}}\n", page=image)
    set_password(site, WRONG)

    refused = site.apply()
    set_password(site, PASSWORD)
    result = site.converge()

    [error] = [each.error for each in refused.failures if isinstance(each.error, RegistryLoginFailed)]
    assert f"`{address(private)}` refuses the login of `{USER}`" in error.message
    assert f"`{site.hosts[0].name}`" in error.message
    assert result.exit_code == 0
    assert site.hosts[0].ssh("docker", "inspect", "page", "--format", "{{.Config.Image}}").code == 0


def test_the_password_is_nowhere_but_sealed(site: Site) -> None:
    kept = [path for path in site.folder.rglob("*") if path.is_file()]

    texts = [path.read_bytes() for path in kept] + [repr(site.events).encode(), repr(site.plan()).encode()]
    on_host = site.hosts[0].ssh("grep", "-rls", PASSWORD, "/root", "/etc", "/var/lib/tomo", "/var/log")

    assert kept
    assert not any(PASSWORD.encode() in text for text in texts)
    assert on_host.out == ""


def test_images_come_through_a_cache_under_its_name(site: Site, cache: Registry) -> None:
    registries = f"  unreachable.example:5000: {{through: '{address(cache)}'}}\n"
    registries += f"  {address(cache)}: {{insecure: true}}\n"
    write(site, registries, page="unreachable.example:5000/tomo-test/web:2")

    site.converge()

    names = site.hosts[0].ssh("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
    assert f"{address(cache)}/tomo-test/web:2" in names
    assert "tomo-test/web" in repositories(cache)


def test_a_mirror_of_docker_hub_is_set_on_the_server_and_asked_first(site: Site, cache: Registry) -> None:
    mirrors = f"  docker.io: {{mirrors: ['{cache.mirror}']}}\n"
    write(site, mirrors, "docker: true", page="tomo-test/web:2")
    before = container(site)

    site.converge()

    daemon = json.loads(site.hosts[0].ssh("cat", "/etc/docker/daemon.json").out)
    assert daemon["registry-mirrors"] == [cache.mirror]
    assert container(site) == before, "the same image under another name replaces nothing"
    assert changes(site.plan().plan) == []
    assert site.destroy().exit_code == 0
