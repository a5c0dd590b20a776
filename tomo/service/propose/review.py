"""What a person should know of a plan before agreeing: in counts, ports, outages and data that go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tomo.model.plan import Plan
from tomo.model.proposal import Downtime, Exposed, Outage, Review
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.resources.tokens import APP, CONTAINER, VOLUME
from tomo.service.exposure import newly_open
from tomo.service.interruptions import keeps_serving
from tomo.service.present import hosts_of
from tomo.service.runs import PlanResult

Uses: TypeAlias = Mapping[str, Sequence[str]]
"""Where each secret that is set is used."""


def review_of(shown: PlanResult, new_hosts: Mapping[str, str], before: Uses, after: Uses) -> Review:
    """The review of a plan; `new_hosts` are those that whoever agrees accepts, by name, in words."""
    plan, hosts = shown.plan, hosts_of(shown.plan)
    return Review(
        {op.pulumi_name: count for op, count in plan.counts.items()},
        shown.judgement,
        tuple(
            Exposed(each.host, each.address, each.port, each.protocol, each.container, each.reach)
            for each in newly_open(plan, hosts)
        ),
        tuple(sorted(_downtime(plan, hosts))),
        tuple(_data_removed(plan, hosts)),
        shown.new_secrets,
        tuple(new_hosts.values()),
        tuple(f"{each.host}: {each.problem}" for each in plan.unlooked if each.host not in new_hosts),
        tuple(problems(shown)),
        tuple(_secret_uses(before, after)),
    )


def _secret_uses(before: Uses, after: Uses) -> Iterator[str]:
    """What gets a secret that it did not get before, and who has that one already."""
    for name, uses in after.items():
        had = before.get(name, ())
        new = [use for use in uses if use not in had and f"data of {use}" not in had]
        if new:
            beside = f", beside {', '.join(had)}" if had else ""
            yield f"{name} goes to {', '.join(new)}{beside}"


def problems(shown: PlanResult) -> Iterator[str]:
    """Why a plan can't be applied."""
    yield from (failure.error.message for failure in shown.failures)
    if shown.program_error is not None:
        yield shown.program_error.message
    yield from (shortfall.message for shortfall in shown.shortfalls if shortfall.blocks)


def _downtime(plan: Plan, hosts: Mapping[Urn, str]) -> Iterator[Downtime]:
    for step in plan.changes:
        outage = _outage(step) if step.type == CONTAINER else None
        if outage is not None:
            name = str(step.entry.inputs.get("name") or step.urn.name)
            yield Downtime(hosts.get(step.urn, ""), _app_of(step), name, outage)


def _outage(step: Step) -> Outage | None:
    """How a container's step interrupts it; what is made anew interrupts nobody."""
    if step.op is Op.REPLACE:
        return None if keeps_serving(step) else Outage.REPLACED
    if step.op is Op.DELETE:
        return Outage.REMOVED
    stops = step.op is Op.UPDATE and step.new is not None and step.new.inputs.get("mustRun") is False
    return Outage.STOPPED if stops else None


def _app_of(step: Step) -> str:
    parent = step.entry.parent
    return parent.name.rpartition("@")[0] if parent is not None and parent.type == APP else ""


def _data_removed(plan: Plan, hosts: Mapping[Urn, str]) -> Iterator[str]:
    for step in plan.changes:
        kept = step.op is Op.DELETE and step.old is not None and step.old.retain_on_delete
        if step.type == VOLUME and step.op in {Op.DELETE, Op.REPLACE} and not kept:
            old = step.old or step.entry
            host = hosts.get(step.urn, "")
            yield f"{old.inputs.get('name') or step.urn.name}{f' on {host}' if host else ''}"
