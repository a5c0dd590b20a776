"""Takes a program's registrations, decides about each and begins its steps (engine-spec 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from tomo.engine import paths
from tomo.engine.acts import finished_outputs
from tomo.engine.cascade import Condemned, condemned_with
from tomo.engine.compare import conceal, differences, reuse_all, revealed, secret_keys
from tomo.engine.inherit import Parent, earlier_urns, entry_for, inherited, providers_for_children
from tomo.engine.look import Observation, can_look, look
from tomo.engine.registry import default_name, host_of, is_provider, visible
from tomo.engine.run import Run, as_tomo_error
from tomo.engine.verdict import GONE, Verdict, judge, marked_drift, resolve
from tomo.errors import (
    Cancelled,
    NotSupported,
    PlanRefused,
    ProgramFailed,
    ProviderFailed,
    ResourceFailed,
    TomoError,
)
from tomo.model.diff import DiffResult, PropertyDiff
from tomo.model.events import Severity
from tomo.model.goal import Goal, InvokeGoal, ReadGoal
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DiffRequest,
    InvokeResult,
    Provider,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import (
    PROVIDER_TYPE_PREFIX,
    STACK_TYPE,
    Urn,
    package_of,
    provider_ref,
    split_provider_ref,
)
from tomo.model.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Properties,
    Secret,
    Unknown,
    Value,
    has_secret,
    has_unknown,
    same_value,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A registration on its way to a decision: completed, with its provider and the old entry, if any."""

    goal: Goal
    urn: Urn
    ref: str = ""
    provider: Provider | None = None
    old: ResourceState | None = None

    @property
    def host(self) -> str:
        """The machine concerned."""
        return host_of(self.provider, self.ref) if self.ref else ""


class EngineRegistrar:
    """The engine as a program sees it; implements `tomo.model.source.Registrar`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.project, self.stack, self.dry_run = run.program.project, run.program.stack, run.dry
        self._looks: dict[str, Future[Observation]] = {}

    # --- the program's calls --------------------------------------------------------------------------

    def register(self, goal: Goal) -> Future[Registered]:
        """Decides about one resource and begins its steps."""
        run = self._run
        with run.lock:
            self._refuse_when_stopped()
            if has_secret(goal.inputs):
                run.world.learn(goal.inputs)
            request = self._completed(goal)
            because = self._blocked(request)
            if because:
                return _answer(self._skip(request, because))
            if self._wants_another_look(request):
                return self._after(self._look_again(request), lambda: self._decided_anew(request))
            recreate = run.recreate.get(request.old.urn) if request.old else None
            if recreate is not None:
                return self._after(recreate[1], lambda: self._decided_anew(request))
            return self._decided(request)

    def register_outputs(self, urn: Urn, outputs: Properties) -> None:
        """Takes the outputs of a component or of the stack."""
        run = self._run
        with run.lock:
            if urn.type == STACK_TYPE:
                run.outputs = outputs
                return
            entry = run.recorder.entry(urn)
            known = {key: value for key, value in outputs.items() if not has_unknown(value)}
            if entry is not None:
                run.recorder.set_outputs(urn, reuse_all(known, entry.outputs))

    def read(self, goal: ReadGoal) -> Future[Registered]:
        """Looks at a resource that is not the program's own."""
        run = self._run
        with run.lock:
            self._refuse_when_stopped()
            as_goal = Goal(
                goal.type,
                goal.name,
                custom=True,
                inputs=goal.inputs,
                parent=goal.parent,
                provider=goal.provider,
                version=goal.version,
                dependencies=goal.dependencies,
                additional_secret_outputs=goal.additional_secret_outputs,
            )
            request = self._completed(as_goal)
            because = self._blocked(request)
            if because:
                return _answer(self._skip(request, because))
            if request.old is not None and not request.old.external:
                return _answer(self._refused(request, _read_of_managed(request.urn)))
            return self._lane(request, lambda: self._read(request, goal))

    def invoke(self, goal: InvokeGoal) -> Future[InvokeResult]:
        """Calls a provider's function."""
        run = self._run
        with run.lock:
            self._refuse_when_stopped()
            if has_unknown(goal.args):
                return _answer(InvokeResult({}))
            package = package_of(goal.token)
            ref = goal.provider or self._default_provider(package, goal.version, "")
            provider = run.providers.get(ref)
            if provider is None or ref.endswith(UNKNOWN_TEXT):
                return _answer(InvokeResult({}))
        args = revealed(goal.args)
        call = lambda: provider.invoke(goal.token, args, preview=run.dry)  # noqa: E731
        return run.lanes.submit(provider.host, provider.parallel, call)

    def log(self, severity: Severity, message: str, urn: str = "") -> None:
        """Passes a line of the program on to people."""
        self._run.say(severity, message, urn)

    # --- completing a registration --------------------------------------------------------------------

    def _refuse_when_stopped(self) -> None:
        if self._run.cancelled:
            raise Cancelled("the run was stopped; what was under way is finished and recorded")
        if self._run.stop_requested():
            raise ResourceFailed("a step failed and `--stop-on-error` is set; nothing new is begun")

    def _completed(self, goal: Goal) -> Request:
        run = self._run
        if goal.import_id:
            raise NotSupported(
                f"`import` of `{goal.name}` is not supported by this version",
                hint="create the resource, or use the pulumi CLI to import it once",
            )
        parent = run.parents.get(goal.parent) if goal.parent else None
        goal = inherited(goal, parent)
        urn = Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)
        if urn in run.parents:
            raise ProgramFailed(
                f"duplicate resource URN `{urn}`", hint="give each resource of a type and parent its own name"
            )
        ref = self._reference(goal)
        old = self._old_entry(goal, urn, parent)
        run.seen.add(urn)
        providers = providers_for_children(goal, parent)
        run.parents[urn] = Parent(urn, goal, providers, old.urn if old else None)
        provider = run.providers.get(ref) if ref else None
        if ref and provider is None:
            raise ProviderFailed(f"`{goal.name}` names a provider that is not registered: `{ref}`")
        return Request(goal, urn, ref, provider, old)

    def _reference(self, goal: Goal) -> str:
        if not goal.custom or is_provider(goal.type):
            return ""
        return goal.provider or self._default_provider(
            package_of(goal.type), goal.version, goal.plugin_download_url
        )

    def _old_entry(self, goal: Goal, urn: Urn, parent: Parent | None) -> ResourceState | None:
        run = self._run
        found = next((u for u in earlier_urns(goal, urn, parent) if u in run.olds), None)
        if found is None:
            return None
        if found != urn:
            if found in run.aliased or found in run.parents:
                raise ProgramFailed(
                    f"`{urn}` claims `{found}` as its earlier name, and so does another resource",
                    hint="an alias belongs to one resource",
                )
            run.aliased[found] = urn
            run.recorder.rename(found, urn)
            run.seen.add(found)
        return run.olds[found]

    def _default_provider(self, package: str, version: str, url: str) -> str:
        run = self._run
        type_ = f"{PROVIDER_TYPE_PREFIX}{package}"
        urn = Urn.make(self.stack, self.project, None, type_, default_name(version, url))
        entry = run.recorder.entry(urn)
        if entry is None:
            inputs: dict[str, Value] = {}
            for key, value in run.program.config.items():
                if key.startswith(f"{package}:"):
                    name = key.removeprefix(f"{package}:")
                    inputs[name] = Secret(value) if key in run.program.secret_config_keys else value
            goal = Goal(type_, urn.name, custom=True, inputs=inputs, version=version, plugin_download_url=url)
            run.seen.add(urn)
            run.parents[urn] = Parent(urn, goal)
            self._provider_resource(Request(goal, urn, old=run.olds.get(urn)))
            entry = run.recorder.entry(urn)
        if entry is None:
            raise ProviderFailed(f"the default provider of `{package}` could not be set up")
        return provider_ref(urn, entry.id)

    def _blocked(self, request: Request) -> str:
        """Why a registration can't go on: something it needs failed or was skipped."""
        blocked = self._run.blocked
        if not blocked:
            return ""
        goal = request.goal
        needed = [*goal.dependencies]
        for urns in (goal.property_dependencies or {}).values():
            needed.extend(urns)
        if goal.parent:
            needed.append(goal.parent)
        if request.ref:
            needed.append(split_provider_ref(request.ref)[0])
        if goal.deleted_with:
            needed.append(goal.deleted_with)
        return next((blocked[urn] for urn in needed if urn in blocked), "")

    def _skip(self, request: Request, because: str) -> Registered:
        self._run.skipped(request.urn, because)
        return Registered(request.urn, skipped=True)

    # --- looking again ---------------------------------------------------------------------------------

    def _wants_another_look(self, request: Request) -> bool:
        """Whether the look before the run can't hold: its host was silent, or the provider changed."""
        run, old = self._run, request.old
        if not run.options.look or old is None or not can_look(old) or request.provider is None:
            return False
        if request.ref.endswith(UNKNOWN_TEXT) or request.ref in self._looks:
            return request.ref in self._looks
        silent = not run.dry and old.urn in run.observation.unreached
        return silent or request.ref in run.stale

    def _look_again(self, request: Request) -> Future[None]:
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

    def _decided_anew(self, request: Request) -> Future[Registered]:
        run = self._run
        with run.lock:
            old = run.olds.get(request.old.urn) if request.old else None
            return self._decided(replace(request, old=old))

    # --- deciding ----------------------------------------------------------------------------------------

    def _decided(self, request: Request) -> Future[Registered]:
        try:
            if not request.goal.custom:
                return _answer(self._component(request))
            if is_provider(request.goal.type):
                return _answer(self._provider_resource(request))
            return self._custom(request)
        except TomoError as error:
            return _answer(self._refused(request, error))

    def _refused(self, request: Request, error: TomoError) -> Registered:
        """A resource that can't even be decided about; its old entry stays."""
        wanted = entry_for(request.goal, request.urn, request.ref, request.goal.inputs)
        op = Op.UPDATE if request.old else Op.CREATE
        step = Step(op, request.urn, request.old, wanted, host=request.host)
        self._run.decided(step)
        self._run.failed(step, error)
        return Registered(request.urn, failed=True)

    def _component(self, request: Request) -> Registered:
        run, goal, old = self._run, request.goal, request.old
        wanted = entry_for(goal, request.urn, "", goal.inputs)
        if old is None:
            time = run.world.now()
            step = Step(Op.CREATE, request.urn, None, replace(wanted, created=time, modified=time))
        else:
            diffs = differences(old.inputs, goal.inputs)
            now = self._carried(request, wanted, old)
            step = Step(Op.UPDATE if diffs else Op.SAME, request.urn, old, now, diffs)
        run.decided(step)
        run.recorder.add(step.entry, old)
        run.ended(step)
        return Registered(request.urn)

    def _provider_resource(self, request: Request) -> Registered:
        run, goal, old = self._run, request.goal, request.old
        provider = run.providers.load(goal.type, goal.version)
        news: dict[str, Value] = dict(goal.inputs)
        if goal.version:
            news["version"] = goal.version
        if goal.plugin_download_url:
            news["pluginDownloadURL"] = goal.plugin_download_url
        checked = provider.check_config(visible(revealed(old.inputs)) if old else {}, revealed(news))
        if checked.failures:
            raise _check_failed(request.urn, checked.failures)
        inputs = conceal(checked.inputs, news)
        outputs = {**inputs}
        bookkeeping = (
            {k: v for k, v in old.inputs.items() if k.startswith("__")} if old else {"__internal": {}}
        )
        wanted = entry_for(goal, request.urn, "", {**inputs, **bookkeeping})
        step = self._provider_step(request, provider, wanted, outputs)
        ref = provider_ref(request.urn, step.entry.id)
        if step.op is not Op.SAME or run.providers.get(ref) is None:
            provider.configure(revealed(inputs))
            run.providers.put(ref, provider)
        if step.op is Op.UPDATE:
            run.stale.add(ref)
        run.decided(step)
        if step.op is Op.REPLACE and old is not None:
            run.recorder.change_old(old, replace(old, delete=True))
            run.recorder.add(step.entry, None)
        else:
            run.recorder.add(step.entry, old)
        run.ended(step)
        return Registered(request.urn, step.entry.id, outputs)

    def _provider_step(
        self, request: Request, provider: Provider, wanted: ResourceState, outputs: Properties
    ) -> Step:
        run, old = self._run, request.old
        time = run.world.now()
        if old is None:
            made = replace(wanted, id=self._new_id(), outputs=outputs, created=time, modified=time)
            return Step(Op.CREATE, request.urn, None, made)
        olds, news = visible(old.inputs), visible(wanted.inputs)
        diffs = differences(olds, news)
        if not diffs:
            return Step(Op.SAME, request.urn, old, self._carried(request, wanted, old))
        if provider.diff_config(revealed(olds), revealed(news)).replaces:
            made = replace(wanted, id=self._new_id(), outputs=outputs, created=time, modified=time)
            return Step(Op.REPLACE, request.urn, old, made, diffs)
        now = replace(self._carried(request, wanted, old), outputs=outputs, modified=time)
        return Step(Op.UPDATE, request.urn, old, now, diffs)

    def _new_id(self) -> str:
        return UNKNOWN_TEXT if self._run.dry else self._run.world.new_id()

    def _carried(self, request: Request, wanted: ResourceState, old: ResourceState) -> ResourceState:
        """The wanted entry with what only the old one knows: identity, outputs, times, foreign keys."""
        return replace(
            wanted,
            id=old.id,
            inputs=reuse_all(wanted.inputs, old.inputs),
            outputs=finished_outputs(wanted, old.outputs)
            if wanted.custom and wanted.provider
            else old.outputs,
            created=old.created,
            modified=old.modified,
            import_id=old.import_id,
            source_position=request.goal.source_position or old.source_position,
            extra=old.extra,
        )

    def _custom(self, request: Request) -> Future[Registered]:
        run, goal, old = self._run, request.goal, request.old
        recreate = run.recreate.get(old.urn) if old else None
        fresh = old is None or recreate is not None or old.external
        raw = goal.inputs if old is None or fresh else keep_ignored(goal, old)
        if not run.dry and has_unknown(raw):
            raise ResourceFailed(f"`{request.urn.name}` needs a value that nothing gave")
        inputs = self._checked(request, raw, {} if old is None or fresh else old.inputs)
        if old is None or old.external:
            return self._create(request, inputs)
        if recreate is not None:
            verdict = Verdict(Op.REPLACE, keys=recreate[0], delete_before_replace=True)
            return self._replace(request, verdict, inputs, deleted=True)
        verdict = self._verdict(request, inputs)
        match verdict.op:
            case Op.SAME:
                return _answer(self._same(request, inputs))
            case Op.UPDATE:
                return self._update(request, verdict, inputs)
            case _:
                return self._replace(request, verdict, self._checked(request, goal.inputs, {}), deleted=False)

    def _checked(self, request: Request, news: Properties, olds: Properties) -> Properties:
        provider = _provider(request)
        seed = self._run.seed_for(request.urn, request.old)
        check = CheckRequest(request.urn, revealed(olds), revealed(news), seed, secret_keys(news))
        result = provider.check(check)
        if result.failures:
            raise _check_failed(request.urn, result.failures)
        return conceal(conceal(result.inputs, olds), news)

    def _verdict(self, request: Request, inputs: Properties) -> Verdict:
        run, old = self._run, request.old
        if old is None:
            return Verdict(Op.CREATE)
        diff = self._diff(request, old, inputs)
        forced = [] if not run.replaced.intersection(request.goal.replace_with) else ["replaceWith"]
        if self._provider_replaces(request, old):
            forced.append("provider")
        verdict = judge(request.goal, old, diff, run.drift_of(old.urn), forced)
        recorded = run.observation.recorded.get(old.urn)
        return replace(verdict, diffs=hide_secrets(marked_drift(verdict.diffs, recorded, old), old, inputs))

    def _diff(self, request: Request, old: ResourceState, inputs: Properties) -> DiffResult:
        plain = revealed(inputs)
        asked = DiffRequest(
            request.urn,
            old.id,
            revealed(old.inputs),
            revealed(old.outputs),
            plain,
            request.goal.ignore_changes,
        )
        return resolve(_provider(request).diff(asked), asked.old_inputs, plain)

    def _provider_replaces(self, request: Request, old: ResourceState) -> bool:
        """Whether a changed provider reference means another object (engine-spec 1.3)."""
        if old.provider == request.ref or not old.provider:
            return False
        old_urn, _ = split_provider_ref(old.provider)
        new_urn, _ = split_provider_ref(request.ref)
        old_urn = self._run.aliased.get(old_urn, old_urn)
        if old_urn == new_urn:
            return True
        before, after = self._run.olds.get(old_urn), self._run.recorder.entry(new_urn)
        if before is None or after is None or request.provider is None:
            return False
        old_inputs, new_inputs = visible(revealed(before.inputs)), visible(revealed(after.inputs))
        if not differences(old_inputs, new_inputs):
            return False
        self._run.stale.add(request.ref)
        return request.provider.diff_config(old_inputs, new_inputs).replaces

    # --- steps --------------------------------------------------------------------------------------------

    def _same(self, request: Request, inputs: Properties) -> Registered:
        run, old = self._run, _old(request)
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        step = Step(Op.SAME, request.urn, old, self._carried(request, wanted, old), host=request.host)
        run.decided(step)
        run.recorder.add(step.entry, old)
        run.ended(step)
        return Registered(request.urn, old.id, step.entry.outputs)

    def _create(self, request: Request, inputs: Properties) -> Future[Registered]:
        run, old = self._run, request.old
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        gone = any(entry.urn == request.urn for entry in run.observation.gone)
        step = Step(Op.CREATE, request.urn, None, wanted, (GONE,) if gone else (), host=request.host)
        if run.dry:
            return _answer(self._predicted_create(request, step, old))

        def act() -> ResourceState:
            made = run.acts.create(_provider(request), wanted, None)
            if old is not None:
                run.recorder.remove(old)
            return made

        return self._carry_out(request, [(step, act)])

    def _predicted_create(self, request: Request, step: Step, old: ResourceState | None) -> Registered:
        run, wanted = self._run, step.entry
        provider = _provider(request)
        asked = CreateRequest(
            request.urn, revealed(wanted.inputs), preview=True, secret_keys=secret_keys(wanted.inputs)
        )
        outputs = finished_outputs(wanted, provider.create(asked).outputs)
        made = replace(step, new=replace(wanted, outputs=outputs))
        run.decided(made)
        run.recorder.add(made.entry, old)
        run.ended(made)
        return Registered(request.urn, "", outputs)

    def _update(self, request: Request, verdict: Verdict, inputs: Properties) -> Future[Registered]:
        run, old = self._run, _old(request)
        wanted = self._carried(request, entry_for(request.goal, request.urn, request.ref, inputs), old)
        step = Step(Op.UPDATE, request.urn, old, wanted, verdict.diffs, host=request.host)
        if run.dry:
            return _answer(self._predicted_update(request, step, old))
        return self._carry_out(request, [(step, lambda: run.acts.update(_provider(request), wanted, old))])

    def _predicted_update(self, request: Request, step: Step, old: ResourceState) -> Registered:
        run, wanted = self._run, step.entry
        asked = UpdateRequest(
            request.urn,
            old.id,
            revealed(old.inputs),
            revealed(old.outputs),
            revealed(wanted.inputs),
            wanted.ignore_changes,
            preview=True,
            secret_keys=secret_keys(wanted.inputs),
        )
        outputs = finished_outputs(wanted, _provider(request).update(asked).outputs)
        made = replace(step, new=replace(wanted, outputs=outputs))
        run.decided(made)
        run.recorder.add(made.entry, old)
        run.ended(made)
        return Registered(request.urn, old.id, outputs)

    def _replace(
        self, request: Request, verdict: Verdict, inputs: Properties, *, deleted: bool
    ) -> Future[Registered]:
        run, old = self._run, _old(request)
        if old.protect and request.goal.protect:
            raise _protected_replacement(request.urn, verdict)
        run.replaced.add(request.urn)
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        base = Step(Op.REPLACE, request.urn, old, wanted, verdict.diffs, verdict.keys, host=request.host)
        provider = _provider(request)
        if deleted or old.pending_replacement:
            return self._replaced(request, base, [], make_first=False)
        if not verdict.delete_before_replace:
            return self._replaced(request, base, [], make_first=True)
        handled = run.seen - {request.urn}
        condemned = condemned_with(old, run.graph, handled, self._diff_of_entry)
        if not condemned and provider.can_swap(request.goal.type):
            return self._swapped(request, base)
        return self._replaced(request, base, condemned, make_first=False, delete_old=True)

    def _diff_of_entry(self, entry: ResourceState, inputs: Properties) -> DiffResult:
        provider = self._run.providers.get(entry.provider)
        if provider is None:
            return DiffResult(changed=None)
        asked = DiffRequest(
            entry.urn, entry.id, revealed(entry.inputs), revealed(entry.outputs), revealed(inputs)
        )
        return provider.diff(asked)

    def _swapped(self, request: Request, base: Step) -> Future[Registered]:
        run, old, wanted = self._run, _old(request), base.entry
        steps = [
            replace(base, op=Op.DELETE_REPLACED, new=None, swap=True),
            replace(base, swap=True),
            replace(base, op=Op.CREATE_REPLACEMENT, swap=True),
        ]
        if run.dry:
            return _answer(self._predicted_replacement(request, steps, old, keep_old=False))
        act = lambda: run.acts.swap(_provider(request), wanted, old)  # noqa: E731
        return self._carry_out(request, [(steps[2], act)], marks=steps[:2])

    def _replaced(
        self,
        request: Request,
        base: Step,
        condemned: Sequence[Condemned],
        *,
        make_first: bool,
        delete_old: bool = False,
    ) -> Future[Registered]:
        run, old, wanted = self._run, _old(request), base.entry
        deletes = [self._condemned_step(item) for item in reversed(condemned)]
        if delete_old:
            deletes.append(replace(base, op=Op.DELETE_REPLACED, new=None))
        mark, make = base, replace(base, op=Op.CREATE_REPLACEMENT)
        settled: Future[None] = Future()
        for item in condemned:
            run.recreate[item.entry.urn] = (item.keys, settled)
            run.replaced.add(item.entry.urn)
        if run.dry:
            order = [make, mark] if make_first else [*deletes, mark, make]
            answer = self._predicted_replacement(request, order, old, keep_old=make_first)
            settled.set_result(None)
            return _answer(answer)
        acts: list[tuple[Step, Callable[[], ResourceState]]] = [
            (step, self._deletion_of(step.entry)) for step in deletes
        ]

        def create() -> ResourceState:
            now = run.olds.get(old.urn, old)
            return run.acts.create(_provider(request), wanted, now)

        acts.append((make, create))
        future = self._carry_out(request, acts, marks=[mark])
        future.add_done_callback(lambda _: settled.set_result(None))
        return future

    def _condemned_step(self, item: Condemned) -> Step:
        entry = item.entry
        host = host_of(self._run.providers.get(entry.provider), entry.provider)
        return Step(Op.DELETE_REPLACED, entry.urn, entry, keys=item.keys, host=host)

    def _deletion_of(self, entry: ResourceState) -> Callable[[], ResourceState]:
        run = self._run

        def act() -> ResourceState:
            if entry.pending_replacement:
                return entry
            retained = entry.retain_on_delete or entry.external
            provider = None if retained else run.providers.get(entry.provider)
            waiting = run.acts.delete(provider, entry, pending_replacement=True)
            with run.lock:
                run.olds[entry.urn] = waiting
            return waiting

        return act

    def _predicted_replacement(
        self, request: Request, order: Sequence[Step], old: ResourceState, *, keep_old: bool
    ) -> Registered:
        run = self._run
        wanted = next(step.new for step in order if step.new is not None)
        asked = CreateRequest(
            request.urn, revealed(wanted.inputs), preview=True, secret_keys=secret_keys(wanted.inputs)
        )
        outputs = finished_outputs(wanted, _provider(request).create(asked).outputs)
        made = replace(wanted, outputs=outputs)
        for step in order:
            shown = replace(step, new=made) if step.new is not None else step
            run.decided(shown)
            run.ended(shown)
        if keep_old:
            run.recorder.change_old(old, replace(old, delete=True))
        run.recorder.add(made, None if keep_old else old)
        return Registered(request.urn, "", outputs)

    # --- carrying out ------------------------------------------------------------------------------------

    def _carry_out(
        self,
        request: Request,
        acts: Sequence[tuple[Step, Callable[[], ResourceState]]],
        marks: Sequence[Step] = (),
    ) -> Future[Registered]:
        """Runs a chain of acts one after the other on the host's lane; the last gives the answer."""
        self._refuse_unshown([step for step, _ in acts])
        for step in (*marks, *(step for step, _ in acts)):
            self._run.decided(step)

        def chain() -> Registered:
            return self._run_chain(request, acts, marks)

        return self._lane(request, chain)

    def _run_chain(
        self,
        request: Request,
        acts: Sequence[tuple[Step, Callable[[], ResourceState]]],
        marks: Sequence[Step],
    ) -> Registered:
        run = self._run
        made: ResourceState | None = None
        for step, act in acts:
            if run.cancelled:
                return self._skip(request, "the run was stopped")
            begun = run.started(step)
            try:
                made = act()
            except Exception as error:  # noqa: BLE001  # whatever it is, the state and the others go on
                known = as_tomo_error(error)
                run.failed(replace(step, urn=request.urn), known, begun)
                return Registered(request.urn, failed=True)
            run.ended(replace(step, new=made) if step.new is not None else step, begun)
        for step in marks:
            if step.op is Op.REPLACE:
                run.ended(replace(step, new=made))
        entry = made or acts[-1][0].entry
        return Registered(request.urn, entry.id, entry.outputs)

    def _refuse_unshown(self, steps: Sequence[Step]) -> None:
        shown = self._run.options.shown
        if shown is None:
            return
        for step in steps:
            seen = shown.get(step.urn, frozenset())
            if step.op not in seen and not (step.op is Op.UPDATE and Op.REPLACE in seen):
                raise PlanRefused(
                    f"`{step.urn.name}` would now need `{step.op.pulumi_name}`, which the plan did not show",
                    hint="something moved since; run `tomo plan` again",
                )

    def _read(self, request: Request, goal: ReadGoal) -> Registered:
        run = self._run
        wanted = replace(
            entry_for(request.goal, request.urn, request.ref, goal.inputs), id=goal.id, external=True
        )
        step = Step(Op.READ, request.urn, request.old, wanted, host=request.host)
        run.decided(step)
        begun = run.started(step) if not run.dry else None
        try:
            [found] = _provider(request).read([ReadRequest(request.urn, goal.id, revealed(goal.inputs))])
        except TomoError as error:
            run.failed(step, error, begun)
            return Registered(request.urn, failed=True)
        if found.status is not ReadStatus.FOUND:
            problem = found.problem or f"`{goal.id}` does not exist"
            run.failed(step, ProviderFailed(f"can't read `{goal.name}`: {problem}", hint=found.hint), begun)
            return Registered(request.urn, failed=True)
        outputs = finished_outputs(wanted, found.outputs)
        entry = replace(wanted, id=found.id or goal.id, outputs=outputs)
        if request.old is not None:
            entry = replace(entry, created=request.old.created, modified=request.old.modified)
        run.recorder.add(entry, request.old)
        run.ended(replace(step, new=entry), begun)
        return Registered(request.urn, entry.id, outputs)

    def _lane(self, request: Request, work: Callable[[], T]) -> Future[T]:
        provider = request.provider
        limit = provider.parallel if provider else 0
        return self._run.lanes.submit(request.host, limit, work)

    def _after(self, first: Future[None], then: Callable[[], Future[Registered]]) -> Future[Registered]:
        answer: Future[Registered] = Future()

        def go(_: Future[None]) -> None:
            try:
                inner = then()
            except BaseException as error:  # noqa: BLE001  # carried to whoever waits for the answer
                answer.set_exception(error)
            else:
                inner.add_done_callback(lambda done: _copy(done, answer))

        first.add_done_callback(go)
        return answer


def keep_ignored(goal: Goal, old: ResourceState) -> Properties:
    """The program's inputs with the old values at the ignored paths."""
    return paths.keep_old(goal.inputs, old.inputs, goal.ignore_changes)


def hide_secrets(
    diffs: Sequence[PropertyDiff], old: ResourceState, inputs: Properties
) -> tuple[PropertyDiff, ...]:
    """The differences with every value that comes from a secret wrapped as one."""
    hidden = secret_keys(old.inputs) | secret_keys(inputs) | secret_keys(old.outputs)
    return tuple(_hidden(diff, hidden, old.inputs, inputs) for diff in diffs)


def _hidden(diff: PropertyDiff, hidden: frozenset[str], olds: Properties, news: Properties) -> PropertyDiff:
    if not diff.path or str(paths.parse(diff.path)[0]) not in hidden:
        return diff
    return replace(
        diff, old=_hidden_value(diff.old, diff.path, olds), new=_hidden_value(diff.new, diff.path, news)
    )


def _hidden_value(value: Value, path: str, properties: Properties) -> Value:
    """The value itself where it surely is not the secret part, else a secret."""
    if value is None or isinstance(value, (Secret, Unknown)):
        return value
    found: Value = properties
    for part in paths.parse(path):
        found = _part_of(found, part)
    return value if not has_secret(found) and same_value(found, value) else Secret(value)


def _part_of(value: Value, part: paths.Part) -> Value:
    if isinstance(value, Mapping):
        return value.get(str(part), UNKNOWN)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        found: Value = value[part]
        return found
    return UNKNOWN


def _provider(request: Request) -> Provider:
    if request.provider is None:
        raise ProviderFailed(f"`{request.urn.name}` has no provider")
    return request.provider


def _old(request: Request) -> ResourceState:
    if request.old is None:
        raise ProviderFailed(f"`{request.urn.name}` has no recorded state")
    return request.old


def _check_failed(urn: Urn, failures: Sequence[object]) -> TomoError:
    lines = [f"{getattr(f, 'property', '')}: {getattr(f, 'reason', f)}".removeprefix(": ") for f in failures]
    return ResourceFailed(f"`{urn.name}` ({urn.type}) is not valid: {'; '.join(lines)}")


def _protected_replacement(urn: Urn, verdict: Verdict) -> TomoError:
    keys = ", ".join(verdict.keys) or "a change"
    return ResourceFailed(
        f"`{urn.name}` is protected, and {keys} would replace it",
        hint="take `protect` off it, or undo the change that replaces it",
    )


def _read_of_managed(urn: Urn) -> TomoError:
    return NotSupported(
        f"`{urn.name}` was made by this stack and is now only read, which is not supported",
        hint="give the read resource another name",
    )


def _answer(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future


def _copy(done: Future[T], to: Future[T]) -> None:
    error = done.exception()
    if error is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())
