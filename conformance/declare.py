"""Turns a program's model into calls of the SDK, one after the other, so that both engines see one order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pulumi
from pulumi import Alias, CustomTimeouts, Output

from conformance.scenario import Expression, Kind, Model, Node
from conformance.vocabulary import Dyn, FakeCloud, Group, Res

ONE_RESOURCE = {"parent", "deleted_with", "provider"}
RESOURCES = {"depends_on", "replace_with", "providers"}


class RaisedByProgram(Exception):
    """What a program that is to fail raises."""


def program_of(model: Model) -> Callable[[], Awaitable[None]]:
    """The program that a model stands for; each registration is answered before the next one."""

    async def run() -> None:
        made: dict[str, pulumi.Resource] = {}
        for node in model.nodes:
            made[node.name] = _declared(node, made)
            await made[node.name].urn.future()
            if node.outputs is not None and isinstance(made[node.name], Group):
                made[node.name].register_outputs(_value(node.outputs, made))  # type: ignore[attr-defined]
        for name, expression in model.exports.items():
            pulumi.export(name, _value(expression, made))
        if model.raises:
            raise RaisedByProgram("the program fails as asked")

    return run


def _declared(node: Node, made: Mapping[str, pulumi.Resource]) -> pulumi.Resource:
    inputs, options = _value(node.inputs, made), _options(node.options, made)
    match node.kind:
        case Kind.CUSTOM:
            return Res(node.name, inputs, **options)
        case Kind.READ:
            return Res(node.name, inputs, id=_value(node.id, made), **options)
        case Kind.DYNAMIC:
            return Dyn(node.name, inputs, **options)
        case Kind.COMPONENT:
            return Group(node.name, inputs, **options)
        case Kind.PROVIDER:
            return FakeCloud(node.name, inputs, **options)


def _options(options: Mapping[str, Any], made: Mapping[str, pulumi.Resource]) -> dict[str, Any]:
    return {name: _option(name, value, made) for name, value in options.items()}


def _option(name: str, value: Any, made: Mapping[str, pulumi.Resource]) -> Any:
    if name in ONE_RESOURCE:
        return made[value]
    if name in RESOURCES:
        return [made[each] for each in value]
    if name == "aliases":
        return [_alias(each, made) for each in value]
    if name == "custom_timeouts":
        return CustomTimeouts(**value)
    return _value(value, made) if name == "replacement_trigger" else value


def _alias(alias: str | Mapping[str, Any], made: Mapping[str, pulumi.Resource]) -> str | Alias:
    """A URN, or name and parent; a parent of null is the stack, as where there was none."""
    if isinstance(alias, str):
        return alias
    given: dict[str, Any] = {"name": alias["name"]} if "name" in alias else {}
    if "parent" in alias:
        parent = alias["parent"]
        given["parent"] = made.get(parent, pulumi.ROOT_STACK_RESOURCE)
    return Alias(**given)


def _value(expression: Expression, made: Mapping[str, pulumi.Resource]) -> Any:
    if isinstance(expression, list):
        return [_value(each, made) for each in expression]
    if not isinstance(expression, Mapping):
        return expression
    if set(expression) == {"ref"}:
        name, _, output = expression["ref"].partition(".")
        return getattr(made[name], output)
    if set(expression) == {"secret"}:
        return Output.secret(_value(expression["secret"], made))
    return {key: _value(value, made) for key, value in expression.items()}
