"""One more look at what an earlier one could not see."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.look import Observation, can_look, look
from tomo.engine.registry import host_of
from tomo.engine.request import Request
from tomo.engine.run import Run
from tomo.model.resource import ResourceState
from tomo.model.values import (
    UNKNOWN_TEXT,
)


class SecondLook:
    """Looks again during a run, where the look before it can't hold any more."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._looks: dict[str, Future[Observation]] = {}

    def wants(self, request: Request) -> bool:
        """Whether the look before the run can't hold: its host was silent, or the provider changed."""
        run, old = self._run, request.old
        if not run.options.look or old is None or not can_look(old) or request.provider is None:
            return False
        if request.ref.endswith(UNKNOWN_TEXT) or request.ref in self._looks:
            return request.ref in self._looks
        silent = not run.dry and old.urn in run.observation.unreached
        return silent or request.ref in run.stale

    def begin(self, request: Request) -> Future[None]:
        """One more look at everything behind this provider, shared by all its resources."""
        run, ref = self._run, request.ref
        job = self._looks.get(ref)
        if job is None:
            provider = request.provider
            old_ref = request.old.provider if request.old else ref
            entries = [e for e in run.olds.values() if e.provider in {ref, old_ref} and can_look(e)]
            now = run.world.now()
            job = run.lanes.submit("", 0, lambda: look(entries, lambda _: provider, run.emit, now))
            self._looks[ref] = job
            job.add_done_callback(lambda done: self._take(done, entries))
        taken: Future[None] = Future()
        job.add_done_callback(lambda _: taken.set_result(None))
        return taken

    def _take(self, done: Future[Observation], entries: Sequence[ResourceState]) -> None:
        run = self._run
        if done.exception() is not None:
            return
        seen = done.result()
        now = {entry.urn: entry for entry in seen.entries}
        with run.lock:
            host = host_of(run.providers.get(entries[0].provider), entries[0].provider) if entries else ""
            run.unlooked = [u for u in run.unlooked if u.host != host] + list(seen.unlooked)
            for entry in entries:
                found = now.get(entry.urn)
                if found is None:
                    run.recorder.remove(entry)
                    run.olds.pop(entry.urn, None)
                elif found is not entry:
                    run.recorder.change_old(entry, found)
                    run.olds[entry.urn] = found
            run.observation = replace(
                run.observation,
                recorded={**run.observation.recorded, **seen.recorded},
                drift={**run.observation.drift, **seen.drift},
                gone=(*run.observation.gone, *seen.gone),
            )
