"""People's own dynamic providers: in process on Tomo, in the SDK's plugin on the real CLI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from tests.interchange.conftest import Both

pytestmark = pytest.mark.pulumi_cli


class Plain(ResourceProvider):
    """Only create: all else is Pulumi's default."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("plain", {**props, "made": props["value"]})


class Whole(ResourceProvider):
    """Every method."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return CheckResult({**news, "checked": True}, [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        if props["value"] == "broken":
            raise ValueError("it can't be made")
        return CreateResult(f"id of {props['value']}", {**props, "made": props["value"], "empty": None})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        changed = [key for key in ("value", "first", "note") if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key != "note"]
        return DiffResult(bool(changed), replaces, delete_before_replace="first" in changed)

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**news, "made": olds["made"], "empty": None})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        if props["value"] == "stuck":
            raise ValueError("it can't go")

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, {**props, "made": "read"})


class Thing(Resource):
    """A resource of any provider."""

    made: Output[Any]

    def __init__(self, provider: ResourceProvider, name: str, inputs: dict[str, Any], **options: Any) -> None:
        super().__init__(provider, name, {**inputs, "made": None}, ResourceOptions(**options))


def test_a_provider_that_can_only_create(both: Both) -> None:
    def program(value: Any) -> Callable[[], None]:
        def run() -> None:
            first = Thing(Plain(), "first", {"value": value, "s": Output.secret("x"), "l": [1, {"k": None}]})
            Thing(Plain(), "second", {"value": first.made})
            pulumi.export("made", first.made)

        return run

    both.up(program(1))
    both.up(program(1))

    both.up(program(2))


def test_a_provider_with_every_method(both: Both) -> None:
    def program(value: Any, note: str, first: int) -> Callable[[], None]:
        def run() -> None:
            one = Thing(Whole(), "one", {"value": value, "note": note, "first": first})
            Thing(Whole(), "two", {"value": one.made, "note": Output.secret(note), "first": 1})
            Thing(Whole(), "on_change", {"value": 1, "note": note, "first": 1}, replace_on_changes=["note"])

        return run

    both.up(program("a", "x", 1))
    both.up(program("a", "y", 1))
    both.up(program("b", "y", 1))

    both.up(program("b", "y", 2))


def test_refresh_and_destroy_ask_the_provider(both: Both) -> None:
    def program() -> None:
        Thing(Whole(), "one", {"value": "v", "note": Output.secret("n"), "first": 1})
        Thing(Plain(), "two", {"value": 1})

    both.up(program)
    both.refresh()

    assert both.destroy().ok


def test_failures_are_told_of_and_keep_the_state(both: Both) -> None:
    def program(value: str, note: str) -> Callable[[], None]:
        return lambda: Thing(Whole(), "one", {"value": value, "note": note, "first": 1}) and None

    both.up(program("broken", "x"))
    both.up(program("stuck", "x"))

    done = both.up(program("free", "x"))

    assert not done.ok
