"""Which policies are in force, what they say about a plan, and whether it may be applied under them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from tomo.errors import PlanRefused, TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.approval import Approval, Approvals, no_approvals
from tomo.model.finding import Finding, Judgement, Level, Quorum
from tomo.policy.gate import not_approved, refusal
from tomo.policy.judge import judge
from tomo.policy.own_rules import GROUP, InstalledRule, installed_rules
from tomo.policy.policies import DEFAULT, Policies, Setting, built_in
from tomo.service.effect import Effect
from tomo.service.workspace import Place, Workspace
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.service.runs import PlanResult
    from tomo.service.wiring import Doors
    from tomo.spec.policy import LoadedPolicies, OwnRule, PolicyTest
    from tomo.spec.policy import Rule as WrittenRule
    from tomo.spec.problems import Finding as Mistake

POLICY_FILE: Final = "tomo-policy.yaml"
POLICY_VARIABLE: Final = "TOMO_POLICY"


@frozen
class InForce:
    """Policies and where they stand; `source` is `""` for the set that is built in."""

    policies: Policies
    source: str = ""
    tests: tuple[PolicyTest, ...] = ()


@frozen
class PolicyTerms:
    """What a plan is held to; the caller decides.

    `policies` are in force whatever else says so, as a proposal's are those of its base. Without them those
    that the place finds are. `by_assistant` says who proposed the plan, `approvals` who agreed to one.
    """

    policies: InForce | None = None
    by_assistant: bool = False
    approvals: Approvals = no_approvals

    def of(self, workspace: Workspace) -> Held:
        """The same for one stack; raises SpecError for a policy file with mistakes."""
        found = self.policies or in_force(workspace.place, workspace.settings, workspace.directory)
        return Held(found, self, approvals_on=workspace.settings.approvers is not None)


@frozen
class Held:
    """What one plan is held to."""

    in_force: InForce
    terms: PolicyTerms
    approvals_on: bool = False

    @property
    def digest(self) -> str:
        """What names the policies in a saved plan."""
        return self.in_force.policies.digest

    def judged(self, shown: PlanResult) -> PlanResult:
        """The plan with what the policies say about it."""
        from tomo.service.present import hosts_of  # noqa: PLC0415  # the two need each other

        hosts = hosts_of(shown.plan)
        policies, by_assistant = self.in_force.policies, self.terms.by_assistant
        findings = judge(shown.plan, policies, hosts, by_assistant=by_assistant)
        return replace(shown, judgement=Judgement(self.in_force.source, self.digest, findings))

    def refusal(
        self, shown: PlanResult, plan_digest: str = "", approvals: Sequence[Approval] = ()
    ) -> TomoError | None:
        """Why the plan may not be applied; None where it may. Only a saved plan has a digest, and approvals.

        Where approvals are on, somebody has to agree to whatever changes anything.
        """
        given = (*approvals, *(self.terms.approvals(plan_digest) if plan_digest else ()))
        refused = refusal(shown.judgement, given)
        if refused is None and self.approvals_on and not given and (plan_digest or shown.has_changes):
            return not_approved(kept=bool(plan_digest))
        return refused

    def require_same(self, made_under: Judgement, now: Judgement) -> None:
        """Raises PlanRefused where a saved plan would not say the same about policies if it were made now."""
        if made_under.digest != self.digest:
            before, after = (name or "the default set" for name in (made_under.source, self.in_force.source))
            which = f": `{before}` then, `{after}` now" if before != after else ""
            raise PlanRefused(
                f"the policies in force are not those that the plan was made under{which}",
                hint="look at them with `tomo policy list`, then make a new plan: `tomo plan -o FILE`",
            )
        if made_under.findings != now.findings:
            raise PlanRefused(
                "the policies find something else in the plan than when it was made",
                hint="a rule of an installed package changed its mind; make a new plan: `tomo plan -o FILE`",
            )


# --- finding and reading them ------------------------------------------------------------------------


def in_force(place: Place, settings: Settings, folder: Path) -> InForce:
    """The policies in force for a stack's folder; raises SpecError for mistakes in them, PolicyRuleBroken."""
    file = policy_file(place, settings, folder)
    if file is None:
        return InForce(built_in(DEFAULT))
    from tomo.spec.policy import load_policies  # noqa: PLC0415  # its models are for policy files only

    loaded = load_policies(file)
    return InForce(policies_of(loaded), _told(file, folder), loaded.policies.tests)


def policy_file(place: Place, settings: Settings, folder: Path) -> Path | None:
    """The file whose policies are in force: one that is named, the environment's, the folder's."""
    if place.policy is not None:
        return place.directory / place.policy
    if named := settings.variables.get(POLICY_VARIABLE):
        return Path(named)
    beside = folder / POLICY_FILE
    # A link that leads nowhere is a file that is missing, not a folder without policies.
    return beside if beside.exists() or beside.is_symlink() else None


def _told(file: Path, folder: Path) -> str:
    """The file as plans name it: the same on every machine where it lies in the stack's folder."""
    try:
        return file.absolute().relative_to(folder.absolute()).as_posix()
    except ValueError:
        return file.as_posix()


def policies_of(loaded: LoadedPolicies) -> Policies:
    """What a file says, on top of the set that it extends."""
    from tomo.spec.policy import rule_settings  # noqa: PLC0415  # as above

    written = loaded.policies
    base = built_in(written.extends)
    known = {each.rule.name: each for each in base.settings}
    said = rule_settings(written.rules)
    named = {name for name in said if name in _names(loaded, "rules")}
    changed = [_setting(known[name], said[name], str(loaded.file.name)) for name in named]
    own = list(_own(loaded)) if written.own_rules else []
    made = replace(base, everything=written.look_at == "everything", auto_approve=written.auto_approve)
    whole = made.with_settings([*changed, *own])
    loaded.require(_unknown_expectations(loaded, {each.rule.name for each in whole.settings}))
    return whole


def _unknown_expectations(loaded: LoadedPolicies, rules: Collection[str]) -> Iterator[Mistake]:
    from tomo.spec.near import did_you_mean  # noqa: PLC0415  # as above

    for index, case in enumerate(loaded.policies.tests):
        for name in case.expect:
            if name not in rules:
                hint = did_you_mean(name, rules, "`tomo policy list` shows every rule")
                yield ("tests", index, "expect", name), f"there is no rule `{name}`", hint


def _names(loaded: LoadedPolicies, key: str) -> set[str]:
    value = loaded.document.value.get(key)
    return set(value) if isinstance(value, dict) else set()


def _setting(base: Setting, written: WrittenRule, origin: str) -> Setting:
    allow = getattr(written, "allow", None)
    return replace(
        base,
        level=Level(written.level) if written.level else base.level,
        options=base.options if allow is None else {**base.options, "allow": [str(each) for each in allow]},
        quorum=_quorum(written) or base.quorum,
        exempt=written.except_,
        origin=origin,
    )


def _quorum(written: WrittenRule) -> Quorum | None:
    asked = written.approvals
    return Quorum(asked.count, asked.role or "", asked.distinct_person) if asked else None


def _own(loaded: LoadedPolicies) -> Iterator[Setting]:
    from tomo.spec.near import did_you_mean  # noqa: PLC0415  # as above

    installed, written = installed_rules(), loaded.policies.own_rules
    loaded.require(
        (
            ("own_rules", name),
            f"no installed package has the rule `{name}`",
            did_you_mean(name, installed, f"install one that has it as an entry point of `{GROUP}`"),
        )
        for name in written
        if name not in installed
    )
    for name, said in written.items():
        yield _own_setting(installed[name], said)


def _own_setting(found: InstalledRule, written: OwnRule) -> Setting:
    from tomo.spec.yaml import plain  # noqa: PLC0415  # as above

    return Setting(
        found.load(),
        Level(written.level or Level.WARN),
        plain(written.options),
        _quorum(written) or Quorum(),
        written.except_,
        f"{found.distribution} {found.version}",
        f"{found.distribution} {found.version}",
    )


# --- use cases ---------------------------------------------------------------------------------------


@frozen
class ListPoliciesRequest:
    """Which rules are in force, and who says so."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class PolicyListing:
    """The policies in force, and rules of installed packages that no file names."""

    in_force: InForce
    idle: tuple[InstalledRule, ...] = ()


@frozen
class JudgeFileRequest:
    """What do the policies say about a saved plan? Needs no stack and no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    plan: Path


@frozen
class RunCasesRequest:
    """Do the policies say what the cases of their file expect? Reads that file alone."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class CaseOutcome:
    """One case of a policy file: what it expects, and what was found, as levels by rule."""

    name: str
    expected: Mapping[str, str]
    found: Mapping[str, str]
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether exactly what it expects was found."""
        return self.expected == self.found


class PolicyUseCases:
    """The use cases about policies themselves."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: ListPoliciesRequest) -> PolicyListing:
        """Every rule with its level and where that comes from."""
        found = self._in_force(request.place)
        named = {each.rule.name for each in found.policies.settings}
        return PolicyListing(found, tuple(r for name, r in installed_rules().items() if name not in named))

    def judge_file(self, request: JudgeFileRequest) -> PlanResult:
        """A saved plan with what the policies in force here say about it."""
        from tomo.service.plans.making import KeptPlans, ShowPlanRequest  # noqa: PLC0415  # for plans only

        shown = KeptPlans(self._doors).show(ShowPlanRequest(request.plan)).shown
        held = Held(self._in_force(request.place), PolicyTerms())
        # When it was made, its secrets were open: what was found then under the same policies is exact.
        return shown if shown.judgement.digest == held.digest else held.judged(shown)

    def test(self, request: RunCasesRequest) -> tuple[InForce, tuple[CaseOutcome, ...]]:
        """The cases of the policy file; raises UsageError where there are none."""
        from tomo.service.policy_cases import outcome_of  # noqa: PLC0415  # its models are for policy files

        found = self._in_force(request.place)
        if not found.tests:
            where = f"`{found.source}` has no `tests`" if found.source else "no policy file is in force"
            raise UsageError(
                f"{where}, so there is nothing to test",
                hint=f"write some into `{found.source or POLICY_FILE}`, or name a saved plan: "
                "`tomo policy test PLAN`, or the fleet as it is: `tomo policy test --present`",
            )
        return found, tuple(outcome_of(case, found.policies) for case in found.tests)

    def _in_force(self, place: Place) -> InForce:
        """The policies of a place, which need not hold a fleet or program where a policy file is found."""
        settings, folder = self._doors.settings, place.directory
        if place.file is None and place.stack is None and policy_file(place, settings, folder) is not None:
            return in_force(place, settings, folder)
        return in_force(place, settings, self._doors.open(place).directory)
