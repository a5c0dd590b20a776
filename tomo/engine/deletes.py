"""Removes what the program no longer declares, dependents first (engine-spec 2.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.graph import children_of_components, delete_layers
from tomo.engine.hooks import delete_hooks
from tomo.engine.recheck import require_as_observed
from tomo.engine.registry import as_tomo_error, host_of
from tomo.engine.request import answered
from tomo.engine.run import Run
from tomo.errors import NotSupported, ProviderFailed, ResourceFailed, TomoError
from tomo.model.provider import Provider
from tomo.model.resource import ResourceState, needs
from tomo.model.step import Op, Step
from tomo.model.urn import Urn, provider_ref


def delete_leftovers(run: Run) -> None:
    """Deletes condemned originals and every recorded resource that this run did not register.

    Raises TargetsRefused where one of them would have to be named.
    """
    delete_all(run, [entry for entry in run.recorder.left() if entry.delete or entry.urn not in run.seen])


def delete_all(run: Run, condemned: Sequence[ResourceState]) -> None:
    """Deletes entries wave by wave; what a failed or protected one needs is kept.

    Raises TargetsRefused, with nothing deleted, where one of them would have to be named.
    """
    going, refusal = run.targets.may_go(condemned, run.aliased.items())
    if refusal is not None:
        raise refusal
    _tell_of_the_kept(run, condemned, going)
    Deletions(run, [_with_data(run, entry) for entry in going]).carry_out()


def _tell_of_the_kept(run: Run, condemned: Sequence[ResourceState], going: Sequence[ResourceState]) -> None:
    if len(going) < len(condemned):
        chosen = {id(entry) for entry in going}
        for entry in condemned:
            # What the program declares has been told of.
            if id(entry) not in chosen and entry.urn not in run.parents:
                step = Step(Op.SAME, entry.urn, entry, entry)
                run.decided(step)
                run.ended(step)


def refuse_delete_hooks(entries: Iterable[ResourceState]) -> None:
    """Raises NotSupported where a deletion would call a function of a program that isn't there."""
    found = [f"`{urn.name}`: {', '.join(names)}" for urn, names in delete_hooks(entries).items()]
    if found:
        raise NotSupported(
            "the state has resources with hooks that run at their deletion, and the program isn't running",
            hint="run `tomo destroy --run-program`",
            detail="\n".join(found),
        )


def _with_data(run: Run, entry: ResourceState) -> ResourceState:
    if entry.urn not in run.options.remove_data or not entry.retain_on_delete:
        return entry
    freed = replace(entry, retain_on_delete=False)
    run.recorder.change_old(entry, freed)
    return freed


class Deletions:
    """The deletions of one run.

    What is to go with its owner (`deletedWith`) gets no deletion of its own. Its entry goes once the owner
    is really gone, so that nothing is forgotten if that fails; what it needs may go before, but for its
    provider, whose entry goes last.
    """

    def __init__(self, run: Run, condemned: Sequence[ResourceState]) -> None:
        self._run = run
        self._condemned = condemned
        self._kept: set[Urn] = set()
        self._kept_originals: set[Urn] = set()
        self._protected: list[tuple[Step, TomoError]] = []
        self._current = {entry.urn for entry in condemned if not entry.delete}
        self._along: dict[int, list[ResourceState]] = {}
        self._needing: dict[Urn, list[ResourceState]] = {}
        self._children = children_of_components(condemned)
        owners = {(entry.urn, entry.delete): entry for entry in condemned if _really_goes(entry)}
        for entry in condemned:
            owner = self._owner(entry, owners) if _really_goes(entry) and _asks(entry) else None
            if owner is not None:
                self._along.setdefault(id(owner), []).append(entry)
        along = [entry for entries in self._along.values() for entry in entries]
        served_by = {entry.provider for entry in along}
        self._late = {e.urn: e for e in condemned if provider_ref(e.urn, e.id) in served_by}
        self._waiting = {id(entry) for entry in along}
        parents = {entry.urn: entry.parent for entry in condemned}
        for entry in (*along, *self._late.values()):
            # All above it: one that waits moves up to its grandparent when its parent goes.
            for urn in {*needs(entry), *_above(entry, parents)}:
                self._needing.setdefault(urn, []).append(entry)

    def _owner(
        self, entry: ResourceState, owners: Mapping[tuple[Urn, bool], ResourceState]
    ) -> ResourceState | None:
        """What an entry goes along with: of a replaced owner and its successor that which it was made in."""
        urn = entry.deleted_with
        if urn is None:
            return None
        original = owners.get((urn, True))
        if entry.delete:
            return original or owners.get((urn, False))
        return owners.get((urn, False)) or (original if urn in self._run.replaced else None)

    def carry_out(self) -> None:
        """Deletes everything, what needs another before that."""
        waves = delete_layers(self._condemned)
        late = {id(entry) for entry in self._late.values()}
        for wave in waves:
            self._delete_all(entry for entry in wave if id(entry) not in late)
        for wave in waves:
            self._delete_all(entry for entry in wave if id(entry) in late)
        # Told of last: a protected resource fails the run, and stops nothing, also with --stop-on-error.
        for step, error in self._protected:
            self._run.failed(step, error)

    def _delete_all(self, wave: Iterable[ResourceState]) -> None:
        """Deletes entries none of which needs another, and waits for the end of that."""
        jobs: list[tuple[ResourceState, Future[bool]]] = []
        for entry in wave:
            if id(entry) in self._waiting and not self._stays(entry):
                continue
            job = self._begin(entry)
            if job is None:
                self._keep(entry)
            else:
                jobs.append((entry, job))
        for entry, job in jobs:
            if not job.result():
                self._keep(entry)

    def _keep(self, entry: ResourceState) -> None:
        """Keeps what an entry that stays needs; a component it needs stands for its children.

        What was to go with it stays as well.
        """
        for other in self._along.get(id(entry), ()):
            self._keep(other)
        for urn in needs(entry):
            if urn in self._late and urn not in self._kept:
                self._keep(self._late[urn])
            self._kept.add(urn)
            if entry.delete:
                self._kept_originals.add(urn)
            self._kept |= self._children.get(urn, frozenset()) - {entry.urn}
        if entry.parent:
            self._kept.add(entry.parent)

    def _stays(self, entry: ResourceState) -> bool:
        """Whether something that stays needs an entry; an original beside its successor serves originals."""
        beside = entry.delete and entry.urn in self._current and bool(entry.provider)
        return entry.urn in (self._kept_originals if beside else self._kept)

    def _begin(self, entry: ResourceState) -> Future[bool] | None:
        run = self._run
        if self._stays(entry):
            if entry.custom:
                run.skipped(entry.urn, "something that needs it could not be deleted")
            return None
        if run.stop_requested():
            return None
        step, provider, error = self._step(entry)
        party = [Step(_op(other), other.urn, old=other, host=step.host) for other in self._party(entry)]
        error = error or run.refusal(*party, step)
        for each in (*party, step):
            run.decided(each)
        if error is not None and _is_protected(entry):
            self._protected.append((step, self._refused_by_hook(step) or error))
            return None
        if error is not None:
            run.failed(step, error)
            return None
        if run.dry:
            return answered(self._foreseen(step, party))
        limit = provider.parallel if provider else 0
        return run.lanes.submit(step.host, limit, lambda: self._delete(step, provider, party))

    def _refused_by_hook(self, step: Step) -> TomoError | None:
        """Calls the hooks of a deletion that protection then refuses, as Pulumi does; what one raises."""
        try:
            self._run.hooks.before(step)
        except TomoError as error:
            return error
        return None

    def _foreseen(self, step: Step, party: Sequence[Step]) -> bool:
        run, steps = self._run, (*party, step)
        for each in steps:
            try:
                run.hooks.before(each)
            except TomoError as error:
                run.failed(each, error)
                return False
        run.recorder.remove(*(each.entry for each in steps))
        for each in steps:
            run.hooks.after(each)
            run.ended(each)
        return True

    def _party(self, owner: ResourceState) -> Iterator[ResourceState]:
        """What goes along with an owner, and along with that."""
        for entry in self._along.get(id(owner), ()):
            yield from self._party(entry)
            yield entry

    def _step(self, entry: ResourceState) -> tuple[Step, Provider | None, TomoError | None]:
        step = Step(_op(entry), entry.urn, old=entry)
        if _is_protected(entry):
            return step, None, _protected(entry)
        provider, error = _provider(self._run, entry)
        step = replace(step, host=host_of(provider, entry.provider) if entry.provider else "")
        return step, provider, error

    def _delete(self, step: Step, provider: Provider | None, party: Sequence[Step]) -> bool:
        run, entry = self._run, step.entry
        if run.stop_requested():
            return False
        begun = run.started(step)
        along = [other.entry for other in party]
        survivors = [] if entry.delete else self._needing.get(entry.urn, [])
        try:
            require_as_observed(run, step)
            run.acts.delete(provider, entry, along, survivors)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other deletes and the state go on
            run.failed(step, as_tomo_error(error), begun)
            return False
        for other in party:
            run.started(other)
            run.ended(other)
        run.ended(step, begun)
        return True


def _above(entry: ResourceState, parents: Mapping[Urn, Urn | None]) -> Iterator[Urn]:
    """The parent of an entry, that one's parent, and so on."""
    parent = entry.parent
    while parent:
        yield parent
        parent = parents.get(parent)


def _really_goes(entry: ResourceState) -> bool:
    """Whether deleting an entry is the end of what it stands for, and of what lives in that."""
    return not (entry.external or entry.retain_on_delete or _is_protected(entry))


def _asks(entry: ResourceState) -> bool:
    """Whether a provider has anything to delete; else only the entry goes."""
    dead = entry.external or entry.retain_on_delete or entry.pending_replacement
    return entry.custom and bool(entry.provider) and not dead


def _is_protected(entry: ResourceState) -> bool:
    return entry.protect and not entry.delete and not entry.pending_replacement


def _op(entry: ResourceState) -> Op:
    if entry.pending_replacement:
        return Op.REMOVE_PENDING_REPLACE
    if entry.external:
        return Op.DISCARD_REPLACED if entry.delete else Op.DISCARD
    return Op.DELETE_REPLACED if entry.delete else Op.DELETE


def _protected(entry: ResourceState) -> TomoError:
    return ResourceFailed(
        f"`{entry.urn.name}` is protected and can't be deleted",
        hint="take `protect` off it in the program and apply once, then delete it",
    )


def _provider(run: Run, entry: ResourceState) -> tuple[Provider | None, TomoError | None]:
    """The provider to ask for the deletion; None where only the entry goes."""
    if not _asks(entry):
        return None, None
    try:
        provider = run.providers.get(entry.provider)
    except TomoError as error:
        return None, error
    if provider is None:
        return None, ProviderFailed(f"the state names a provider it doesn't hold: `{entry.provider}`")
    return provider, None
