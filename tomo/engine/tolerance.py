"""Leaves out of a look what the declaration lets be: drift that is ignored or adopted.

The recorded inputs stay what was declared, so that a change of the declaration still shows. What the host
has in place of it stands beside them under a key that Pulumi takes for bookkeeping, as any that begins with
two underscores, and that no provider is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tomo.engine import paths
from tomo.engine.compare import conceal, taken_by
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.drift import DriftPolicy, DriftRule
from tomo.model.provider import DIGEST, Provider, ReadRequest, ReadResult
from tomo.model.resource import ResourceState
from tomo.model.values import Properties, Value, same_value

ADOPTED: Final = "adopted as it is on the host"
BACK: Final = "as declared again on the host"
ON_HOST: Final = "__onHost"
"""Beside the inputs: what the host has in place of the declared ones of the same names, and may keep."""
_IDENTITY: Final = "id"
NO_RULES: Final = DriftPolicy()


def asked_of(provider: Provider, entry: ResourceState, policy: DriftPolicy | None) -> ReadRequest:
    """The question that a look asks about an entry."""
    adopts = frozenset(policy.names(DriftRule.ADOPT)) if policy else frozenset()
    return ReadRequest(
        entry.urn,
        entry.id,
        taken_by(provider, declared(entry.inputs)),
        taken_by(provider, entry.outputs),
        let_be=taken_by(provider, on_host(entry.inputs)),
        adopts=adopts,
    )


def tolerated(result: ReadResult, entry: ResourceState, policy: DriftPolicy | None) -> ReadResult:
    """What was found, without what the policy lets be; that stands beside the inputs."""
    if policy is None and ON_HOST not in entry.inputs:
        return result
    policy = policy or NO_RULES
    let_be = {name for name in policy.rules if policy.of(name) is not DriftRule.REVERT}
    ignored = {name for name in let_be if policy.of(name) is DriftRule.IGNORE}
    inputs = _with(result.inputs, entry.inputs, let_be)
    kept = _kept(result, entry, policy)
    return replace(
        result,
        inputs={**inputs, ON_HOST: kept} if kept else inputs,
        outputs=_with(result.outputs, entry.outputs, ignored & entry.outputs.keys()),
        drift=_repaired(result.drift, policy),
    )


def adopted(now: ResourceState, entry: ResourceState, policy: DriftPolicy | None) -> tuple[PropertyDiff, ...]:
    """What a look found of fields that are adopted and that the record does not say yet."""
    before, after = on_host(entry.inputs), on_host(now.inputs)
    if policy is None or not (before or after):
        return ()
    names = sorted(name for name in before.keys() | after.keys() if policy.of(name) is DriftRule.ADOPT)
    was = {name: before.get(name, entry.inputs.get(name)) for name in names}
    real = {name: after.get(name, entry.inputs.get(name)) for name in names}
    return tuple(
        PropertyDiff(
            name,
            DiffKind.UPDATE,
            was[name],
            real[name],
            drift=True,
            why=ADOPTED if name in after else BACK,
        )
        for name in names
        if not same_value(was[name], real[name])
    )


def carried(inputs: Properties, old: ResourceState, policy: DriftPolicy | None = None) -> Properties:
    """New inputs, with what the host may keep of inputs whose declaration has not changed.

    With a policy, as for another object in place of this one, only what is adopted.
    """
    if ON_HOST not in old.inputs:
        return inputs
    kept = {
        name: value
        for name, value in on_host(old.inputs).items()
        if same_value(inputs.get(name), old.inputs.get(name))
        and (policy is None or policy.of(name) is DriftRule.ADOPT)
    }
    return {**inputs, ON_HOST: kept} if kept else inputs


def declared(inputs: Properties) -> Properties:
    """The inputs as declared, without what stands beside them."""
    if ON_HOST not in inputs:
        return inputs
    return {name: value for name, value in inputs.items() if name != ON_HOST}


def on_host(inputs: Properties) -> Properties:
    """What the host may keep in place of declared inputs, by their names; None for what it has not."""
    found = inputs.get(ON_HOST)
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def as_on_host(inputs: Properties, *, anew: bool = False) -> Properties:
    """Inputs to act with: what the host may keep in place of what is declared.

    For something made `anew` a digest is of no use: there the declaration holds.
    """
    if ON_HOST not in inputs:
        return inputs
    kept = {name: value for name, value in on_host(inputs).items() if not (anew and _is_digest(value))}
    merged = {**declared(inputs), **kept}
    return {name: value for name, value in merged.items() if name not in kept or value is not None}


def _kept(result: ReadResult, entry: ResourceState, policy: DriftPolicy) -> dict[str, Value]:
    """What the host has otherwise: what is adopted, and what is ignored of something made anew by hand.

    The latter is remembered because a look at the same object can't see it again.
    """
    before = on_host(entry.inputs)
    real: dict[str, Value] = {}
    for name in policy.rules:
        rule = policy.of(name)
        if rule is DriftRule.REVERT:
            continue
        if rule is DriftRule.IGNORE and name not in before and result.id in {"", entry.id}:
            continue
        value = result.inputs.get(name)
        if not same_value(value, entry.inputs.get(name)):
            real[name] = value
    wanted = {name: entry.inputs[name] for name in real if name in entry.inputs}
    return dict(conceal(conceal(real, wanted), before))


def _is_digest(value: Value) -> bool:
    return isinstance(value, Mapping) and value.keys() == {DIGEST}


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
