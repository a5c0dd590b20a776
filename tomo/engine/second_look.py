"""One more look at what an earlier one could not see."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.look import Observation, can_look, look
from tomo.engine.registry import as_tomo_error, host_of
from tomo.engine.request import Request
from tomo.engine.run import Run
from tomo.model.events import Severity
from tomo.model.resource import ResourceState
from tomo.model.values import (
    UNKNOWN_TEXT,
)


class SecondLook:
    """Looks again during a run, where the look before it can't hold any more."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._taken: dict[str, Future[None]] = {}

    def before(self, request: Request) -> Future[None] | None:
        """The look to wait for before deciding about a resource; None where there is nothing to wait for.

        There is where the look before the run can't hold: its host was silent, or the provider changed; and
        in a refresh with the program, which looks by the providers that this registers.
        """
        run, old = self._run, request.old
        if not run.options.look or old is None or not can_look(old) or request.provider is None:
            return None
        if request.ref.endswith(UNKNOWN_TEXT):
            return None
        if request.ref in self._taken:
            taken = self._taken[request.ref]
            return None if taken.done() else taken
        silent = not run.dry and old.urn in run.observation.unreached
        needed = silent or run.refreshing or request.ref in run.stale
        return self._begin(request, old) if needed else None

    def _begin(self, request: Request, old: ResourceState) -> Future[None]:
        """Begins one more look at everything behind this provider that nothing was decided about yet."""
        run, refs = self._run, {request.ref, old.provider}
        undecided = (e for e in run.olds.values() if e.urn not in run.seen and e.urn not in run.recreate)
        entries = [
            old,
            *(e for e in undecided if e.provider in refs and can_look(e) and run.targets.in_view(e)),
        ]
        now = run.world.now()
        taken: Future[None] = Future()
        self._taken[request.ref] = taken
        job = run.lanes.submit(
            "",
            0,
            lambda: look(
                entries,
                lambda _: request.provider,
                run.emit,
                now,
                run.world.redact,
                policies=run.world.drift,
            ),
        )
        job.add_done_callback(lambda done: self._take(done, entries, taken))
        return taken

    def _take(self, done: Future[Observation], entries: Sequence[ResourceState], taken: Future[None]) -> None:
        try:
            with self._run.lock:
                self._fold(done.result(), entries)
        except Exception as error:  # noqa: BLE001  # whoever waits for the look must go on
            self._run.say(Severity.WARNING, f"could not look once more: {as_tomo_error(error)}")
        finally:
            taken.set_result(None)

    def _fold(self, seen: Observation, entries: Sequence[ResourceState]) -> None:
        run = self._run
        now = {entry.urn: entry for entry in seen.entries}
        host = host_of(run.providers.get(entries[0].provider), entries[0].provider)
        run.unlooked = [u for u in run.unlooked if u.host != host] + list(seen.unlooked)
        for entry in entries:
            if run.olds.get(entry.urn) is not entry:
                continue  # A cascade has deleted it meanwhile.
            found = now.get(entry.urn)
            if found is None:
                # Others may still mention it: its entry goes when another takes its place, or at the end.
                run.olds.pop(entry.urn, None)
                run.gone.add(entry.urn)
                run.lost[run.aliased.get(entry.urn, entry.urn)] = entry
            elif found is not entry:
                run.recorder.change_old(entry, found)
                run.olds[entry.urn] = found
        before, looked = run.observation, {entry.urn for entry in entries}
        run.observation = replace(
            before,
            # What an earlier look set aside is the form before both.
            recorded={**seen.recorded, **before.recorded},
            drift={**{u: d for u, d in before.drift.items() if u not in looked}, **seen.drift},
            adopted={**before.adopted, **seen.adopted},
            gone=(*before.gone, *seen.gone),
        )
