"""Holds a plan against the policies in force."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from tomo.errors import HostNotAccepted
from tomo.model.finding import Finding, Level
from tomo.model.plan import Plan
from tomo.model.urn import STACK_TYPE, Urn
from tomo.policy.harmless import CLASSES, Steps, steps_by_resource
from tomo.policy.policies import Policies, Setting
from tomo.policy.rule import Case, Violation
from tomo.policy.values import matches

_REPORT: Final = "mend the rule, or set its level to `off`; its package is what `tomo policy list` shows"


def judge(
    plan: Plan, policies: Policies, hosts: Mapping[Urn, str], *, by_assistant: bool = False
) -> tuple[Finding, ...]:
    """Everything that the rules find, the strictest first; the same plan has the same findings.

    `by_assistant` says that an assistant proposed the plan: nothing is then approved by itself. A rule that
    fails is a finding at its own level.
    """
    case = Case.of(plan, hosts, everything=policies.everything)
    strangers = any(host.code == HostNotAccepted.code for host in plan.unlooked)
    if not case.made and not case.removed and not strangers:
        return ()
    names = _Names(plan)
    found = {
        finding
        for setting in policies.settings
        if setting.level is not Level.OFF
        for finding in _findings(setting, case, names)
    }
    classes = () if by_assistant else policies.auto_approve
    steps = steps_by_resource(plan) if classes else {}
    places = {step.urn: place for place, step in enumerate(plan.steps)}

    def rank(finding: Finding) -> tuple[int, int, str, str, str, str]:
        place = places.get(finding.resource, -1)
        said = (finding.rule, finding.field, finding.message, finding.resource)
        return (-finding.level.weight, place, *said)

    return tuple(sorted((_auto_approved(each, classes, steps) for each in found), key=rank))


def _findings(setting: Setting, case: Case, names: _Names) -> Iterator[Finding]:
    quorum = setting.quorum if setting.level is Level.REQUIRE_APPROVAL else None
    for violation in _violations(setting, case):
        if setting.exempt and matches_any(names.of(violation.resource), setting.exempt):
            continue
        yield Finding(
            setting.level,
            setting.rule.name,
            Urn(violation.resource),
            violation.field,
            violation.message,
            violation.hint,
            case.hosts.get(violation.resource, ""),
            quorum,
        )


def _violations(setting: Setting, case: Case) -> list[Violation]:
    """What a rule says; where it fails instead, that is what there is to say."""
    try:
        found = list(setting.rule.check(case, setting.options))
        wrong = [each for each in found if not _is_violation(each)]
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a rule is anybody's code
        return [_failed(setting, case, f"{type(error).__name__}{_where(error)}")]
    if wrong:
        return [_failed(setting, case, f"it gave a `{type(wrong[0]).__name__}` where a violation belongs")]
    return found


def _is_violation(value: object) -> bool:
    if not isinstance(value, Violation):
        return False
    return all(isinstance(text, str) for text in (value.resource, value.field, value.message, value.hint))


def _failed(setting: Setting, case: Case, what: str) -> Violation:
    stack = Urn.stack_urn(case.plan.stack, case.plan.project)
    return Violation(
        stack, "", f"the rule `{setting.rule.name}` of `{setting.origin}` failed: {what}", _REPORT
    )


def _where(error: BaseException) -> str:
    """File and line only: the error's own text may hold anything, a secret for one."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _auto_approved(finding: Finding, classes: tuple[str, ...], steps: Steps) -> Finding:
    if not classes or not finding.awaits_approval:
        return finding
    step = steps.get(finding.resource)
    name = next((each for each in classes if step and CLASSES[each].covers(step, steps)), "")
    return replace(finding, auto_approved=name)


def matches_any(names: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Whether one of some names is what one of some patterns says."""
    return any(matches(name, patterns) for name in names)


class _Names:
    """What people may call a resource in an exemption: URN, name, name on the host, its app's name."""

    def __init__(self, plan: Plan) -> None:
        self._entries = {step.urn: step.entry for step in plan.steps}

    def of(self, urn: Urn) -> tuple[str, ...]:
        """All names of a resource, its parents' included."""
        names: list[str] = [urn]
        entry = self._entries.get(urn)
        while entry is not None and entry.type != STACK_TYPE:
            own = entry.inputs.get("name")
            app = entry.urn.name.rpartition("@")[0]
            names += [entry.urn.name, *([own] if isinstance(own, str) else []), *([app] if app else [])]
            entry = self._entries.get(entry.parent) if entry.parent else None
        return tuple(names)
