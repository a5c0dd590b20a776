"""Which packages are served, and by what."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.errors import NotSupported, StackNotFound
from tomo.model.connection import LOCAL
from tomo.model.provider import CreateRequest, DeleteRequest, ReadRequest, ReadStatus, UpdateRequest
from tomo.model.urn import Urn
from tomo.model.values import Secret
from tomo.providers.builtin import BuiltinProvider
from tomo.providers.command import CommandProvider
from tomo.providers.docker.provider import DockerProvider
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.providers.registry import ProviderRegistry
from tomo.resources import tokens
from tomo.settings import Settings

REFERENCE = Urn("urn:pulumi:dev::p::pulumi:pulumi:StackReference::organization/base/dev")


@pytest.fixture
def registry(hosts: Any) -> ProviderRegistry:
    stacks = {"organization/base/dev": {"url": "http://x", "token": Secret("hush")}}
    return ProviderRegistry(hosts, Settings(), lambda _host, _options: LOCAL, stack_outputs=stacks.get)


@pytest.mark.parametrize(
    ("package", "version", "served_by"),
    [
        ("docker", "5.2.0", DockerProvider),
        ("command", "1.2.1", CommandProvider),
        ("command", "", CommandProvider),
        ("pulumi-python", "", DynamicProvider),
        ("pulumi", "", BuiltinProvider),
    ],
)
def test_each_package_has_its_provider(
    registry: ProviderRegistry, package: str, version: str, served_by: type
) -> None:
    first, second = registry.load(package, version), registry.load(package, version)

    assert isinstance(first, served_by)
    assert first is not second


def test_other_packages_are_refused_by_name(registry: ProviderRegistry) -> None:
    with pytest.raises(NotSupported, match="package `aws`"):
        registry.load("aws", "7.0.0")


def test_other_major_versions_are_refused_by_name(registry: ProviderRegistry) -> None:
    with pytest.raises(NotSupported, match=r"version 3\.6\.1 of the package `docker`"):
        registry.load("docker", "3.6.1")


def test_the_versions_that_fleets_ask_for_are_those_installed() -> None:
    from importlib.metadata import version

    assert version("pulumi-docker") == tokens.DOCKER_VERSION
    assert version("pulumi-command") == tokens.COMMAND_VERSION


def test_another_stacks_outputs_are_read_with_their_secrets(registry: ProviderRegistry) -> None:
    provider = registry.load("pulumi", "")

    [found] = provider.read([ReadRequest(REFERENCE, REFERENCE.name, {"name": REFERENCE.name})])

    assert found.status is ReadStatus.FOUND
    assert found.outputs["outputs"] == {"url": "http://x", "token": Secret("hush")}
    assert found.outputs["secretOutputNames"] == ["token"]


def test_a_stack_that_does_not_exist_is_named(registry: ProviderRegistry) -> None:
    with pytest.raises(StackNotFound, match="`organization/none/dev`"):
        registry.load("pulumi", "").read([ReadRequest(REFERENCE, "organization/none/dev")])


def test_nothing_else_is_done_with_the_built_in_package(registry: ProviderRegistry) -> None:
    provider = registry.load("pulumi", "")

    with pytest.raises(NotSupported):
        provider.create(CreateRequest(REFERENCE, {}))
    with pytest.raises(NotSupported):
        provider.update(UpdateRequest(REFERENCE, "x", {}, {}, {}))
    with pytest.raises(NotSupported):
        provider.read([ReadRequest(Urn("urn:pulumi:dev::p::pulumi:pulumi:Other::x"), "x")])
    provider.delete(DeleteRequest(REFERENCE, "x", {}, {}))
