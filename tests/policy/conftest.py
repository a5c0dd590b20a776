"""Plans in a few words, and what one rule says about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from tomo.model.finding import Finding, Level
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.model.values import Properties
from tomo.policy.judge import judge
from tomo.policy.policies import BUILT_IN, Policies, Setting
from tomo.resources import tokens

CONTAINER = tokens.CONTAINER


def urn_of(type_: str, name: str, parent: Urn | None = None) -> Urn:
    return Urn.make("home", "tomo", parent, type_, name)


def step(
    inputs: Properties,
    *,
    type_: str = CONTAINER,
    op: Op = Op.CREATE,
    old: Properties | None = None,
    name: str = "web",
    parent: Urn | None = None,
    retain: bool = False,
    **more: object,
) -> Step:
    """One step; what was there before is the same where nothing else is said."""
    urn = urn_of(type_, name, parent)

    def entry(values: Properties) -> ResourceState:
        return ResourceState(urn, type_, True, inputs=values, parent=parent, retain_on_delete=retain)

    before = None if op in {Op.CREATE, Op.IMPORT} else entry(inputs if old is None else old)
    return Step(op, urn, before, None if op is Op.DELETE else entry(inputs), **more)  # type: ignore[arg-type]


def plan_of(*steps: Step) -> Plan:
    return Plan("home", "tomo", steps)


@dataclass(frozen=True)
class Look:
    """What one rule finds in some steps, as (field, message)."""

    rule: str
    allow: Iterable[str] | None = None
    everything: bool = False
    exempt: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)

    def findings(self, *steps: Step) -> tuple[Finding, ...]:
        options = dict(self.options) if self.allow is None else {"allow": list(self.allow)}
        setting = Setting(BUILT_IN[self.rule], Level.DENY, options, exempt=self.exempt)
        return judge(plan_of(*steps), Policies((setting,), self.everything), {})

    def fields(self, *steps: Step) -> list[str]:
        return [finding.field for finding in self.findings(*steps)]

    def messages(self, *steps: Step) -> list[str]:
        return [finding.message for finding in self.findings(*steps)]


Looks = Callable[..., Look]


@pytest.fixture
def look() -> Looks:
    """A rule by its name, with what it allows."""
    return Look
