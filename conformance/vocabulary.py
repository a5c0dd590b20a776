"""The words of the programs: a resource of the fake provider, a component, options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)


class Res(pulumi.CustomResource):
    """A resource of `FakeProvider`: inputs on `r…` replace, on `d…` replace and delete first."""

    rid: pulumi.Output[str]
    out: pulumi.Output[str]

    def __init__(self, name: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> None:
        props = {**(inputs or {}), "rid": None, "out": None}
        super().__init__("fake:index:Res", name, props, ResourceOptions(**options))


class Group(pulumi.ComponentResource):
    """A component."""

    def __init__(self, name: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__("my:mod:Group", name, dict(inputs or {}), ResourceOptions(**options))


class FakeCloud(pulumi.ProviderResource):
    """An explicit provider: a changed `region` replaces it."""

    def __init__(self, name: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__("fake", name, dict(inputs or {}), ResourceOptions(**options))


class Maker(ResourceProvider):
    """A dynamic provider with the rules of `FakeProvider`, without a world."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuses `bad`."""
        failures = [CheckFailure("bad", "it is not allowed")] if "bad" in news else []
        return CheckResult(news, failures)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Makes nothing, and says so."""
        return CreateResult("made", {**props, "rid": "made", "out": _made_of(props)})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compares what the program gives."""
        keys = sorted({*olds, *news} - {"rid", "out", "__provider"})
        changed = [key for key in keys if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key[0] in "rd"]
        first = any(key.startswith("d") for key in replaces)
        return DiffResult(bool(changed), replaces, delete_before_replace=first)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Changes nothing, and says so."""
        return UpdateResult({**news, "rid": "made", "out": _made_of(news)})


def _made_of(props: Mapping[str, Any]) -> str:
    # Maps come in any order.
    return f"made/{json.dumps(props.get('v'), sort_keys=True)}"


class Dyn(Resource):
    """A dynamic resource."""

    rid: pulumi.Output[str]
    out: pulumi.Output[str]

    def __init__(self, name: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> None:
        props = {**(inputs or {}), "rid": None, "out": None}
        super().__init__(Maker(), name, props, ResourceOptions(**options))
