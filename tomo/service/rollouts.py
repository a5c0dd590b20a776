"""In which stages a plan goes over its hosts."""

from __future__ import annotations

from collections.abc import Sequence

from tomo.engine.registry import is_provider
from tomo.errors import UsageError
from tomo.model.plan import Plan, is_default_provider
from tomo.model.resource import needs
from tomo.model.rollout import Rollout, Stage
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.service.present import hosts_of

_NEVER_REGISTERED = frozenset({Op.DELETE, Op.DELETE_REPLACED, Op.DISCARD, Op.DISCARD_REPLACED, Op.READ})


def stages_of(plan: Plan, rollout: Rollout, servers: Sequence[str] | None) -> tuple[Stage, ...]:
    """The stages of a plan, in the order of the fleet's servers; none where nothing is staged or changes.

    Raises UsageError for a hand-written program, whose resources may need one another in any order.
    """
    if not rollout.is_staged:
        return ()
    if servers is None:
        raise UsageError(
            "`--canary` and `--serial` are for fleets", hint="name a part of the program: `--target`"
        )
    hosts = hosts_of(plan)
    changed = {hosts.get(step.urn, "") for step in plan.changes if _counts(step)}
    batches = rollout.batches([server for server in servers if server in changed])
    if not batches:
        return ()
    place = {host: index for index, batch in enumerate(batches) for host in batch}
    of = _indexes(plan.steps, {urn: place[host] for urn, host in hosts.items() if host in place})
    urns: list[set[Urn]] = [set() for _ in batches]
    for urn, index in of.items():
        urns[index].add(urn)
    return tuple(Stage(batch, frozenset(urns[index])) for index, batch in enumerate(batches))


def _counts(step: Step) -> bool:
    return step.type != STACK_TYPE and not is_provider(step.type)


def _indexes(steps: Sequence[Step], places: dict[Urn, int]) -> dict[Urn, int]:
    """The stage of each resource that is registered; what another one needs never comes after it."""
    found: dict[Urn, int] = {}
    for step in steps:
        if step.op in _NEVER_REGISTERED or step.type == STACK_TYPE or is_default_provider(step.urn):
            continue
        if step.urn in places:
            found[step.urn] = places[step.urn]
    for step in reversed(steps):
        own = found.get(step.urn, 0)
        parent = (step.entry.parent,) if step.entry.parent else ()
        for urn in (*needs(step.entry), *parent):
            if urn in found and found[urn] > own:
                found[urn] = own
    return found
