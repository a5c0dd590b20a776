"""The main flow: look at reality, take registrations, decide, act, delete what is left over."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from time import monotonic

from tomo.engine.compare import differences, reuse_all
from tomo.engine.deletes import delete_all, delete_leftovers, refuse_delete_hooks
from tomo.engine.look import Observation, look
from tomo.engine.refreshes import look_at_the_rest
from tomo.engine.registrar import EngineRegistrar
from tomo.engine.run import Failure, Options, Run, World
from tomo.errors import Cancelled, TargetsRefused, TomoError
from tomo.frozen import frozen
from tomo.model.diff import OutputChanges, PropertyDiff
from tomo.model.events import Diagnostic, Result, Severity, Summary
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Source
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Properties, Unknown, Value, has_unknown, leaves


@frozen
class Outcome:
    """What a deployment did, or in a plan would do; `snapshot` is the state it ends with.

    `not_begun` are hosts of stages that did not begin because one before them failed.
    """

    result: Result
    plan: Plan
    snapshot: Snapshot
    failures: tuple[Failure, ...] = ()
    program_error: TomoError | None = None
    seconds: float = 0.0
    observation: Observation | None = None
    not_begun: tuple[str, ...] = ()

    @property
    def unreached(self) -> Collection[Urn]:
        """What could not be looked at."""
        return self.observation.unreached if self.observation is not None else ()


class Deployment:
    """One plan, apply, refresh or destroy of one stack; used once."""

    def __init__(
        self, program: ProgramRun, base: Snapshot, world: World, options: Options | None = None
    ) -> None:
        self._run = Run(program, options or Options(), world, base)
        self._base = base
        self._error: TomoError | None = None
        self._ending: Thread | None = None
        self._ended = False

    def up(self, source: Source, observed: Observation | None = None) -> Outcome:
        """Plans or applies what a program declares, as `ProgramRun.dry_run` says.

        `observed` is a look at the very same state, made a moment ago, that saves another one.
        """
        run = self._run
        try:
            if observed is not None and self._is_of_this_state(observed):
                self._take(observed)
            elif run.options.look:
                self._look()
            self._error = run.targets.refuse_unknown_replaces()
            if self._error is None:
                self._run_program(source)
            self._end()
        except BaseException:
            # Even an interrupt waits for what runs; what only waits for its turn must not begin any more.
            run.cancelled = True
            raise
        finally:
            self._close()
        return self._outcome()

    def refresh(self, source: Source | None = None) -> Outcome:
        """Takes what the hosts say into the state.

        With a program, that runs and makes nothing: it gives providers and options as they are now, and
        what it registers is read by those. Without one, all is read by the providers as they are recorded.
        """
        run = self._run
        run.refreshing = source is not None
        try:
            self._error = run.targets.refuse_unknown()
            if source is None and self._error is None:
                self._look(externals=True)
            elif source is not None and self._error is None:
                self._run_program(source)
                self._end()
            for step in self._drift_steps():
                run.decided(step)
                run.ended(step)
        except BaseException:
            run.cancelled = True
            raise
        finally:
            self._close()
        return self._outcome()

    def destroy(self, source: Source | None = None) -> Outcome:
        """Deletes everything the state holds, dependents first.

        With a program, that runs before and makes nothing: it gives hooks, and providers and options as they
        are now. Without one, what has hooks to be called at its deletion is refused.
        """
        run = self._run
        run.destroying = True
        try:
            self._error = run.targets.refuse_unknown()
            if source is None:
                refuse_delete_hooks(run.observation.entries)
            elif self._error is None:
                self._run_program(source)
            self._end()
        except BaseException:
            run.cancelled = True
            raise
        finally:
            self._close()
        return self._outcome()

    def observe(self) -> Observation:
        """Looks at everything recorded and changes nothing; for a run of the same state to start from."""
        try:
            self._look()
        finally:
            self._run.lanes.close()
        return self._run.observation

    def cancel(self) -> None:
        """Lets running steps finish and begins no new ones; may be called from a signal handler."""
        self._run.cancelled = True
        self._run.providers.cancel()

    def say(self, severity: Severity, message: str, urn: str = "") -> None:
        """Takes a line that a provider's plugin says while it is asked, from any thread.

        It takes no lock: a plugin that waits for its line to be heard is one that the engine waits for.
        """
        run = self._run
        line = Diagnostic(severity, run.world.redact(message), urn)
        run.diagnostics.append(line)
        run.emit(line)

    # --- parts ----------------------------------------------------------------------------------------

    def _look(self, *, externals: bool = False) -> None:
        run = self._run
        entries, now = run.recorder.left(), run.world.now()
        seen = look(
            entries,
            run.providers.get,
            run.emit,
            now,
            run.world.redact,
            in_view=run.targets.in_view,
            externals=externals,
            policies=run.world.drift,
            meanwhile=run.world.meanwhile,
        )
        self._take(seen)

    def _is_of_this_state(self, observation: Observation) -> bool:
        gone = {id(entry) for entry in observation.gone}
        stayed = [entry.urn for entry in self._base.resources if id(entry) not in gone]
        return stayed == [entry.urn for entry in observation.entries]

    def _take(self, observation: Observation) -> None:
        run = self._run
        run.recorder.remove(*observation.gone)
        for entry, now in zip(run.recorder.left(), observation.entries, strict=True):
            if now is not entry:
                run.recorder.change_old(entry, now)
        pending = (operation.resource for operation in self._base.pending_operations)
        beside = {entry.urn for entry in pending if not run.targets.in_view(entry)}
        run.recorder.settle_pending(unseen=beside | observation.unreached.keys())
        run.unlooked.extend(observation.unlooked)
        run.start_from(observation)

    def _run_program(self, source: Source) -> None:
        run = self._run
        if run.stages is not None:
            run.stages.begin()
        try:
            source.run(run.program, EngineRegistrar(run, self._begin_end))
        except TomoError as error:
            # What the end of the run refused comes back through the program.
            self._fail(error)

    def _fail(self, error: TomoError | None) -> None:
        if error is not None and self._error is None:
            self._run.redact(error)
            self._error = error

    def _begin_end(self) -> Future[None]:
        """The end of the run on a thread of its own: the program's has the hooks to serve."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()

        def end() -> None:
            try:
                self._end()
            except BaseException as error:  # noqa: BLE001  # carried to the program, which waits for it
                done.set_exception(error)
            else:
                done.set_result(None)

        self._ending = Thread(target=end, name="tomo-end")
        self._ending.start()
        return done

    def _end(self) -> None:
        """What follows on the program, once: the deletions, unless something failed."""
        if self._ended:
            return
        self._ended = True
        run = self._run
        if self._error is None:
            run.lanes.drain()
            self._fail(run.refused or run.targets.refuse_unknown(run.parents))
        if run.failures or self._error is not None or run.stop_requested():
            return
        try:
            if run.refreshing:
                look_at_the_rest(run)
            elif run.destroying:
                delete_all(run, run.recorder.snapshot().resources)
            else:
                delete_leftovers(run)
        except TargetsRefused as error:
            self._fail(error)

    def _close(self) -> None:
        run = self._run
        if self._ending is not None:
            self._ending.join()
        run.lanes.close()
        self._settle_outputs()
        run.recorder.finish()

    def _settle_outputs(self) -> None:
        """The stack's outputs; after a failure the new ones only add to the old (engine-spec 2.11)."""
        run = self._run
        urn = Urn.stack_urn(run.program.stack, run.program.project)
        entry = run.recorder.entry(urn)
        if entry is None or run.outputs is None:
            return
        known = {k: v for k, v in run.outputs.items() if v is not None and self._comes_to_be(v)}
        refusal = run.outputs_refusal(known)
        if refusal is not None:
            run.failed(Step(Op.UPDATE, urn, entry, entry), refusal)
            return
        failed = bool(run.failures) or self._error is not None
        # What a run leaves out says nothing new about an output that comes from it.
        kept = entry.outputs if failed else {k: v for k, v in entry.outputs.items() if k in run.outputs}
        # A refresh says of all that there is; what it comes across that isn't made yet has no outputs.
        partial = failed or (run.targets.skipped and not run.refreshing)
        outputs = {**kept, **known} if partial else known
        run.recorder.set_outputs(urn, reuse_all(outputs, entry.outputs))

    def _comes_to_be(self, value: Value) -> bool:
        """Whether an output is known, or in a plan will be: one of something that is not made never is."""
        run = self._run
        if not run.dry or run.refreshing:
            return not has_unknown(value)
        sources = [leaf.source for leaf in leaves(value) if isinstance(leaf, Unknown)]
        if not run.targets.skipped or not sources:
            return True
        if any(step.op.changes for step in run.steps):
            return not any(source.rpartition(".")[0] in run.targets.skipped for source in sources)
        return False

    def _drift_steps(self) -> list[Step]:
        observation = self._run.observation
        steps = [Step(Op.DELETE, entry.urn, old=entry) for entry in observation.gone]
        now = {entry.urn: entry for entry in observation.entries if not entry.delete}
        for urn, before in observation.recorded.items():
            after = now.get(self._run.aliased.get(urn, urn))
            if after is not None and (_differs(before, after) or urn in observation.drift):
                noted = (*observation.drift.get(urn, ()), *observation.adopted.get(urn, ()))
                diffs = (*_moved(before.inputs, after.inputs), *noted)
                steps.append(Step(Op.REFRESH, after.urn, before, after, diffs))
        return steps

    def _outcome(self) -> Outcome:
        run = self._run
        snapshot = run.recorder.snapshot()
        left = run.stages.not_begun if run.stages is not None else ()
        if left:
            run.say(Severity.WARNING, f"Not begun, as the stage before failed: {', '.join(left)}.")
        plan = Plan(
            run.program.stack,
            run.program.project,
            tuple(run.steps if run.dry else run.finished),
            self._output_changes(snapshot),
            tuple(run.unlooked),
            tuple(run.diagnostics),
            looked=run.options.look,
            left_out=tuple(dict.fromkeys(run.targets.left_out)),
        )
        result = self._result()
        seconds = monotonic() - run.begun
        run.emit(Summary(result, plan.counts, seconds, run.dry, plan.outputs, self._error))
        failures = tuple(run.failures)
        return Outcome(result, plan, snapshot, failures, self._error, seconds, run.observation, left)

    def _result(self) -> Result:
        if self._run.cancelled or isinstance(self._error, Cancelled):
            return Result.CANCELLED
        if self._run.failures or self._error is not None:
            return Result.FAILED
        return Result.SUCCEEDED

    def _output_changes(self, after: Snapshot) -> OutputChanges:
        old = next((e.outputs for e in self._base.resources if e.type == STACK_TYPE), {})
        new = next((e.outputs for e in after.resources if e.type == STACK_TYPE), {})
        return OutputChanges(old, new)


def _differs(before: ResourceState, after: ResourceState) -> bool:
    """Whether a look found anything else; a program has its own options for it besides."""
    if before is after:
        return False
    told = ("id", "inputs", "outputs", "init_errors")
    return any(getattr(before, name) != getattr(after, name) for name in told)


def _moved(before: Properties, after: Properties) -> tuple[PropertyDiff, ...]:
    return tuple(replace(diff, drift=True) for diff in differences(before, after))
