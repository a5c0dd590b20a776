"""`--target`, `--target-dependents`, `--replace` and `--target-replace`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tomo.errors import TargetsRefused
from tomo.model.events import Result
from tomo.model.goal import Alias, Goal
from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import Value
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def urn(name: str, type_: str = "fake:index:Res") -> Urn:
    return Urn(f"urn:pulumi:dev::proj::{type_}::{name}")


def only(*names: str, dependents: bool = False) -> Selection:
    return Selection(tuple(f"**::{name}" for name in names), target_dependents=dependents)


def chain(value: int, *names: str) -> Callable[[Program], None]:
    def program(p: Program) -> None:
        before = None
        for name in names:
            inputs = {"v": value if before is None else before.out("out")}
            before = p.res(name, inputs)

    return program


def apart(**inputs: Mapping[str, Value]) -> Callable[[Program], None]:
    def program(p: Program) -> None:
        for name, values in inputs.items():
            p.res(name, values)

    return program


def test_a_target_alone_is_checked_compared_and_changed(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "c"))
    before = lifecycle.entry("a")
    lifecycle.world.calls.clear()

    lifecycle.up(chain(2, "a", "b", "c"), selection=only("b"))

    assert [lifecycle.ops(name) for name in "abc"] == [[Op.SAME], [Op.SAME], [Op.SAME]]
    assert lifecycle.entry("a") is before
    assert lifecycle.world.verbs("a") == []


def test_what_goes_with_a_target_is_deleted_without_asking_what_differs(lifecycle: Lifecycle) -> None:
    """Pulumi asks, and deletes it whatever the answer."""
    lifecycle.up(chain(1, "a", "b"))
    lifecycle.world.calls.clear()

    lifecycle.up(chain(1, "a"), selection=only("a", dependents=True))

    assert lifecycle.ops("b") == [Op.DELETE]
    assert lifecycle.world.verbs("b") == ["delete"]


def test_targets_with_dependents_reach_all_that_follows(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "c"))

    lifecycle.up(chain(2, "a", "b", "c"), selection=only("a", dependents=True))

    assert [lifecycle.ops(name) for name in "abc"] == [[Op.UPDATE], [Op.UPDATE], [Op.UPDATE]]


def test_a_plan_tells_what_it_leaves_out(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "gone"))

    planned = lifecycle.plan(chain(2, "a", "b"), selection=only("a"))

    refused = planned.program_error
    assert isinstance(refused, TargetsRefused)
    assert "`gone`" in refused.message
    assert set(planned.plan.left_out) == {urn("b")}


def test_a_look_is_about_the_targets_only(lifecycle: Lifecycle) -> None:
    both = apart(a={"v": 1}, b={"v": 1})
    lifecycle.up(both)
    lifecycle.world.things.clear()

    lifecycle.up(both, selection=only("b"))

    assert lifecycle.ops("b") == [Op.CREATE]
    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").id == "a-1"


def test_a_new_resource_beside_the_targets_answers_unknown_and_is_not_recorded(lifecycle: Lifecycle) -> None:
    answered: list[object] = []

    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        new = p.res("new", {"v": 1})
        answered.append(new.answer)
        p.res("newer", {"v": new.out("out")})

    outcome = lifecycle.up(program, selection=only("a"))

    assert outcome.result is Result.SUCCEEDED
    assert answered[0].skipped  # type: ignore[attr-defined]
    assert lifecycle.names() == ["a"]
    assert lifecycle.world.verbs("new") == []


def test_a_target_that_needs_a_new_resource_beside_it_is_refused_by_name(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(chain(1, "new", "a"), selection=only("a"))

    assert outcome.result is Result.FAILED
    [failure] = outcome.failures
    assert failure.urn == urn("a")
    assert "`new`" in failure.error.message
    assert "--target 'new'" in failure.error.hint
    assert lifecycle.world.things == {}


def test_a_provider_of_a_machine_that_is_not_made_is_not_made_either(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        machine = p.res("machine", {"v": 1})
        cloud = p._declare(
            "pulumi:providers:fake", "cloud", {"host": machine.out("out")}, custom=True, options={}
        )
        p.res("on-it", {"v": 1}, provider=f"{cloud.urn}::{cloud.answer.id or '?'}")
        p.res("a", {"v": 1})

    first = lifecycle.up(program, selection=only("a"))
    refused = lifecycle.up(program, selection=only("on-it"))

    assert first.result is Result.SUCCEEDED
    assert lifecycle.names() == ["a"]
    assert [failure.urn for failure in refused.failures] == [urn("on-it")]


def test_what_stays_keeps_its_place_after_what_it_needed(lifecycle: Lifecycle) -> None:
    """`SavedSnapshots` refuses a state in which an entry stands before what it needs."""

    def after(p: Program) -> None:
        p.res("c", {"v": 1})
        p.res("new", {"v": 1})

    lifecycle.up(chain(1, "a", "b", "c"))

    lifecycle.up(after, selection=only("new"))

    assert lifecycle.names() == ["a", "b", "c", "new"]
    assert [lifecycle.ops(name) for name in "ab"] == [[Op.SAME], [Op.SAME]]


def test_a_target_declared_after_what_stays_and_needs_it_is_refused(lifecycle: Lifecycle) -> None:
    def after(p: Program) -> None:
        user = p.res("user", {"v": 1})
        p.res("used", {"v": user.out("out")})

    lifecycle.up(chain(1, "used", "user"))

    outcome = lifecycle.up(after, selection=only("used"))

    [failure] = outcome.failures
    assert failure.urn == urn("used")
    assert str(urn("user")) in failure.error.hint
    assert lifecycle.names() == ["used", "user"]


def test_what_stays_waits_for_a_step_on_what_it_needed(lifecycle: Lifecycle) -> None:
    """`used` is under way when `user`, whose new form needs nothing, is registered."""

    def after(p: Program) -> None:
        used = p.registrar.register(_goal(p, "used", 2))
        user = p.registrar.register(_goal(p, "user", 2))
        used.result(30)
        user.result(30)

    lifecycle.up(chain(1, "used", "user"))

    lifecycle.up(after, selection=only("used"))

    assert lifecycle.ops("used") == [Op.UPDATE]
    assert lifecycle.ops("user") == [Op.SAME]
    assert lifecycle.names() == ["used", "user"]


def _goal(p: Program, name: str, value: int):

    return Goal("fake:index:Res", name, custom=True, inputs={"v": value}, parent=p.stack.urn)


def test_a_renamed_resource_that_stays_is_renamed_all_the_same(lifecycle: Lifecycle) -> None:
    """Pulumi keeps the former name there, and loses the resource in the next run."""

    def renamed(p: Program) -> None:
        p.res("z", {"v": 2}, aliases=(Alias(name="a"),))
        p.res("b", {"v": 2})

    lifecycle.up(apart(a={"v": 1}, b={"v": 1}))

    lifecycle.up(renamed, selection=only("b"))

    assert lifecycle.names() == ["z", "b"]
    assert (lifecycle.entry("z").id, lifecycle.entry("z").inputs["v"]) == ("a-1", 1)


def test_what_a_cascade_takes_along_is_made_as_the_program_says(lifecycle: Lifecycle) -> None:
    """Pulumi makes it with its old inputs, which name what is gone."""

    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            first = p.res("first", {"d": value})
            p.res("second", {"r": first.out("rid")})

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2), selection=only("first"))

    assert set(lifecycle.ops("second")) == {Op.DELETE_REPLACED, Op.REPLACE, Op.CREATE_REPLACEMENT}
    assert lifecycle.entry("second").inputs["r"] == lifecycle.entry("first").id


def test_a_provider_that_moved_away_from_under_what_stays_is_refused(lifecycle: Lifecycle) -> None:
    def program(name: str) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            p.res("a", {"v": 1}, provider=p.provider(name))
            p.res("b", {"v": 1})

        return run

    lifecycle.up(program("cloud"))

    outcome = lifecycle.up(program("sky"), selection=only("b"))

    [failure] = outcome.failures
    assert isinstance(failure.error, TargetsRefused)
    assert "`cloud`" in failure.error.message


def test_a_replaced_provider_of_what_would_be_taken_along_is_refused(lifecycle: Lifecycle) -> None:
    def before(p: Program) -> None:
        old = p.res("old", {"v": 1}, provider=p.provider("cloud", {"region": "one"}))
        p.res("user", {"v": 1}, needs=[old])

    def after(p: Program) -> None:
        p.provider("cloud", {"region": "two"})
        p.res("user", {"v": 1})
        p.res("a", {"v": 1})

    lifecycle.up(before)

    outcome = lifecycle.up(after, selection=only("a"))

    [failure] = outcome.failures
    assert failure.urn == urn("user")
    assert "`cloud`" in failure.error.message


def test_an_unknown_target_is_refused_and_nothing_is_deleted(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b"))
    nobody = Selection((urn("nobody"),))

    outcomes = [
        lifecycle.plan(chain(1, "a"), selection=nobody),
        lifecycle.up(chain(1, "a"), selection=nobody),
        lifecycle.destroy(selection=nobody),
        lifecycle.refresh(selection=nobody),
        lifecycle.up(chain(1, "a"), selection=Selection(replaces=(urn("nobody"),))),
    ]

    assert all(isinstance(each.program_error, TargetsRefused) for each in outcomes)
    assert lifecycle.names() == ["a", "b"]
    assert len(lifecycle.world.things) == 2


def test_destroying_a_target_deletes_nothing_while_a_dependent_is_not_named(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "c"))

    refused = lifecycle.destroy(selection=only("b"))
    kept = lifecycle.names()
    lifecycle.destroy(selection=only("b", dependents=True))

    assert refused.result is Result.FAILED
    assert kept == ["a", "b", "c"]
    assert lifecycle.names() == ["a"]


def test_a_target_that_is_no_longer_declared_stays_where_what_stays_needs_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "used", "user"))

    outcome = lifecycle.up(apart(user={"v": 1}), selection=only("used"))

    assert lifecycle.names() == ["used", "user"]
    assert ["`used` is kept" in line.message for line in outcome.plan.diagnostics] == [True]


def test_an_original_beside_the_targets_waits_on_for_its_deletion(lifecycle: Lifecycle) -> None:
    def program(value: int) -> Callable[[Program], None]:
        return apart(a={"r": value}, b={"v": value})

    lifecycle.up(program(1))
    lifecycle.world.faults["delete", "a"] = "fail"
    lifecycle.up(program(2))
    lifecycle.world.faults.clear()

    lifecycle.up(program(3), selection=only("b"))
    waiting = [entry.urn.name for entry in lifecycle.snapshot.resources if entry.delete]
    lifecycle.up(program(3), selection=only("a"))

    assert waiting == ["a"]
    assert not any(entry.delete for entry in lifecycle.snapshot.resources)


def test_refreshing_targets_leaves_the_others_as_recorded(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b"))
    for thing in lifecycle.world.things.values():
        thing["v"] = 9

    lifecycle.refresh(selection=only("b"))

    assert (lifecycle.entry("a").inputs["v"], lifecycle.entry("b").inputs["v"]) == (1, 9)


# --- replacements that were asked for -------------------------------------------------------------------


def test_a_replacement_that_was_asked_for_happens_though_nothing_differs(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b"))

    outcome = lifecycle.up(chain(1, "a", "b"), selection=Selection(replaces=(urn("a"),)))

    assert lifecycle.ops("a") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert next(step.keys for step in outcome.plan.steps if step.op is Op.REPLACE) == ("id",)
    assert lifecycle.ops("b") == [Op.UPDATE]


def test_a_replacement_that_was_asked_for_has_a_new_name(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a"))
    before = lifecycle.entry("a").inputs["auto"]

    lifecycle.up(chain(1, "a"), selection=Selection(replaces=(urn("a"),)))

    assert lifecycle.entry("a").inputs["auto"] != before


def test_a_swap_serves_a_replacement_that_was_asked_for(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1}, delete_before_replace=True)

    lifecycle.world.swaps = True
    lifecycle.up(program)

    lifecycle.up(program, selection=Selection(replaces=(urn("a"),)))

    assert lifecycle.world.verbs("a")[-2:] == ["swap", "create"]


def test_a_protected_resource_is_not_replaced_though_that_was_asked_for(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1}, protect=True)

    lifecycle.up(program)

    outcome = lifecycle.up(program, selection=Selection(replaces=(urn("a"),)))

    assert "protected" in outcome.failures[0].error.message
    assert lifecycle.entry("a").id == "a-1"


def test_a_target_is_replaced_and_what_depends_on_it_stays(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b"))

    lifecycle.up(chain(1, "a", "b"), selection=Selection((urn("a"),), replaces=(urn("a"),)))

    assert lifecycle.ops("a") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert lifecycle.ops("b") == [Op.SAME]
    assert lifecycle.entry("b").inputs["v"] == "a-1/1"


def test_a_component_is_replaced_without_what_it_holds(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1}, under=p.component("group"))

    lifecycle.up(program)

    lifecycle.up(program, selection=Selection(replaces=("**::group",)))

    assert lifecycle.ops("group") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert lifecycle.ops("a") == [Op.SAME]


def test_a_provider_is_replaced_without_what_it_serves(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1}, provider=p.provider("cloud", {"region": "one"}))

    lifecycle.up(program)
    before = lifecycle.entry("cloud").id

    lifecycle.up(program, selection=Selection(replaces=("**::cloud",)))

    assert lifecycle.entry("cloud").id != before
    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").provider.endswith(lifecycle.entry("cloud").id)


def test_what_is_replaced_because_someone_asks_is_checked_once(lifecycle: Lifecycle) -> None:
    checked: list[str] = []

    class Counting(FakeProvider):
        def check(self, request):
            checked.append(request.urn.name)
            return super().check(request)

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.others["fake"] = Counting(lifecycle.world)

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None, selection=Selection(replaces=("**::a",)))

    assert checked == ["a"]
