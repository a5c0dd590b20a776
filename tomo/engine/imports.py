"""Takes what exists already into the state: the `import` option (engine-spec 2.8)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.chains import Chains
from tomo.engine.compare import conceal, finished_outputs, revealed
from tomo.engine.inherit import entry_for
from tomo.engine.registry import as_tomo_error
from tomo.engine.request import Request, after, answered
from tomo.engine.run import Run
from tomo.engine.verdict import Verdict
from tomo.errors import NotSupported, ProviderFailed, ResourceFailed, TomoError
from tomo.model.plan import Unlooked
from tomo.model.provider import ReadRequest, ReadResult, ReadStatus
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.model.values import Properties, Unknown, has_unknown

Decide = Callable[[Request], Future[Registered]]
"""Goes on with a registration whose old entry is what was imported."""


def is_import(request: Request) -> bool:
    """Whether a registration asks for another object than the one recorded."""
    wanted, old = request.goal.import_id, request.old
    if not wanted or not request.goal.custom:
        return False
    return old is None or old.external or (old.import_id or old.id) != wanted


class Imports:
    """Reads the object, records it, and lets the decision go on from there; nothing on a host is changed."""

    def __init__(self, run: Run) -> None:
        self._run, self._chains = run, Chains(run)

    def begin(self, request: Request, decide: Decide) -> Future[Registered]:
        """Begins an import; `decide` compares what was found with what is wanted."""
        step = self._step(request)
        refusal = self._refusal(request)
        if refusal is not None:
            return answered(self._fail(request, step, refusal))
        looked: Future[None] = Future()
        found: list[ReadResult] = []

        def look() -> None:
            found.append(self._read(request))

        job = self._chains.lane(request, look)
        job.add_done_callback(lambda _: looked.set_result(None))

        def go_on() -> Future[Registered]:
            with self._run.lock:
                try:
                    job.result()
                    taken = self._taken(request, step, found[0])
                except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
                    return answered(self._fail(request, step, as_tomo_error(error)))
                return decide(taken) if taken is not None else answered(self._predicted(request, step))

        return after(looked, go_on)

    def settled(self, request: Request, inputs: Properties) -> Registered:
        """What was found is as it is wanted: the import is all there is to do."""
        run, old = self._run, request.before
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        entry = replace(
            request.carried(wanted),
            import_id=request.goal.import_id,
            replacement_trigger=old.replacement_trigger,
        )
        run.recorder.add(entry, old)
        return Registered(request.urn, old.id, entry.outputs)

    # --- parts ----------------------------------------------------------------------------------------

    def _step(self, request: Request) -> Step:
        goal, replaces = request.goal, request.old is not None
        wanted = entry_for(goal, request.urn, request.ref, goal.inputs)
        wanted = replace(wanted, id=goal.import_id, import_id=goal.import_id)
        op = Op.IMPORT_REPLACEMENT if replaces else Op.IMPORT
        return Step(op, request.urn, request.old, wanted, host=request.host)

    def _refusal(self, request: Request) -> TomoError | None:
        old = request.old
        if old is not None and old.protect and request.goal.protect:
            return ResourceFailed(
                f"`{request.urn.name}` is protected; importing `{request.goal.import_id}` would replace it",
                hint="take `protect` off it, or import under another name",
            )
        return None

    def _read(self, request: Request) -> ReadResult:
        goal = request.goal
        known = {key: value for key, value in goal.inputs.items() if not has_unknown(value)}
        asked = ReadRequest(request.urn, goal.import_id, wanted=revealed(known))
        [found] = request.acting.read([asked])
        return found

    def _taken(self, request: Request, step: Step, found: ReadResult) -> Request | None:
        """The registration with what was found as its old entry; None where a plan could not ask."""
        run, name, id_ = self._run, request.urn.name, request.goal.import_id
        match found.status:
            case ReadStatus.UNREACHABLE if run.dry:
                run.unlooked.append(
                    Unlooked(found.host or request.host, found.problem, found.hint, found.code)
                )
                return None
            case ReadStatus.UNREACHABLE:
                raise ProviderFailed(f"can't import `{name}`: {found.problem}", hint=found.hint)
            case ReadStatus.GONE:
                raise ProviderFailed(
                    f"can't import `{name}`: `{id_}` does not exist",
                    hint="check the id, or remove `import` and let it be created",
                )
            case ReadStatus.UNSUPPORTED:
                raise NotSupported(
                    f"can't import `{name}`: its provider can't read a `{request.goal.type}`",
                    hint="remove `import` and let it be created",
                )
        entry = self._entry(step, found)
        run.require_allowed(replace(step, new=entry))
        self._record(request, step, entry)
        # As in Pulumi a trigger counts from the next run on, and is recorded then where this one updates.
        goal = replace(request.goal, replacement_trigger=None)
        return replace(request, goal=goal, old=entry, imported=True)

    def _entry(self, step: Step, found: ReadResult) -> ResourceState:
        wanted, time = step.entry, self._run.world.now()
        made = replace(
            wanted,
            id=found.id or wanted.id,
            inputs=conceal(found.inputs, wanted.inputs),
            init_errors=found.init_errors,
            created=time,
            modified=time,
        )
        return replace(made, outputs=finished_outputs(made, found.outputs))

    def _record(self, request: Request, step: Step, entry: ResourceState) -> None:
        run, old = self._run, request.old
        step = replace(step, new=entry)
        marks = [step] if old is None else [step, replace(step, op=Op.REPLACE, keys=("import",))]
        run.require_allowed(*marks)
        for each in marks:
            run.decided(each)
        begun = None if run.dry else run.started(step)
        external = old is not None and old.external
        run.recorder.take(entry, drops=old if external else None, condemns=None if external else old)
        run.olds[request.urn] = entry
        for each in marks:
            run.ended(each, begun)

    def _predicted(self, request: Request, step: Step) -> Registered:
        """A plan that can't ask: what comes of it is known after apply."""
        run, wanted = self._run, step.entry
        outputs: Properties = dict.fromkeys(wanted.inputs, Unknown(f"{request.urn}.import"))
        run.decided(step)
        run.recorder.add(replace(wanted, outputs=outputs), request.old)
        run.ended(step)
        return Registered(request.urn, wanted.id, outputs)

    def _fail(self, request: Request, step: Step, error: TomoError) -> Registered:
        self._run.decided(step)
        self._run.failed(step, error)
        return Registered(request.urn, failed=True)


def other_than_found(urn: Urn, verdict: Verdict) -> TomoError:
    """The refusal to replace what the program imports (engine-spec, trap 27)."""
    paths = [diff.path for diff in verdict.diffs if diff.path] or list(verdict.keys)
    named = ", ".join(f"`{path}`" for path in dict.fromkeys(paths))
    what = f"{named} {'differ' if len(paths) > 1 else 'differs'}" if named else "it differs"
    return ResourceFailed(
        f"`{urn.name}` is imported and would have to be replaced: {what}",
        hint="declare it as it is there, or remove `import` once it is in the state",
    )
