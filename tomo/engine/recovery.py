"""What became of operations that a run began and did not end: asked of the hosts, taken into the state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from tomo.engine.compare import finished_outputs, revealed, secret_keys
from tomo.engine.graph import in_order, without
from tomo.engine.look import Observation, can_look, look
from tomo.engine.registry import Providers, as_tomo_error
from tomo.engine.tolerance import as_on_host, declared
from tomo.errors import TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.drift import DriftPolicies
from tomo.model.events import ignore
from tomo.model.provider import (
    NEVER_MADE,
    Former,
    Provider,
    ProviderSource,
    ReadRequest,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    RecoverStatus,
)
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import PROVIDER_TYPE_PREFIX, Urn

_TOUCHING = (OperationType.UPDATING, OperationType.DELETING)


class Fate(Enum):
    """What became of an interrupted operation."""

    MADE = "made"
    NOTHING = "nothing"
    UNDONE = "undone"
    LOOKED_AT = "looked-at"
    UNKNOWN = "unknown"
    UNREACHED = "unreached"

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to care for it any more."""
        return self not in {Fate.UNKNOWN, Fate.UNREACHED}


@frozen
class Resolved:
    """One interrupted operation and what became of it; `told` completes a sentence for people."""

    operation: PendingOperation
    fate: Fate
    told: str

    @property
    def urn(self) -> Urn:
        """The resource's URN."""
        return self.operation.resource.urn


@frozen
class Recovery:
    """The snapshot with what could be found out; what could not stays pending in it."""

    snapshot: Snapshot
    resolved: tuple[Resolved, ...] = ()

    @property
    def unsettled(self) -> tuple[Resolved, ...]:
        """Operations of which nothing is known yet."""
        return tuple(each for each in self.resolved if not each.fate.is_settled)


@frozen
class Terms:
    """How to recover. Without `act` nothing is changed outside: what would be done is predicted.

    `forget` are creations to be taken as never made, `keep` those to be taken as made, with the id each got.
    `drift` is what a look lets be.
    """

    act: bool = False
    forget: Collection[Urn] = ()
    keep: Mapping[Urn, str] = field(default_factory=dict)
    drift: DriftPolicies = field(default_factory=dict)


def recover(
    base: Snapshot,
    source: ProviderSource,
    now: Callable[[], str],
    terms: Terms | None = None,
    redact: Callable[[str], str] = str,
) -> Recovery:
    """Settles every pending operation that a host or a person can say something about."""
    if not base.pending_operations:
        return Recovery(base)
    terms = terms or Terms()
    return _Recovering(base, Providers(source, base.resources), now, terms, redact).done()


class _Recovering:
    def __init__(
        self,
        base: Snapshot,
        providers: Providers,
        now: Callable[[], str],
        terms: Terms,
        redact: Callable[[str], str],
    ) -> None:
        self._base, self._providers, self._now = base, providers, now
        self._terms, self._redact = terms, redact
        self._entries = list(base.resources)
        self._resolved: list[Resolved] = []

    def done(self) -> Recovery:
        for operation in self._base.pending_operations:
            if operation.type in _TOUCHING:
                continue
            self._resolved.append(self._creation(operation))
        self._resolved.extend(self._touched())
        left = tuple(each.operation for each in self._resolved if not each.fate.is_settled)
        snapshot = replace(self._base, resources=in_order(self._entries), pending_operations=left)
        return Recovery(snapshot, tuple(self._resolved))

    # --- creations ------------------------------------------------------------------------------------

    def _creation(self, operation: PendingOperation) -> Resolved:
        entry = operation.resource
        if operation.type is not OperationType.CREATING or not _is_made_outside(entry):
            return Resolved(operation, Fate.NOTHING, "it makes nothing, and is done again where it is needed")
        if entry.urn in self._terms.forget:
            return Resolved(operation, Fate.NOTHING, "forgotten, as you said")
        former = self._former(entry)
        try:
            result = self._asked(operation, former)
        except TomoError as error:
            return Resolved(
                operation, Fate.UNREACHED, self._redact(f"it can't be asked for: {error.message}")
            )
        except Exception as error:  # noqa: BLE001  # whatever a provider raises, the others are asked
            told = as_tomo_error(error).message
            return Resolved(operation, Fate.UNREACHED, self._redact(f"it can't be asked for: {told}"))
        if result.status is RecoverStatus.MADE:
            self._take(entry, result, former)
        return Resolved(operation, _FATES[result.status], self._redact(result.told))

    def _former(self, entry: ResourceState) -> ResourceState | None:
        same = (each for each in self._entries if each.urn == entry.urn and not each.delete)
        return next((each for each in same if each.id), None)

    def _asked(self, operation: PendingOperation, former: ResourceState | None) -> RecoverResult:
        entry = operation.resource
        provider = self._providers.get(entry.provider)
        if provider is None:
            # Its provider was never recorded, and so nothing was begun with it.
            return NEVER_MADE
        if entry.urn in self._terms.keep:
            return _kept(provider, entry, self._terms.keep[entry.urn])
        living = former is not None and not former.pending_replacement
        return provider.recover(
            RecoverRequest(
                entry.urn,
                revealed(as_on_host(entry.inputs, anew=True)),
                Former(former.id, revealed(as_on_host(former.inputs)), revealed(former.outputs))
                if former is not None and living
                else None,
                operation.parked,
                frozenset(self._known_ids(entry)),
                self._terms.act,
                secret_keys(entry.inputs),
                entry.custom_timeouts.create,
            )
        )

    def _known_ids(self, entry: ResourceState) -> Iterator[str]:
        """Ids of recorded resources that live; one deleted ahead of its replacement does no more."""
        for each in self._entries:
            if each.type == entry.type and each.provider == entry.provider and not each.pending_replacement:
                yield each.id

    def _take(self, entry: ResourceState, result: RecoverResult, former: ResourceState | None) -> None:
        time = self._now()
        outputs = finished_outputs(entry, result.outputs)
        made = replace(entry, id=result.id, outputs=outputs, created=time, modified=time)
        if former is not None:
            self._entries = [each for each in self._entries if each is not former]
            if not (result.former_gone or former.pending_replacement):
                self._entries.append(replace(former, delete=True))
        self._entries.append(made)

    # --- updates and deletions ------------------------------------------------------------------------

    def _touched(self) -> Iterator[Resolved]:
        """What an update or a deletion was cut off at is as a look finds it."""
        operations = [op for op in self._base.pending_operations if op.type in _TOUCHING]
        asked = {
            id(each): each
            for operation in operations
            for each in self._entries
            if each.urn == operation.resource.urn and can_look(each)
        }
        entries, now = list(asked.values()), self._now()
        found = look(entries, self._providers.get, ignore, now, self._redact, policies=self._terms.drift)
        self._fold(entries, found)
        for operation in operations:
            problem = found.unreached.get(operation.resource.urn)
            if problem is not None:
                yield Resolved(operation, Fate.UNREACHED, f"it can't be looked at: {problem}")
            else:
                yield Resolved(operation, Fate.LOOKED_AT, _told(operation, found))

    def _fold(self, asked: Sequence[ResourceState], found: Observation) -> None:
        gone = {id(entry) for entry in found.gone}
        stayed = (entry for entry in asked if id(entry) not in gone)
        now = {id(before): after for before, after in zip(stayed, found.entries, strict=True)}
        kept = [now.get(id(entry), entry) for entry in self._entries if id(entry) not in gone]
        missing = {entry.urn for entry in found.gone} - {entry.urn for entry in kept}
        parents = {entry.urn: entry.parent for entry in found.gone}
        self._entries = [without(entry, missing, parents) for entry in kept] if missing else kept


_FATES = {
    RecoverStatus.MADE: Fate.MADE,
    RecoverStatus.NOTHING: Fate.NOTHING,
    RecoverStatus.UNDONE: Fate.UNDONE,
    RecoverStatus.UNKNOWN: Fate.UNKNOWN,
}


def _is_made_outside(entry: ResourceState) -> bool:
    return entry.custom and bool(entry.provider) and not entry.type.startswith(PROVIDER_TYPE_PREFIX)


def _kept(provider: Provider, entry: ResourceState, id_: str) -> RecoverResult:
    """A creation that a person says was made; what can be read of it by its id is."""
    known = revealed(declared(entry.inputs))
    [found] = provider.read([ReadRequest(entry.urn, id_, known, known)])
    if found.status is ReadStatus.FOUND:
        return RecoverResult(RecoverStatus.MADE, found.id or id_, found.outputs, "kept, as you said")
    if found.status is ReadStatus.UNSUPPORTED:
        return RecoverResult(RecoverStatus.MADE, id_, known, "kept, as you said")
    problem = found.problem or "it does not exist"
    raise UsageError(f"`{entry.urn.name}` can't be kept with the id `{id_}`: {problem}")


def _told(operation: PendingOperation, found: Observation) -> str:
    if any(entry.urn == operation.resource.urn for entry in found.gone):
        return "it is gone"
    doing = "update" if operation.type is OperationType.UPDATING else "deletion"
    return f"it is there; its {doing} is done again where it is needed"
