"""A scenario: what is done to one stack, operation by operation, as values that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

Expression = Any
"""A JSON value in which `{"ref": "a.out"}` is an output of a resource and `{"secret": …}` a secret."""


class Kind(StrEnum):
    """What a node of a program is."""

    CUSTOM = "custom"
    COMPONENT = "component"
    PROVIDER = "provider"
    READ = "read"
    DYNAMIC = "dynamic"


class Verb(StrEnum):
    """What is done to the stack."""

    PREVIEW = "preview"
    UP = "up"
    REFRESH = "refresh"
    DESTROY = "destroy"


@dataclass(frozen=True)
class Node:
    """A resource of a program.

    `options` has the names of `ResourceOptions`; resources stand there by name. `id` is what a READ reads.
    """

    name: str
    kind: Kind = Kind.CUSTOM
    inputs: Mapping[str, Expression] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    id: Expression = ""
    outputs: Mapping[str, Expression] | None = None


@dataclass(frozen=True)
class Model:
    """A program: nodes in the order of their declaration; `raises` ends it with an exception.

    `transforms` are the stack's, by name. With `hooks` it registers all there are, for resources too that it
    no longer declares.
    """

    nodes: tuple[Node, ...] = ()
    exports: Mapping[str, Expression] = field(default_factory=dict)
    raises: bool = False
    transforms: tuple[str, ...] = ()
    hooks: bool = False


@dataclass(frozen=True)
class Operation:
    """One command on the stack, and what happens to the world before.

    `faults` maps `verb name` to how the provider fails there. `lost` and `edited` are changes behind the
    engine's back, by resource name; `there` is what someone made meanwhile, by id. `swapped`: the engines
    exchange their stacks first. A destroy with a program runs that before.
    """

    verb: Verb
    program: Model = field(default_factory=Model)
    stop_on_error: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    edited: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    there: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    swapped: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    dependents: bool = False


@dataclass(frozen=True)
class Scenario:
    """Operations on one stack that is empty at first."""

    operations: tuple[Operation, ...]
    title: str = ""


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file; raises pydantic's ValidationError where it is none."""
    return TypeAdapter(Scenario).validate_json(path.read_bytes())


def written(scenario: Scenario) -> str:
    """The scenario as JSON, without what is as by default."""
    return json.dumps(_brief(asdict(scenario), scenario), indent=1, ensure_ascii=False) + "\n"


def _brief(document: Any, of: Any) -> Any:
    if isinstance(of, tuple):
        return [_brief(each, item) for each, item in zip(document, of, strict=True)]
    if not hasattr(of, "__dataclass_fields__"):
        return document
    blank = _blank(type(of))
    return {
        f.name: _brief(document[f.name], getattr(of, f.name))
        for f in fields(of)
        if f.name not in blank or blank[f.name] != getattr(of, f.name)
    }


def _blank(kind: type) -> dict[str, Any]:
    made = {Node: Node(""), Model: Model(), Operation: Operation(Verb.UP), Scenario: Scenario(())}[kind]
    required = {Node: {"name"}, Operation: {"verb"}, Scenario: {"operations"}}.get(kind, set())
    return {key: value for key, value in vars(made).items() if key not in required}
