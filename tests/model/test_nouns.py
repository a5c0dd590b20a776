import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo.errors import NotSupported, TomoError
from tomo.model.connection import CommandResult, HostSpec
from tomo.model.declaration import Concat, Declaration, Declarations, OutputRef, references
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.events import ignore
from tomo.model.plan import Plan, is_hidden
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ProviderBase,
    ReadRequest,
    ReadStatus,
    SwapRequest,
    UpdateRequest,
    quiet,
)
from tomo.model.resource import ResourceState
from tomo.model.source import ProgramRun
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn, package_of, provider_ref, split_provider_ref
from tomo.model.values import Secret

URN = Urn.make("dev", "proj", None, "fake:index:Res", "a")
names = st.text(min_size=1, max_size=8)


# --- names -------------------------------------------------------------------------------------------


def test_a_urn_has_four_parts_and_the_name_may_hold_the_separator() -> None:
    urn = Urn("urn:pulumi:dev::proj::my:Box$fake:index:Res::a::b")

    assert (urn.stack, urn.project, urn.qualified_type) == ("dev", "proj", "my:Box$fake:index:Res")
    assert (urn.type, urn.name, urn.is_valid) == ("fake:index:Res", "a::b", True)


@pytest.mark.parametrize("text", ["", "urn:pulumi:dev::proj::type", "urn:other:dev::proj::type::name"])
def test_other_texts_are_no_urns(text: str) -> None:
    assert not Urn(text).is_valid


def test_parents_lend_their_type_but_not_the_stack() -> None:
    stack = Urn.stack_urn("dev", "proj")
    box = Urn.make("dev", "proj", stack, "my:Box", "box")
    child = Urn.make("dev", "proj", box, "fake:index:Res", "a")

    assert stack == "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev"
    assert stack.type == STACK_TYPE
    assert (box.qualified_type, child.qualified_type) == ("my:Box", "my:Box$fake:index:Res")


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(names, st.text(st.characters(exclude_characters=":"), min_size=1, max_size=8))
def test_a_provider_reference_is_split_where_it_was_joined(name: str, id_: str) -> None:
    urn = Urn.make("dev", "proj", None, "pulumi:providers:fake", name)

    assert split_provider_ref(provider_ref(urn, id_)) == (urn, id_)


def test_a_package_is_the_first_part_of_a_type_or_what_a_provider_provides() -> None:
    assert package_of("docker:index/container:Container") == "docker"
    assert package_of("pulumi:providers:docker") == "docker"


def test_an_entry_knows_the_urn_of_its_provider() -> None:
    assert ResourceState(URN, "t", custom=True, provider=f"{URN}::1").provider_urn == URN
    assert ResourceState(URN, "t", custom=False).provider_urn is None


# --- steps and plans ---------------------------------------------------------------------------------


def step(op: Op, name: str = "a", type_: str = "fake:index:Res") -> Step:
    urn = Urn.make("dev", "proj", None, type_, name)
    return Step(op, urn, old=ResourceState(urn, type_, custom=True))


def test_a_step_is_about_the_new_entry_or_the_old_one_that_goes() -> None:
    old, new = (ResourceState(URN, "t", custom=True, id=id_) for id_ in ("1", "2"))

    assert Step(Op.UPDATE, URN, old, new).entry is new
    assert Step(Op.DELETE, URN, old).entry is old
    with pytest.raises(ValueError, match="without an entry"):
        _ = Step(Op.SAME, URN).entry


def test_a_plan_counts_what_people_see() -> None:
    halves = [step(Op.CREATE_REPLACEMENT), step(Op.REPLACE), step(Op.DELETE_REPLACED)]
    hidden = step(Op.CREATE, "default_1_2", "pulumi:providers:fake")

    plan = Plan("dev", "proj", (*halves, step(Op.SAME, "b"), step(Op.DELETE, "c"), hidden))

    assert plan.counts == {Op.REPLACE: 1, Op.SAME: 1, Op.DELETE: 1}
    assert [s.op for s in plan.changes] == [Op.REPLACE, Op.DELETE, Op.CREATE]
    assert is_hidden(hidden)
    assert hidden.type == "pulumi:providers:fake"


def test_every_operation_has_a_name_of_pulumis_a_glyph_and_a_past() -> None:
    assert len({op.pulumi_name for op in Op}) == len(Op)
    assert all(len(op.glyph) == 2 and op.past for op in Op)


def test_a_difference_replaces_by_its_kind_and_a_result_by_any_of_them() -> None:
    update = PropertyDiff("a", DiffKind.UPDATE)

    assert DiffKind.UPDATE.replacing() is DiffKind.UPDATE_REPLACE
    assert DiffKind.ADD_REPLACE.replacing() is DiffKind.ADD_REPLACE
    assert not DiffResult(changed=True, properties=(update,)).replaces
    assert DiffResult(changed=True, properties=(PropertyDiff("a", DiffKind.DELETE_REPLACE),)).replaces
    assert DiffResult(changed=True, replace_keys=("a",)).replaces


# --- declarations ------------------------------------------------------------------------------------


def test_references_are_found_at_any_depth_of_a_declarations_inputs() -> None:
    one, two, three = OutputRef("a"), OutputRef("b", "ip"), OutputRef("c")
    joined = Concat(("http://", two, Secret("x")))
    value = {"k": [one, {"deep": joined}], "t": (three,), "n": 1}

    assert list(references(value)) == [one, two, three]
    assert Declarations((Declaration("a", "t", "a"),)).outputs == {}


# --- seams -------------------------------------------------------------------------------------------


def test_most_providers_need_only_say_what_they_do_differently() -> None:
    base = ProviderBase()

    base.configure({})
    base.cancel()

    assert base.check_config({}, {"a": 1}).inputs == {"a": 1}
    assert base.diff_config({"a": 1}, {"a": 2}).changed
    assert base.check(CheckRequest(URN, {}, {"a": 1})).inputs == {"a": 1}
    assert base.diff(DiffRequest(URN, "1", {}, {}, {})).changed is None
    assert [r.status for r in base.read([ReadRequest(URN, "1")])] == [ReadStatus.UNSUPPORTED]
    assert not base.can_swap("t")


def test_what_a_provider_does_not_do_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        ProviderBase().swap(SwapRequest(URN, "1", {}, {}, {}))
    with pytest.raises(NotSupported, match="`fake:index:get`"):
        ProviderBase().invoke("fake:index:get", {}, preview=False)


def test_requests_are_silent_until_somebody_listens() -> None:
    requests = [
        CreateRequest(URN, {}),
        UpdateRequest(URN, "1", {}, {}, {}),
        DeleteRequest(URN, "1", {}, {}),
        SwapRequest(URN, "1", {}, {}, {}),
    ]

    for request in requests:
        request.report("working")
    ignore(None)  # type: ignore[arg-type]

    assert all(request.report is quiet for request in requests)


def test_a_run_is_real_unless_it_is_said_to_be_dry() -> None:
    assert not ProgramRun("proj", "dev").dry_run


def test_a_host_is_known_by_its_name_or_its_address() -> None:
    assert (HostSpec("192.0.2.1").label, HostSpec("192.0.2.1", name="web1").label) == ("192.0.2.1", "web1")


def test_a_commands_text_loses_one_last_newline_and_no_bad_byte_stops_it() -> None:
    assert CommandResult(0, b"one\ntwo\n\n").text == "one\ntwo\n"
    assert CommandResult(0, b"\xff").text == "\ufffd"


def test_the_base_of_all_errors_says_where() -> None:
    assert str(TomoError("`x` is wrong", where="stack.yaml:3")) == "stack.yaml:3: `x` is wrong"
