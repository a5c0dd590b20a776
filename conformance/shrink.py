"""Makes a failing scenario as small as it goes while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from conformance.generate import without
from conformance.scenario import Model, Node, Operation, Scenario

T = TypeVar("T")

Fails = Callable[[Scenario], bool]


def shrunk(scenario: Scenario, fails: Fails, attempts: int = 100) -> Scenario:
    """The smallest scenario found that still fails: without operations, then nodes, options, inputs."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(scenario):
            if attempts == 0:
                return scenario
            attempts -= 1
            if fails(candidate):
                scenario, smaller = candidate, True
                break
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Candidates, the boldest first."""
    operations = scenario.operations
    for fewer in _one_less(operations):
        if fewer:
            yield replace(scenario, operations=fewer)
    for name in dict.fromkeys(node.name for op in operations for node in op.program.nodes):
        yield _everywhere(scenario, partial(_without_node, name=name))
    for at, operation in enumerate(operations):
        for simpler in _calmer(operation):
            yield replace(scenario, operations=(*operations[:at], simpler, *operations[at + 1 :]))
    for name, option in _pairs(scenario, "options"):
        yield _in_node(scenario, name, "options", option)
    for name, key in _pairs(scenario, "inputs"):
        yield _in_node(scenario, name, "inputs", key)
    yield from _plainer(scenario)


def _one_less(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for at in range(len(items)):
        yield (*items[:at], *items[at + 1 :])


def _everywhere(scenario: Scenario, change: Callable[[Model], Model]) -> Scenario:
    changed = [replace(op, program=change(op.program)) for op in scenario.operations]
    return replace(scenario, operations=tuple(changed))


def _without_node(program: Model, name: str) -> Model:
    kept = tuple(without(node, name) for node in program.nodes if node.name != name)
    return replace(program, nodes=kept, exports={})


def _calmer(operation: Operation) -> Iterator[Operation]:
    for fault in operation.faults:
        yield replace(operation, faults={k: v for k, v in operation.faults.items() if k != fault})
    blank = Operation(operation.verb)
    for name in (
        "lost",
        "edited",
        "there",
        "swapped",
        "stop_on_error",
        "targets",
        "excludes",
        "replaces",
        "dependents",
    ):
        if getattr(operation, name) != getattr(blank, name):
            yield replace(operation, **{name: getattr(blank, name)})
    if operation.program.transforms:
        yield replace(operation, program=replace(operation.program, transforms=()))
    if operation.program.exports:
        yield replace(operation, program=replace(operation.program, exports={}))
    if operation.program.raises:
        yield replace(operation, program=replace(operation.program, raises=False))


def _pairs(scenario: Scenario, part: str) -> list[tuple[str, str]]:
    nodes = [node for operation in scenario.operations for node in operation.program.nodes]
    return list(dict.fromkeys((node.name, key) for node in nodes for key in getattr(node, part)))


def _in_node(scenario: Scenario, name: str, part: str, key: str) -> Scenario:
    def less(node: Node) -> Node:
        if node.name != name:
            return node
        kept = {k: v for k, v in getattr(node, part).items() if k != key}
        return replace(node, inputs=kept) if part == "inputs" else replace(node, options=kept)

    return _everywhere(scenario, lambda p: replace(p, nodes=tuple(less(node) for node in p.nodes)))


def _plainer(scenario: Scenario) -> Iterator[Scenario]:
    """With the outputs of a component left out, or 1 in the place of an involved value."""
    for name, key in _pairs(scenario, "inputs"):
        candidate = _everywhere(scenario, partial(_with_plain_input, name=name, key=key))
        if candidate != scenario:
            yield candidate
    candidate = _everywhere(
        scenario, lambda p: replace(p, nodes=tuple(replace(n, outputs=None) for n in p.nodes))
    )
    if candidate != scenario:
        yield candidate


def _with_plain_input(program: Model, name: str, key: str) -> Model:
    def plain(node: Node) -> Node:
        if node.name != name or not isinstance(node.inputs.get(key), (list, dict)):
            return node
        return replace(node, inputs={**node.inputs, key: _first_ref(node.inputs[key]) or 1})

    return replace(program, nodes=tuple(plain(node) for node in program.nodes))


def _first_ref(expression: Any) -> Any:
    """The first reference within an involved value; None where there is none, or nothing else."""
    if isinstance(expression, dict):
        if set(expression) == {"ref"}:
            return expression
        expression = list(expression.values())
    if isinstance(expression, list):
        return next((found for found in map(_first_ref, expression) if found), None)
    return None
