from dataclasses import replace

from tomo.model.diff import DiffResult
from tomo.model.events import Result
from tomo.model.provider import DiffRequest
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def mutating(lifecycle: Lifecycle) -> list[str]:
    return [
        f"{c.verb} {c.name}"
        for c in lifecycle.world.calls
        if c.verb in {"create", "update", "delete", "swap"}
    ]


def with_dependent(key: str, value: int):
    def program(p: Program) -> None:
        a = p.res("a", {key: value})
        p.res("b", {"rfrom": a.out("rid")})

    return program


def test_a_replace_key_makes_the_new_one_before_the_old_goes(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.calls.clear()

    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    assert mutating(lifecycle) == ["create a", "delete a"]
    assert [step.op for step in lifecycle.outcome.plan.steps if step.urn.name == "a"] == [
        Op.CREATE_REPLACEMENT,
        Op.REPLACE,
        Op.DELETE_REPLACED,
    ]
    assert lifecycle.outcome.plan.counts[Op.REPLACE] == 1
    assert len(lifecycle.snapshot.resources) == 3


def test_dependents_of_a_replaced_resource_follow_their_own_diff(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_dependent("r", 1))
    lifecycle.world.calls.clear()

    lifecycle.up(with_dependent("r", 2))

    assert mutating(lifecycle) == ["create a", "create b", "delete b", "delete a"]


def test_delete_first_takes_dependents_that_would_be_replaced_along(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_dependent("d", 1))
    lifecycle.world.calls.clear()

    lifecycle.up(with_dependent("d", 2))

    assert mutating(lifecycle) == ["delete b", "delete a", "create a", "create b"]
    assert lifecycle.snapshot.pending_operations == ()
    assert not any(entry.pending_replacement for entry in lifecycle.snapshot.resources)


def test_a_mere_depends_on_is_not_taken_along(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            p.res("c", {"v": 1}, needs=[a])

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert lifecycle.ops("c") == [Op.SAME]


def test_the_plan_of_a_cascade_is_what_up_then_does(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_dependent("d", 1))

    planned = lifecycle.plan(with_dependent("d", 2))
    lifecycle.up(with_dependent("d", 2))

    def ops(steps):
        return sorted((s.urn.name, s.op.pulumi_name) for s in steps)

    assert ops(planned.plan.steps) == ops(lifecycle.outcome.plan.steps)


def test_a_failed_create_after_delete_first_is_remembered_and_retried(lifecycle: Lifecycle) -> None:
    lifecycle.up(with_dependent("d", 1))
    lifecycle.world.faults["create", "a"] = "fail"

    failed = lifecycle.up(with_dependent("d", 2))
    waiting = {
        e.urn.name: e.pending_replacement for e in lifecycle.snapshot.resources if e.type.startswith("fake")
    }
    lifecycle.world.faults.clear()
    lifecycle.world.calls.clear()
    lifecycle.up(with_dependent("d", 2))

    assert failed.result is Result.FAILED
    assert waiting == {"a": True, "b": True}
    assert mutating(lifecycle) == ["create a", "create b"]
    assert not any(entry.pending_replacement for entry in lifecycle.snapshot.resources)


def test_a_provider_that_can_swap_replaces_in_one_act(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(lambda p: p.res("a", {"d": 1}) and None)
    lifecycle.world.calls.clear()

    lifecycle.up(lambda p: p.res("a", {"d": 2}) and None)

    assert mutating(lifecycle) == ["swap a", "create a"]
    assert len(lifecycle.world.things) == 1
    assert set(lifecycle.ops("a")) == {Op.DELETE_REPLACED, Op.REPLACE, Op.CREATE_REPLACEMENT}


def test_a_failed_swap_leaves_the_old_entry_as_it_was(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(lambda p: p.res("a", {"d": 1}) and None)
    before = lifecycle.entry("a")
    lifecycle.world.faults["swap", "a"] = "fail"

    outcome = lifecycle.up(lambda p: p.res("a", {"d": 2}) and None)

    assert outcome.result is Result.FAILED
    assert lifecycle.entry("a") == before
    assert lifecycle.snapshot.pending_operations == ()


def test_the_programs_choice_of_order_wins_over_the_providers(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}, delete_before_replace=True) and None)
    lifecycle.world.calls.clear()

    lifecycle.up(lambda p: p.res("a", {"r": 2}, delete_before_replace=True) and None)

    assert mutating(lifecycle) == ["delete a", "create a"]


def test_a_new_name_is_made_for_a_replacement_that_comes_first(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    old = lifecycle.entry("a").inputs["auto"]

    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    assert lifecycle.entry("a").inputs["auto"] != old


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


def changed(lifecycle: Lifecycle, name: str, **changes: object) -> None:
    """Changes a recorded entry behind the engine's back."""
    lifecycle.snapshot = Snapshot(
        tuple(replace(e, **changes) if e.urn.name == name else e for e in lifecycle.snapshot.resources)
    )


def test_a_tainted_resource_is_replaced_once(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    changed(lifecycle, "a", taint=True)

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    first = lifecycle.ops("a")
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert first == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert lifecycle.ops("a") == [Op.SAME]


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


def test_what_is_replaced_with_the_first_goes_ahead_of_what_follows_from_it(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            p.res("with", {"v": 1}, replace_with=(a.urn,))
            p.res("from", {"r": a.out("rid")})

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert [call.name for call in lifecycle.world.calls if call.verb == "delete"] == ["with", "from", "a"]


def test_what_needs_something_that_is_replaced_with_the_first_goes_before_it(lifecycle: Lifecycle) -> None:
    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            along = p.res("with", {"v": 1}, replace_with=(a.urn,))
            p.res("from", {"r": a.out("rid"), "v": along.out("rid")})

        return run

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert [call.name for call in lifecycle.world.calls if call.verb == "delete"] == ["from", "with", "a"]


def test_a_cascade_asks_with_what_a_dependent_ignores(lifecycle: Lifecycle) -> None:
    asked: list[tuple[str, ...]] = []

    class Asked(FakeProvider):
        def diff(self, request: DiffRequest) -> DiffResult:
            asked.append(request.ignore_changes)
            return super().diff(request)

    def program(value: int):
        def run(p: Program) -> None:
            a = p.res("a", {"d": value})
            p.res("b", {"r": a.out("rid")}, ignore_changes=("w",))

        return run

    lifecycle.others["fake"] = Asked(lifecycle.world)
    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert asked == [(), ("w",)]
