"""The same inputs are checked once, whichever server they are for, and only where that can't matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomo.model.provider import CheckRequest, CheckResult
from tomo.model.urn import Urn
from tomo.model.values import Properties, Secret, Unknown
from tomo.providers.docker.container import Container
from tomo.providers.docker.image import Image
from tomo.providers.docker.resource import Checks, Resource
from tomo.providers.docker.volume import Volume


class Counting(Container):
    def __init__(self) -> None:
        self.asked = 0

    def check(self, request: CheckRequest, root: Path) -> CheckResult:
        self.asked += 1
        return super().check(request, root)


def request(news: Properties, name: str = "it") -> CheckRequest:
    return CheckRequest(Urn(f"urn:pulumi:s::p::t::{name}"), {}, news, name.encode(), frozenset())


def answers(resource: Resource, *news: Properties) -> list[CheckResult]:
    checks = Checks()
    return [checks.of(resource, request(each, f"n{place}"), Path()) for place, each in enumerate(news)]


def test_the_same_inputs_are_checked_once() -> None:
    resource = Counting()

    first, second, other = answers(
        resource, *({"name": "app", "image": "i"},) * 2, {"name": "app", "image": "other"}
    )

    assert resource.asked == 2
    assert first == second == Container().check(request({"name": "app", "image": "i"}), Path())
    assert other.inputs["image"] == "other"


@pytest.mark.parametrize(
    "news",
    [
        {"image": "i"},
        {"name": "app", "image": ""},
        {"name": "app", "image": Unknown()},
        {"name": "app", "image": "i", "envs": [Secret("A=b")]},
    ],
)
def test_what_has_no_name_or_is_refused_or_holds_more_than_plain_values_is_checked_again(news: Any) -> None:
    resource = Counting()

    answers(resource, news, news)

    assert resource.asked == 2


def test_another_type_with_the_same_inputs_is_another_question() -> None:
    checks = Checks()
    container = checks.of(Container(), request({"name": "app", "image": "i"}), Path())

    volume = checks.of(Volume(), request({"name": "app", "image": "i"}), Path())

    assert not container.failures
    assert volume.failures


def test_an_image_that_is_built_from_files_is_checked_each_time() -> None:
    assert not Image().checked_by_inputs
