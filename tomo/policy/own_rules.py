"""Rules of installed packages: entry points of the group `tomo.policy_rules`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from tomo.errors import PolicyRuleBroken
from tomo.frozen import frozen
from tomo.policy.policies import BUILT_IN
from tomo.policy.rule import Case, Options, Rule, Violation

if TYPE_CHECKING:
    from importlib import metadata

GROUP: Final = "tomo.policy_rules"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")


@frozen
class InstalledRule:
    """A rule that a distribution brings. Nothing of it is loaded before `load`."""

    name: str
    distribution: str
    version: str
    entry: metadata.EntryPoint

    def load(self) -> Rule:
        """The rule; raises PolicyRuleBroken where it can't be loaded or is none."""
        try:
            found = self.entry.load()
            rule = found() if isinstance(found, type) else found
        except (Exception, SystemExit) as error:  # importing it runs anybody's code
            raise self._broken(f"loading it failed: {type(error).__name__}") from error
        if not callable(getattr(rule, "check", None)) or not isinstance(getattr(rule, "summary", None), str):
            raise self._broken("it has no `check(case, options)` and `summary`")
        return _Named(self.name, rule.summary, rule)

    def _broken(self, why: str) -> PolicyRuleBroken:
        return PolicyRuleBroken(
            f"the policy rule `{self.name}` of `{self.distribution} {self.version}` can't be used: {why}",
            hint="mend or reinstall the package, or take the rule out of the policy file",
        )


@frozen
class _Named:
    """A rule under its entry point's name, whatever it calls itself."""

    name: str
    summary: str
    rule: Rule

    def check(self, case: Case, options: Options) -> Iterable[Violation]:
        """What the rule says."""
        return self.rule.check(case, options)


def installed_rules() -> dict[str, InstalledRule]:
    """The rules of all installed packages by name; raises PolicyRuleBroken for a name that is taken."""
    from importlib import metadata  # noqa: PLC0415  # it brings email and zipfile; few policies ask for it

    found: dict[str, InstalledRule] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        dist = entry.dist
        rule = InstalledRule(entry.name, dist.name if dist else "", dist.version if dist else "", entry)
        taken = found.get(rule.name)
        if taken is not None and (taken.distribution, taken.entry.value) == (rule.distribution, entry.value):
            continue
        if taken is not None or rule.name in BUILT_IN or not _NAME.fullmatch(rule.name):
            why = "another package has one of that name" if taken else "the name can't be that of a rule"
            raise PolicyRuleBroken(
                f"the policy rule `{rule.name}` of `{rule.distribution} {rule.version}` is refused: {why}",
                hint="uninstall the package, or have its entry point renamed",
            )
        found[rule.name] = rule
    return found
