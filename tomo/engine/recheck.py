"""Reads once more what a step rests on, right before it acts."""

from __future__ import annotations

from tomo.engine.compare import differences
from tomo.engine.hiding import hide_secrets
from tomo.engine.look import can_look, observed
from tomo.engine.run import Run
from tomo.engine.tolerance import asked_of, on_host, tolerated
from tomo.errors import PlanRefused
from tomo.model.provider import ReadResult, ReadStatus
from tomo.model.resource import ResourceState
from tomo.model.step import Step


def require_as_observed(run: Run, step: Step) -> None:
    """Raises PlanRefused where a step's resource is not as it was observed any more.

    A host that doesn't answer now is the step's own to report.
    """
    old = step.old
    if old is None or not _rests_on_look(run, old):
        return
    provider = run.providers.get(old.provider)
    if provider is None:
        return
    [found] = provider.read([asked_of(provider, old, run.world.drift.get(old.urn))])
    what = _moved(run, old, found)
    if what:
        where = f" on {step.host}" if step.host else ""
        raise PlanRefused(
            f"`{step.urn.name}`{where} is not as the plan saw it: {what}",
            hint="look at it, then run `tomo plan` again",
        )


def _rests_on_look(run: Run, old: ResourceState) -> bool:
    gate = run.options.gate
    if gate is None or not gate.rechecks or not run.options.look or not can_look(old) or old.delete:
        return False
    # What this run has deleted, ahead of its replacement, is not there any more.
    return old.urn not in run.observation.unreached and not run.olds.get(old.urn, old).pending_replacement


def _moved(run: Run, old: ResourceState, found: ReadResult) -> str:
    if found.status is ReadStatus.GONE:
        return "it is gone"
    if found.status is not ReadStatus.FOUND:
        return ""
    found = tolerated(found, old, run.world.drift.get(old.urn))
    now = observed(old, found, old.modified)
    if now.id != old.id:
        return f"its id was `{old.id}` and is `{now.id}`"
    moved = differences(old.inputs, now.inputs) or differences(on_host(old.inputs), on_host(now.inputs))
    if moved:
        return f"`{moved[0].path}` was changed"
    drift = hide_secrets(found.drift, old, found.inputs)
    if drift != run.drift_of(old.urn):
        return (drift or run.drift_of(old.urn))[0].why or "it was changed"
    return ""
