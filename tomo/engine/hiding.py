"""Keeps secret values out of differences that people see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tomo.engine import paths
from tomo.engine.compare import secret_keys
from tomo.model.diff import PropertyDiff
from tomo.model.resource import ResourceState
from tomo.model.values import (
    UNKNOWN,
    Properties,
    Secret,
    Unknown,
    Value,
    has_secret,
    same_value,
)


def hide_secrets(
    diffs: Sequence[PropertyDiff], old: ResourceState, inputs: Properties
) -> tuple[PropertyDiff, ...]:
    """The differences with every value that comes from a secret wrapped as one."""
    if not diffs:
        return ()
    hidden = secret_keys(old.inputs) | secret_keys(inputs) | secret_keys(old.outputs)
    return tuple(_hidden(diff, hidden, old.inputs, inputs) for diff in diffs)


def _hidden(diff: PropertyDiff, hidden: frozenset[str], olds: Properties, news: Properties) -> PropertyDiff:
    if not diff.path or str(paths.parse(diff.path)[0]) not in hidden:
        return diff
    return replace(
        diff, old=_hidden_value(diff.old, diff.path, olds), new=_hidden_value(diff.new, diff.path, news)
    )


def _hidden_value(value: Value, path: str, properties: Properties) -> Value:
    """The value itself where it surely is not the secret part, else a secret."""
    if value is None or isinstance(value, (Secret, Unknown)):
        return value
    found: Value = properties
    for part in paths.parse(path):
        found = _part_of(found, part)
    return value if not has_secret(found) and same_value(found, value) else Secret(value)


def _part_of(value: Value, part: paths.Part) -> Value:
    if isinstance(value, Mapping):
        return value.get(str(part), UNKNOWN)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        found: Value = value[part]
        return found
    return UNKNOWN
