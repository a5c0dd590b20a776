"""The words of the programs: a resource of the fake provider, a component, options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import ResourceOptions


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
