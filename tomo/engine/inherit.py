"""Completes a registration: its URN, what it inherits from its parent, its earlier names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from tomo.frozen import frozen
from tomo.model.goal import Alias, Goal
from tomo.model.resource import ResourceState
from tomo.model.urn import STACK_TYPE, Urn, package_of, split_provider_ref


@frozen
class Parent:
    """What children inherit from a registered resource; `old_urn` differs where an alias matched."""

    urn: Urn
    protect: bool | None = None
    retain_on_delete: bool | None = None
    deleted_with: Urn | None = None
    providers: Mapping[str, str] = field(default_factory=dict)
    old_urn: Urn | None = None

    @classmethod
    def of(
        cls, urn: Urn, goal: Goal, providers: Mapping[str, str] | None = None, old_urn: Urn | None = None
    ) -> Parent:
        """What the resource of a goal hands down; the goal itself, with all its inputs, isn't kept."""
        return cls(urn, goal.protect, goal.retain_on_delete, goal.deleted_with, providers or {}, old_urn)


def inherited(goal: Goal, parent: Parent | None) -> Goal:
    """The goal with the options that it left open and its parent sets (engine-spec 1.3)."""
    if parent is None:
        return goal
    own = (goal.protect, goal.retain_on_delete, goal.deleted_with, goal.provider)
    protect = parent.protect if goal.protect is None else goal.protect
    retain = parent.retain_on_delete if goal.retain_on_delete is None else goal.retain_on_delete
    deleted_with = goal.deleted_with or parent.deleted_with
    provider = goal.provider or parent.providers.get(package_of(goal.type), "") if goal.custom else ""
    if own == (protect, retain, deleted_with, provider):
        return goal
    return replace(
        goal, protect=protect, retain_on_delete=retain, deleted_with=deleted_with, provider=provider
    )


def providers_for_children(goal: Goal, parent: Parent | None, ref: str = "") -> Mapping[str, str]:
    """Provider references by package that children of this resource get: as in Pulumi its default one too."""
    inherited = parent.providers if parent else {}
    given = dict(goal.providers)
    own = goal.provider or ref
    if own:
        given[package_of(split_provider_ref(own)[0].type)] = own
    # Most resources add nothing, and there may be thousands.
    return inherited if given.items() <= inherited.items() else {**inherited, **given}


def earlier_urns(goal: Goal, urn: Urn, parent: Parent | None) -> Iterator[Urn]:
    """The URNs a resource may stand under in the old state, in the order to try (engine-spec 1.2)."""
    yield urn
    for alias in goal.aliases:
        yield from _alias_urns(alias, goal, urn, parent)
    if parent is not None and parent.old_urn is not None and parent.old_urn != parent.urn:
        name = goal.name
        if name.startswith(parent.urn.name):
            name = parent.old_urn.name + name.removeprefix(parent.urn.name)
        yield Urn.make(urn.stack, urn.project, parent.old_urn, goal.type, name)
        for alias in goal.aliases:
            if alias.urn is None and alias.parent is None and not alias.no_parent:
                yield Urn.make(
                    alias.stack or urn.stack,
                    alias.project or urn.project,
                    parent.old_urn,
                    alias.type or goal.type,
                    alias.name or name,
                )


def _alias_urns(alias: Alias, goal: Goal, urn: Urn, parent: Parent | None) -> Iterator[Urn]:
    if alias.urn is not None:
        yield alias.urn
        return
    if alias.no_parent:
        above = None
    elif alias.parent is not None:
        above = alias.parent
    else:
        above = parent.urn if parent else None
    if above is not None and above.type == STACK_TYPE:
        above = None
    yield Urn.make(
        alias.stack or urn.stack,
        alias.project or urn.project,
        above,
        alias.type or goal.type,
        alias.name or goal.name,
    )


def _by_property(goal: Goal, inputs: Mapping[str, object]) -> Mapping[str, tuple[Urn, ...]]:
    """What each input depends on; all on all where the program told nothing (engine-spec 10, 6)."""
    if goal.property_dependencies is not None or not goal.dependencies:
        return goal.property_dependencies or {}
    return dict.fromkeys(inputs, tuple(dict.fromkeys(goal.dependencies)))


def entry_for(goal: Goal, urn: Urn, provider: str, inputs: Mapping[str, object]) -> ResourceState:
    """The state entry a goal asks for, before any provider has acted."""
    return ResourceState(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        inputs=inputs,
        parent=goal.parent,
        provider=provider,
        dependencies=tuple(dict.fromkeys(goal.dependencies)),
        property_dependencies=_by_property(goal, inputs),
        protect=bool(goal.protect),
        retain_on_delete=bool(goal.retain_on_delete),
        additional_secret_outputs=goal.additional_secret_outputs,
        custom_timeouts=goal.custom_timeouts,
        deleted_with=goal.deleted_with,
        replace_with=goal.replace_with,
        replacement_trigger=goal.replacement_trigger,
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
        hide_diffs=goal.hide_diffs,
        source_position=goal.source_position,
        hooks=goal.hooks,
    )


def stands_for(
    entry: ResourceState, goal: Goal, urn: Urn, provider: str, inputs: Mapping[str, object]
) -> bool:
    """Whether a recorded entry is what `entry_for` gives, but for what only the entry knows.

    Asked of every unchanged resource, of which there may be thousands: two of each are not made then.
    """
    return (
        entry.inputs is inputs
        and entry.urn == urn
        and entry.type == goal.type
        and entry.custom is goal.custom
        and entry.parent == goal.parent
        and entry.provider == provider
        and entry.dependencies == tuple(dict.fromkeys(goal.dependencies))
        and entry.property_dependencies == _by_property(goal, inputs)
        and entry.protect is bool(goal.protect)
        and entry.retain_on_delete is bool(goal.retain_on_delete)
        and entry.additional_secret_outputs == goal.additional_secret_outputs
        and entry.custom_timeouts == goal.custom_timeouts
        and entry.deleted_with == goal.deleted_with
        and entry.replace_with == goal.replace_with
        and entry.replacement_trigger is goal.replacement_trigger is None
        and entry.ignore_changes == goal.ignore_changes
        and entry.replace_on_changes == goal.replace_on_changes
        and entry.hide_diffs == goal.hide_diffs
        and entry.hooks == goal.hooks
        and entry.import_id == goal.import_id
        and goal.source_position in {"", entry.source_position}
        and not (entry.external or entry.delete or entry.pending_replacement or entry.taint)
        and not (entry.init_errors or entry.aliases)
    )
