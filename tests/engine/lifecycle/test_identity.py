"""Names, aliases, parents, reads and providers: what a registration refers to."""

from dataclasses import replace

import pytest

from tomo.errors import NotSupported
from tomo.model.events import Result
from tomo.model.goal import Alias, Goal, InvokeGoal, ReadGoal
from tomo.model.provider import CheckFailure, CheckResult, ReadResult, ReadStatus
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import UNKNOWN, Secret
from tomo.testing.fake_provider import TYPE, FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def changed(lifecycle: Lifecycle, name: str, **changes: object) -> None:
    """Changes a recorded entry behind the engine's back."""
    lifecycle.snapshot = Snapshot(
        tuple(replace(e, **changes) if e.urn.name == name else e for e in lifecycle.snapshot.resources)
    )


# --- aliases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("other_first", [True, False])
def test_a_name_that_another_resource_claims_as_its_earlier_one_is_refused(
    lifecycle: Lifecycle, other_first: bool
) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    def claiming(p: Program) -> None:
        if other_first:
            p.res("b", {"v": 1}, aliases=(Alias(name="a"),))
        p.res("a", {"v": 1})
        p.res("b", {"v": 1}, aliases=(Alias(name="a"),))

    outcome = lifecycle.up(claiming)

    assert "claims" in str(outcome.program_error)
    assert len(lifecycle.world.things) == 1


def test_a_renamed_resource_can_be_replaced_in_the_same_run(lifecycle: Lifecycle) -> None:
    def program(name: str, value: int, **options: object):
        def run(p: Program) -> None:
            a = p.res(name, {"r": value}, **options)
            p.res("b", {"v": a.out("rid")})

        return run

    lifecycle.up(program("old", 1))

    lifecycle.up(program("new", 2, aliases=(Alias(name="old"),)))

    assert lifecycle.ops("new") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert [urn.name for urn in lifecycle.entry("b").dependencies] == ["new"]
    assert len(lifecycle.world.things) == 2


def test_a_renamed_resource_can_be_deleted_first_with_what_depends_on_it(lifecycle: Lifecycle) -> None:
    def program(names: str, value: int, **options: object):
        def run(p: Program) -> None:
            a = p.res(names[0], {"d": value}, **options)
            p.res(names[1], {"rfrom": a.out("rid")}, aliases=(Alias(name="b"),) if options else ())

        return run

    lifecycle.up(program("ab", 1))

    lifecycle.up(program("xy", 2, aliases=(Alias(name="a"),)))

    assert lifecycle.names() == ["x", "y"]
    assert len(lifecycle.world.things) == 2


def test_a_renamed_provider_keeps_what_it_serves(lifecycle: Lifecycle) -> None:
    def program(name: str, *aliases: Alias):
        def run(p: Program) -> None:
            goal = Goal(
                "pulumi:providers:fake",
                name,
                custom=True,
                inputs={"host": "h"},
                parent=p.stack.urn,
                aliases=aliases,
            )
            made = p.registrar.register(goal).result(9)
            p.res("a", {"v": 1}, provider=f"{made.urn}::{made.id}")

        return run

    lifecycle.up(program("old"))

    planned = lifecycle.plan(program("new", Alias(name="old")))
    lifecycle.up(program("new", Alias(name="old")))

    assert lifecycle.ops("a", planned) == lifecycle.ops("a") == [Op.SAME]
    assert "::new::" in lifecycle.entry("a").provider


def test_unregistered_resources_follow_a_rename_until_they_are_deleted(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        box = p.component("old")
        a = p.res("a", {"v": 1}, under=box)
        p.res("b", {"v": a.out("v")}, under=box, needs=[a])

    lifecycle.up(first)
    lifecycle.world.faults["delete", "b"] = "fail"

    def second(p: Program) -> None:
        box = p.component("new", aliases=(Alias(name="old"),))
        p.res("a", {"v": 1}, under=box)

    lifecycle.up(second)

    assert lifecycle.entry("b").parent == lifecycle.entry("new").urn


@pytest.mark.parametrize(
    "alias",
    [
        Alias(urn=Urn.make("dev", "proj", None, TYPE, "old")),
        Alias(name="old", no_parent=True),
        Alias(name="old", parent=Urn.stack_urn("dev", "proj")),
        Alias(name="old", project="proj", stack="dev", type=TYPE),
    ],
)
def test_every_way_to_write_an_alias_finds_the_old_one(lifecycle: Lifecycle, alias: Alias) -> None:
    lifecycle.up(lambda p: p.res("old", {"v": 1}) and None)

    lifecycle.up(lambda p: p.res("new", {"v": 1}, aliases=(alias,)) and None)

    assert lifecycle.ops("new") == [Op.SAME]


def test_a_child_of_a_renamed_component_may_be_renamed_as_well(lifecycle: Lifecycle) -> None:
    def program(box: str, child: str, *aliases: Alias):
        def run(p: Program) -> None:
            above = p.component(box, aliases=(Alias(name="old"),) if aliases else ())
            p.res(child, {"v": 1}, under=above, aliases=aliases)

        return run

    lifecycle.up(program("old", "c"))

    lifecycle.up(program("new", "d", Alias(name="c")))

    assert lifecycle.ops("d") == [Op.SAME]


def test_a_removed_parent_level_is_found_by_the_parents_alias(lifecycle: Lifecycle) -> None:
    def first(p: Program) -> None:
        p.res("a", {"v": 1}, under=p.component("box"))

    lifecycle.up(first)
    box = lifecycle.entry("box").urn

    lifecycle.up(lambda p: p.res("a", {"v": 1}, aliases=(Alias(parent=box),)) and None)

    assert lifecycle.ops("a") == [Op.SAME]


# --- what is referred to -----------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["dependencies", "deleted_with", "replace_with", "parent"])
def test_a_resource_that_needs_one_nobody_declared_is_refused_by_name(
    lifecycle: Lifecycle, option: str
) -> None:
    nobody = Urn.make("dev", "proj", None, TYPE, "nobody")
    value = nobody if option in {"deleted_with", "parent"} else (nobody,)

    def program(p: Program) -> None:
        goal = Goal(TYPE, "a", custom=True, inputs={}, parent=p.stack.urn)
        p.registrar.register(replace(goal, **{option: value})).result(9)
        p.res("b", {"v": 1})

    outcome = lifecycle.up(program)

    assert "nobody" in str(outcome.failures[0].error)
    assert lifecycle.names() == ["b"]


def test_what_replaces_with_a_failed_resource_is_skipped_with_it(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"r": value})
            p.res("b", {"v": 1}, replace_with=(a.urn,))

        return run

    lifecycle.up(program(1))
    lifecycle.world.faults["create", "a"] = "fail"

    lifecycle.up(program(2))

    assert lifecycle.ops("b") == []
    assert lifecycle.names() == ["a", "b"]


def test_what_replaces_with_another_is_replaced_with_it(lifecycle: Lifecycle) -> None:
    def program(key: str, value: int):
        def run(p: Program) -> None:
            a = p.res("a", {key: value})
            p.res("b", {"v": 1}, replace_with=(a.urn,))

        return run

    lifecycle.up(program("r", 1))
    lifecycle.up(program("r", 2))
    create_first = lifecycle.ops("b")

    lifecycle.up(program("d", 3))

    assert Op.REPLACE in create_first
    assert lifecycle.ops("b") == [Op.DELETE_REPLACED, Op.CREATE_REPLACEMENT, Op.REPLACE]


def test_dependencies_without_a_word_on_inputs_mean_all_inputs(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            goal = Goal(
                TYPE,
                "b",
                custom=True,
                inputs={"rfrom": a.value("rid")},
                parent=p.stack.urn,
                dependencies=(a.urn,),
            )
            p.registrar.register(goal).result(9)

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert lifecycle.ops("b") == [Op.DELETE_REPLACED, Op.CREATE_REPLACEMENT, Op.REPLACE]


def test_a_component_that_becomes_a_resource_is_refused_by_name(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.registrar.register(Goal(TYPE, "a", custom=False, inputs={}, parent=p.stack.urn)) and None
    )

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "was a component" in str(outcome.failures[0].error)
    assert isinstance(outcome.failures[0].error, NotSupported)


def test_a_tainted_resource_is_replaced_once(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    changed(lifecycle, "a", taint=True)

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    first = lifecycle.ops("a")
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert first == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert lifecycle.ops("a") == [Op.SAME]


# --- reads -------------------------------------------------------------------------------------------


def reading(id_: str, **options: object):
    def run(p: Program) -> None:
        goal = ReadGoal(TYPE, "seen", id_, {}, parent=p.stack.urn, **options)
        p.registrar.read(goal).result(9)

    return run


def test_a_read_resource_is_recorded_as_foreign_and_only_forgotten(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"v": 5}

    lifecycle.up(reading("x-9"))
    recorded = lifecycle.entry("seen")
    lifecycle.up(reading("x-9"))
    again = lifecycle.entry("seen")
    lifecycle.up(lambda p: p.export())

    assert (recorded.external, recorded.outputs["v"]) == (True, 5)
    assert again == recorded
    assert lifecycle.ops("seen") == [Op.DISCARD]
    assert "x-9" in lifecycle.world.things


def test_a_read_resource_can_become_the_stacks_own(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"v": 5}
    lifecycle.up(reading("x-9"))

    planned = lifecycle.plan(lambda p: p.res("seen", {"v": 5}) and None)
    outcome = lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.ops("seen") == lifecycle.ops("seen", planned) == [Op.CREATE]
    assert not lifecycle.entry("seen").external


def test_a_resource_of_the_stack_is_not_merely_read(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)

    outcome = lifecycle.up(reading("x-9"))

    assert "only read" in str(outcome.failures[0].error)


def test_reading_what_does_not_exist_fails_and_skips_its_dependents(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        answer = p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=p.stack.urn)).result(9)
        p.registrar.register(Goal(TYPE, "b", custom=True, inputs={}, dependencies=(answer.urn,))).result(9)
        p.registrar.read(ReadGoal(TYPE, "c", "x-9", {}, dependencies=(answer.urn,))).result(9)

    outcome = lifecycle.up(program)

    assert [str(failure.error) for failure in outcome.failures] == ["can't read `seen`: `x-9` does not exist"]
    assert lifecycle.names() == []


def test_a_read_that_raises_fails_that_resource(lifecycle: Lifecycle) -> None:
    class Raising(FakeProvider):
        def read(self, requests):
            raise ValueError("odd")

    lifecycle.others["fake"] = Raising(lifecycle.world)

    outcome = lifecycle.up(reading("x-9"))

    assert "ValueError" in str(outcome.failures[0].error)


def test_a_read_of_an_undeclared_parent_is_refused(lifecycle: Lifecycle) -> None:
    nobody = Urn.make("dev", "proj", None, "my:mod:Comp", "nobody")

    outcome = lifecycle.up(
        lambda p: p.registrar.read(ReadGoal(TYPE, "seen", "x", {}, parent=nobody)).result(9) and None
    )

    assert "nobody" in str(outcome.failures[0].error)


def test_reads_stand_in_a_plan_in_the_order_in_which_they_were_asked_for(lifecycle: Lifecycle) -> None:
    names = [f"seen{number}" for number in range(12)]

    class Slow(FakeProvider):
        def read(self, requests):
            return [ReadResult(ReadStatus.FOUND, request.id) for request in requests]

    def program(p: Program) -> None:
        for answer in [p.registrar.read(ReadGoal(TYPE, name, "x", {}, parent=p.stack.urn)) for name in names]:
            answer.result(9)

    lifecycle.others["fake"] = Slow(lifecycle.world)
    planned = lifecycle.plan(program)

    assert [step.urn.name for step in planned.plan.steps if step.op is Op.READ] == names


# --- functions and providers -------------------------------------------------------------------------


def test_a_function_gets_plain_arguments_and_one_with_unknown_ones_is_not_called(
    lifecycle: Lifecycle,
) -> None:
    answers = []

    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        asked = ({"v": Secret("s")}, {"v": UNKNOWN})
        answers.extend(p.registrar.invoke(InvokeGoal("fake:index:get", args)).result(9) for args in asked)

    lifecycle.up(program)

    assert [dict(answer.outputs) for answer in answers] == [{"token": "fake:index:get", "v": "s"}, {}]


def test_a_provider_whose_settings_are_refused_fails_with_what_it_serves(lifecycle: Lifecycle) -> None:
    class Refusing(FakeProvider):
        def check_config(self, olds, news):
            return CheckResult(news, (CheckFailure("", "nothing pleases me"),))

    lifecycle.others["fake"] = Refusing(lifecycle.world)

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}, provider=p.provider("web", {"host": "h"})) and None)

    assert str(outcome.failures[0].error).endswith("is not valid: nothing pleases me")
    assert lifecycle.names() == []


def test_two_versions_of_a_package_have_two_default_providers(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"fake:region": "north", "other:region": "south"}

    def program(p: Program) -> None:
        p.res("a", {"v": 1}, version="1.2.3")
        p.res("b", {"v": 1}, version="2.0.0-rc.1", plugin_download_url="https://x.y")

    lifecycle.up(program)

    providers = [e for e in lifecycle.snapshot.resources if e.type == "pulumi:providers:fake"]
    assert [e.urn.name for e in providers] == ["default_1_2_3", "default_2_0_0_rc_1_https___x_y"]
    assert [e.inputs["region"] for e in providers] == ["north", "north"]


def test_default_providers_can_be_forbidden(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"pulumi:disable-default-providers": '["fake"]'}

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "default provider of `fake` is disabled" in str(outcome.program_error)
    assert lifecycle.world.things == {}


def test_an_unreadable_list_of_forbidden_default_providers_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"pulumi:disable-default-providers": "fake"}

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "pulumi:disable-default-providers" in str(outcome.program_error)


def test_a_package_that_nobody_serves_is_refused_by_name(lifecycle: Lifecycle) -> None:
    goal = Goal("aws:s3:Bucket", "a", custom=True, inputs={})

    outcome = lifecycle.up(lambda p: p.registrar.register(goal) and None)

    assert "`aws`" in str(outcome.program_error)


def test_a_reference_to_an_unregistered_provider_is_refused_by_name(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(
        lambda p: p.res("a", {"v": 1}, provider="urn:pulumi:dev::proj::pulumi:providers:fake::x::1") and None
    )

    assert "names a provider that is not registered" in str(outcome.program_error)


def test_a_provider_that_a_delete_first_replacement_would_replace_takes_along_what_it_serves(
    lifecycle: Lifecycle,
) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            ref = p.provider("web", {"region": a.out("rid")})
            p.res("b", {"v": 1}, provider=ref)

        return run

    lifecycle.up(program(1))
    lifecycle.world.calls.clear()

    planned = lifecycle.plan(program(2))
    lifecycle.up(program(2))

    verbs = [f"{c.verb} {c.name}" for c in lifecycle.world.calls if c.verb in {"create", "delete"}]
    assert verbs == ["delete b", "delete a", "create a", "create b"]
    assert set(lifecycle.ops("web")) == set(lifecycle.ops("web", planned))
    assert set(lifecycle.ops("b")) == set(lifecycle.ops("b", planned))


def test_the_stacks_outputs_reach_its_entry_and_a_components_its_own(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        box = p.component("box")
        p.registrar.register_outputs(box.urn, {"a": 1, "later": UNKNOWN})
        p.registrar.register_outputs(Urn.make("dev", "proj", None, "my:mod:Comp", "nobody"), {"a": 1})
        p.export(b=2)

    lifecycle.up(program)

    assert lifecycle.entry("box").outputs == {"a": 1}
    assert next(e.outputs for e in lifecycle.snapshot.resources if e.type == STACK_TYPE) == {"b": 2}
