"""Registrations that a run leaves alone, as targets ask for it (engine-spec 2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from tomo.engine.inherit import entry_for
from tomo.engine.registry import is_provider
from tomo.engine.request import Request
from tomo.engine.run import Run
from tomo.engine.targets import provider_moved, still_needed
from tomo.errors import TomoError
from tomo.model.events import Severity
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import Urn, provider_ref, split_provider_ref


class Untargeted:
    """Answers for what stays as it is: a recorded resource verbatim, a new one not at all.

    A recorded one is taken over together with what it needs of the old state, so that no entry comes to
    stand before what it needs.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._answers: dict[Urn, Future[Registered]] = {}

    def noted(self, request: Request, answer: Future[Registered]) -> Future[Registered]:
        """Keeps the answer to a registration in mind, for those that have to come after it."""
        if self._run.options.selection.is_partial:
            self._answers[request.urn] = answer
        return answer

    def refusal(self, request: Request, needed: Iterable[Urn]) -> TomoError | None:
        """Why a chosen resource can't be done by itself; None where it can."""
        targets = self._run.targets
        if request.urn in targets.carried:
            return still_needed(request.urn, targets.carried[request.urn])
        return targets.refuse_unmade(request.urn, needed)

    def waits_for(self, request: Request) -> Future[Registered] | None:
        """A step under way that must be over before a recorded resource can be taken over after it."""
        if request.old is None:
            return None
        for entry in self._run.recorder.needed_with(request.old):
            under_way = self._answers.get(entry.urn)
            if under_way is not None and not under_way.done():
                return under_way
        return None

    def answer(self, request: Request, needed: Iterable[Urn]) -> Registered:
        """Leaves a resource alone; raises TargetsRefused where its provider has moved away from under it."""
        run = self._run
        run.targets.left_out.append(request.urn)
        if request.old is None:
            run.targets.skip(request.urn, needed)
            return self._skipped(request)
        taken = run.recorder.entry(request.urn)
        if taken is None:
            entries = run.recorder.needed_with(request.old)
            self._refuse_moved_provider(request, entries)
            taken = self._take_over(entries, request)
        return Registered(request.urn, taken.id, taken.outputs, left_alone=True)

    def not_made(self, request: Request, needed: Sequence[Urn]) -> Registered | None:
        """The answer where everything is about to be destroyed and this isn't there, or needs what isn't.

        What is recorded stays so until it's deleted: no state could hold it with what isn't made.
        """
        run, custom = self._run, request.goal.custom and not is_provider(request.goal.type)
        needs_unmade = not run.targets.skipped.keys().isdisjoint(needed)
        if not run.destroying or not (needs_unmade or (custom and request.old is None)):
            return None
        run.targets.skip(request.urn, needed)
        answer = self._skipped(request)
        return answer if request.old is None else Registered(request.urn, request.old.id, request.old.outputs)

    def _skipped(self, request: Request) -> Registered:
        run = self._run
        wanted = entry_for(request.goal, request.urn, request.ref, request.goal.inputs)
        step = Step(Op.SAME, request.urn, None, wanted, host=request.host)
        run.decided(step)
        run.ended(step)
        return Registered(request.urn, skipped=True)

    def _take_over(self, entries: Sequence[ResourceState], request: Request) -> ResourceState:
        run = self._run
        for entry in entries:
            run.recorder.add(entry, entry)
            run.seen.add(entry.urn)
            if entry.urn not in run.parents:
                run.targets.left_out.append(entry.urn)
                run.targets.carried[entry.urn] = request.urn
                self._tell_of_kept(entry, request)
            host = request.host if entry.urn == request.urn else ""
            step = Step(Op.SAME, entry.urn, entry, entry, host=host)
            run.decided(step)
            run.ended(step)
        return entries[-1]

    def _tell_of_kept(self, entry: ResourceState, request: Request) -> None:
        if self._run.targets.deletes(entry.urn):
            self._run.say(
                Severity.WARNING,
                f"`{entry.urn.name}` is kept: `{request.urn.name}`, which is left out, still needs it",
                request.urn,
            )

    def _refuse_moved_provider(self, request: Request, entries: Sequence[ResourceState]) -> None:
        """Raises where a provider is replaced or gone: what it serves would stand before it or without."""
        taken = {provider_ref(entry.urn, entry.id) for entry in entries}
        for entry in entries:
            urn, id_ = split_provider_ref(entry.provider) if entry.provider else (entry.urn, entry.id)
            current = self._run.recorder.entry(urn) if entry.provider else entry
            along = entry.provider in taken and entry.urn != request.urn
            if not along and (current is None or current.id != id_):
                raise provider_moved(entry.urn, urn)
