"""Turns a program's model into calls of the SDK, one after the other, so that both engines see one order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import Alias, CustomTimeouts, Output

from conformance.callbacks import Hooks, Note, transform, transformation
from conformance.scenario import Expression, Kind, Model, Node
from conformance.vocabulary import Dyn, FakeCloud, Group, Res

ONE_RESOURCE = {"parent", "deleted_with", "provider"}
RESOURCES = {"depends_on", "replace_with", "providers"}


class RaisedByProgram(Exception):
    """What a program that is to fail raises."""


def program_of(model: Model, note: Note = lambda *_, **__: None) -> Callable[[], Awaitable[None]]:
    """The program that a model stands for; each registration is answered before the next one.

    `note` is told of each call of a hook.
    """

    async def run() -> None:
        hooks = Hooks(note)
        if model.hooks:
            hooks.register_all()
        for name in model.transforms:
            pulumi.runtime.register_resource_transform(transform(name))
        declared = _Declared(hooks)
        for node in model.nodes:
            made = declared.declare(node)
            await made.urn.future()
            if node.outputs is not None and isinstance(made, Group):
                made.register_outputs(_value(node.outputs, declared.made))
        for name, expression in model.exports.items():
            pulumi.export(name, _value(expression, declared.made))
        if model.raises:
            raise RaisedByProgram("the program fails as asked")

    return run


@dataclass
class _Declared:
    """What a run of a program has declared so far, by name."""

    hooks: Hooks
    made: dict[str, pulumi.Resource] = field(default_factory=dict)

    def declare(self, node: Node) -> pulumi.Resource:
        inputs = _value(node.inputs, self.made)
        options = {name: self._option(name, value) for name, value in node.options.items()}
        self.made[node.name] = _resource(node, inputs, options, self.made)
        return self.made[node.name]

    def _option(self, name: str, value: Any) -> Any:
        if name in ONE_RESOURCE:
            return self.made[value]
        if name in RESOURCES:
            return [self.made[each] for each in value]
        match name:
            case "aliases":
                return [_alias(each, self.made) for each in value]
            case "custom_timeouts":
                return CustomTimeouts(**value)
            case "hooks":
                return self.hooks.binding(value)
            case "transforms":
                return list(map(transform, value))
            case "transformations":
                return list(map(transformation, value))
            case "replacement_trigger":
                return _value(value, self.made)
        return value


def _resource(
    node: Node, inputs: Any, options: Mapping[str, Any], made: Mapping[str, pulumi.Resource]
) -> pulumi.Resource:
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
