"""Looks at reality: what of the recorded state still holds (engine-spec 2.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import monotonic

from tomo.engine.compare import conceal, reuse_all, revealed, with_secret_outputs
from tomo.engine.registry import host_of
from tomo.model.diff import PropertyDiff
from tomo.model.events import HostLooked, Sink
from tomo.model.plan import Unlooked
from tomo.model.provider import Provider, ReadRequest, ReadResult, ReadStatus
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn, split_provider_ref

_MOST_THREADS = 32

ProviderOf = Callable[[str], Provider | None]
"""The provider of a reference; None where it can't be used now."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look at recorded entries found.

    `entries` stand in the recorded order with gone ones left out; `recorded` has each entry's form before
    the look, by URN; `unreached` are URNs whose host did not answer.
    """

    entries: tuple[ResourceState, ...]
    recorded: Mapping[Urn, ResourceState] = field(default_factory=dict)
    drift: Mapping[Urn, tuple[PropertyDiff, ...]] = field(default_factory=dict)
    gone: tuple[ResourceState, ...] = ()
    unreached: Mapping[Urn, str] = field(default_factory=dict)
    unlooked: tuple[Unlooked, ...] = ()


def can_look(entry: ResourceState) -> bool:
    """Whether an entry stands for something a provider could read."""
    return entry.custom and bool(entry.provider) and not entry.pending_replacement and not entry.external


def look(entries: Sequence[ResourceState], provider_of: ProviderOf, sink: Sink, now: str) -> Observation:
    """Reads every entry through its provider, all providers at once, and folds in what was found."""
    groups: dict[str, list[ResourceState]] = {}
    for entry in entries:
        if can_look(entry):
            groups.setdefault(entry.provider, []).append(entry)
    results: dict[int, ReadResult] = {}
    unlooked: list[Unlooked] = []
    if groups:
        with ThreadPoolExecutor(min(len(groups), _MOST_THREADS), "tomo-look") as pool:
            jobs = [pool.submit(_look_at, ref, group, provider_of, sink) for ref, group in groups.items()]
        for (ref, group), job in zip(groups.items(), jobs, strict=True):
            found = job.result()
            results.update((id(entry), result) for entry, result in zip(group, found, strict=True))
            unlooked.extend(_unlooked(ref, provider_of(ref), group, found))
    return _folded(entries, results, unlooked, now)


def _look_at(
    ref: str, group: Sequence[ResourceState], provider_of: ProviderOf, sink: Sink
) -> list[ReadResult]:
    provider = provider_of(ref)
    if provider is None:
        return [ReadResult(ReadStatus.UNSUPPORTED) for _ in group]
    begun = monotonic()
    found = provider.read([ReadRequest(e.urn, e.id, revealed(e.inputs), revealed(e.outputs)) for e in group])
    looked = sum(result.status is not ReadStatus.UNSUPPORTED for result in found)
    if looked:
        trouble = next((r for r in found if r.status is ReadStatus.UNREACHABLE), None)
        host = (trouble.host if trouble else "") or host_of(provider, ref) or split_provider_ref(ref)[0].name
        problem, hint = (trouble.problem, trouble.hint) if trouble else ("", "")
        sink(HostLooked(host, looked, monotonic() - begun, problem, hint))
    return found


def _unlooked(
    ref: str, provider: Provider | None, group: Sequence[ResourceState], found: Sequence[ReadResult]
) -> list[Unlooked]:
    counted: dict[tuple[str, str], Unlooked] = {}
    for entry, result in zip(group, found, strict=True):
        if result.status is ReadStatus.UNREACHABLE:
            host = host_of(provider, ref) or result.host or entry.urn.name
            before = counted.get((host, result.problem))
            count = before.resources + 1 if before else 1
            counted[host, result.problem] = Unlooked(host, result.problem, result.hint, result.code, count)
    return list(counted.values())


def _folded(
    entries: Sequence[ResourceState],
    results: Mapping[int, ReadResult],
    unlooked: Sequence[Unlooked],
    now: str,
) -> Observation:
    kept: list[ResourceState] = []
    recorded: dict[Urn, ResourceState] = {}
    drift: dict[Urn, tuple[PropertyDiff, ...]] = {}
    gone: list[ResourceState] = []
    unreached: dict[Urn, str] = {}
    for entry in entries:
        result = results.get(id(entry))
        if result is not None and result.status is ReadStatus.GONE:
            gone.append(entry)
            continue
        if result is not None and result.status is ReadStatus.UNREACHABLE:
            unreached[entry.urn] = result.problem
        if result is not None and result.status is ReadStatus.FOUND:
            if not entry.delete:
                recorded[entry.urn] = entry
                if result.drift:
                    drift[entry.urn] = result.drift
            entry = observed(entry, result, now)  # noqa: PLW2901
        kept.append(entry)
    missing = {entry.urn for entry in gone} - {entry.urn for entry in kept}
    if missing:
        parents = {entry.urn: entry.parent for entry in gone}
        kept = [without(entry, missing, parents) for entry in kept]
    return Observation(tuple(kept), recorded, drift, tuple(gone), unreached, tuple(unlooked))


def observed(entry: ResourceState, result: ReadResult, now: str) -> ResourceState:
    """The entry as a look found it; the very same object where nothing differs."""
    inputs = reuse_all(conceal(result.inputs, entry.inputs), entry.inputs)
    outputs = conceal(
        result.outputs, {**entry.outputs, **{k: v for k, v in inputs.items() if k in entry.outputs}}
    )
    outputs = with_secret_outputs(conceal(outputs, inputs), entry.additional_secret_outputs)
    outputs = reuse_all(outputs, entry.outputs)
    id_ = result.id or entry.id
    if id_ == entry.id and inputs == entry.inputs and outputs == entry.outputs:
        return entry
    return replace(
        entry, id=id_, inputs=inputs, outputs=outputs, init_errors=result.init_errors, modified=now
    )


def without(entry: ResourceState, missing: set[Urn], parents: Mapping[Urn, Urn | None]) -> ResourceState:
    """The entry without mention of resources that are gone; its parent becomes the grandparent."""
    parent = entry.parent
    while parent in missing and parent is not None:
        parent = parents.get(parent)
    mentions = {*entry.dependencies, *entry.replace_with, entry.deleted_with}
    for urns in entry.property_dependencies.values():
        mentions.update(urns)
    if parent == entry.parent and not mentions & missing:
        return entry
    return replace(
        entry,
        parent=parent,
        dependencies=tuple(urn for urn in entry.dependencies if urn not in missing),
        property_dependencies={
            key: tuple(urn for urn in urns if urn not in missing)
            for key, urns in entry.property_dependencies.items()
        },
        deleted_with=None if entry.deleted_with in missing else entry.deleted_with,
        replace_with=tuple(urn for urn in entry.replace_with if urn not in missing),
    )
