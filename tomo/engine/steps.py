"""The steps of one resource: same, create, update, replace (engine-spec 2.2 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from tomo.engine.cascade import Condemned, condemned_with
from tomo.engine.chains import Chains
from tomo.engine.compare import finished_outputs, secret_keys, taken_by
from tomo.engine.inherit import entry_for
from tomo.engine.look import not_looked_at
from tomo.engine.registry import host_of, is_provider, visible
from tomo.engine.request import Request
from tomo.engine.run import Run
from tomo.engine.tolerance import as_on_host, declared
from tomo.engine.verdict import GONE, Verdict
from tomo.errors import HostError
from tomo.frozen import frozen
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CreateRequest,
    DiffRequest,
    UpdateRequest,
)
from tomo.model.resource import ResourceState
from tomo.model.source import Registered
from tomo.model.step import Op, Step
from tomo.model.urn import (
    provider_ref,
)
from tomo.model.values import (
    Properties,
)


@frozen
class _Making:
    """How the new one of a replacement comes about, given the original as it stands, and what it gives."""

    make: Callable[[ResourceState], ResourceState]
    foresee: Callable[[], Properties]


class Steps:
    """Turns a verdict into steps: predicted in a plan, carried out in a run."""

    def __init__(self, run: Run) -> None:
        self._run, self._chains = run, Chains(run)

    def same(self, request: Request, inputs: Properties) -> Registered:
        """Keeps a resource and records the new inputs and options."""
        run, old = self._run, request.before
        if request.is_recorded(inputs):
            entry = old
        else:
            entry = request.carried(entry_for(request.goal, request.urn, request.ref, inputs))
        step = Step(Op.SAME, request.urn, old, entry, host=request.host)
        run.require_allowed(step)
        run.decided(step)
        run.recorder.add(step.entry, old)
        run.ended(step)
        return Registered(request.urn, old.id, step.entry.outputs)

    def create(self, request: Request, inputs: Properties) -> Future[Registered]:
        """Makes a resource."""
        run = self._run
        # What a second look found gone still stands in the state, as others may mention it.
        old = request.old or run.lost.get(request.urn)
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        gone = request.urn in run.gone or (old is not None and old.urn in run.gone)
        step = Step(Op.CREATE, request.urn, None, wanted, (GONE,) if gone else (), host=request.host)
        if run.dry:
            return self._chains.foresee(request, [step], lambda: self._predicted_create(request, step, old))
        act = lambda: run.acts.create(request.acting, wanted, drops=old)  # noqa: E731
        return self._chains.carry_out(request, [(step, act)])

    def _predicted_create(self, request: Request, step: Step, old: ResourceState | None) -> Registered:
        run, wanted = self._run, step.entry
        provider = request.acting
        asked = CreateRequest(
            request.urn,
            taken_by(provider, as_on_host(wanted.inputs, anew=True)),
            preview=True,
            secret_keys=secret_keys(wanted.inputs),
            look=run.options.look,
        )
        foreseen = provider.create(asked)
        self._note_unlooked(foreseen.unlooked)
        outputs = finished_outputs(wanted, foreseen.outputs)
        made = replace(step, new=replace(wanted, outputs=outputs))
        run.decided(made)
        run.recorder.add(made.entry, old)
        run.ended(made)
        return Registered(request.urn, "", outputs)

    def _note_unlooked(self, problem: HostError | None) -> None:
        if problem is not None:
            self._run.unlooked.append(not_looked_at(problem))

    def create_own(self, request: Request, inputs: Properties) -> Future[Registered]:
        """Makes a resource in place of one that was only read, which is let go of at the end."""
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        base = Step(Op.REPLACE, request.urn, request.before, wanted, host=request.host)
        return self._replaced(request, base, [], make_first=True)

    def update(self, request: Request, verdict: Verdict, inputs: Properties) -> Future[Registered]:
        """Changes a resource in place."""
        run, old = self._run, request.before
        wanted = request.carried(entry_for(request.goal, request.urn, request.ref, inputs))
        step = Step(Op.UPDATE, request.urn, old, wanted, verdict.diffs, host=request.host)
        if run.dry:
            return self._chains.foresee(request, [step], lambda: self._predicted_update(request, step, old))
        return self._chains.carry_out(request, [(step, lambda: run.acts.update(request.acting, wanted, old))])

    def _predicted_update(self, request: Request, step: Step, old: ResourceState) -> Registered:
        run, wanted = self._run, step.entry
        asked = UpdateRequest(
            request.urn,
            old.id,
            taken_by(request.acting, as_on_host(old.inputs)),
            taken_by(request.acting, old.outputs),
            taken_by(request.acting, as_on_host(wanted.inputs)),
            wanted.ignore_changes,
            preview=True,
            secret_keys=secret_keys(wanted.inputs),
            look=run.options.look,
        )
        foreseen = request.acting.update(asked)
        self._note_unlooked(foreseen.unlooked)
        outputs = finished_outputs(wanted, foreseen.outputs)
        made = replace(step, new=replace(wanted, outputs=outputs))
        run.decided(made)
        run.recorder.add(made.entry, old)
        run.ended(made)
        return Registered(request.urn, old.id, outputs)

    def replace(
        self, request: Request, verdict: Verdict, inputs: Properties, *, deleted: bool
    ) -> Future[Registered]:
        """Replaces a resource: new one first, old one first, or both by the provider in one act.

        `deleted` says that a cascade of this run deleted it already.
        """
        run, old = self._run, request.before
        request.refuse_protected(", ".join(verdict.keys) or "a change")
        run.replaced.add(request.urn)
        wanted = entry_for(request.goal, request.urn, request.ref, inputs)
        base = Step(Op.REPLACE, request.urn, old, wanted, verdict.diffs, verdict.keys, host=request.host)
        provider = request.acting
        if deleted or old.pending_replacement:
            return self._replaced(request, base, [], make_first=False)
        if not verdict.delete_before_replace:
            return self._replaced(request, base, [], make_first=True)
        condemned = self._condemned(condemned_with(old, run.graph, run.seen, self._diff_of_entry))
        if not condemned and not old.retain_on_delete and provider.can_swap(request.goal.type):
            return self._swapped(request, base)
        return self._replaced(request, base, condemned, make_first=False, delete_old=True)

    def replace_provider(self, request: Request, base: Step) -> Future[Registered]:
        """Replaces a provider resource after what it serves, and it itself, is deleted."""
        run, old, made = self._run, request.before, base.entry
        going = condemned_with(old, run.graph, run.seen, self._diff_of_entry)
        condemned = [] if old.pending_replacement else self._condemned(going)

        def make(now: ResourceState) -> ResourceState:
            run.recorder.add(made, now)
            return made

        making = _Making(make, lambda: made.outputs)
        again = old.pending_replacement
        return self._replaced(request, base, condemned, make_first=False, delete_old=not again, making=making)

    def _condemned(self, found: Sequence[Condemned]) -> list[Condemned]:
        """The condemned as they stand now; the graph has them as the look before the run left them."""
        olds = self._run.olds
        return [replace(item, entry=olds[item.entry.urn]) for item in found if item.entry.urn in olds]

    def _diff_of_entry(self, entry: ResourceState, inputs: Properties) -> DiffResult:
        if is_provider(entry.type):
            own = self._run.providers.get(provider_ref(entry.urn, entry.id))
            old, new = visible(taken_by(own, entry.inputs)), visible(taken_by(own, inputs))
            return own.diff_config(old, new) if own else DiffResult(changed=None)
        provider = self._run.providers.get(entry.provider)
        if provider is None:
            return DiffResult(changed=None)
        asked = DiffRequest(
            entry.urn,
            entry.id,
            taken_by(provider, declared(entry.inputs)),
            taken_by(provider, entry.outputs),
            taken_by(provider, declared(inputs)),
            entry.ignore_changes,
        )
        return provider.diff(asked)

    def _swapped(self, request: Request, base: Step) -> Future[Registered]:
        run, old, wanted = self._run, request.before, base.entry
        steps = [
            replace(base, op=Op.DELETE_REPLACED, new=None, swap=True),
            replace(base, swap=True),
            replace(base, op=Op.CREATE_REPLACEMENT, swap=True),
        ]
        if run.dry:
            return self._chains.foresee(
                request,
                steps,
                lambda: self._predicted_replacement(
                    request, steps, self._foreseen(request, wanted), keep_old=False
                ),
            )
        act = lambda: run.acts.swap(request.acting, wanted, old)  # noqa: E731
        return self._chains.carry_out(request, [(steps[2], act)], steps)

    def _replaced(
        self,
        request: Request,
        base: Step,
        condemned: Sequence[Condemned],
        *,
        make_first: bool,
        delete_old: bool = False,
        making: _Making | None = None,
    ) -> Future[Registered]:
        run, old = self._run, request.before
        making = making or self._making(request, base.entry)
        deletes = [self._condemned_step(item) for item in reversed(condemned)]
        if delete_old:
            deletes.append(replace(base, op=Op.DELETE_REPLACED, new=None))
        mark, make = base, replace(base, op=Op.CREATE_REPLACEMENT)
        order = [make, mark] if make_first else [*deletes, mark, make]
        if run.dry:
            answer = self._chains.foresee(
                request,
                order,
                lambda: self._predicted_replacement(request, order, making.foresee(), keep_old=make_first),
            )
            for item in condemned:
                self._now_waiting(item.entry)
            self._await_recreation(condemned, answer)
            return answer
        acts: list[tuple[Step, Callable[[], ResourceState]]] = [
            (step, self._deletion_of(step.entry)) for step in deletes
        ]
        acts.append((make, lambda: making.make(run.olds.get(old.urn, old))))
        future = self._chains.carry_out(request, acts, order)
        self._await_recreation(condemned, future)
        return future

    def _await_recreation(self, condemned: Sequence[Condemned], chain: Future[Registered]) -> None:
        """Lets later registrations of the condemned wait for the end of the chain that deletes them."""
        settled: Future[None] = Future()
        for item in condemned:
            self._run.recreate[item.entry.urn] = (item.keys, settled)
            self._run.replaced.add(item.entry.urn)
        chain.add_done_callback(lambda _: settled.set_result(None))

    def _now_waiting(self, entry: ResourceState) -> None:
        waiting = replace(entry, pending_replacement=True)
        self._run.recorder.change_old(entry, waiting)
        self._run.olds[entry.urn] = waiting

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
            waiting = run.acts.delete_first(provider, entry)
            with run.lock:
                run.olds[entry.urn] = waiting
            return waiting

        return act

    def _making(self, request: Request, wanted: ResourceState) -> _Making:
        """How a provider makes the new one."""

        def make(old: ResourceState) -> ResourceState:
            if old.pending_replacement:
                return self._run.acts.create(request.acting, wanted, drops=old)
            return self._run.acts.create(request.acting, wanted, condemns=old)

        return _Making(make, lambda: self._foreseen(request, wanted))

    def _foreseen(self, request: Request, wanted: ResourceState) -> Properties:
        asked = CreateRequest(
            request.urn,
            taken_by(request.acting, as_on_host(wanted.inputs, anew=True)),
            preview=True,
            secret_keys=secret_keys(wanted.inputs),
            look=self._run.options.look,
        )
        return finished_outputs(wanted, request.acting.create(asked).outputs)

    def _predicted_replacement(
        self, request: Request, order: Sequence[Step], outputs: Properties, *, keep_old: bool
    ) -> Registered:
        run, old = self._run, request.before
        wanted = next(step.new for step in order if step.new is not None)
        made = replace(wanted, outputs=outputs)
        for step in order:
            shown = replace(step, new=made) if step.new is not None else step
            run.decided(shown)
            run.ended(shown)
        if keep_old:
            run.recorder.change_old(old, replace(old, delete=True))
        run.recorder.add(made, None if keep_old else old)
        return Registered(request.urn, made.id, outputs)
