"""Registers provider resources and makes their providers ready (engine-spec 1.3)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.compare import changed_keys, conceal, differences, taken_by
from tomo.engine.inherit import entry_for
from tomo.engine.registry import visible
from tomo.engine.request import Request, answered
from tomo.engine.run import Run
from tomo.engine.steps import Steps
from tomo.model.bookkeeping import bookkeeping
from tomo.model.provider import (
    Provider,
)
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import (
    provider_ref,
)
from tomo.model.values import (
    UNKNOWN_TEXT,
    Properties,
    Value,
)


class ProviderResources:
    """Provider resources: their CRUD is the engine's own, `Configure` is all a provider sees of it."""

    def __init__(self, run: Run, steps: Steps) -> None:
        self._run, self._steps = run, steps

    def register(self, request: Request) -> Future[Registered]:
        """Makes the provider ready and records its resource.

        Done at once, but where the old one is to be deleted first, with all that it serves.
        """
        provider = self._run.providers.load(
            request.urn, request.goal.version, request.goal.plugin_download_url
        )
        inputs, step, old_first = self._decided(request, provider)
        # Where everything goes anyway, and where nothing is to go, nothing is deleted ahead.
        if old_first and not (self._run.destroying or self._run.refreshing):
            self._make_ready(request, provider, inputs, step)
            return self._steps.replace_provider(request, step)
        self._run.require_allowed(step)
        self._make_ready(request, provider, inputs, step)
        return answered(self._recorded(request, step))

    def _decided(self, request: Request, provider: Provider) -> tuple[Properties, Step, bool]:
        """The inputs as checked, what is to be done, and whether the old one goes first."""
        goal, old = request.goal, request.old
        news: dict[str, Value] = dict(goal.inputs)
        if goal.version:
            news["version"] = goal.version
        checked = provider.check_config(
            visible(taken_by(provider, old.inputs)) if old else {}, taken_by(provider, news)
        )
        if checked.failures:
            raise request.check_failed(checked.failures)
        inputs = conceal(checked.inputs, news)
        outputs = {**inputs}
        own = bookkeeping(old.inputs if old else {}, goal.plugin_download_url)
        wanted = entry_for(goal, request.urn, "", {**inputs, **own})
        step, old_first = self._step(request, provider, wanted, outputs)
        return inputs, step, old_first

    def _make_ready(self, request: Request, provider: Provider, inputs: Properties, step: Step) -> None:
        run = self._run
        ref = provider_ref(request.urn, step.entry.id)
        if step.op is not Op.SAME or run.providers.get(ref) is None:
            provider.configure(taken_by(provider, inputs))
            run.providers.put(ref, provider)
        if step.op is Op.UPDATE:
            run.stale.add(ref)

    def _recorded(self, request: Request, step: Step) -> Registered:
        run, old = self._run, request.old
        make = replace(step, op=Op.CREATE_REPLACEMENT)
        if step.op is Op.REPLACE:
            run.decided(make)
        run.decided(step)
        if step.op is Op.REPLACE and old is not None:
            run.recorder.change_old(old, replace(old, delete=True))
            run.recorder.add(step.entry, None)
            run.ended(make)
        else:
            run.recorder.add(step.entry, old)
        run.ended(step)
        return Registered(request.urn, step.entry.id, step.entry.outputs)

    def _step(
        self, request: Request, provider: Provider, wanted: ResourceState, outputs: Properties
    ) -> tuple[Step, bool]:
        run, old = self._run, request.old
        time = run.world.now()
        if old is None:
            made = replace(wanted, id=self._new_id(), outputs=outputs, created=time, modified=time)
            return Step(Op.CREATE, request.urn, None, made), False
        olds, news = visible(old.inputs), visible(wanted.inputs)
        diffs = differences(olds, news)
        asked = run.targets.replaces(request.urn)
        again = old.pending_replacement
        if not (diffs or asked or again):
            return Step(Op.SAME, request.urn, old, request.carried(wanted)), False
        keys: tuple[str, ...] = ("id",) if asked else ()
        old_first = request.goal.delete_before_replace
        if not asked:
            answer = provider.diff_config(taken_by(provider, olds), taken_by(provider, news))
            keys = (*answer.replace_keys, *changed_keys([d for d in answer.properties if d.kind.replaces]))
            old_first = answer.delete_before_replace if old_first is None else old_first
        if keys or again:
            request.refuse_protected("`--replace`" if asked else "a change")
            run.replaced.add(request.urn)
            made = replace(wanted, id=self._new_id(), outputs=outputs, created=time, modified=time)
            step = Step(Op.REPLACE, request.urn, old, made, diffs, tuple(dict.fromkeys(keys)))
            return step, bool(old_first or again)
        now = replace(request.carried(wanted), outputs=outputs, modified=time)
        return Step(Op.UPDATE, request.urn, old, now, diffs), False

    def _new_id(self) -> str:
        return UNKNOWN_TEXT if self._run.dry else self._run.world.new_id()
