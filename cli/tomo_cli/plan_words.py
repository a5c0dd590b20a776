"""What a plan comes to, in a line; needs nothing of what lays out the rest."""

from __future__ import annotations

from tomo.model.events import Severity
from tomo.model.plan import Plan, is_default_provider, is_hidden
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE
from tomo.service.runs import PlanResult

PLAN = "Plan"
DRIFT = "Drift"
"""The heading of a plan that tells what was changed outside Tomo."""
_TENSES = (
    (Op.IMPORT, "import"),
    (Op.CREATE, "create"),
    (Op.UPDATE, "update"),
    (Op.REPLACE, "replace"),
    (Op.DELETE, "delete"),
    (Op.DISCARD, "discard"),
    (Op.REFRESH, "refresh"),
    (Op.READ, "read"),
)


def one_line(result: PlanResult, heading: str = PLAN) -> str | None:
    """The only line of a plan that has nothing else to show; None for any other."""
    plan = result.plan
    notes = any(line.severity is not Severity.DEBUG for line in plan.diagnostics)
    beside = (
        *(notes, plan.outputs.moved, plan.unlooked, result.updates, result.stages, result.backups),
        *(result.new_secrets, result.shortfalls, result.judgement.findings, result.judgement.source),
        *(result.failures, result.program_error, any(map(is_shown, plan.steps))),
    )
    return None if any(beside) else last_line(result, heading)


def last_line(result: PlanResult, heading: str = PLAN) -> str:
    """The line that sums a plan up."""
    failed = result.failures or result.program_error is not None
    if failed and not any(map(is_shown, result.plan.steps)):
        return "No plan could be made."
    return drift_summary(result.plan) if heading == DRIFT else summary(result.plan, destroys=result.destroys)


def summary(plan: Plan, *, destroys: bool = False) -> str:
    """One line that counts what would be done."""
    counts = visible_counts(plan)
    parts = [f"{counts[op]} to {word}" for op, word in _TENSES if counts.get(op) and op is not Op.READ]
    same = counts.get(Op.SAME, 0)
    left = left_out(plan)
    beside = f" {_count(left)} not targeted." if left else ""
    if not parts and plan.unlooked:
        return f"No changes where it could be looked; {_unlooked(plan)} stand as recorded.{beside}"
    if not parts:
        nothing = "Nothing to delete." if destroys else f"No changes: {_resources(same)} as declared."
        return nothing + beside
    return f"Plan: {', '.join(parts)}, {same} unchanged.{beside}"


def left_out(plan: Plan) -> int:
    """How many resources, as people count them, the plan was told to leave alone."""
    urns = (urn for urn in plan.left_out if urn.type != STACK_TYPE)
    return sum(not is_default_provider(urn) for urn in urns)


def drift_summary(plan: Plan) -> str:
    """One line that counts what is not as it was left."""
    counts = visible_counts(plan)
    gone, moved = counts.get(Op.DELETE, 0), counts.get(Op.REFRESH, 0)
    parts = [f"{moved} changed"] if moved else []
    parts += [f"{gone} gone"] if gone else []
    if parts:
        return f"Drift: {', '.join(parts)}. `tomo apply` repairs it."
    return (
        f"No drift where it could be looked; {_unlooked(plan)} stand as recorded."
        if plan.unlooked
        else "No drift."
    )


def _unlooked(plan: Plan) -> str:
    return _count(sum(host.resources for host in plan.unlooked))


def _count(resources: int) -> str:
    return "1 resource" if resources == 1 else f"{resources} resources"


def visible_counts(plan: Plan) -> dict[Op, int]:
    """Steps by operation, as people count them: without the stack itself and default providers."""
    counts: dict[Op, int] = {}
    alone = set(plan.left_out)
    for step in plan.steps:
        if step.op is Op.SAME and step.urn in alone:
            continue
        if step.op.is_logical and not is_hidden(step) and step.type != STACK_TYPE:
            counts[step.op] = counts.get(step.op, 0) + 1
    return counts


def _resources(count: int) -> str:
    return "1 resource is" if count == 1 else f"{count} resources are"


def is_shown(step: Step) -> bool:
    """Whether a plan shows a step by itself."""
    quiet = {Op.SAME, Op.READ}
    return step.op.is_logical and step.op not in quiet and not is_hidden(step) and step.type != STACK_TYPE
