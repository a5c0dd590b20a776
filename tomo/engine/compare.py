"""Compares property values and carries their secrecy over a provider that knows plain values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tomo.engine import paths
from tomo.engine.paths import Path
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.provider import Provider
from tomo.model.resource import ResourceState
from tomo.model.values import (
    Properties,
    Secret,
    Unknown,
    Value,
    has_secret,
    has_unknown,
    only_plain,
    reveal,
    same_value,
)


def differences(old: Properties, new: Properties) -> tuple[PropertyDiff, ...]:
    """Every difference between two property maps, deepest paths, in key order; bookkeeping left out."""
    return tuple(_in_maps(_visible(old), _visible(new), ()))


def _visible(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if not key.startswith("__")}


def _in_maps(old: Mapping[str, Value], new: Mapping[str, Value], path: Path) -> Iterator[PropertyDiff]:
    for key in sorted(old.keys() | new.keys()):
        here = (*path, key)
        if key not in new:
            if old[key] is not None:
                yield PropertyDiff(paths.render(here), DiffKind.DELETE, old[key])
        elif key not in old:
            if new[key] is not None:
                yield PropertyDiff(paths.render(here), DiffKind.ADD, None, new[key])
        else:
            yield from _in_values(old[key], new[key], here)


def _in_values(old: Value, new: Value, path: Path) -> Iterator[PropertyDiff]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _in_maps(old, new, path)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _in_values(left, right, (*path, index))
    elif not same_value(old, new):
        yield PropertyDiff(paths.render(path), DiffKind.UPDATE, old, new)


def changed_keys(diffs: Sequence[PropertyDiff]) -> tuple[str, ...]:
    """The top-level property names of differences, each once, in order."""
    return tuple(dict.fromkeys(str(paths.parse(diff.path)[0]) for diff in diffs if diff.path))


def reuse(new: Value, old: Value) -> Value:
    """The new value, with unchanged secrets as the old objects, so that their ciphertexts stay."""
    if isinstance(new, Secret) and isinstance(old, Secret):
        return old if same_value(new, old) else new
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return {key: reuse(value, old[key]) if key in old else value for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [reuse(left, right) for left, right in zip(new, old, strict=True)]
    return new


def reuse_all(new: Properties, old: Properties) -> Properties:
    """`reuse` for whole property maps."""
    if only_plain(new):
        return new
    return {key: reuse(value, old[key]) if key in old else value for key, value in new.items()}


def secret_keys(properties: Properties) -> frozenset[str]:
    """Names of the properties that are or hold a secret."""
    if only_plain(properties):
        return frozenset()
    return frozenset(key for key, value in properties.items() if has_secret(value))


def revealed(properties: Properties) -> Properties:
    """The properties as a provider gets them: secrets opened."""
    if only_plain(properties):
        return properties
    return {key: reveal(value) for key, value in properties.items()}


def taken_by(provider: Provider | None, properties: Properties) -> Properties:
    """The properties as a provider takes them: secrets opened, unless it asks for them as they are."""
    return properties if provider is not None and provider.takes_secrets else revealed(properties)


def conceal(plain: Properties, original: Properties) -> Properties:
    """A provider's answer with the secrecy of the same-named originals (engine-spec 2.3)."""
    if only_plain(original):
        return plain
    return {
        key: _concealed(value, original[key]) if key in original else value for key, value in plain.items()
    }


def _concealed(value: Value, original: Value) -> Value:
    if isinstance(value, Secret) or not has_secret(original):
        return value
    if isinstance(value, Unknown):
        return Secret(value) if isinstance(original, Secret) else value
    if same_value(value, reveal(original)):
        return original
    if isinstance(value, Mapping) and isinstance(original, Mapping):
        return conceal({str(k): v for k, v in value.items()}, original)
    return Secret(value)


def traced(plain: Properties, original: Properties) -> Properties:
    """A provider's answer whose unknowns know again where the originals in their places come from."""
    if not any(map(has_unknown, original.values())):
        return plain
    return {key: _traced(value, original[key]) if key in original else value for key, value in plain.items()}


def _traced(value: Value, original: Value) -> Value:
    if isinstance(value, Unknown):
        return original if has_unknown(original) and not value.origins else value
    if isinstance(value, Mapping) and isinstance(original, Mapping):
        return traced({str(k): v for k, v in value.items()}, original)
    if isinstance(value, list) and isinstance(original, list) and len(value) == len(original):
        return [_traced(item, before) for item, before in zip(value, original, strict=True)]
    return value


def with_secret_outputs(outputs: Properties, names: Sequence[str]) -> Properties:
    """The outputs with those named made secret; `id` can't be (engine-spec 2.3)."""
    hidden = {name for name in names if name in outputs and name != "id"}
    return {key: _sealed(value) if key in hidden else value for key, value in outputs.items()}


def _sealed(value: Value) -> Value:
    return value if isinstance(value, (Secret, Unknown)) else Secret(reveal(value))


def finished_outputs(wanted: ResourceState, outputs: Properties) -> Properties:
    """Outputs as they are recorded: secret where the same-named input or an option says so."""
    marked = with_secret_outputs(conceal(outputs, wanted.inputs), wanted.additional_secret_outputs)
    return reuse_all(marked, wanted.inputs)
