"""Which containers do not serve while they are replaced, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.frozen import frozen
from tomo.model.plan import Plan
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.resources.swapping import hindrances, proxy_of, starts_first
from tomo.resources.tokens import CONTAINER


@frozen(order=True)
class Interruption:
    """A container that stops before the one in its place is well; `why` follows `it`."""

    host: str
    container: str
    why: str
    behind_proxy: bool

    @property
    def message(self) -> str:
        """What people are told."""
        where = f" on `{self.host}`" if self.host else ""
        held = "; its proxy holds requests for up to 10 s" if self.behind_proxy else ""
        return f"`{self.container}`{where} stops before its new container is well: it {self.why}{held}"


_SHOWN: Final = 5


def interruption_notes(plan: Plan, hosts: Mapping[Urn, str]) -> list[str]:
    """What people are told of them; of many the first ones, and how many more there are."""
    found = interruptions(plan, hosts)
    told = [each.message for each in found[:_SHOWN]]
    more = len(found) - len(told)
    return [*told, f"so do {more} more containers"] if more else told


def interruptions(plan: Plan, hosts: Mapping[Urn, str]) -> list[Interruption]:
    """Every container that a plan replaces with a gap, sorted; others serve until the new one does."""
    found: list[Interruption] = []
    for step in plan.steps:
        if step.op is Op.REPLACE and step.type == CONTAINER and _is_interrupted(step):
            name = str(step.entry.inputs.get("name") or step.urn.name)
            proxied = step.new is not None and bool(proxy_of(step.new.inputs))
            found.append(Interruption(hosts.get(step.urn, ""), name, _why(step), proxied))
    return sorted(found)


def keeps_serving(step: Step) -> bool:
    """Whether a replaced container serves until its successor does."""
    if step.old is None or step.new is None:
        return False
    return step.swap and starts_first(step.old.inputs, step.new.inputs)


def _is_interrupted(step: Step) -> bool:
    """One that ends by itself serves nobody."""
    runs = step.old is None or step.old.inputs.get("mustRun") is not False
    return runs and not keeps_serving(step)


def _why(step: Step) -> str:
    if not step.swap:
        return "is deleted before it is made anew"
    for entry in (step.new, step.old):
        for hindrance in hindrances(entry.inputs) if entry is not None else ():
            return hindrance
    both = [entry for entry in (step.old, step.new) if entry is not None]
    if not all(proxy_of(entry.inputs) for entry in both):
        return "is behind no proxy"
    return "is not said to bear a second one beside it"
