"""The decision about one registered resource that already exists (engine-spec 2.2, steps 10 to 15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tomo.engine import paths
from tomo.engine.compare import changed_keys, differences
from tomo.frozen import frozen
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.goal import Goal
from tomo.model.resource import ResourceState
from tomo.model.step import INIT_ERROR, Op
from tomo.model.values import Properties, same_value


@frozen
class Verdict:
    """SAME, UPDATE or REPLACE, with what differs and which keys force the replacement."""

    op: Op
    diffs: tuple[PropertyDiff, ...] = ()
    keys: tuple[str, ...] = ()
    delete_before_replace: bool = False


def resolve(
    diff: DiffResult, old_inputs: Properties, new_inputs: Properties, replace_on_changes: Sequence[str] = ()
) -> DiffResult:
    """A provider's answer made definite: `can't tell` becomes a comparison of the inputs.

    `replace_on_changes` goes by what the provider tells. Where it only says that something changed, the
    option is without effect, as in Pulumi; the differences are then for people.
    """
    if diff.changed is False:
        return DiffResult(changed=False, delete_before_replace=diff.delete_before_replace)
    told = tuple(_valued(each, old_inputs, new_inputs) for each in diff.properties)
    found = told or _as_replacing(diff.replace_keys, differences(old_inputs, new_inputs))
    if diff.changed is None or diff.properties:
        found = _with_replacing(replace_on_changes, found)
    return replace(diff, changed=bool(found) if diff.changed is None else True, properties=found)


def _as_replacing(keys: Sequence[str], diffs: Sequence[PropertyDiff]) -> tuple[PropertyDiff, ...]:
    """All that differs, where the provider only named the keys that force a replacement."""
    return tuple(
        replace(diff, kind=diff.kind.replacing()) if str(paths.parse(diff.path)[0]) in keys else diff
        for diff in diffs
    )


def _valued(diff: PropertyDiff, old_inputs: Properties, new_inputs: Properties) -> PropertyDiff:
    """A difference that its provider only named, with the inputs it is about."""
    if diff.old is not None or diff.new is not None or diff.why or not diff.path:
        return diff
    path = paths.parse(diff.path)
    return replace(diff, old=paths.at(old_inputs, path), new=paths.at(new_inputs, path))


def _deeper(diff: PropertyDiff) -> Iterator[PropertyDiff]:
    """A difference of two maps as those of their members, so that people see what really changed."""
    if not isinstance(diff.old, Mapping) or not isinstance(diff.new, Mapping) or diff.why:
        yield diff
        return
    for inner in differences(diff.old, diff.new):
        kind = inner.kind.replacing() if diff.kind.replaces else inner.kind
        yield replace(inner, path=f"{diff.path}.{inner.path}", kind=kind)


def judge(
    goal: Goal,
    old: ResourceState,
    diff: DiffResult,
    noted: Sequence[PropertyDiff],
    forced: Sequence[str] = (),
) -> Verdict:
    """What to do about a resource, given its provider's definite answer and what a look found.

    `forced` holds replace keys that no diff speaks of: a changed provider, a replaceWith target.
    """
    before_create = (
        goal.delete_before_replace if goal.delete_before_replace is not None else diff.delete_before_replace
    )
    drift = [found for found in noted if not _is_input(found, old)]
    told = [deeper for each in diff.properties for deeper in _deeper(each)]
    diffs = _with_drift(told, drift, noted)
    keys = (*forced, *trigger_keys(goal, old), *_init_error_keys(goal, old))
    changed = bool(diff.changed) or bool(drift)
    if changed:
        keys = (*keys, *diff.replace_keys, *changed_keys([d for d in diffs if d.kind.replaces]))
        keys += tuple(d.path for d in drift if d.kind.replaces and not d.path)
        replaces = any(d.kind.replaces for d in diffs)
    else:
        replaces = False
    if keys or replaces or old.pending_replacement:
        return Verdict(Op.REPLACE, diffs if changed else (), tuple(dict.fromkeys(keys)), before_create)
    if changed or old.init_errors:
        return Verdict(Op.UPDATE, diffs)
    return Verdict(Op.SAME)


def _is_input(found: PropertyDiff, old: ResourceState) -> bool:
    """Whether drift is about an input: then the comparison of inputs decides, and it only explains."""
    return bool(found.path) and str(paths.parse(found.path)[0]) in old.inputs


def _with_drift(
    diffs: Sequence[PropertyDiff], drift: Sequence[PropertyDiff], noted: Sequence[PropertyDiff]
) -> tuple[PropertyDiff, ...]:
    """Both, where a difference that a look also noted is told once, with what was seen."""
    if not diffs and not noted:
        return ()
    seen = {found.path: found for found in noted if found.path}
    told = {diff.path for diff in diffs}
    merged = [
        replace(diff, drift=True, why=diff.why or seen[diff.path].why) if diff.path in seen else diff
        for diff in diffs
    ]
    return (*merged, *(found for found in drift if found.path not in told))


def _with_replacing(options: Sequence[str], diffs: Sequence[PropertyDiff]) -> tuple[PropertyDiff, ...]:
    patterns = [paths.parse(text) for text in options]
    if not patterns:
        return tuple(diffs)
    return tuple(
        replace(diff, kind=diff.kind.replacing()) if paths.covered(patterns, paths.parse(diff.path)) else diff
        for diff in diffs
    )


def trigger_keys(goal: Goal, old: ResourceState) -> tuple[str, ...]:
    """Pulumi's key for a replacement trigger with another value; one that comes or goes is none."""
    new, before = goal.replacement_trigger, old.replacement_trigger
    if new is None or before is None or same_value(new, before):
        return ()
    return ("replacementTrigger",)


def _init_error_keys(goal: Goal, old: ResourceState) -> tuple[str, ...]:
    """Pulumi's key for a resource that isn't well, where `replace_on_changes` covers it: mostly by `*`."""
    if not old.init_errors:
        return ()
    patterns = [paths.parse(text) for text in goal.replace_on_changes]
    return (INIT_ERROR,) if paths.covered(patterns, (INIT_ERROR,)) else ()


def marked_drift(
    diffs: Sequence[PropertyDiff], recorded: ResourceState | None, seen: ResourceState
) -> tuple[PropertyDiff, ...]:
    """The differences, with those marked that came about because reality moved, not the program."""
    if recorded is None or recorded is seen:
        return tuple(diffs)
    return tuple(_marked(diff, recorded, seen) for diff in diffs)


def _marked(diff: PropertyDiff, recorded: ResourceState, seen: ResourceState) -> PropertyDiff:
    if not diff.path or diff.drift:
        return diff
    key = str(paths.parse(diff.path)[0])
    moved = not same_value(recorded.inputs.get(key), seen.inputs.get(key))
    return replace(diff, drift=True) if moved else diff


GONE = PropertyDiff("", DiffKind.ADD, drift=True, why="it was removed outside Tomo")
