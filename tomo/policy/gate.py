"""Whether a plan may be applied: nothing denies it, and who has to agree has agreed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tomo.errors import ApprovalMissing, PolicyDenied, TomoError
from tomo.model.approval import Approval
from tomo.model.finding import Finding, Judgement, Quorum

ROLES: Final = ("user", "admin")
"""Roles that may approve; each may do what those before it may."""
_MOST: Final = 10


def refusal(judgement: Judgement, approvals: Sequence[Approval] = ()) -> TomoError | None:
    """Why a plan may not be applied; None where it may."""
    if judgement.denied:
        return PolicyDenied(
            f"{_counted(judgement.denied, 'finding')} of {_rules(judgement.denied)} stand"
            f"{'s' if len(judgement.denied) == 1 else ''} against this plan; nothing was done",
            hint=f"change what they name, or the level of the rule in {_source(judgement)}",
            detail=_listed(judgement.denied),
        )
    lacking = [each for each in judgement.awaiting if not is_met(each.quorum or Quorum(), approvals)]
    if not lacking:
        return None
    needed = ", and ".join(dict.fromkeys(str(each.quorum or Quorum()) for each in lacking))
    return ApprovalMissing(
        f"this plan needs {needed}, for {_rules(lacking)}; {_given(approvals)}, and nothing was done",
        hint="keep it and have it approved: `tomo plan -o FILE`, `tomo approve FILE` (`TOMO_APPROVERS` names "
        f"who may); or change the level of the rule in {_source(judgement)}",
        detail="\n".join([_listed(lacking), *_own(lacking, approvals)]),
    )


def not_approved(*, kept: bool) -> ApprovalMissing:
    """The refusal where approvals are on and nobody has agreed; only a kept plan can be agreed to."""
    if kept:
        return ApprovalMissing(
            "nobody has approved this plan, and here somebody has to; nothing was done",
            hint="have it approved: `tomo approve PLAN`; `tomo approvals PLAN` tells who may",
        )
    return ApprovalMissing(
        "here only a plan that somebody has approved is applied; nothing was done",
        hint="keep it: `tomo plan -o FILE` (`--destroy` too), then `tomo approve FILE`, `tomo apply FILE`",
    )


def is_met(quorum: Quorum, approvals: Iterable[Approval]) -> bool:
    """Whether enough different people of the role have agreed."""
    people = {
        each.person
        for each in approvals
        if _may(each.role, quorum.role) and not (quorum.distinct_person and each.asked_for_it)
    }
    return len(people) >= quorum.approvers


def _may(role: str, wanted: str) -> bool:
    if role not in ROLES:
        return False
    return ROLES.index(role) >= ROLES.index(wanted) if wanted in ROLES else not wanted


def _given(approvals: Sequence[Approval]) -> str:
    people = {each.person for each in approvals}
    return f"it has {_counted(people, 'approval')}" if people else "nobody has approved it"


def _own(lacking: Sequence[Finding], approvals: Sequence[Approval]) -> list[str]:
    """Who has agreed without that being enough, since the plan is for them."""
    if not any(each.quorum is not None and each.quorum.distinct_person for each in lacking):
        return []
    people = dict.fromkeys(each.person for each in approvals if each.asked_for_it)
    return [f"`{person}` has agreed, but it is theirs: somebody else has to" for person in people]


def _counted(things: Sequence[object] | set[str], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _rules(findings: Sequence[Finding]) -> str:
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(each.rule for each in findings))
    return f"the rule {names}" if "," not in names else f"the rules {names}"


def _source(judgement: Judgement) -> str:
    return f"`{judgement.source}`" if judgement.source else "a policy file of your own (`tomo-policy.yaml`)"


def _listed(findings: Sequence[Finding]) -> str:
    lines = [f"{each.rule}: {each.message}" for each in findings[:_MOST]]
    more = len(findings) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])
