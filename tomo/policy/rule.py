"""What a rule is: it is shown a plan and says what in it is against it. The protocol of own rules, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, Protocol, Self, TypeAlias

from tomo.frozen import frozen
from tomo.model.plan import Plan, is_hidden
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Value

Options: TypeAlias = Mapping[str, Value]
"""What the policy file gives a rule beside its level: plain texts, numbers, lists and mappings."""

_MAKES: Final = frozenset({Op.CREATE, Op.UPDATE, Op.REPLACE, Op.IMPORT})
_REMOVES: Final = frozenset({Op.DELETE})
_KEEPS: Final = frozenset({Op.SAME, Op.READ, Op.REFRESH})


@frozen
class Violation:
    """Something that is against a rule: in which resource, in which field, what and what to do about it.

    `field` is Pulumi's property path, such as `ports[0].ip`; `""` for the resource as a whole. No text of a
    violation may hold the value of a secret.
    """

    resource: Urn
    field: str
    message: str
    hint: str = ""


@frozen
class Case:
    """A plan as rules see it.

    `made` are the steps by type after which a resource is there: created, updated, replaced, imported; where
    policies look at everything also those that stay as they are. `removed` are deletions. `hosts` names the
    host that a resource concerns, where one is known. Half-steps and default providers are left out.
    """

    plan: Plan
    hosts: Mapping[Urn, str] = field(default_factory=dict)
    made: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    removed: tuple[Step, ...] = ()
    everything: bool = False

    @classmethod
    def of(cls, plan: Plan, hosts: Mapping[Urn, str], *, everything: bool = False) -> Self:
        """The case of a plan."""
        wanted = _MAKES | _KEEPS if everything else _MAKES
        made: dict[str, list[Step]] = {}
        removed: list[Step] = []
        for step in plan.steps:
            if is_hidden(step) or step.type == STACK_TYPE:
                continue
            if step.op in wanted and step.new is not None:
                made.setdefault(step.type, []).append(step)
            elif step.op in _REMOVES:
                removed.append(step)
        return cls(
            plan, hosts, {type_: tuple(each) for type_, each in made.items()}, tuple(removed), everything
        )

    def after(self, *types: str) -> Iterable[tuple[Step, ResourceState]]:
        """The steps that make resources of some types, each with the resource as it will be."""
        for type_ in types:
            for step in self.made.get(type_, ()):
                if step.new is not None:
                    yield step, step.new


class Rule(Protocol):
    """One rule. The same plan and options give the same violations: a rule reads no clock and no network."""

    @property
    def name(self) -> str:
        """What policy files call it: small letters, digits, `-` and `.`."""
        ...

    @property
    def summary(self) -> str:
        """What it looks for, in a few words."""
        ...

    def check(self, case: Case, options: Options) -> Iterable[Violation]:
        """Everything in the plan that is against it, in any order."""
        ...


def texts(options: Options, name: str = "allow") -> tuple[str, ...]:
    """A list of texts among a rule's options; empty where there is none."""
    value = options.get(name)
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
