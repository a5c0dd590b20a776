"""The decision about one registration (engine-spec 2.2)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from tomo.engine import paths
from tomo.engine.chains import Chains
from tomo.engine.compare import conceal, differences, revealed, secret_keys, taken_by, traced
from tomo.engine.hiding import hide_secrets
from tomo.engine.imports import Imports, is_import, other_than_found
from tomo.engine.inherit import entry_for
from tomo.engine.provider_resources import ProviderResources
from tomo.engine.registry import as_tomo_error, is_provider, visible
from tomo.engine.request import Request, answered
from tomo.engine.run import Run
from tomo.engine.steps import Steps
from tomo.engine.tolerance import NO_RULES, carried, declared
from tomo.engine.verdict import Verdict, judge, marked_drift, resolve, trigger_keys
from tomo.errors import (
    NotSupported,
    ResourceFailed,
    TomoError,
)
from tomo.model.diff import DiffResult
from tomo.model.goal import Goal
from tomo.model.provider import (
    CheckRequest,
    DiffRequest,
)
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import (
    split_provider_ref,
)
from tomo.model.values import (
    Properties,
    has_unknown,
    identical,
    only_plain,
)

_NO_KEYS: Final[frozenset[str]] = frozenset()


class Decider:
    """Decides about completed registrations; called under the run's lock."""

    def __init__(self, run: Run) -> None:
        self._run, self._steps = run, Steps(run)
        self.providers = ProviderResources(run, self._steps)
        self._imports = Imports(run)

    def decide(self, request: Request) -> Future[Registered]:
        """Decides about a registration and begins its steps; what is refused counts as failed."""
        try:
            _refuse_another_kind(request)
            if not request.goal.custom:
                return self._component(request)
            if is_provider(request.goal.type):
                _refuse_import(request)
                _refuse_hooks(request)
                return self.providers.register(request)
            if self._run.destroying:
                return self._to_be_destroyed(request)
            if is_import(request) and not request.imported:
                return self._imports.begin(request, self.decide)
            return self._custom(request)
        except Exception as error:  # noqa: BLE001  # whatever a provider raises, the others go on
            return answered(self.refuse(request, as_tomo_error(error)))

    def refuse(self, request: Request, error: TomoError) -> Registered:
        """A resource that can't even be decided about; its old entry stays."""
        wanted = entry_for(request.goal, request.urn, request.ref, request.goal.inputs)
        op = Op.UPDATE if request.old else Op.CREATE
        step = Step(op, request.urn, request.old, wanted, host=request.host)
        self._run.decided(step)
        self._run.failed(step, error)
        return Registered(request.urn, failed=True)

    def _to_be_destroyed(self, request: Request) -> Future[Registered]:
        """Takes over what is about to be deleted, with the options it has now (engine-spec 2.10)."""
        return answered(self._steps.same(request, request.before.inputs))

    def _component(self, request: Request) -> Future[Registered]:
        run, goal, old = self._run, request.goal, request.old
        wanted = entry_for(goal, request.urn, "", goal.inputs)
        time = run.world.now()
        made = replace(wanted, created=time, modified=time)
        if old is None:
            step = Step(Op.CREATE, request.urn, None, made)
        elif run.targets.replaces(request.urn):
            return answered(self._replaced_component(request, old, made))
        else:
            diffs = differences(old.inputs, keep_ignored(goal, old))
            now = request.carried(wanted)
            if diffs:
                # As in Pulumi: what it was with other inputs doesn't hold until it registers outputs again.
                now = replace(now, outputs={})
            step = Step(Op.UPDATE if diffs else Op.SAME, request.urn, old, now, diffs)
        run.require_allowed(step)
        if not run.hooks.concern(step):
            return answered(self._registered_component(step))
        # Those that are to run after it wait for its outputs.
        run.open_components[request.urn] = step
        return Chains(run).with_hooks(request, [step], lambda: self._registered_component(step))

    def _registered_component(self, step: Step) -> Registered:
        run = self._run
        run.decided(step)
        run.recorder.add(step.entry, step.old)
        run.ended(step)
        return Registered(step.urn)

    def _replaced_component(self, request: Request, old: ResourceState, made: ResourceState) -> Registered:
        """A component's replacement as asked for: nothing but its entry, and what follows from that."""
        run = self._run
        request.refuse_protected("`--replace`")
        mark = Step(Op.REPLACE, request.urn, old, made, keys=("id",))
        steps = (replace(mark, op=Op.CREATE_REPLACEMENT), mark)
        run.require_allowed(*steps)
        run.replaced.add(request.urn)
        run.recorder.change_old(old, replace(old, delete=True))
        run.recorder.add(made, None)
        for step in steps:
            run.decided(step)
            run.ended(step)
        return Registered(request.urn)

    def _custom(self, request: Request) -> Future[Registered]:
        run, goal, old = self._run, request.goal, request.old
        recreate = run.recreate.get(old.urn) if old and old.pending_replacement else None
        asked = run.targets.replaces(request.urn)
        fresh = old is None or recreate is not None or old.external or asked
        raw = goal.inputs if old is None or fresh else keep_ignored(goal, old)
        if not run.dry and has_unknown(raw):
            raise ResourceFailed(f"`{request.urn.name}` needs a value that nothing gave")
        inputs = _as_before(self._checked(request, raw, {} if old is None or fresh else old.inputs), old)
        if old is None:
            return self._steps.create(request, inputs)
        if old.external:
            return self._steps.create_own(request, inputs)
        if recreate is not None:
            verdict = Verdict(Op.REPLACE, keys=recreate[0], delete_before_replace=True)
            return self._steps.replace(request, verdict, inputs, deleted=True)
        verdict = self._adopting(request.before, self._verdict(request, inputs))
        match verdict.op:
            case Op.SAME if request.imported:
                return answered(self._imports.settled(request, inputs))
            case Op.SAME:
                return answered(self._steps.same(request, inputs))
            case Op.UPDATE:
                return self._steps.update(request, verdict, inputs)
            case _ if goal.import_id:
                raise other_than_found(request.urn, verdict)
            case _:
                # What is replaced because someone asked for it was checked as new already.
                new = inputs if asked else self._checked(request, goal.inputs, {})
                anew = carried(declared(new), old, run.world.drift.get(old.urn, NO_RULES))
                return self._steps.replace(request, verdict, anew, deleted=False)

    def _checked(self, request: Request, news: Properties, olds: Properties) -> Properties:
        provider = request.acting
        seed = self._run.seed_for(request.urn, request.old)
        # Asked once, as there may be thousands: plain values hold no secret and nothing unknown.
        plain = only_plain(news)
        taken, secret = (news, _NO_KEYS) if plain else (taken_by(provider, news), secret_keys(news))
        result = provider.check(
            CheckRequest(request.urn, taken_by(provider, declared(olds)), taken, seed, secret)
        )
        if result.failures:
            raise request.check_failed(result.failures)
        # What the provider took over from before keeps its secrecy; what the program gives has its own.
        before = {key: value for key, value in olds.items() if key not in news}
        inputs = conceal(result.inputs, before) if before else result.inputs
        return inputs if plain else traced(conceal(inputs, news), news)

    def _verdict(self, request: Request, inputs: Properties) -> Verdict:
        run, old = self._run, request.old
        if old is None:
            return Verdict(Op.CREATE)
        forced = [] if not run.replaced.intersection(request.goal.replace_with) else ["replaceWith"]
        if self._provider_replaces(request, old):
            forced.append("provider")
        if old.taint:
            forced.append("taint")
        forced += trigger_keys(request.goal, old)
        if run.targets.replaces(request.urn):
            forced = ["id"]
        noted = run.drift_of(old.urn)
        if request.acting.judges_by_inputs and identical(inputs, old.inputs):
            verdict = judge(request.goal, old, DiffResult(changed=False), noted, forced)
            if verdict.op is Op.SAME:
                return verdict
        diff = self._unasked(request, old, inputs) if forced else self._diff(request, old, inputs)
        if run.targets.replaces(request.urn):
            diff = replace(diff, changed=False)
        verdict = judge(request.goal, old, diff, noted, forced)
        recorded = run.observation.recorded.get(old.urn)
        return replace(verdict, diffs=hide_secrets(marked_drift(verdict.diffs, recorded, old), old, inputs))

    def _adopting(self, old: ResourceState, verdict: Verdict) -> Verdict:
        """The verdict, with what the record takes on from the host; that alone is an update."""
        adopted = self._run.observation.adopted.get(old.urn)
        if not adopted:
            return verdict
        told = {diff.path for diff in verdict.diffs}
        news = tuple(diff for diff in adopted if diff.path not in told)
        if not news:
            return verdict
        op = Op.UPDATE if verdict.op is Op.SAME else verdict.op
        return replace(verdict, op=op, diffs=(*verdict.diffs, *news))

    def _unasked(self, request: Request, old: ResourceState, inputs: Properties) -> DiffResult:
        """What differs where the replacement is certain: as in Pulumi the provider has no say in it."""
        found = differences(revealed(old.inputs), revealed(inputs))
        swaps = request.acting.can_swap(request.goal.type)
        return DiffResult(bool(found), found, delete_before_replace=swaps)

    def _diff(self, request: Request, old: ResourceState, inputs: Properties) -> DiffResult:
        provider = request.acting
        asked = DiffRequest(
            request.urn,
            old.id,
            taken_by(provider, declared(old.inputs)),
            taken_by(provider, old.outputs),
            taken_by(provider, declared(inputs)),
            request.goal.ignore_changes,
        )
        answer = provider.diff(asked)
        olds, news = asked.old_inputs, asked.new_inputs
        if provider.takes_secrets:
            olds, news = revealed(olds), revealed(news)
        return resolve(answer, olds, news, request.goal.replace_on_changes)

    def _provider_replaces(self, request: Request, old: ResourceState) -> bool:
        """Whether a changed provider reference means another object (engine-spec 1.3)."""
        if old.provider == request.ref or not old.provider:
            return False
        old_urn, old_id = split_provider_ref(old.provider)
        new_urn, new_id = split_provider_ref(request.ref)
        same_urn = self._run.aliased.get(old_urn, old_urn) == new_urn
        if same_urn and old_id == new_id:
            return False
        before, after = self._run.providers.recorded(old.provider), self._run.recorder.entry(new_urn)
        provider = request.provider
        if before is None or after is None or provider is None:
            return same_urn
        old_inputs = visible(taken_by(provider, before.inputs))
        new_inputs = visible(taken_by(provider, after.inputs))
        if not differences(old_inputs, new_inputs):
            return False
        self._run.stale.add(request.ref)
        return provider.diff_config(old_inputs, new_inputs).replaces


def _as_before(inputs: Properties, old: ResourceState | None) -> Properties:
    """Checked inputs with what the host may keep; the very old ones where nothing differs."""
    if old is None:
        return inputs
    inputs = inputs if old.external else carried(inputs, old)
    return old.inputs if identical(inputs, old.inputs) else inputs


def _refuse_another_kind(request: Request) -> None:
    if request.old is not None and request.old.custom != request.goal.custom:
        kinds = ("a component", "a resource of a provider")
        was, now = kinds[request.old.custom], kinds[request.goal.custom]
        raise NotSupported(
            f"`{request.urn.name}` ({request.urn.type}) was {was} and is now {now}, which is not supported",
            hint="give it another name",
        )


def _refuse_import(request: Request) -> None:
    if request.goal.import_id:
        raise NotSupported(
            f"`{request.urn.name}` is a provider, and providers can't be imported",
            hint="remove `import`: a provider is made by declaring it",
        )


def _refuse_hooks(request: Request) -> None:
    if request.goal.hooks:
        raise NotSupported(
            f"hooks of the provider `{request.urn.name}` are not supported",
            hint="see docs/pulumi.md for what is",
        )


def keep_ignored(goal: Goal, old: ResourceState) -> Properties:
    """The program's inputs with the old values at the ignored paths."""
    return paths.keep_old(goal.inputs, old.inputs, goal.ignore_changes)
