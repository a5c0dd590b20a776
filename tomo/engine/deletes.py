"""Removes what the program no longer declares, dependents first (engine-spec 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.graph import delete_layers, needs
from tomo.engine.registry import host_of
from tomo.engine.run import Run, as_tomo_error
from tomo.errors import ProviderFailed, ResourceFailed, TomoError
from tomo.model.provider import Provider
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn


def delete_leftovers(run: Run) -> None:
    """Deletes condemned originals and every recorded resource that this run did not register."""
    delete_all(run, [entry for entry in run.recorder.left() if entry.delete or entry.urn not in run.seen])


def delete_all(run: Run, condemned: Sequence[ResourceState]) -> None:
    """Deletes entries wave by wave; what a failed or protected one needs is kept."""
    ready = [_with_data(run, entry) for entry in condemned]
    doomed = {entry.urn for entry in ready if not entry.protect and not entry.delete}
    kept: set[Urn] = set()
    for wave in delete_layers(ready):
        jobs: list[tuple[ResourceState, Future[bool]]] = []
        for entry in wave:
            job = _begin(run, entry, doomed, kept)
            if job is None:
                _keep(entry, kept)
            else:
                jobs.append((entry, job))
        for entry, job in jobs:
            if not job.result():
                _keep(entry, kept)


def _keep(entry: ResourceState, kept: set[Urn]) -> None:
    kept.update(needs(entry))
    if entry.parent:
        kept.add(entry.parent)


def _with_data(run: Run, entry: ResourceState) -> ResourceState:
    if entry.urn not in run.options.remove_data or not entry.retain_on_delete:
        return entry
    freed = replace(entry, retain_on_delete=False)
    run.recorder.change_old(entry, freed)
    return freed


def _begin(run: Run, entry: ResourceState, doomed: set[Urn], kept: set[Urn]) -> Future[bool] | None:
    if entry.urn in kept:
        if entry.custom:
            run.skipped(entry.urn, "something that needs it could not be deleted")
        return None
    step = Step(_op(entry), entry.urn, old=entry)
    if entry.protect and not entry.delete:
        run.decided(step)
        run.failed(step, _protected(entry))
        return None
    if run.stop_requested():
        return None
    provider, error = _provider(run, entry, doomed)
    step = replace(step, host=host_of(provider, entry.provider) if entry.provider else "")
    run.decided(step)
    if error is not None:
        run.failed(step, error)
        return None
    if run.dry:
        run.recorder.remove(entry)
        run.ended(step)
        return _answered()
    limit = provider.parallel if provider else 0
    return run.lanes.submit(step.host, limit, lambda: _delete(run, step, entry, provider))


def _answered() -> Future[bool]:
    done: Future[bool] = Future()
    done.set_result(True)
    return done


def _op(entry: ResourceState) -> Op:
    if entry.pending_replacement:
        return Op.REMOVE_PENDING_REPLACE
    if entry.external:
        return Op.DISCARD
    return Op.DELETE_REPLACED if entry.delete else Op.DELETE


def _protected(entry: ResourceState) -> TomoError:
    return ResourceFailed(
        f"`{entry.urn.name}` is protected and can't be deleted",
        hint="take `protect` off it in the program and apply once, then delete it",
    )


def _provider(run: Run, entry: ResourceState, doomed: set[Urn]) -> tuple[Provider | None, TomoError | None]:
    """The provider to ask for the deletion; None where only the entry goes."""
    if not entry.provider or not entry.custom:
        return None, None
    if entry.external or entry.retain_on_delete or entry.pending_replacement or entry.deleted_with in doomed:
        return None, None
    try:
        provider = run.providers.get(entry.provider)
    except TomoError as error:
        return None, error
    if provider is None:
        return None, ProviderFailed(f"the state names a provider it doesn't hold: `{entry.provider}`")
    return provider, None


def _delete(run: Run, step: Step, entry: ResourceState, provider: Provider | None) -> bool:
    begun = run.started(step)
    try:
        run.acts.delete(provider, entry, pending_replacement=False)
    except Exception as error:  # noqa: BLE001  # whatever it is, the other deletes and the state go on
        run.failed(step, as_tomo_error(error), begun)
        return False
    run.ended(step, begun)
    return True
