"""Looks at reality: what of the recorded state still holds (engine-spec 2.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace
from time import monotonic

from tomo.engine.compare import conceal, reuse_all, with_secret_outputs
from tomo.engine.graph import without
from tomo.engine.hiding import hide_secrets
from tomo.engine.registry import as_tomo_error, host_of
from tomo.engine.tolerance import adopted, asked_of, tolerated
from tomo.errors import HostError, ProviderFailed, SecretsError
from tomo.frozen import frozen
from tomo.model.diff import PropertyDiff
from tomo.model.drift import NO_POLICIES, DriftPolicies
from tomo.model.events import HostLooked, Sink
from tomo.model.plan import Unlooked
from tomo.model.provider import Provider, ReadResult, ReadStatus, unreachable
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn, split_provider_ref
from tomo.model.values import alike

_MOST_THREADS = 32

ProviderOf = Callable[[str], Provider | None]
"""The provider of a reference; None where it can't be used now."""

Redact = Callable[[str], str]
"""Takes known secrets out of a text."""


@frozen
class Observation:
    """What a look at recorded entries found.

    `entries` stand in the recorded order with gone ones left out; `recorded` has each entry's form before
    the look, by URN; `unreached` are URNs whose host did not answer; `adopted` is what the record takes on.
    """

    entries: tuple[ResourceState, ...]
    recorded: Mapping[Urn, ResourceState] = field(default_factory=dict)
    drift: Mapping[Urn, tuple[PropertyDiff, ...]] = field(default_factory=dict)
    adopted: Mapping[Urn, tuple[PropertyDiff, ...]] = field(default_factory=dict)
    gone: tuple[ResourceState, ...] = ()
    unreached: Mapping[Urn, str] = field(default_factory=dict)
    unlooked: tuple[Unlooked, ...] = ()


def can_look(entry: ResourceState) -> bool:
    """Whether an entry stands for something of the stack's own that a provider could read."""
    return _is_readable(entry) and not entry.external


def _is_readable(entry: ResourceState) -> bool:
    return entry.custom and bool(entry.provider) and not entry.pending_replacement


def look(
    entries: Sequence[ResourceState],
    provider_of: ProviderOf,
    sink: Sink,
    now: str,
    redact: Redact = str,
    *,
    in_view: Callable[[ResourceState], bool] = _is_readable,
    externals: bool = False,
    policies: DriftPolicies = NO_POLICIES,
    meanwhile: Callable[[], None] | None = None,
) -> Observation:
    """Reads every entry through its provider, all providers at once, and folds in what was found.

    What isn't `in_view` stands as recorded. `externals` are read too only where no program runs: that
    reads anew what it wants to know of them. `meanwhile` is called while the hosts are waited for.
    """
    groups: dict[str, list[ResourceState]] = {}
    for entry in entries:
        if (can_look(entry) or (externals and _is_readable(entry))) and in_view(entry):
            groups.setdefault(entry.provider, []).append(entry)
    results: dict[int, ReadResult] = {}
    unlooked: list[Unlooked] = []
    if groups:
        with ThreadPoolExecutor(min(len(groups), _MOST_THREADS), "tomo-look") as pool:
            looker = _Looker(provider_of, sink, redact, policies)
            jobs = [pool.submit(looker.look_at, ref, group) for ref, group in groups.items()]
            if meanwhile is not None:
                meanwhile()
        for group, job in zip(groups.values(), jobs, strict=True):
            found, missed = job.result()
            results.update((id(entry), result) for entry, result in zip(group, found, strict=True))
            unlooked.extend(missed)
    return _folded(entries, results, unlooked, now, policies)


@frozen
class _Looker:
    """What a look has at hand for every group of resources."""

    provider_of: ProviderOf
    sink: Sink
    redact: Redact
    policies: DriftPolicies

    def look_at(self, ref: str, group: Sequence[ResourceState]) -> tuple[list[ReadResult], list[Unlooked]]:
        """Reads what belongs to one provider; what can't be looked at stands as recorded."""
        begun = monotonic()
        host = ""
        try:
            provider = self.provider_of(ref)
            host = host_of(provider, ref)
            answers = self._answers(provider, group)
        except SecretsError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a provider raises, the others are asked
            answers = [unreachable(as_tomo_error(error))] * len(group)
        if len(answers) != len(group):
            told = f"the provider was asked about {len(group)}, and answered {len(answers)}"
            answers = [unreachable(ProviderFailed(told))] * len(group)
        found = [_redacted(answer, self.redact) for answer in answers]
        _tell(host or split_provider_ref(ref)[0].name, found, monotonic() - begun, self.sink)
        return found, _unlooked(host, group, found)

    def _answers(self, provider: Provider | None, group: Sequence[ResourceState]) -> Sequence[ReadResult]:
        if provider is None:
            return [ReadResult(ReadStatus.UNSUPPORTED)] * len(group)
        return provider.read([asked_of(provider, each, self.policies.get(each.urn)) for each in group])


def _redacted(result: ReadResult, redact: Redact) -> ReadResult:
    drift = tuple(replace(diff, why=redact(diff.why)) for diff in result.drift)
    return replace(result, drift=drift, problem=redact(result.problem), hint=redact(result.hint))


def _tell(host: str, found: Sequence[ReadResult], seconds: float, sink: Sink) -> None:
    looked = sum(result.status is not ReadStatus.UNSUPPORTED for result in found)
    if looked:
        trouble = next((r for r in found if r.status is ReadStatus.UNREACHABLE), None)
        problem, hint = (trouble.problem, trouble.hint) if trouble else ("", "")
        sink(HostLooked((trouble.host if trouble else "") or host, looked, seconds, problem, hint))


def _unlooked(host: str, group: Sequence[ResourceState], found: Sequence[ReadResult]) -> list[Unlooked]:
    counted: dict[tuple[str, str], Unlooked] = {}
    for entry, result in zip(group, found, strict=True):
        if result.status is ReadStatus.UNREACHABLE:
            where = host or result.host or entry.urn.name
            before = counted.get((where, result.problem))
            count = before.resources + 1 if before else 1
            counted[where, result.problem] = Unlooked(where, result.problem, result.hint, result.code, count)
    return list(counted.values())


def _folded(
    entries: Sequence[ResourceState],
    results: Mapping[int, ReadResult],
    unlooked: Sequence[Unlooked],
    now: str,
    policies: DriftPolicies,
) -> Observation:
    kept: list[ResourceState] = []
    recorded: dict[Urn, ResourceState] = {}
    drift: dict[Urn, tuple[PropertyDiff, ...]] = {}
    taken: dict[Urn, tuple[PropertyDiff, ...]] = {}
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
            before, policy = entry, policies.get(entry.urn)
            result = tolerated(result, entry, policy)
            if not entry.delete:
                recorded[entry.urn] = entry
                if result.drift:
                    drift[entry.urn] = hide_secrets(result.drift, entry, result.inputs)
            entry = observed(entry, result, now)  # noqa: PLW2901
            if news := adopted(entry, before, policy):
                taken[entry.urn] = hide_secrets(news, before, entry.inputs)
        kept.append(entry)
    missing = {entry.urn for entry in gone} - {entry.urn for entry in kept}
    if missing:
        # As in Pulumi, nothing takes the place of a parent that is gone.
        kept = [without(entry, missing, {}) for entry in kept]
    return Observation(tuple(kept), recorded, drift, taken, tuple(gone), unreached, tuple(unlooked))


def observed(entry: ResourceState, result: ReadResult, now: str) -> ResourceState:
    """The entry as a look found it; the very same object where nothing differs."""
    inputs = reuse_all(conceal(result.inputs, entry.inputs), entry.inputs)
    outputs = conceal(
        result.outputs, {**entry.outputs, **{k: v for k, v in inputs.items() if k in entry.outputs}}
    )
    outputs = with_secret_outputs(conceal(outputs, inputs), entry.additional_secret_outputs)
    outputs = reuse_all(outputs, entry.outputs)
    id_ = result.id or entry.id
    # A look that finds nothing amiss doesn't say that the resource was ever finished: it is tried again.
    errors = result.init_errors or entry.init_errors
    same = id_ == entry.id and errors == entry.init_errors
    if same and alike(inputs, entry.inputs) and alike(outputs, entry.outputs):
        return entry
    return replace(entry, id=id_, inputs=inputs, outputs=outputs, init_errors=errors, modified=now)


def not_looked_at(error: HostError) -> Unlooked:
    """A host that a plan wanted to ask and could not; nothing on it is recorded yet."""
    return Unlooked(error.host, error.message, error.hint, error.code)
