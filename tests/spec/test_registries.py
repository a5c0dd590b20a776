"""Registries of a fleet: logins, mirrors, pull-through caches, and every mistake in them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tomo.spec.fleet import Fleet
from tomo.spec.registries import Registry, pulled_as

LOGIN = {"username": "deploy", "password": {"secret": "REGISTRY_PASSWORD"}}


def fleet(**parts: object) -> Fleet:
    return Fleet.model_validate({"fleet": "home", **parts})


def test_mirrors_and_registries_without_tls_reach_every_docker_that_tomo_sets_up() -> None:
    registries = {"docker.io": {"mirrors": ["https://mirror.lan"]}, "R.lan:5000": {"insecure": True}}
    servers = {
        "a": {"host": "a", "docker": {"registry_mirrors": ["https://own.lan"]}},
        "b": {"host": "b"},
        "c": {"host": "c", "docker": False},
    }

    found = fleet(registries=registries, servers=servers).servers

    assert [each.docker_options and each.docker_options.registry_mirrors for each in found.values()] == [
        ("https://own.lan", "https://mirror.lan"),
        ("https://mirror.lan",),
        None,
    ]
    assert found["b"].docker_options.insecure_registries == ("r.lan:5000",)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("ghcr.io/me/app:2.0", "cache.lan:5000/ghcr/me/app:2.0"),
        ("ghcr.io/me/app", "cache.lan:5000/ghcr/me/app:latest"),
        ("ghcr.io/me/app:2.0@sha256:" + "a" * 64, "cache.lan:5000/ghcr/me/app:2.0@sha256:" + "a" * 64),
        ("nginx:1.30.4", "hub.lan/library/nginx:1.30.4"),
        ("docker.io/me/app:1", "hub.lan/me/app:1"),
        ("quay.io/me/app:1", "quay.io/me/app:1"),
    ],
)
def test_an_image_is_pulled_through_the_cache_of_its_registry(image: str, pulled: str) -> None:
    registries = {
        "ghcr.io": Registry(through="cache.lan:5000/ghcr"),
        "docker.io": Registry(through="hub.lan"),
    }

    assert pulled_as(image, registries) == pulled


@pytest.mark.parametrize(
    ("registries", "told"),
    [
        ({"https://r.lan": {}}, "is not a registry"),
        ({"r.lan/me": {}}, "is not a registry"),
        ({"registry": {}}, "would not be taken for a registry"),
        ({"r.lan": {"username": "deploy"}}, "a login without `password`"),
        ({"r.lan": {"password": {"secret": "P"}}}, "a login without `username`"),
        ({"r.lan": {**LOGIN, "password": "hunter2"}}, "valid dictionary"),
        ({"r.lan": {"mirrors": ["https://m.lan"]}}, "`docker.io` only, not of `r.lan`"),
        ({"docker.io": {"mirrors": ["m.lan"]}}, "is not a mirror's address"),
        ({"r.lan": {"through": "http://m.lan"}}, "is not a registry"),
        ({"r.lan": {"through": "m.lan/$(id)"}}, "is not a place of images"),
        ({"r.lan": {"through": "m.lan"}, "m.lan": {"through": "n.lan"}}, "goes through another one"),
        ({"r.lan": {"pasword": "x"}}, "Extra inputs"),
    ],
)
def test_what_can_not_be_meant_is_told(registries: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told.replace("$", r"\$").replace("(", r"\(")):
        fleet(registries=registries)


@pytest.mark.parametrize(
    "registries",
    [
        {"r.lan": {**LOGIN, "password": "hunter2"}},
        {"docker.io": {"mirrors": ["https://me:hunter2@m.lan"]}},
        {"docker.io": {"mirrors": ["me:hunter2@m.lan"]}},
    ],
)
def test_a_password_in_the_open_is_not_shown_back(registries: object) -> None:
    with pytest.raises(ValidationError) as raised:
        fleet(registries=registries)

    assert "hunter2" not in str([error["msg"] for error in raised.value.errors()])
