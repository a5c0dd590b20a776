"""Leaves out of a look what the declaration lets be: drift that is ignored or adopted.

The recorded inputs stay what was declared, so that a change of the declaration still shows. What is adopted
is in the outputs, as Pulumi's own refresh would leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tomo.engine import paths
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.drift import DriftPolicy, DriftRule
from tomo.model.provider import ReadResult
from tomo.model.resource import ResourceState
from tomo.model.values import Properties, Value, same_value

ADOPTED: Final = "adopted as it is on the host"
_IDENTITY: Final = "id"


def tolerated(result: ReadResult, entry: ResourceState, policy: DriftPolicy) -> ReadResult:
    """What was found, without what the policy lets be."""
    let_be = {name for name in policy.rules if policy.of(name) is not DriftRule.REVERT}
    ignored = {name for name in let_be if policy.of(name) is DriftRule.IGNORE}
    return replace(
        result,
        inputs=_with(result.inputs, entry.inputs, let_be),
        outputs=_with(result.outputs, entry.outputs, ignored & entry.outputs.keys()),
        drift=_repaired(result.drift, policy),
    )


def adopted(now: ResourceState, entry: ResourceState, policy: DriftPolicy) -> tuple[PropertyDiff, ...]:
    """What a look found of fields that are adopted and that the record does not say yet."""
    names = (name for name in sorted(policy.rules) if name in now.outputs)
    return tuple(
        PropertyDiff(name, DiffKind.UPDATE, was, real, drift=True, why=ADOPTED)
        for name in names
        if policy.of(name) is DriftRule.ADOPT
        and not same_value(was := entry.outputs.get(name), real := now.outputs[name])
    )


def as_adopted(inputs: Properties, old: ResourceState, policy: DriftPolicy) -> Properties:
    """Inputs to act with: what was adopted stands in for a declaration that has not changed since."""
    kept = {
        name: old.outputs[name]
        for name in policy.rules
        if policy.of(name) is DriftRule.ADOPT
        and name in old.outputs
        and same_value(inputs.get(name), old.inputs.get(name))
    }
    return {**inputs, **kept} if kept else inputs


def _with(seen: Properties, recorded: Properties, names: set[str]) -> Properties:
    if not names:
        return seen
    found: dict[str, Value] = {name: value for name, value in seen.items() if name not in names}
    return {**found, **{name: recorded[name] for name in recorded if name in names}}


def _repaired(drift: Sequence[PropertyDiff], policy: DriftPolicy) -> tuple[PropertyDiff, ...]:
    """The drift that is to be repaired. One made anew that differs in what is let be only is taken over."""
    left = tuple(diff for diff in drift if _name(diff) == _IDENTITY or _reverts(diff, policy))
    if len(left) < len(drift) and all(_name(diff) == _IDENTITY for diff in left):
        return tuple(replace(diff, kind=DiffKind.UPDATE) for diff in left)
    return left


def _reverts(diff: PropertyDiff, policy: DriftPolicy) -> bool:
    name = _name(diff)
    return not name or policy.of(name) is DriftRule.REVERT


def _name(diff: PropertyDiff) -> str:
    return str(paths.parse(diff.path)[0]) if diff.path else ""
