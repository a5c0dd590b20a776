"""Levels, order, approvals, harmless classes, and rules that fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.conftest import plan_of, step, urn_of
from tomo.errors import ApprovalMissing, ExitCode, PolicyDenied
from tomo.model.approval import Approval
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.finding import Finding, Judgement, Level, Quorum
from tomo.model.step import Op, Step
from tomo.model.values import Unknown
from tomo.policy.gate import is_met, refusal
from tomo.policy.judge import judge
from tomo.policy.policies import BUILT_IN, Policies, Setting, built_in
from tomo.policy.rule import Case, Options, Violation
from tomo.resources import tokens

ASK = Level.REQUIRE_APPROVAL
PRIVILEGED = BUILT_IN["privileged"]


@dataclass(frozen=True)
class Own:
    """A rule of somebody's own that does as it is told."""

    found: Iterable[object] = ()
    error: BaseException | None = None
    name: str = "acme.rule"
    summary: str = "a rule of a test"

    def check(self, _case: Case, _options: Options) -> Iterable[Violation]:
        if self.error is not None:
            raise self.error
        return self.found  # type: ignore[return-value]


def found(
    *steps: Step, rule: object = PRIVILEGED, level: Level = Level.DENY, **more: object
) -> tuple[Finding, ...]:
    policies = Policies((Setting(rule, level, origin="acme 1.0"),), **more)  # type: ignore[arg-type]
    return judge(plan_of(*steps), policies, {})


# --- the sets that come along ------------------------------------------------------------------------

HARMLESS = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1),
        "image": st.just(Unknown(f"{urn_of(tokens.REMOTE_IMAGE, 'web')}.imageId")),
    },
    optional={
        "restart": st.sampled_from(["no", "always", "unless-stopped"]),
        "envs": st.lists(st.text(max_size=20)),
        "labels": st.lists(st.fixed_dictionaries({"label": st.text(), "value": st.text()})),
        "command": st.lists(st.text(max_size=20)),
        "privileged": st.just(False),
        "networkMode": st.sampled_from(["bridge", "none"]),
        "pidMode": st.just("private"),
        "securityOpts": st.just(["no-new-privileges:true"]),
        "capabilities": st.just({"drops": ["ALL"], "adds": ["NET_BIND_SERVICE"]}),
        "ports": st.lists(
            st.fixed_dictionaries(
                {
                    "internal": st.integers(1, 65535),
                    "external": st.integers(1, 65535),
                    "ip": st.sampled_from(["127.0.0.1", "192.168.1.10", "::1"]),
                }
            )
        ),
        "volumes": st.lists(
            st.one_of(
                st.fixed_dictionaries({"volumeName": st.text(min_size=1), "containerPath": st.just("/d")}),
                st.fixed_dictionaries({"hostPath": st.just("/srv/media"), "containerPath": st.just("/m")}),
            )
        ),
        "memory": st.integers(1, 4096),
    },
)
OPS = st.sampled_from([Op.CREATE, Op.UPDATE, Op.REPLACE, Op.IMPORT, Op.SAME, Op.DELETE])


@settings(deadline=None)  # how long it takes is no property of it
@given(st.lists(st.tuples(HARMLESS, OPS), max_size=4), st.booleans())
def test_a_plan_without_risky_fields_has_no_findings(
    containers: list[tuple[dict[str, object], Op]], everything: bool
) -> None:
    policies = built_in()
    steps = [step(inputs, op=op, name=f"c{index}") for index, (inputs, op) in enumerate(containers)]

    findings = judge(plan_of(*steps), Policies(policies.settings, everything), {})

    assert findings == ()


RISKS = st.fixed_dictionaries(
    {},
    optional={
        "privileged": st.booleans(),
        "networkMode": st.sampled_from(["host", "bridge"]),
        "volumes": st.lists(
            st.fixed_dictionaries({"hostPath": st.sampled_from(["/etc", "/run/docker.sock", "/srv"])})
        ),
        "ports": st.lists(st.fixed_dictionaries({"internal": st.just(1), "external": st.integers(1, 9)})),
    },
)


@settings(deadline=None)  # how long it takes is no property of it
@given(st.lists(st.tuples(RISKS, OPS), max_size=5), st.randoms())
def test_the_same_plan_has_the_same_findings_whatever_order_rules_stand_in(
    containers: list[tuple[dict[str, object], Op]], random: object
) -> None:
    plan = plan_of(*(step(inputs, op=op, name=f"c{i}") for i, (inputs, op) in enumerate(containers)))
    shuffled = list(built_in("strict").settings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    first = judge(plan, built_in("strict"), {})
    second = judge(plan, Policies(tuple(shuffled)), {})

    assert first == second
    assert sorted(first, key=lambda finding: -finding.level.weight) == list(first)


def test_nothing_is_denied_or_awaits_anybody_by_default() -> None:
    levels = {setting.level for setting in built_in().settings}

    assert levels == {Level.OFF, Level.WARN}


def test_the_strict_set_says_something_to_every_rule() -> None:
    assert [each.rule.name for each in built_in("strict").settings if each.level is Level.OFF] == []


def test_what_the_policies_say_has_a_digest_of_its_own() -> None:
    sets = {name: built_in(name).digest for name in ("default", "strict", "none")}

    assert len(set(sets.values())) == len(sets)
    assert built_in().digest == sets["default"]
    assert Policies(built_in().settings, everything=True).digest != sets["default"]
    assert Policies(built_in().settings, auto_approve=("image-update",)).digest != sets["default"]


# --- own rules ---------------------------------------------------------------------------------------


def test_a_rule_of_ones_own_finds_what_it_says() -> None:
    container = step({})

    [finding] = found(container, rule=Own([Violation(container.urn, "labels", "no owner", "add one")]))

    assert (finding.rule, finding.resource, finding.field, finding.message, finding.hint) == (
        "acme.rule", container.urn, "labels", "no owner", "add one",
    )  # fmt: skip


@pytest.mark.parametrize("error", [ValueError("the password is hunter2"), SystemExit(1), RecursionError()])
@pytest.mark.parametrize("level", [Level.WARN, ASK, Level.DENY])
def test_a_rule_that_fails_is_a_finding_at_its_level_and_tells_no_value(
    error: BaseException, level: Level
) -> None:
    [finding] = found(step({}), rule=Own(error=error), level=level)

    assert finding.level is level
    assert (
        f"the rule `acme.rule` of `acme 1.0` failed: {type(error).__name__} at test_judge.py:"
        in finding.message
    )
    assert "hunter2" not in str(finding)


@pytest.mark.parametrize("nonsense", ["text", None, Violation(urn_of("a:b:C", "x"), "f", 7)])  # type: ignore[arg-type]
def test_a_rule_that_gives_nonsense_is_a_finding(nonsense: object) -> None:
    [finding] = found(step({}), rule=Own([nonsense]))

    assert "where a violation belongs" in finding.message


def test_a_rule_that_is_off_is_not_asked() -> None:
    assert found(step({}), rule=Own(error=ValueError()), level=Level.OFF) == ()


# --- who has to agree --------------------------------------------------------------------------------

ADMIN, USER = Approval("ann", "admin"), Approval("bob", "user")


@pytest.mark.parametrize(
    ("quorum", "given_by", "met"),
    [
        (Quorum(), [], False),
        (Quorum(), [USER], True),
        (Quorum(role="admin"), [USER], False),
        (Quorum(role="user"), [ADMIN], True),
        (Quorum(2), [ADMIN, Approval("ann", "user")], False),
        (Quorum(2), [ADMIN, USER], True),
        (Quorum(2, "admin"), [ADMIN, USER], False),
        (Quorum(distinct_person=True), [Approval("ann", "admin", asked_for_it=True)], False),
        (Quorum(distinct_person=True), [Approval("ann", "admin", asked_for_it=True), USER], True),
        (Quorum(), [Approval("eve", "readonly")], False),
        (Quorum(), [Approval("eve", "")], False),
    ],
)
def test_approvals_are_counted_by_person_and_role(
    quorum: Quorum, given_by: list[Approval], met: bool
) -> None:
    assert is_met(quorum, given_by) is met


def test_nothing_but_warnings_lets_a_plan_through() -> None:
    assert refusal(Judgement(findings=found(step({"privileged": True}), level=Level.WARN))) is None


def test_a_denial_is_refused_whoever_agrees() -> None:
    denied = Judgement("p.yaml", "", found(step({"privileged": True})))

    error = refusal(denied, [ADMIN, USER])

    assert isinstance(error, PolicyDenied)
    assert error.exit_code is ExitCode.POLICY
    assert "`privileged`" in error.message
    assert "`p.yaml`" in error.hint


def test_a_missing_approval_says_how_many_of_which_role() -> None:
    settings = (Setting(PRIVILEGED, ASK, quorum=Quorum(2, "admin", distinct_person=True)),)
    judgement = Judgement(findings=judge(plan_of(step({"privileged": True})), Policies(settings), {}))

    error = refusal(judgement, [ADMIN])

    assert isinstance(error, ApprovalMissing)
    assert "2 approvals of the role `admin` by somebody else" in error.message
    assert "it has 1 approval" in error.message
    assert refusal(judgement, [ADMIN, Approval("cat", "admin")]) is None


# --- what is approved by itself ----------------------------------------------------------------------

IMAGE = urn_of(tokens.REMOTE_IMAGE, "web")


def image(old: str, new: str) -> Step:
    return step({"name": new}, type_=tokens.REMOTE_IMAGE, op=Op.REPLACE, old={"name": old})


def updated(**new: object) -> Step:
    old = {"image": "sha256:1", "privileged": True}
    return step({**old, "image": Unknown(f"{IMAGE}.imageId"), **new}, op=Op.REPLACE, old=old)


def approved_as(
    *steps: Step, by_assistant: bool = False, classes: tuple[str, ...] = ("image-update",)
) -> list[str]:
    policies = Policies((Setting(PRIVILEGED, ASK),), auto_approve=classes)
    findings = judge(plan_of(*steps), policies, {}, by_assistant=by_assistant)
    assert len(findings) == 1
    return [finding.auto_approved for finding in findings]


def test_another_tag_of_the_same_repository_needs_no_approval_where_the_file_says_so() -> None:
    steps = image("ghcr.io/me/app:1", "ghcr.io/me/app:2"), updated()

    assert approved_as(*steps) == ["image-update"]
    assert approved_as(*steps, classes=()) == [""]


def test_an_assistants_proposal_is_never_approved_by_itself() -> None:
    assert approved_as(image("me/app:1", "me/app:2"), updated(), by_assistant=True) == [""]


@pytest.mark.parametrize(
    "steps",
    [
        (image("me/app:1", "you/app:2"), updated()),
        (image("me/app:1", "me/app:2"), updated(envs=["A=1"])),
        (updated(),),
        (image("me/app:1", "me/app:2"), step({"privileged": True})),
    ],
)
def test_what_changes_more_than_the_tag_needs_its_approval(steps: tuple[Step, ...]) -> None:
    assert approved_as(*steps) == [""]


def test_a_repair_of_drift_is_a_class_of_its_own() -> None:
    diff = PropertyDiff("restart", DiffKind.UPDATE, "no", "always", drift=True)
    inputs = {"privileged": True, "restart": "always"}
    repaired = step(inputs, op=Op.UPDATE, diffs=(diff,))
    also_changed = step({**inputs, "restart": "no"}, op=Op.UPDATE, old=inputs, diffs=(diff,))

    assert approved_as(repaired, classes=("drift-repair",)) == ["drift-repair"]
    assert approved_as(also_changed, classes=("drift-repair",)) == [""]


def test_a_denial_is_never_approved_by_itself() -> None:
    policies = Policies((Setting(PRIVILEGED, Level.DENY),), auto_approve=("image-update",))

    [finding] = judge(plan_of(image("me/app:1", "me/app:2"), updated()), policies, {})

    assert finding.auto_approved == ""
    assert Judgement(findings=(finding,)).denied
