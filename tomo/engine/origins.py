"""Says of a program's unknown inputs which outputs they can come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tomo.engine.gate import EntryNow
from tomo.model.goal import Goal
from tomo.model.urn import Urn
from tomo.model.values import Secret, Unknown, Value, has_unknown, transform


def with_origins(goal: Goal, now: EntryNow) -> Goal:
    """The goal whose unknowns know the outputs that they are made from.

    The SDK tells no more than which resources an input depends on; those of their outputs that are not
    known yet are what it can be.
    """
    if not has_unknown(goal.inputs):
        return goal
    by_property = goal.property_dependencies
    inputs: dict[str, Value] = {}
    for key, value in goal.inputs.items():
        urns = goal.dependencies if by_property is None else by_property.get(key, ())
        inputs[key] = _told(value, tuple(_unknown_outputs(urns, now))) if has_unknown(value) else value
    return replace(goal, inputs=inputs)


def _unknown_outputs(urns: Iterable[Urn], now: EntryNow) -> Iterator[str]:
    for urn in sorted(set(urns)):
        entry = now(urn)
        if entry is None:
            continue
        if entry.custom and not entry.id:
            yield f"{urn}.id"
        yield from (f"{urn}.{name}" for name in sorted(entry.outputs) if has_unknown(entry.outputs[name]))


def _told(value: Value, origins: tuple[str, ...]) -> Value:
    def leaf(item: Value) -> Value:
        if isinstance(item, Unknown):
            return item if item.origins else Unknown(any_of=origins)
        if isinstance(item, Secret) and has_unknown(item):
            return Secret(_told(item.reveal(), origins))
        return item

    return transform(value, leaf)
