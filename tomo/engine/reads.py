"""Looks at resources that are not the program's own (engine-spec 0.5, 2.1)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.chains import Chains
from tomo.engine.compare import finished_outputs, taken_by
from tomo.engine.inherit import entry_for
from tomo.engine.registry import as_tomo_error
from tomo.engine.request import Request, answered
from tomo.engine.run import Run
from tomo.errors import ProviderFailed, ResourceFailed
from tomo.model.goal import ReadGoal
from tomo.model.provider import ReadRequest, ReadResult, ReadStatus
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.values import UNKNOWN_TEXT, alike


class Reads:
    """Reads what somebody else owns. What the stack had made under that name waits for its deletion then.

    Where it is the very object that is read, the stack only lets go of it, as in Pulumi.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._chains = run, Chains(run)

    def begin(self, request: Request, goal: ReadGoal) -> Future[Registered]:
        """Decides about a read and begins it; raises the refusal of a step that may not be taken."""
        run = self._run
        steps = _steps(request, _wanted(request, goal))
        run.require_allowed(*steps)
        for step in steps:
            run.decided(step)
        if len(steps) > 1:
            run.replaced.add(request.urn)
        if goal.id == UNKNOWN_TEXT:
            return answered(self._later(request, steps))
        return self._chains.lane(request, lambda: self._read(request, steps))

    def _later(self, request: Request, steps: list[Step]) -> Registered:
        """A plan can't look at what has no id yet; in an apply nothing will ever give it."""
        if not self._run.dry:
            problem = f"`{request.urn.name}` is to be read by an id that nothing gave"
            self._run.failed(steps[0], ResourceFailed(problem))
            return Registered(request.urn, failed=True)
        self._record(request, steps, steps[0].entry, None)
        return Registered(request.urn)

    def _read(self, request: Request, steps: list[Step]) -> Registered:
        run, [step, *_] = self._run, steps
        if run.stop_requested():
            return self._chains.skip(request, "the run was stopped")
        begun = run.started(step) if not run.dry else None
        try:
            found = _found(request, step.entry)
        except Exception as error:  # noqa: BLE001  # whatever it is, the state and the others go on
            run.failed(step, as_tomo_error(error), begun)
            return Registered(request.urn, failed=True)
        entry = self._entry(request, step.entry, found)
        self._record(request, steps, entry, begun)
        return Registered(request.urn, entry.id, entry.outputs)

    def _entry(self, request: Request, wanted: ResourceState, found: ReadResult) -> ResourceState:
        outputs = finished_outputs(wanted, found.outputs)
        entry, old = replace(wanted, id=found.id or wanted.id, outputs=outputs), request.old
        if old is None:
            return entry
        same = alike(entry.inputs, old.inputs) and alike(entry.outputs, old.outputs)
        return replace(entry, created=old.created, modified=old.modified if same else self._run.world.now())

    def _record(self, request: Request, steps: list[Step], entry: ResourceState, begun: float | None) -> None:
        run = self._run
        # What was deleted ahead with something else has nothing left to delete.
        if len(steps) > 1 and not request.before.pending_replacement:
            run.recorder.add(entry, None, condemned=request.old)
        else:
            run.recorder.add(entry, request.old)
        for step in steps:
            run.ended(replace(step, new=entry), begun)


def _wanted(request: Request, goal: ReadGoal) -> ResourceState:
    wanted = entry_for(request.goal, request.urn, request.ref, goal.inputs)
    return replace(wanted, id=goal.id, external=True)


def _steps(request: Request, wanted: ResourceState) -> list[Step]:
    old = request.old
    read = Step(Op.READ, request.urn, old, wanted, host=request.host)
    if old is None or old.external or old.id == wanted.id:
        return [read]
    return [replace(read, op=Op.READ_REPLACEMENT), replace(read, op=Op.REPLACE)]


def _found(request: Request, wanted: ResourceState) -> ReadResult:
    """What is there; raises ProviderFailed where it isn't."""
    known = taken_by(request.acting, request.goal.inputs)
    [found] = request.acting.read([ReadRequest(request.urn, wanted.id, known)])
    if found.status is not ReadStatus.FOUND:
        problem = found.problem or f"`{wanted.id}` does not exist"
        raise ProviderFailed(f"can't read `{request.goal.name}`: {problem}", hint=found.hint)
    return found
