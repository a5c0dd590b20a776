"""A refresh that runs the program: what that registers is read by its providers as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.inherit import entry_for
from tomo.engine.look import look
from tomo.engine.registry import is_provider
from tomo.engine.request import Request, answered
from tomo.engine.run import Run
from tomo.model.resource import ResourceState, mentions
from tomo.model.source import Registered
from tomo.model.urn import Urn


class Refreshes:
    """Answers for registrations of a refresh: nothing is made or changed but entries of the state.

    Components and providers are registered as in any run, so that what is read is read with their present
    settings. What is not there yet is not made, and what needs it stays as it is recorded.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def answer(self, request: Request, needed: Iterable[Urn]) -> Future[Registered] | None:
        """The answer for a resource that has been read; None for one that is registered as in any run."""
        wanted = tuple(needed)
        lacking = any(urn in self._run.targets.skipped for urn in wanted)
        own = request.goal.custom and not is_provider(request.goal.type)
        if not (lacking or own):
            return None
        if request.old is None:
            self._run.targets.skip(request.urn, wanted)
            return answered(Registered(request.urn, skipped=True))
        return answered(self._kept(request, request.old) if lacking else self._taken(request, request.old))

    def _taken(self, request: Request, old: ResourceState) -> Registered:
        """Records what was read, with the options of now; as in Pulumi, the inputs are those read."""
        now = request.carried(entry_for(request.goal, request.urn, request.ref, old.inputs))
        self._run.recorder.add(now, old)
        return Registered(request.urn, now.id, now.outputs)

    def _kept(self, request: Request, old: ResourceState) -> Registered:
        recorder = self._run.recorder
        if recorder.entry(request.urn) is None:
            for entry in recorder.needed_with(old):
                recorder.add(entry, entry)
                self._run.seen.add(entry.urn)
        kept = recorder.entry(request.urn) or old
        return Registered(request.urn, kept.id, kept.outputs)


def look_at_the_rest(run: Run) -> None:
    """Reads what the program has not registered, and drops what is gone; ends a refresh with a program."""
    lost = {id(entry) for entry in run.lost.values()}
    entries = run.recorder.snapshot().resources
    there = [entry for entry in entries if id(entry) not in lost]
    looked = run.observation.recorded
    seen = look(
        there,
        run.providers.get,
        run.emit,
        run.world.now(),
        run.world.redact,
        in_view=lambda entry: entry.urn not in looked and run.targets.in_view(entry),
        externals=True,
        policies=run.world.drift,
    )
    gone = [entry for entry in entries if id(entry) in lost] + list(seen.gone)
    _drop(run, gone)
    _take(run, there, seen.gone, seen.entries)
    before = run.observation
    run.unlooked += seen.unlooked
    run.observation = replace(
        before,
        recorded={**before.recorded, **seen.recorded},
        drift={**before.drift, **seen.drift},
        adopted={**before.adopted, **seen.adopted},
        gone=(*before.gone, *seen.gone),
        entries=run.recorder.snapshot().resources,
    )
    run.recorder.settle_pending(unseen=seen.unreached.keys())


def _take(
    run: Run,
    there: Iterable[ResourceState],
    gone: Iterable[ResourceState],
    now: Iterable[ResourceState],
) -> None:
    left = {id(entry) for entry in gone}
    stayed = (entry for entry in there if id(entry) not in left)
    for entry, found in zip(stayed, now, strict=True):
        if found is not entry:
            run.recorder.change_old(entry, found)


def _drop(run: Run, gone: list[ResourceState]) -> None:
    """Takes entries out; nothing mentions them any more."""
    if not gone:
        return
    missing = {entry.urn for entry in gone}
    others = [e for e in run.recorder.snapshot().resources if not missing.isdisjoint(mentions(e))]
    run.recorder.remove(*gone, survivors=others)
