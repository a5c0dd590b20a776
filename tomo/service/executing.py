"""The half of a command's work that acts: runs what was shown, takes up what was interrupted, records it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.gate import Gate, Shown
from tomo.engine.look import Observation
from tomo.engine.recovery import Terms
from tomo.engine.run import Options
from tomo.model.events import Begun, Diagnostic, Result, Severity, Sink, ignore
from tomo.model.urn import STACK_TYPE
from tomo.service.opening import fleet_of
from tomo.service.recovery import Recovered, refuse_unsettled
from tomo.service.rollouts import stages_of
from tomo.service.runs import ApplyRequest, PlanResult, RefreshRequest, RunResult
from tomo.service.session import Session
from tomo.state.config_editor import StackConfigEditor
from tomo.state.history import HistoryEntry


class Execution:
    """What a session may do to hosts and to the state. Whoever only plans has no way to here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def recover(self, terms: Terms) -> Recovered:
        """Takes up what an interrupted run left, as these terms say."""
        return self._session.recovered(terms)

    def take_up(self) -> None:
        """Takes up what an interrupted run left, for good."""
        self.recover(Terms(act=True))

    def settle(self, sink: Sink) -> None:
        """The same; refuses what only a person can decide."""
        refuse_unsettled(self.recover(Terms(act=True)), sink)

    def back_up_first(self, shown: PlanResult, sink: Sink) -> None:
        """Makes the backups of a plan; raises TomoError of the first that fails, before any step."""
        if shown.backups:
            from tomo.service.backups.step import back_up_first  # noqa: PLC0415  # for plans that have one

            session = self._session

            def tell(line: str) -> None:
                sink(Diagnostic(Severity.INFO, line))

            back_up_first(session.doors, session.workspace, session.connections, shown.backups, tell)

    def run(
        self, request: ApplyRequest, planned: Outcome, shown: PlanResult, *, look_again: bool
    ) -> RunResult:
        """The real run of what was shown."""
        salt = self.settle_secrets(shown.new_secrets)
        observed = None if look_again or not request.look else planned.observation
        return self.carry_out(request, salt, Shown.of(planned.plan.steps, planned.unreached), observed, shown)

    def carry_out(
        self,
        request: ApplyRequest,
        salt: str,
        gate: Gate,
        observed: Observation | None,
        shown: PlanResult,
    ) -> RunResult:
        """A real run that is held to a gate; `observed` is a look at the same state that saves another."""
        session = self._session
        options = Options(
            request.look,
            request.parallel,
            request.stop_on_error,
            session.data_to_remove(),
            gate,
            session.chosen(request.selection, declared=not request.destroy),
            request.retry,
            stages_of(shown.plan, request.rollout, session.server_names),
        )
        deployment = self._deployment(request.sink, salt, options)
        request.stop.bind(deployment)
        # What was silent in the look may answer by now.
        session.connections.redial()
        begun, kind = int(time.time()), "destroy" if request.destroy else "update"
        request.sink(Begun(kind, session.shown_config(), session.notes))
        outcome = session.carried_out(deployment, request, observed)
        message = request.message or (session.back.message if session.back else "")
        self._record(kind, outcome, begun, message)
        return self._run_result(outcome, shown)

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Records what the hosts say, after asking."""
        session = self._session
        shown = session.drift(request)
        if shown.program_error is not None:
            return RunResult(Result.FAILED, shown.stack, shown, program_error=shown.program_error)
        if session.stored is None or not request.confirm(shown):
            return RunResult(Result.CANCELLED, shown.stack, shown, declined=True)
        options = Options(selection=session.chosen(request.selection, declared=False))
        deployment = self._deployment(ignore, session.config.salt or session.stored.salt, options)
        begun = int(time.time())
        outcome = deployment.refresh(session.program_of(request))
        self._record("refresh", outcome, begun, "")
        return self._run_result(outcome, shown)

    def settle_secrets(self, missing: Sequence[str]) -> str:
        """Makes the stack's salt and missing generated secrets; gives the salt to seal with."""
        session = self._session
        if session.config.salt and not missing:
            return session.config.salt
        if session.doors.trail is not None:
            session.doors.trail.watch(session.workspace.stack_file)
        editor: StackConfigEditor = session.workspace.config_editor()
        if not editor.salt and session.stored is not None and session.stored.salt:
            editor.adopt_salt(session.stored.salt)
        editor.ensure_salt()
        if session.fleet is not None and missing:
            session.fleet.generate(editor, missing)
        editor.save()
        if session.fleet is not None and missing:
            session.config = session.workspace.config()
            session.fleet = fleet_of(session.workspace, session.config)
        return editor.salt

    # --- parts ----------------------------------------------------------------------------------------

    def _deployment(self, sink: Sink, salt: str, options: Options) -> Deployment:
        session = self._session
        world = session.world(sink, salt, executor)
        return session.deployment(session.program_run(dry=False), world, options)

    def _record(self, kind: str, outcome: Outcome, begun: int, message: str) -> None:
        workspace = self._session.workspace
        changes = {op.pulumi_name: count for op, count in outcome.plan.counts.items()}
        result = "succeeded" if outcome.result is Result.SUCCEEDED else "failed"
        entry = HistoryEntry(kind, result, begun, int(time.time()), changes, message)
        workspace.backend.record(workspace.project, workspace.stack, entry)

    def _run_result(self, outcome: Outcome, shown: PlanResult) -> RunResult:
        outputs = next((e.outputs for e in outcome.snapshot.resources if e.type == STACK_TYPE), {})
        return RunResult(
            outcome.result,
            self._session.workspace.stack,
            shown,
            outcome.plan,
            outcome.failures,
            outcome.program_error,
            outputs,
            outcome.seconds,
            not_begun=outcome.not_begun,
        )
