from tomo.model.events import Result
from tomo.model.goal import Alias, Goal
from tomo.model.resource import ResourceState
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_protected_resource_is_not_deleted(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, protect=True) and None)

    outcome = lifecycle.up(lambda p: p.export())

    assert outcome.result is Result.FAILED
    assert "protected" in str(outcome.failures[0].error)
    assert lifecycle.names() == ["a"]


def test_a_protected_resource_is_not_replaced_and_the_plan_says_so(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}, protect=True) and None)

    outcome = lifecycle.plan(lambda p: p.res("a", {"r": 2}, protect=True) and None)

    assert "protected" in str(outcome.failures[0].error)


def test_destroy_keeps_the_protected_and_what_they_need(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": a.out("out")}, protect=True)
        p.res("c", {"v": 1})

    lifecycle.up(program)

    outcome = lifecycle.destroy()

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["a", "b"]


def test_children_inherit_protect_and_provider_from_their_component(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        ref = p.provider("prov", {"host": "h"})
        group = p.component("group", protect=True, providers={"fake": ref})
        p.res("kid", {"v": 1}, under=group)

    lifecycle.up(program)

    kid = lifecycle.entry("kid")
    assert kid.protect
    assert kid.provider_urn.name == "prov"
    assert kid.urn.qualified_type == "my:mod:Comp$fake:index:Res"


def test_a_retained_resource_leaves_the_state_and_stays_in_the_world(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, retain_on_delete=True) and None)

    lifecycle.up(lambda p: p.export())

    assert lifecycle.names() == []
    assert len(lifecycle.world.things) == 1


def test_data_removal_overrides_retention(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, retain_on_delete=True) and None)
    urn = lifecycle.entry("a").urn

    lifecycle.up(lambda p: p.export(), remove_data=frozenset({urn}))

    assert lifecycle.world.things == {}


def test_ignored_changes_keep_the_old_value(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": {"x": 1, "y": 1}}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2, "w": {"x": 2, "y": 1}}, ignore_changes=("v", "w.x")) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == 1


def test_an_alias_renames_without_touching_the_resource(lifecycle: Lifecycle) -> None:
    def old(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": a.out("out")})

    def new(p: Program) -> None:
        a = p.res("a2", {"v": 1, "auto": "kept"}, aliases=(Alias(name="a"),), ignore_changes=("auto",))
        p.res("b", {"v": a.out("out")})

    lifecycle.up(old)
    lifecycle.world.calls.clear()

    lifecycle.up(new)

    assert [c.verb for c in lifecycle.world.calls if c.verb != "diff"] == []
    assert lifecycle.names() == ["a2", "b"]
    assert lifecycle.entry("b").dependencies == (lifecycle.entry("a2").urn,)


def test_children_follow_a_renamed_component(lifecycle: Lifecycle) -> None:
    def program(name: str, *aliases: Alias):
        def run(p: Program) -> None:
            group = p.component(name, aliases=aliases)
            p.res(f"{name}-kid", {"v": 1}, under=group)

        return run

    lifecycle.up(program("old"))

    lifecycle.up(program("new", Alias(name="old")))

    assert lifecycle.ops("new-kid") == [Op.SAME]
    assert lifecycle.names() == ["new-kid"]


def test_what_is_deleted_with_another_gets_no_delete_of_its_own(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1})
        p.res("b", {"v": 1}, deleted_with=a.urn)

    lifecycle.up(program)

    lifecycle.up(lambda p: p.export())

    assert [c.name for c in lifecycle.world.calls if c.verb == "delete"] == ["a"]
    assert lifecycle.names() == []


def test_custom_timeouts_and_flags_are_recorded(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.res("a", {"v": 1}, ignore_changes=("x",), additional_secret_outputs=("out",)) and None
    )

    entry: ResourceState = lifecycle.entry("a")
    assert entry.ignore_changes == ("x",)
    assert isinstance(entry.outputs["out"], Secret)


def test_a_secret_input_makes_the_same_named_output_secret(lifecycle: Lifecycle) -> None:
    lifecycle.up(
        lambda p: p.res("a", {"v": Secret("hush"), "w": {"deep": Secret("hush2"), "plain": 1}}) and None
    )

    outputs = lifecycle.entry("a").outputs
    assert outputs["v"] == Secret("hush")
    assert outputs["w"]["deep"] == Secret("hush2")
    assert outputs["w"]["plain"] == 1


def test_the_diff_of_a_secret_shows_no_value(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": Secret("old-hush")}) and None)

    outcome = lifecycle.plan(lambda p: p.res("a", {"v": Secret("new-hush")}) and None)

    assert "hush" not in repr(outcome.plan.changes[0].diffs)
    assert outcome.plan.changes[0].op is Op.UPDATE


def test_becoming_secret_alone_is_no_change(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": "x"}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": Secret("x")}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert isinstance(lifecycle.entry("a").inputs["v"], Secret)


def test_a_changed_component_loses_the_outputs_that_it_does_not_register_again(lifecycle: Lifecycle) -> None:
    def program(given: int, *, registers: bool):
        def run(p: Program) -> None:
            goal = Goal("my:mod:Comp", "group", custom=False, inputs={"given": given}, parent=p.stack.urn)
            urn = p.registrar.register(goal).result().urn
            if registers:
                p.registrar.register_outputs(urn, {"made": given})

        return run

    lifecycle.up(program(1, registers=True))
    lifecycle.up(program(1, registers=False))
    kept = lifecycle.entry("group").outputs

    lifecycle.up(program(2, registers=False))

    assert kept == {"made": 1}
    assert lifecycle.entry("group").outputs == {}


def test_an_input_that_the_program_no_longer_hides_is_recorded_openly(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": Secret("s")}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": "s"}) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == "s"
    assert not isinstance(lifecycle.entry("a").inputs["v"], Secret)
