"""Rules about what goes away."""

from __future__ import annotations

from collections.abc import Iterator

from tomo.model.step import Op, Step
from tomo.policy.rule import Case, Options, Violation
from tomo.policy.values import name_of
from tomo.resources.tokens import VOLUME


def _kind(step: Step) -> str:
    return step.type.rsplit(":", 1)[-1].lower()


def deletes(case: Case, _options: Options) -> Iterator[Violation]:
    """Resources that are removed from their host."""
    for step in case.removed:
        if step.entry.custom and not step.entry.retain_on_delete:
            message = f"the {_kind(step)} `{name_of(step.entry)}` is removed"
            yield Violation(step.urn, "", message, "leave it in the file, or protect it")


def replaces(case: Case, _options: Options) -> Iterator[Violation]:
    """Resources that are removed and made anew."""
    for step in _replaced(case):
        keys = ", ".join(f"`{key}`" for key in step.keys)
        because = f", because of {keys}" if keys else ""
        message = f"the {_kind(step)} `{name_of(step.entry)}` is replaced{because}"
        yield Violation(
            step.urn, step.keys[0] if step.keys else "", message, "change it back, or do it later"
        )


def data_removals(case: Case, _options: Options) -> Iterator[Violation]:
    """Volumes whose data is lost."""
    gone = [step for step in case.removed if step.type == VOLUME]
    gone += [step for step in _replaced(case) if step.type == VOLUME]
    for step in gone:
        if step.old is not None and not step.old.retain_on_delete:
            message = f"the data in the volume `{name_of(step.old)}` is removed for good"
            yield Violation(
                step.urn, "", message, "back it up first; `remove_data: true` is what asks for it"
            )


def _replaced(case: Case) -> Iterator[Step]:
    for steps in case.made.values():
        yield from (step for step in steps if step.op is Op.REPLACE)
