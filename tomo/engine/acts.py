"""Carries out one decided step: intention on disk, the provider's act, result on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tomo.engine.compare import finished_outputs, secret_keys, taken_by
from tomo.engine.hooks import Hooks
from tomo.engine.recorder import Recorder
from tomo.engine.retries import Retries
from tomo.engine.run import Clock, Run
from tomo.engine.tolerance import as_on_host
from tomo.errors import ResourceFailed
from tomo.model.provider import (
    CreateRequest,
    CreateResult,
    DeleteRequest,
    Provider,
    Report,
    SwapRequest,
    UpdateRequest,
    UpdateResult,
    quiet,
)
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType
from tomo.model.step import Op, Step

_R = TypeVar("_R")


@dataclass(slots=True)
class Acts:
    """The mutating verbs, each recorded before and after; implements `tomo.engine.executor.Executor`."""

    recorder: Recorder
    now: Clock
    hooks: Hooks
    retries: Retries
    report: Callable[[ResourceState], Report] = field(default=lambda _entry: quiet)

    def create(
        self,
        provider: Provider,
        wanted: ResourceState,
        *,
        condemns: ResourceState | None = None,
        drops: ResourceState | None = None,
    ) -> ResourceState:
        """Creates a resource; an original is condemned or, where there's nothing to delete, dropped."""
        step = Step(Op.CREATE, wanted.urn, None, wanted)
        self.hooks.before(step)
        with self._intended(wanted, OperationType.CREATING):
            request = self._create_request(provider, wanted)
            result = self._tried(step, lambda: provider.create(request))
        made = self.created(wanted, result)
        self.recorder.add(made, drops, intent=wanted, condemned=condemns)
        _raise_init_errors(made)
        self.hooks.after(replace(step, new=made))
        return made

    def swap(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> ResourceState:
        """Replaces a resource in one act of its provider; on failure the old entry stays as it was."""
        gone, step = Step(Op.DELETE, old.urn, old), Step(Op.CREATE, wanted.urn, None, wanted)
        self.hooks.before(gone)
        self.hooks.before(step)
        request = self._swap_request(provider, wanted, old)
        with self._intended(wanted, OperationType.CREATING, provider.parked_as(request)):
            result = self._tried(step, lambda: provider.swap(request))
        made = self.created(wanted, result)
        self.recorder.add(made, old, intent=wanted)
        self.hooks.after(gone)
        _raise_init_errors(made)
        self.hooks.after(replace(step, new=made))
        return made

    def update(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> ResourceState:
        """Updates a resource; after a plain failure the old entry stands, after a partial one its inputs."""
        step = Step(Op.UPDATE, wanted.urn, old, wanted)
        self.hooks.before(step)
        with self._intended(wanted, OperationType.UPDATING):
            request = self._update_request(provider, wanted, old)
            result = self._tried(step, lambda: provider.update(request))
        made = self.updated(wanted, result)
        if made.init_errors:
            # As in Pulumi: it isn't what these inputs ask for, so the next run must see a difference.
            made = replace(made, inputs=old.inputs)
        self.recorder.add(made, old, intent=wanted)
        _raise_init_errors(made)
        self.hooks.after(replace(step, new=made))
        return made

    def delete(
        self,
        provider: Provider | None,
        old: ResourceState,
        along: Sequence[ResourceState] = (),
        survivors: Sequence[ResourceState] = (),
    ) -> None:
        """Deletes a resource; what can't exist without it goes along, `survivors` forget that it was.

        Without a provider only the entry goes: the resource is retained, external or deleted otherwise.
        """
        steps = [
            Step(Op.DELETE, entry.urn, entry) for entry in (*along, old) if not entry.pending_replacement
        ]
        for step in steps:
            self.hooks.before(step)
        self._delete(provider, old)
        self.recorder.remove(old, *along, intent=old, survivors=survivors)
        for step in steps:
            self.hooks.after(step)

    def delete_first(self, provider: Provider | None, old: ResourceState) -> ResourceState:
        """Deletes a resource ahead of its replacement; its entry stays until that is there."""
        step = Step(Op.DELETE, old.urn, old)
        self.hooks.before(step)
        self._delete(provider, old)
        waiting = replace(old, pending_replacement=True)
        self.recorder.change_old(old, waiting, intent=old)
        self.hooks.after(step)
        return waiting

    def _delete(self, provider: Provider | None, old: ResourceState) -> None:
        with self._intended(old, OperationType.DELETING):
            if provider is not None:
                request = self._delete_request(provider, old)
                self._tried(Step(Op.DELETE, old.urn, old), lambda: provider.delete(request))

    def _tried(self, step: Step, act: Callable[[], _R]) -> _R:
        """An act, again while its failure is one that passes, and then for as long as an error hook asks."""
        report = self.report(step.entry)
        return self.hooks.persistently(step, lambda: self.retries.persist(step, act, report))

    @contextmanager
    def _intended(self, entry: ResourceState, kind: OperationType, parked: str = "") -> Iterator[None]:
        """The intention on disk while an act runs; gone again if it fails.

        An interrupt is no failure: nobody knows how far the act came, and the intention stays to say so.
        """
        self.recorder.begin(entry, kind, parked=parked)
        try:
            yield
        except Exception:
            self.recorder.abandon(entry)
            raise

    def created(self, wanted: ResourceState, result: CreateResult) -> ResourceState:
        """The entry of a resource just created."""
        time = self.now()
        outputs = finished_outputs(wanted, result.outputs)
        return replace(
            wanted, id=result.id, outputs=outputs, init_errors=result.init_errors, created=time, modified=time
        )

    def updated(self, wanted: ResourceState, result: UpdateResult) -> ResourceState:
        """The entry of a resource just updated."""
        outputs = finished_outputs(wanted, result.outputs)
        return replace(wanted, outputs=outputs, init_errors=result.init_errors, modified=self.now())

    def _create_request(self, provider: Provider, wanted: ResourceState) -> CreateRequest:
        return CreateRequest(
            wanted.urn,
            taken_by(provider, as_on_host(wanted.inputs, anew=True)),
            timeout=wanted.custom_timeouts.create,
            secret_keys=secret_keys(wanted.inputs),
            report=self.report(wanted),
        )

    def _update_request(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> UpdateRequest:
        return UpdateRequest(
            wanted.urn,
            old.id,
            taken_by(provider, as_on_host(old.inputs)),
            taken_by(provider, old.outputs),
            taken_by(provider, as_on_host(wanted.inputs)),
            wanted.ignore_changes,
            timeout=wanted.custom_timeouts.update,
            secret_keys=secret_keys(wanted.inputs),
            report=self.report(wanted),
        )

    def _swap_request(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> SwapRequest:
        return SwapRequest(
            wanted.urn,
            old.id,
            taken_by(provider, as_on_host(old.inputs)),
            taken_by(provider, old.outputs),
            taken_by(provider, as_on_host(wanted.inputs, anew=True)),
            timeout=wanted.custom_timeouts.create,
            secret_keys=secret_keys(wanted.inputs),
            report=self.report(wanted),
        )

    def _delete_request(self, provider: Provider, old: ResourceState) -> DeleteRequest:
        return DeleteRequest(
            old.urn,
            old.id,
            taken_by(provider, as_on_host(old.inputs)),
            taken_by(provider, old.outputs),
            timeout=old.custom_timeouts.delete,
            report=self.report(old),
        )


def executor(run: Run) -> Acts:
    """What a run acts through; given to `World.executor` by whoever may act, and by nobody who only plans."""
    return Acts(run.recorder, run.world.now, run.hooks, run.retries, run.reporter)


def _raise_init_errors(made: ResourceState) -> None:
    if made.init_errors:
        raise ResourceFailed(
            f"`{made.urn.name}` was made but isn't as asked: {made.init_errors[0]}",
            hint="the next apply tries again",
            detail="\n".join(made.init_errors),
        )
