"""The cases of a policy file: plans in short, judged like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.model.finding import Level
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.policy.images import BUILT_IMAGE
from tomo.policy.judge import judge
from tomo.policy.policies import Policies
from tomo.policy.roads import COPY
from tomo.resources import tokens
from tomo.service.policies import CaseOutcome
from tomo.spec.policy import CaseResource, PolicyTest
from tomo.spec.yaml import plain

_STACK, _PROJECT = "test", "policy"
_TYPES: Final[Mapping[str, str]] = {
    "container": tokens.CONTAINER,
    "image": tokens.REMOTE_IMAGE,
    "built-image": BUILT_IMAGE,
    "volume": tokens.VOLUME,
    "network": tokens.NETWORK,
    "server": tokens.SERVER,
    "file": tokens.FILE,
    "copy": COPY,
    "command": tokens.REMOTE_COMMAND,
    "local-command": tokens.LOCAL_COMMAND,
    "docker-provider": tokens.DOCKER_PROVIDER,
}
_OPS: Final = {op.pulumi_name: op for op in Op}


def outcome_of(case: PolicyTest, policies: Policies) -> CaseOutcome:
    """What the policies say about a case."""
    steps = [step for resource in case.resources for step in _steps(resource)]
    findings = judge(Plan(_STACK, _PROJECT, tuple(steps)), policies, {})
    found: dict[str, str] = {}
    for finding in findings:
        found.setdefault(finding.rule, _told(finding.level, approved=bool(finding.auto_approved)))
    return CaseOutcome(case.name, dict(sorted(case.expect.items())), dict(sorted(found.items())), findings)


def _told(level: Level, *, approved: bool) -> str:
    """The level as it works: what is approved by itself is no more than a warning."""
    return Level.WARN.value if approved else level.value


def _steps(resource: CaseResource) -> tuple[Step, ...]:
    type_ = _TYPES.get(resource.type, resource.type)
    parent = Urn.make(_STACK, _PROJECT, None, tokens.APP, resource.app) if resource.app else None
    urn = Urn.make(_STACK, _PROJECT, parent, type_, resource.name)
    op = _OPS[resource.op]
    inputs = plain(resource.inputs)
    old_inputs = plain(resource.old) if resource.old else inputs

    def entry(values: Mapping[str, object]) -> ResourceState:
        return ResourceState(
            urn, type_, custom=True, inputs=values, parent=parent, retain_on_delete=resource.keeps_data
        )

    old = None if op in {Op.CREATE, Op.IMPORT} else entry(old_inputs)
    new = None if op is Op.DELETE else entry(inputs)
    own = Step(op, urn, old, new)
    if parent is None:
        return (own,)
    app = ResourceState(parent, tokens.APP, custom=False)
    return Step(Op.SAME, parent, app, app), own
