"""Classes of changes that a policy file may let through without an approval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tomo.frozen import frozen
from tomo.model.plan import Plan
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.model.values import Unknown, Value, same_value
from tomo.policy.images import reference
from tomo.policy.values import opened
from tomo.resources.tokens import CONTAINER, REMOTE_IMAGE

Steps = Mapping[Urn, Step]
"""The logical steps of a plan by their resource."""


@frozen
class HarmlessClass:
    """A kind of change: its name, what it is in words, and whether a step is one."""

    name: str
    summary: str
    covers: Callable[[Step, Steps], bool]


def _is_image_update(step: Step, steps: Steps) -> bool:
    """Whether nothing but the image's tag or digest changes, in the same repository."""
    if step.op not in {Op.UPDATE, Op.REPLACE} or step.old is None or step.new is None:
        return False
    if step.type == REMOTE_IMAGE:
        allowed = {"name", "pullTriggers", "triggers"}
        same_home = _same_repository(step.old.inputs.get("name"), step.new.inputs.get("name"))
        return same_home and _moved(step) <= allowed
    if step.type != CONTAINER or _moved(step) != {"image"} or any(diff.drift for diff in step.diffs):
        return False
    new = opened(step.new.inputs.get("image"))
    if isinstance(new, Unknown):
        pulled = steps.get(Urn(new.source.rpartition(".")[0])) if new.source else None
        return pulled is not None and pulled.type == REMOTE_IMAGE and _is_image_update(pulled, steps)
    return _same_repository(step.old.inputs.get("image"), new)


def _moved(step: Step) -> set[str]:
    """The top-level inputs that differ."""
    old, new = (step.old.inputs, step.new.inputs) if step.old and step.new else ({}, {})
    return {name for name in old.keys() | new.keys() if not same_value(old.get(name), new.get(name))}


def _same_repository(old: Value, new: Value) -> bool:
    left, right = opened(old), opened(new)
    if not isinstance(left, str) or not isinstance(right, str):
        return False
    by_id = left.startswith("sha256:") or right.startswith("sha256:")
    return not by_id and reference(left).repository == reference(right).repository


def _is_drift_repair(step: Step, _steps: Steps) -> bool:
    """Whether it only undoes what was changed on the host."""
    undone = step.op in {Op.UPDATE, Op.REPLACE} and bool(step.diffs) and all(d.drift for d in step.diffs)
    return undone and not _moved(step)


CLASSES: Final[Mapping[str, HarmlessClass]] = {
    each.name: each
    for each in (
        HarmlessClass("image-update", "another tag or digest of the same repository", _is_image_update),
        HarmlessClass("drift-repair", "what was changed on a host is put back", _is_drift_repair),
    )
}
"""Every class by its name."""


def steps_by_resource(plan: Plan) -> Steps:
    """The logical steps of a plan by their resource."""
    return {step.urn: step for step in plan.steps if step.op.is_logical}
