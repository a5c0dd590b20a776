"""What a plan could not look at, as people are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tomo.model.events import Diagnostic
from tomo.model.plan import Plan, Unlooked


def each_host_once(plan: Plan, notes: Sequence[Diagnostic] = ()) -> Plan:
    """The plan with each silent host once, though several providers found it so, after other notes."""
    told: dict[tuple[str, str], Unlooked] = {}
    for host in plan.unlooked:
        key = (host.host, host.problem)
        before = told[key].resources if key in told else 0
        told[key] = replace(host, resources=before + host.resources)
    return replace(plan, unlooked=tuple(told.values()), diagnostics=(*notes, *plan.diagnostics))
