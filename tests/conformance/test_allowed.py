from dataclasses import replace
from pathlib import Path

from conformance.allowed import ALLOWED, explanation
from conformance.compare import Difference, Scene, Side, Where, compared
from conformance.engines import Ran
from conformance.scenario import Kind, Model, Node, Operation, Verb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
URN = "urn:pulumi:dev::proj::fake:index:Res::"


def scene(*nodes: str, ok: bool, deleted: str = "") -> Scene:
    program = Model(tuple(Node(name) for name in nodes))
    told = [{"urn": f"{URN}{deleted}", "op": "delete"}] if deleted else []
    mine, theirs = Side(Ran(ok, {}), [], [], {}), Side(Ran(ok, {}), told, [], {})
    return Scene(Operation(Verb.UP, program), {}, mine, theirs, ())


def test_the_page_lists_what_may_differ_with_its_reason() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())

    for entry in ALLOWED:
        assert f"| {entry.name} | {entry.reason} | {entry.follows} |" in page


def test_a_leftover_may_wait_after_a_failure_only() -> None:
    kept = Difference(Where.STEPS, f"{URN}b", [], ["delete"])

    failed = explanation(kept, scene("a", ok=False, deleted="b"))

    assert failed is not None
    assert failed.name == "leftovers wait"
    assert explanation(kept, scene("a", ok=True, deleted="b")) is None


def test_what_nothing_explains_is_not_allowed() -> None:
    assert explanation(Difference(Where.STEPS, f"{URN}a", ["same"], ["update"]), scene("a", ok=True)) is None


def test_a_question_whose_answer_is_not_used_may_be_left_out() -> None:
    asked = [{"verb": "diff", "urn": f"{URN}b", "given": {}}]
    everything = scene("a", ok=True)
    mine, theirs = everything.mine, replace(everything.theirs, calls=asked)
    targeted = replace(everything.operation, targets=("**::a",))

    assert compared(targeted, mine, theirs) == ()
    assert [each.urn for each in compared(everything.operation, mine, theirs)] == [f"{URN}b"]


def test_a_failure_counts_as_told_where_one_refusal_names_it() -> None:
    failed = replace(scene("a", ok=False).theirs, ran=Ran(False, {}, refused=frozenset({f"{URN}a"})))
    named = replace(failed, ran=Ran(False, {}, named=frozenset({"a"})))
    silent = replace(failed, ran=Ran(False, {}))
    operation = Operation(Verb.UP)

    assert compared(operation, named, failed) == ()
    assert [each.where for each in compared(operation, silent, failed)] == [Where.FAILED]


def test_only_what_is_secret_otherwise_may_be_left_as_it_is() -> None:
    told = [{"urn": f"{URN}a", "op": "same", "inputs": {"v": {"a secret": 1}}}]
    updated = Difference(Where.STEPS, f"{URN}a", ["same"], ["update"])
    same = scene("a", ok=True)
    hidden = replace(
        same, before={"a": {"urn": f"{URN}a", "inputs": {"v": 1}}}, mine=replace(same.mine, told=told)
    )
    changed = replace(hidden, before={"a": {"urn": f"{URN}a", "inputs": {"v": 2}}})

    assert explanation(updated, hidden) is not None
    assert explanation(updated, changed) is None


def test_an_original_that_is_read_instead_may_be_known_still() -> None:
    entry = {"urn": f"{URN}a", "delete": True}
    known = Difference(Where.STATE, f"{URN}a", entry, "nothing", "entry")
    made = scene("a", ok=True)
    reading = replace(made.operation, program=Model((Node("a", Kind.READ),)))

    assert explanation(known, made) is None
    assert explanation(known, replace(made, operation=reading)) is not None
    assert explanation(replace(known, mine={"urn": f"{URN}a"}), replace(made, operation=reading)) is None
