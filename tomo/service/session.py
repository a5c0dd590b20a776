"""One command's work on one stack with Tomo's own engine: opened, planned, run, recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.gate import Gate, Shown
from tomo.engine.look import Observation
from tomo.engine.recovery import Terms
from tomo.engine.run import Options, World
from tomo.errors import StackNotFound
from tomo.model.connection import Connections, HostBook
from tomo.model.events import Begun, Diagnostic, Result, Sink, ignore
from tomo.model.selection import Selection
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Source
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import SECRET_SHOWN
from tomo.providers.plugin import PluginHost
from tomo.service.deployments import (
    ApplyRequest,
    DriftRequest,
    PlanRequest,
    PlanResult,
    RefreshRequest,
    RunResult,
)
from tomo.service.noted import Noted, unused_option
from tomo.service.opening import fleet_of
from tomo.service.plans.seals import PlanSeals, SecretMarks
from tomo.service.recovery import Recovered, needs_recovery, recovered, refuse_unsettled
from tomo.service.selections import check_names, of_chosen, resolved, secrets_of_chosen
from tomo.service.unlooked import each_host_once
from tomo.service.wiring import Doors, LazyRedactor, ProgramFacts, new_id, now
from tomo.service.workspace import Workspace
from tomo.state.backend import StoredStack
from tomo.state.config import StackConfig
from tomo.state.config_editor import StackConfigEditor
from tomo.state.history import HistoryEntry

if TYPE_CHECKING:
    from tomo.service.fleets import FleetProgram
    from tomo.service.history import WayBack


class Session:
    """One command's work on one stack: what it read, and what it runs with."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        doors: Doors,
        stored: StoredStack | None,
        config: StackConfig,
        fleet: FleetProgram | None,
        connections: Connections,
        plugins: PluginHost,
    ) -> None:
        self.workspace, self.stored, self.config, self.fleet = workspace, stored, config, fleet
        self._doors, self.connections, self._plugins = doors, connections, plugins
        self.notes: tuple[Diagnostic, ...] = ()
        self.back: WayBack | None = None
        self._redactor = LazyRedactor()
        for value in config.values.values():
            self._redactor.learn(value)

    def recover(self, terms: Terms | None = None) -> Recovered:
        """Takes up what an interrupted run left; without terms in memory only."""
        world = self._world(ignore, "") if self.stored and needs_recovery(self.stored) else None
        found = recovered(self.workspace, self.stored, world, terms or Terms(), self.config.salt)
        self.stored, self.notes = found.stored, found.notes
        return found

    def take_up(self) -> None:
        """Takes up what an interrupted run left, for good."""
        self.recover(Terms(act=True))

    def settle(self, sink: Sink) -> None:
        """The same; refuses what only a person can decide."""
        refuse_unsettled(self.recover(Terms(act=True)), sink)

    def go_back(self, version: int | None) -> None:
        """Has an earlier state say what is to be; None leaves it to the fleet or program."""
        if version is not None:
            from tomo.service.history import way_back  # noqa: PLC0415  # for this option only

            self.back = way_back(self.workspace, version, self.base)

    @property
    def declared(self) -> FleetProgram | None:
        """The fleet where it says what is to be; None for a program and on the way back."""
        return self.fleet if self.back is None else None

    @property
    def base(self) -> Snapshot:
        """The state the run starts from."""
        return self.stored.snapshot if self.stored else Snapshot()

    def plan(self, request: PlanRequest, sink: Sink) -> Outcome:
        """The outcome of a dry run."""
        options = Options(
            request.look,
            request.parallel,
            remove_data=self._data_to_remove(),
            selection=self._chosen(request.selection, declared=not request.destroy),
        )
        deployment = self._deployment(self._program_run(dry=True), self.base, self._world(sink, ""), options)
        request.stop.bind(deployment)
        outcome = self._carried_out(deployment, request)
        check_names(request.selection, outcome.plan, self.fleet)
        return outcome

    def _carried_out(
        self, deployment: Deployment, request: PlanRequest | ApplyRequest, seen: Observation | None = None
    ) -> Outcome:
        source = self._source() if request.run_program or not request.destroy else None
        return deployment.up(source, seen) if source and not request.destroy else deployment.destroy(source)

    def plan_result(self, outcome: Outcome, *, destroys: bool) -> PlanResult:
        """What a surface shows of a dry run."""
        fleet = self.declared if not destroys else None
        shortfalls = fleet.shortfalls(self.base, outcome.snapshot) if fleet else ()
        return PlanResult(
            each_host_once(outcome.plan, self.notes),
            self.workspace.stack,
            of_chosen(outcome.plan, shortfalls),
            outcome.failures,
            outcome.program_error,
            secrets_of_chosen(outcome.plan, fleet.missing_secrets) if fleet else (),
            destroys,
            SecretMarks(PlanSeals(self.workspace.secrets.for_salt(self.salt)) if self.salt else None),
        )

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
        options = Options(
            request.look,
            request.parallel,
            request.stop_on_error,
            self._data_to_remove(),
            gate,
            self._chosen(request.selection, declared=not request.destroy),
            request.retry,
        )
        deployment = self._deployment(
            self._program_run(dry=False), self.base, self._world(request.sink, salt), options
        )
        request.stop.bind(deployment)
        # What was silent in the look may answer by now.
        self.connections.redial()
        begun, kind = int(time.time()), "destroy" if request.destroy else "update"
        request.sink(Begun(kind, self._shown_config(), self.notes))
        outcome = self._carried_out(deployment, request, observed)
        message = request.message or (self.back.message if self.back else "")
        self._record(kind, outcome, begun, message)
        return self._run_result(outcome, shown)

    def observe(self, request: ApplyRequest) -> Observation:
        """A look at everything recorded, for a run to start from."""
        return self._looking(request, declared=True).observe()

    @property
    def salt(self) -> str:
        """The salt of the stack's key: the config's own or else the state's; `""` before there is one."""
        return self.config.salt or (self.stored.salt if self.stored else "")

    def drift(self, request: DriftRequest | RefreshRequest) -> PlanResult:
        """What the hosts say against what is recorded."""
        if self.stored is None:
            raise StackNotFound(f"`{self.workspace.stack}` has no state yet", hint="run `tomo apply` first")
        outcome = self._looking(request, declared=False).refresh(self._program_of(request))
        told = each_host_once(outcome.plan, self.notes)
        return PlanResult(told, self.workspace.stack, (), outcome.failures, outcome.program_error)

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Records what the hosts say, after asking."""
        shown = self.drift(request)
        if shown.program_error is not None:
            return RunResult(Result.FAILED, shown.stack, shown, program_error=shown.program_error)
        if self.stored is None or not request.confirm(shown):
            return RunResult(Result.CANCELLED, shown.stack, shown, declined=True)
        salt = self.config.salt or self.stored.salt
        options = Options(selection=self._chosen(request.selection, declared=False))
        world = self._world(ignore, salt)
        deployment = self._deployment(self._program_run(dry=False), self.base, world, options)
        begun = int(time.time())
        outcome = deployment.refresh(self._program_of(request))
        self._record("refresh", outcome, begun, "")
        return self._run_result(outcome, shown)

    # --- parts ----------------------------------------------------------------------------------------

    def _program_of(self, request: DriftRequest | RefreshRequest) -> Source | None:
        asked = isinstance(request, RefreshRequest) and request.run_program
        return self._source() if asked else None

    def _looking(
        self, request: ApplyRequest | DriftRequest | RefreshRequest, *, declared: bool
    ) -> Deployment:
        """A deployment that looks and changes nothing."""
        options = Options(selection=self._chosen(request.selection, declared=declared))
        world = self._world(request.sink, "")
        deployment = self._deployment(self._program_run(dry=True), self.base, world, options)
        request.stop.bind(deployment)
        return deployment

    def _deployment(
        self, program: ProgramRun, base: Snapshot, world: World, options: Options | None = None
    ) -> Deployment:
        deployment = Deployment(program, base, world, options)
        self._plugins.listen(deployment.say)
        return deployment

    def _chosen(self, selection: Selection, *, declared: bool) -> Selection:
        if self.back is not None:
            return resolved(selection, self.back.known, self.fleet, None)
        stack = (self.workspace.project, self.workspace.stack) if declared else None
        return resolved(selection, self.base, self.fleet, stack)

    def _source(self) -> Source:
        if self.back is not None:
            return self.back.source
        if self.fleet is not None:
            from tomo.program.declared import DeclaredSource  # noqa: PLC0415  # each kind pays for its own

            return DeclaredSource(self.fleet.declarations)
        from tomo.program.runner import SdkSource  # noqa: PLC0415  # imports the SDK

        traced = "TRACEPARENT" in self.workspace.settings.variables
        source = SdkSource(self.workspace.program_path, self.workspace.directory, traced=traced)
        project = self.workspace.program
        return Noted(source, tuple(map(unused_option, project.runtime_options if project else ())))

    def _program_run(self, *, dry: bool) -> ProgramRun:
        config = {} if self.fleet else self.config.opened()
        return ProgramRun(
            self.workspace.project,
            self.workspace.stack,
            dry_run=dry,
            config=config,
            secret_config_keys=self.config.secret_keys if config else frozenset(),
        )

    def _shown_config(self) -> Mapping[str, str]:
        """The stack's config as it may be shown."""
        hidden = self.config.secret_keys
        return {k: SECRET_SHOWN if k in hidden else v for k, v in self.config.opened().items()}

    def _world(self, sink: Sink, salt: str) -> World:
        config = {} if self.fleet else self.config.opened()
        book = HostBook(self.fleet.hosts if self.fleet else ())
        place = self.workspace
        root, outputs_of = place.program_folder, place.outputs_of
        facts = ProgramFacts(place.project, root, book, config, outputs_of, self._plugins)
        return World(
            self._doors.providers(self.connections, facts),
            sink,
            now,
            new_id,
            self.workspace.saver(salt, self.stored) if salt else None,
            self._redactor.redact,
            self._redactor.learn,
            (self.config.salt or self.workspace.stack).encode(),
            self._doors.patience,
            self.fleet.compiled.drift if self.fleet else {},
        )

    def _data_to_remove(self) -> frozenset[Urn]:
        return self.declared.data_removals() if self.declared else frozenset()

    def settle_secrets(self, missing: Sequence[str]) -> str:
        """Makes the stack's salt and missing generated secrets; gives the salt to seal with."""
        if self.config.salt and not missing:
            return self.config.salt
        editor: StackConfigEditor = self.workspace.config_editor()
        if not editor.salt and self.stored is not None and self.stored.salt:
            editor.adopt_salt(self.stored.salt)
        editor.ensure_salt()
        if self.fleet is not None and missing:
            self.fleet.generate(editor, missing)
        editor.save()
        if self.fleet is not None and missing:
            self.config = self.workspace.config()
            self.fleet = fleet_of(self.workspace, self.config)
        return editor.salt

    def _record(self, kind: str, outcome: Outcome, begun: int, message: str) -> None:
        changes = {op.pulumi_name: count for op, count in outcome.plan.counts.items()}
        result = "succeeded" if outcome.result is Result.SUCCEEDED else "failed"
        entry = HistoryEntry(kind, result, begun, int(time.time()), changes, message)
        self.workspace.backend.record(self.workspace.project, self.workspace.stack, entry)

    def _run_result(self, outcome: Outcome, shown: PlanResult) -> RunResult:
        outputs = next((e.outputs for e in outcome.snapshot.resources if e.type == STACK_TYPE), {})
        return RunResult(
            outcome.result,
            self.workspace.stack,
            shown,
            outcome.plan,
            outcome.failures,
            outcome.program_error,
            outputs,
            outcome.seconds,
        )
