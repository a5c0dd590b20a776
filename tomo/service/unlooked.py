"""What a plan could not look at, as people are told of it."""

from __future__ import annotations

from dataclasses import replace

from tomo.model.plan import Plan, Unlooked


def each_host_once(plan: Plan) -> Plan:
    """Several providers may have found the same host silent."""
    told: dict[tuple[str, str], Unlooked] = {}
    for host in plan.unlooked:
        key = (host.host, host.problem)
        before = told[key].resources if key in told else 0
        told[key] = replace(host, resources=before + host.resources)
    return replace(plan, unlooked=tuple(told.values()))
