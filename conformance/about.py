"""What a difference between two engines is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conformance.compare import Difference, Scene, Where
from conformance.scenario import Expression, Model, Node, Verb
from tomo.model.urn import STACK_TYPE, Urn


def both_failed(scene: Scene) -> bool:
    """Whether the operation failed on both engines."""
    return not scene.mine.ran.ok and not scene.theirs.ran.ok


def goes_on(scene: Scene) -> bool:
    """Whether what fails leaves the rest of the operation to go on."""
    return scene.operation.verb is Verb.PREVIEW or not scene.operation.stop_on_error


def name_of(difference: Difference) -> str:
    """The name of the resource concerned."""
    return Urn(difference.urn).name if difference.urn else ""


def names_of(urns: frozenset[str]) -> set[str]:
    """The names of resources by their URNs."""
    return {Urn(urn).name for urn in urns}


def declared(scene: Scene) -> set[str]:
    """The names of what the program declares."""
    return {node.name for node in scene.operation.program.nodes}


def needs(node: Node) -> Iterator[str]:
    """The names that a declaration mentions."""
    yield from references(node.inputs)
    yield from references(node.outputs)
    yield from references(node.id)
    for value in node.options.values():
        yield from value if isinstance(value, list) and all(isinstance(v, str) for v in value) else ()
        yield from (value,) if isinstance(value, str) else references(value)


def references(expression: Expression) -> Iterator[str]:
    """The names that an expression refers to."""
    if isinstance(expression, list):
        for each in expression:
            yield from references(each)
    elif isinstance(expression, Mapping):
        if set(expression) == {"ref"}:
            yield expression["ref"].partition(".")[0]
        for value in expression.values():
            yield from references(value)


def with_dependents(program: Model, names: set[str]) -> set[str]:
    """These, and all that is declared with something of them, directly or not."""
    found = set(names)
    for node in program.nodes:
        if found.intersection(needs(node)):
            found.add(node.name)
    return found


def concerns(difference: Difference, scene: Scene, names: set[str]) -> bool:
    """Whether a difference is about these, what is declared with something of them, or an output that is."""
    if not names:
        return False
    needing = with_dependents(scene.operation.program, names)
    if is_stack(difference) and difference.where is Where.STATE and difference.path.startswith("outputs"):
        return not needing.isdisjoint(references(scene.operation.program.exports))
    return name_of(difference) in needing


def is_stack(difference: Difference) -> bool:
    """Whether it is about the stack itself."""
    return bool(difference.urn) and Urn(difference.urn).type == STACK_TYPE


def original_only(difference: Difference) -> bool:
    """Whether the sides differ in nothing but when and under which name an original goes."""
    if difference.where is Where.CALLS and difference.path.startswith("hook "):
        return not any(call["new_inputs"] for call in (*difference.mine, *difference.theirs))
    if difference.where is Where.CALLS:
        return difference.path in {"delete", "check", "diff"}
    if difference.where is Where.WHY:
        return difference.path.startswith("replace")
    sides = [{op for op in side if op != "delete-replaced"} for side in (difference.mine, difference.theirs)]
    return sides[0] == sides[1]
