"""One command's work on one stack with Tomo's own engine, as far as it looks and plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tomo.engine.deployment import Deployment, Outcome
from tomo.engine.executor import Executor
from tomo.engine.look import Observation
from tomo.engine.recovery import Terms
from tomo.engine.run import Options, Run, World
from tomo.errors import StackNotFound
from tomo.model.connection import Connections
from tomo.model.events import Diagnostic, Sink, ignore
from tomo.model.selection import Selection
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Source
from tomo.model.urn import Urn
from tomo.model.values import SECRET_SHOWN
from tomo.providers.plugin import PluginHost
from tomo.service.hosts import book_of
from tomo.service.logs import logged
from tomo.service.noted import Noted, unused_option
from tomo.service.plans.seals import PlanSeals, SecretMarks
from tomo.service.recovery import Recovered, needs_recovery, recovered
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RefreshRequest
from tomo.service.selections import apps_of_chosen, check_names, of_chosen, resolved, secrets_of_chosen
from tomo.service.unlooked import each_host_once
from tomo.service.update_backups import backups_first
from tomo.service.wiring import Doors, LazyRedactor, ProgramFacts, new_id, now
from tomo.service.workspace import Workspace
from tomo.state.backend import StoredStack
from tomo.state.config import StackConfig

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
        self.doors, self.connections, self._plugins = doors, connections, plugins
        self.notes: tuple[Diagnostic, ...] = ()
        self.back: WayBack | None = None
        self._redactor = LazyRedactor(log=doors.log)
        for value in config.values.values():
            self._redactor.learn(value)

    def recover(self) -> Recovered:
        """Takes up what an interrupted run left, in memory only."""
        return self.recovered(Terms())

    def recovered(self, terms: Terms) -> Recovered:
        """Takes up what an interrupted run left; `Execution` alone gives terms that act."""
        world = self.world(ignore, "") if self.stored and needs_recovery(self.stored) else None
        found = recovered(self.workspace, self.stored, world, terms, self.config.salt)
        self.stored, self.notes = found.stored, found.notes
        return found

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
    def server_names(self) -> tuple[str, ...] | None:
        """The servers in the fleet file's order; None for a program."""
        return tuple(self.fleet.fleet.servers) if self.fleet is not None else None

    @property
    def base(self) -> Snapshot:
        """The state the run starts from."""
        return self.stored.snapshot if self.stored else Snapshot()

    def plan(self, request: PlanRequest, sink: Sink) -> Outcome:
        """The outcome of a dry run."""
        options = Options(
            request.look,
            request.parallel,
            remove_data=self.data_to_remove(),
            selection=self.chosen(request.selection, declared=not request.destroy),
        )
        deployment = self.deployment(self.program_run(dry=True), self.world(sink, ""), options)
        request.stop.bind(deployment)
        outcome = self.carried_out(deployment, request)
        check_names(request.selection, outcome.plan, self.fleet)
        return outcome

    def carried_out(
        self, deployment: Deployment, request: PlanRequest | ApplyRequest, seen: Observation | None = None
    ) -> Outcome:
        """Has a deployment plan or run what is asked for; `seen` saves it a look."""
        source = self._source() if request.run_program or not request.destroy else None
        return deployment.up(source, seen) if source and not request.destroy else deployment.destroy(source)

    def plan_result(self, outcome: Outcome, *, destroys: bool, backup: bool = True) -> PlanResult:
        """What a surface shows of a dry run; with `backup` it begins with those of data at risk."""
        fleet = self.declared if not destroys else None
        shortfalls = fleet.shortfalls(self.base, outcome.snapshot) if fleet else ()
        jumps = fleet.refused_jumps(self.base) if fleet else ()
        updates = fleet.updates(outcome.plan.steps, self.base, outcome.snapshot) if fleet else ()
        return PlanResult(
            each_host_once(outcome.plan, self.notes),
            self.workspace.stack,
            (*of_chosen(outcome.plan, shortfalls), *apps_of_chosen(outcome.plan, jumps)),
            outcome.failures,
            outcome.program_error,
            secrets_of_chosen(outcome.plan, fleet.missing_secrets) if fleet else (),
            destroys,
            SecretMarks(PlanSeals(self.workspace.secrets.for_salt(self.salt)) if self.salt else None),
            updates=updates,
            backups=backups_first(self.workspace, updates, self.base) if backup else (),
        )

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
        outcome = self._looking(request, declared=False).refresh(self.program_of(request))
        told = each_host_once(outcome.plan, self.notes)
        return PlanResult(told, self.workspace.stack, (), outcome.failures, outcome.program_error)

    # --- shared with Execution -------------------------------------------------------------------------

    def program_of(self, request: DriftRequest | RefreshRequest) -> Source | None:
        """The program that a refresh runs; None where it goes by the state alone."""
        asked = isinstance(request, RefreshRequest) and request.run_program
        return self._source() if asked else None

    def deployment(self, program: ProgramRun, world: World, options: Options) -> Deployment:
        """A deployment of the stack as it stands."""
        deployment = Deployment(program, self.base, world, options)
        self._plugins.listen(deployment.say)
        return deployment

    def chosen(self, selection: Selection, *, declared: bool) -> Selection:
        """What people named, as URNs; raises UsageError for what is not there."""
        if self.back is not None:
            return resolved(selection, self.back.known, self.fleet, None)
        stack = (self.workspace.project, self.workspace.stack) if declared else None
        return resolved(selection, self.base, self.fleet, stack)

    def program_run(self, *, dry: bool) -> ProgramRun:
        """How the program is begun."""
        config = {} if self.fleet else self.config.opened()
        return ProgramRun(
            self.workspace.project,
            self.workspace.stack,
            dry_run=dry,
            config=config,
            secret_config_keys=self.config.secret_keys if config else frozenset(),
        )

    def shown_config(self) -> Mapping[str, str]:
        """The stack's config as it may be shown."""
        hidden = self.config.secret_keys
        return {k: SECRET_SHOWN if k in hidden else v for k, v in self.config.opened().items()}

    def world(self, sink: Sink, salt: str, executor: Callable[[Run], Executor] | None = None) -> World:
        """What a deployment needs from outside; with an `executor` it acts, with a salt it saves."""
        config = {} if self.fleet else self.config.opened()
        book = book_of(self.fleet.hosts if self.fleet else (), self.base)
        place = self.workspace
        root, outputs_of = place.program_folder, place.outputs_of
        images = self.fleet.images if self.fleet else None
        facts = ProgramFacts(place.project, root, book, config, outputs_of, self._plugins, images)
        return World(
            self.doors.providers(self.connections, facts),
            logged(sink, self.doors.log),
            now,
            new_id,
            self.workspace.saver(salt, self.stored) if salt else None,
            self._redactor.redact,
            self._redactor.learn,
            (self.config.salt or self.workspace.stack).encode(),
            self.doors.patience,
            self.fleet.compiled.drift if self.fleet else {},
            executor,
            self.doors.meanwhile,
        )

    def data_to_remove(self) -> frozenset[Urn]:
        """Volumes to delete although their state says to retain them."""
        return self.declared.data_removals() if self.declared else frozenset()

    # --- parts ----------------------------------------------------------------------------------------

    def _looking(
        self, request: ApplyRequest | DriftRequest | RefreshRequest, *, declared: bool
    ) -> Deployment:
        """A deployment that looks and changes nothing."""
        options = Options(selection=self.chosen(request.selection, declared=declared))
        world = self.world(request.sink, "")
        deployment = self.deployment(self.program_run(dry=True), world, options)
        request.stop.bind(deployment)
        return deployment

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
