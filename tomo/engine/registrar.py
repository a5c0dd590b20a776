"""Takes a program's registrations and completes them for a decision (engine-spec 1, 2.2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

from tomo.engine.chains import Chains
from tomo.engine.compare import reuse_all, taken_by
from tomo.engine.decider import Decider
from tomo.engine.inherit import Parent, earlier_urns, inherited, providers_for_children
from tomo.engine.origins import with_origins
from tomo.engine.reads import Reads
from tomo.engine.refreshes import Refreshes
from tomo.engine.registry import as_tomo_error, default_name, host_of, is_provider
from tomo.engine.request import Request, after, answered
from tomo.engine.run import Run
from tomo.engine.second_look import SecondLook
from tomo.engine.targets import still_needed
from tomo.engine.untargeted import Untargeted
from tomo.errors import (
    Cancelled,
    ProgramFailed,
    ProviderFailed,
    ResourceFailed,
    TomoError,
)
from tomo.model.events import OutputsRegistered, Severity
from tomo.model.goal import Goal, InvokeGoal, ReadGoal
from tomo.model.hook import ErrorHook, Hook
from tomo.model.provider import (
    InvokeResult,
)
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.urn import (
    PROVIDER_TYPE_PREFIX,
    STACK_TYPE,
    Urn,
    package_of,
    provider_ref,
    split_provider_ref,
)
from tomo.model.values import (
    UNKNOWN_TEXT,
    Properties,
    Secret,
    Value,
    has_unknown,
)

_NO_DEFAULTS = "pulumi:disable-default-providers"


class EngineRegistrar:
    """The engine as a program sees it; implements `tomo.model.source.Registrar`."""

    def __init__(self, run: Run, finish: Callable[[], Future[None]]) -> None:
        self._run, self.finish = run, finish
        self.project, self.stack, self.dry_run = run.program.project, run.program.stack, run.dry
        self._decider, self._chains, self._second_look = Decider(run), Chains(run), SecondLook(run)
        self._untargeted, self._reads, self._refreshes = Untargeted(run), Reads(run), Refreshes(run)

    # --- the program's calls --------------------------------------------------------------------------

    def register(self, goal: Goal) -> Future[Registered]:
        """Decides about one resource and begins its steps."""
        run = self._run
        if run.settling is not None and not run.settling.done():
            run.settling = after(run.settling, lambda: self._register(goal))
            return run.settling
        return self._register(goal)

    def _register(self, goal: Goal) -> Future[Registered]:
        with self._run.lock:
            try:
                self._refuse_when_stopped()
                self._run.learn(goal.inputs)
                if self.dry_run:
                    goal = with_origins(goal, self._run.recorder.entry)
                request = self._completed(goal)
                return self._in_turn(request)
            except TomoError as error:
                self._note_refusal(error)
                raise

    def register_outputs(self, urn: Urn, outputs: Properties) -> None:
        """Takes the outputs of a component or of the stack."""
        run = self._run
        with run.lock:
            if run.stop_requested():
                return
            if urn.type == STACK_TYPE:
                run.outputs = outputs
                return
            entry = run.recorder.entry(urn)
            known = {key: value for key, value in outputs.items() if not has_unknown(value)}
            if entry is not None:
                now = run.recorder.set_outputs(urn, reuse_all(known, entry.outputs))
                if now is not None:
                    run.emit(OutputsRegistered(now, run.dry))
            step = run.open_components.pop(urn, None)
            if step is not None:
                done = replace(step, new=run.recorder.entry(urn) or step.new)
                run.lanes.submit("", 0, lambda: run.hooks.after(done))

    def read(self, goal: ReadGoal) -> Future[Registered]:
        """Looks at a resource that is not the program's own."""
        run = self._run
        with run.lock, self._noting_refusals():
            self._refuse_when_stopped()
            run.learn(goal.inputs)
            as_goal = Goal(
                goal.type,
                goal.name,
                custom=True,
                inputs=goal.inputs,
                parent=goal.parent,
                provider=goal.provider,
                version=goal.version,
                plugin_download_url=goal.plugin_download_url,
                dependencies=goal.dependencies,
                additional_secret_outputs=goal.additional_secret_outputs,
            )
            # As in Pulumi a parent hands nothing down to what is only read; the SDK names its provider.
            request = self._completed(as_goal, with_parents_options=False)
            needed = _needed(request)
            because = self._blocked(needed)
            if because:
                return answered(self._chains.skip(request, because))
            refusal = self._undeclared(request, needed)
            if refusal is not None:
                return answered(self._decider.refuse(request, refusal))
            try:
                return self._reads.begin(request, goal)
            except TomoError as error:
                return answered(self._decider.refuse(request, error))

    def invoke(self, goal: InvokeGoal) -> Future[InvokeResult]:
        """Calls a provider's function."""
        run = self._run
        with run.lock:
            self._refuse_when_stopped()
            run.learn(goal.args)
            if has_unknown(goal.args):
                return answered(InvokeResult({}, unknown=True))
            package = package_of(goal.token)
            ref = goal.provider or self._default_provider(package, goal.version, goal.plugin_download_url)
            provider = run.providers.get(ref)
            if provider is None or (ref.endswith(UNKNOWN_TEXT) and not provider.invokes_early):
                return answered(InvokeResult({}, unknown=True))
        args = taken_by(provider, goal.args)

        def call() -> InvokeResult:
            try:
                return provider.invoke(goal.token, args, preview=run.dry)
            except Exception as error:
                known = as_tomo_error(error)
                run.redact(known)
                raise known from error

        return run.lanes.submit(host_of(provider, ref), provider.parallel, call)

    def register_hook(self, hook: Hook | ErrorHook) -> None:
        """Takes a hook that later registrations name."""
        self._run.hooks.register(hook)

    def log(self, severity: Severity, message: str, urn: str = "") -> None:
        """Passes a line of the program on to people."""
        self._run.say(severity, message, urn)

    # --- completing a registration --------------------------------------------------------------------

    def _refuse_when_stopped(self) -> None:
        if self._run.cancelled:
            raise Cancelled("the run was stopped; what was under way is finished and recorded")
        if self._run.stop_requested():
            raise ResourceFailed("a step failed and `--stop-on-error` is set; nothing new is begun")

    def _completed(self, goal: Goal, *, with_parents_options: bool = True) -> Request:
        run = self._run
        parent = run.parents.get(goal.parent) if goal.parent else None
        if with_parents_options:
            goal = inherited(goal, parent)
        urn = Urn.make(self.stack, self.project, goal.parent, goal.type, goal.name)
        if urn in run.parents:
            raise ProgramFailed(
                f"duplicate resource URN `{urn}`", hint="give each resource of a type and parent its own name"
            )
        ref = self._reference(goal)
        old = self._old_entry(goal, urn, parent)
        if old is not None and old.urn == urn:
            urn = old.urn
        run.seen.add(urn)
        providers = providers_for_children(goal, parent, ref)
        run.parents[urn] = Parent.of(urn, goal, providers, old.urn if old else None)
        provider = run.providers.get(ref) if ref else None
        # One that failed or was skipped has no id to be found by: what it serves is skipped with it.
        made_nothing = (run.blocked, run.targets.skipped)
        if ref and provider is None and not any(split_provider_ref(ref)[0] in each for each in made_nothing):
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
        if urn in run.aliased:
            raise _claimed_twice(run.aliased[urn], urn)
        earlier = list(earlier_urns(goal, urn, parent))
        found = next((u for u in earlier if u in run.olds), None) or next(
            (u for u in earlier if u in run.lost), None
        )
        if found is not None and found != urn:
            self._rename(found, urn)
        return run.olds.get(found) if found else None

    def _rename(self, found: Urn, urn: Urn) -> None:
        """Gives a recorded resource the name that the program has for it now."""
        run = self._run
        if found in run.aliased or found in run.parents:
            raise _claimed_twice(urn, found)
        if found in run.targets.carried:
            raise still_needed(urn, run.targets.carried[found])
        run.aliased[found] = urn
        run.recorder.rename(found, urn)
        run.seen.add(found)
        if found in run.lost:
            run.lost[urn] = run.lost.pop(found)

    def _default_provider(self, package: str, version: str, url: str) -> str:
        url = url.removesuffix("/")
        run = self._run
        if not self._may_be_default(package):
            raise ProviderFailed(
                f"the default provider of `{package}` is disabled by `{_NO_DEFAULTS}`",
                hint="give the resource a provider of its own",
            )
        type_ = f"{PROVIDER_TYPE_PREFIX}{package}"
        urn = Urn.make(self.stack, self.project, None, type_, default_name(version, url))
        entry = run.recorder.entry(urn)
        if entry is None:
            inputs: dict[str, Value] = {}
            for key, value in run.program.config.items():
                if key.startswith(f"{package}:"):
                    name = key.removeprefix(f"{package}:")
                    inputs[name] = Secret(value) if key in run.program.secret_config_keys else value
            run.learn(inputs)
            goal = Goal(type_, urn.name, custom=True, inputs=inputs, version=version, plugin_download_url=url)
            run.seen.add(urn)
            run.parents[urn] = Parent.of(urn, goal)
            self._decider.providers.register(Request(goal, urn, old=run.olds.get(urn)))
            entry = run.recorder.entry(urn)
        if entry is None:
            raise ProviderFailed(f"the default provider of `{package}` could not be set up")
        return provider_ref(urn, entry.id)

    def _may_be_default(self, package: str) -> bool:
        listed = self._run.program.config.get(_NO_DEFAULTS)
        if listed is None or package == "pulumi":
            return True
        try:
            names = json.loads(listed)
        except ValueError:
            names = None
        if not isinstance(names, list):
            raise ProviderFailed(
                f"`{_NO_DEFAULTS}` is no JSON list of packages", hint='write it like this: ["docker"]'
            )
        return not {package, "*"}.intersection(map(str, names))

    # --- going on with it -------------------------------------------------------------------------------

    def _in_turn(self, request: Request) -> Future[Registered]:
        """Goes on with it once its stage has begun, and tells that stage when it is settled."""
        run, stages = self._run, self._run.stages
        gate = stages.gate(request.urn) if stages is not None else None
        if gate is not None:
            answer = after(gate, lambda: self._later(request))
        elif stages is not None and stages.is_left_out(request.urn):
            answer = self._later(request)
        else:
            answer = self._untargeted.noted(request, self._proceed(request))
        if stages is None:
            return answer
        answer.add_done_callback(lambda _: stages.ended(request.urn, failed=bool(run.failures)))
        return answer

    def _later(self, request: Request) -> Future[Registered]:
        """Goes on with what has waited for its stage, unless that doesn't begin any more."""
        run = self._run
        if run.stop_requested() or (run.stages is not None and run.stages.is_left_out(request.urn)):
            return answered(Registered(request.urn, skipped=True))
        with run.lock:
            return self._untargeted.noted(request, self._proceed_anew(request))

    def _proceed(self, request: Request) -> Future[Registered]:
        """Decides as soon as all is known that the decision needs; called again after each wait."""
        needed = _needed(request)
        because = self._blocked(needed)
        if because:
            return answered(self._chains.skip(request, because))
        not_made = self._untargeted.not_made(request, tuple(needed))
        if not_made is not None:
            return answered(not_made)
        if not self._run.targets.includes(request.urn, needed) and not self._goes_along(request):
            return self._leave_alone(request, needed)
        refusal = self._undeclared(request, needed) or self._lacking(request, needed)
        if refusal is not None:
            return answered(self._decider.refuse(request, refusal))
        first = self._deletion_of(request) or (
            None if self._run.destroying else self._second_look.before(request)
        )
        if first is not None:
            return after(first, lambda: self._proceed_anew(request))
        read = self._refreshes.answer(request, needed) if self._run.refreshing else None
        return read or self._decider.decide(request)

    def _goes_along(self, request: Request) -> bool:
        """Whether a cascade takes the resource with it, so that it can't stay as it is."""
        return request.old is not None and request.old.urn in self._run.recreate

    def _leave_alone(self, request: Request, needed: Collection[Urn]) -> Future[Registered]:
        first = self._untargeted.waits_for(request)
        if first is not None:
            return after(first, lambda: self._proceed_anew(request))
        try:
            return answered(self._untargeted.answer(request, needed))
        except TomoError as error:
            return answered(self._decider.refuse(request, error))

    def _proceed_anew(self, request: Request) -> Future[Registered]:
        run = self._run
        with run.lock:
            if request.old is None or request.old.urn in run.olds:
                old = run.olds[request.old.urn] if request.old else None
                return self._proceed(replace(request, old=old))
            # A second look found it gone; its entry stays until there's another in its place.
            return self._proceed(replace(request, old=None))

    def _deletion_of(self, request: Request) -> Future[None] | None:
        """The end of the cascade that deletes this resource; None where there is none to wait for."""
        if request.old is None or request.old.urn not in self._run.recreate:
            return None
        _, settled = self._run.recreate[request.old.urn]
        return None if settled.done() else settled

    def _blocked(self, needed: Collection[Urn]) -> str:
        """Why a registration can't go on: something it needs failed or was skipped."""
        blocked = self._run.blocked
        return next((blocked[urn] for urn in needed if urn in blocked), "") if blocked else ""

    def _lacking(self, request: Request, needed: Collection[Urn]) -> TomoError | None:
        """The refusal of a chosen resource that needs one which is left out; a refresh makes neither."""
        return None if self._run.refreshing else self._untargeted.refusal(request, needed)

    def _undeclared(self, request: Request, needed: Collection[Urn]) -> TomoError | None:
        """The refusal of a resource that needs one the program has not declared: no state could hold it."""
        missing = next((urn for urn in needed if urn not in self._run.parents), None)
        if missing is None:
            return None
        return ResourceFailed(
            f"`{request.urn.name}` needs `{missing}`, which the program has not declared",
            hint="declare it before what needs it",
        )

    @contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except TomoError as error:
            self._note_refusal(error)
            raise

    def _note_refusal(self, error: TomoError) -> None:
        """Notes what is raised to the program: even if that goes on, nothing may be deleted for it."""
        self._run.refused = self._run.refused or error


def _needed(request: Request) -> Collection[Urn]:
    """Everything a registration refers to, each once."""
    goal = request.goal
    needed = dict.fromkeys(goal.dependencies)
    for urns in (goal.property_dependencies or {}).values():
        needed.update(dict.fromkeys(urns))
    if goal.parent:
        needed[goal.parent] = None
    if request.ref:
        needed[split_provider_ref(request.ref)[0]] = None
    if goal.deleted_with:
        needed[goal.deleted_with] = None
    needed.update(dict.fromkeys(goal.replace_with))
    return needed.keys()


def _claimed_twice(urn: Urn, earlier: Urn) -> TomoError:
    return ProgramFailed(
        f"`{urn}` claims `{earlier}` as its earlier name, and so does another resource",
        hint="an alias belongs to one resource",
    )
