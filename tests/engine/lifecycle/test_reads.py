"""Resources that are only read."""

from tomo.model.events import Result
from tomo.model.goal import Goal, ReadGoal
from tomo.model.provider import ReadResult, ReadStatus
from tomo.model.step import Op
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN_TEXT
from tomo.testing.fake_provider import TYPE, FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


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
    assert set(lifecycle.ops("seen")) == set(lifecycle.ops("seen", planned))
    assert lifecycle.ops("seen") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DISCARD_REPLACED]
    assert not lifecycle.entry("seen").external
    assert lifecycle.names() == ["seen"]
    assert "x-9" in lifecycle.world.things


def test_what_was_only_read_stays_recorded_where_its_successor_cant_be_made(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"v": 5}
    lifecycle.up(reading("x-9"))
    lifecycle.world.faults["create", "seen"] = "fail"

    outcome = lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)

    assert outcome.result is Result.FAILED
    assert (lifecycle.entry("seen").external, lifecycle.entry("seen").id) == (True, "x-9")


def test_what_the_stack_made_is_deleted_once_it_reads_another(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)
    lifecycle.world.things["x-9"] = {"v": 6}

    planned = lifecycle.plan(reading("x-9"))
    lifecycle.up(reading("x-9"))

    assert set(lifecycle.ops("seen")) == set(lifecycle.ops("seen", planned))
    assert lifecycle.ops("seen") == [Op.READ_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]
    assert (lifecycle.entry("seen").external, lifecycle.entry("seen").outputs["v"]) == (True, 6)
    assert lifecycle.names() == ["seen"]
    assert list(lifecycle.world.things) == ["x-9"]


def test_a_stack_that_reads_what_it_made_lets_go_of_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)
    made = lifecycle.entry("seen").id

    lifecycle.up(reading(made))
    read = lifecycle.ops("seen")
    lifecycle.destroy()

    assert read == [Op.READ]
    assert lifecycle.ops("seen") == [Op.DISCARD]
    assert made in lifecycle.world.things


def test_what_the_stack_made_stays_where_the_other_cant_be_read(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)
    before = lifecycle.entry("seen")

    outcome = lifecycle.up(reading("x-9"))

    assert "`x-9` does not exist" in str(outcome.failures[0].error)
    assert lifecycle.entry("seen") == before
    assert list(lifecycle.world.things) == [before.id]


def test_an_original_that_cant_be_deleted_is_tried_again_beside_what_is_read(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("seen", {"v": 5}) and None)
    lifecycle.world.things["x-9"] = {"v": 6}
    lifecycle.world.faults["delete", "seen"] = "fail"
    lifecycle.up(reading("x-9"))
    waiting = [(entry.external, entry.delete) for entry in lifecycle.snapshot.resources if entry.type == TYPE]
    lifecycle.world.faults.clear()

    lifecycle.up(reading("x-9"))

    assert waiting == [(True, False), (False, True)]
    assert lifecycle.ops("seen") == [Op.READ, Op.DELETE_REPLACED]
    assert list(lifecycle.world.things) == ["x-9"]


def test_what_is_replaced_with_it_goes_along_when_it_is_only_read(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        seen = p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=p.stack.urn)).result(9)
        p.res("b", {"v": 1}, replace_with=(seen.urn,))

    lifecycle.up(lambda p: p.res("b", {"v": 1}, replace_with=(p.res("seen", {"v": 5}).urn,)) and None)
    lifecycle.world.things["x-9"] = {"v": 6}

    lifecycle.up(program)

    assert lifecycle.ops("b") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]


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


def test_a_plan_looks_at_nothing_whose_id_is_not_known_yet(lifecycle: Lifecycle) -> None:
    planned = lifecycle.plan(reading(UNKNOWN_TEXT))

    assert planned.result is Result.SUCCEEDED
    assert lifecycle.ops("seen", planned) == [Op.READ]


def test_what_is_to_be_read_by_an_id_that_nothing_gave_fails(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(reading(UNKNOWN_TEXT))

    assert "an id that nothing gave" in str(outcome.failures[0].error)
    assert lifecycle.names() == []


def test_what_a_parent_hands_down_is_not_for_what_is_only_read(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        group = p.component("group", protect=True, retain_on_delete=True)
        p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=group.urn)).result(9)

    lifecycle.world.things["x-9"] = {"v": 5}

    lifecycle.up(program)

    entry = lifecycle.entry("seen")
    assert (entry.protect, entry.retain_on_delete) == (False, False)


def test_what_is_read_below_something_has_no_default_provider_of_its(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        owner = p.res("owner", {"v": 1}, version="1.0.0")
        p.res("part", {"v": 1}, under=owner)
        p.registrar.read(ReadGoal(TYPE, "seen", "x-9", {}, parent=owner.urn)).result(9)

    lifecycle.world.things["x-9"] = {"v": 5}

    lifecycle.up(program)

    owner, part, seen = (lifecycle.entry(name).provider for name in ("owner", "part", "seen"))
    assert part == owner
    assert seen != owner
    assert seen.startswith("urn:pulumi:dev::proj::pulumi:providers:fake::default::")


def test_the_state_says_when_something_read_was_first_seen_otherwise(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"v": 5}
    lifecycle.up(reading("x-9"))
    first = lifecycle.entry("seen").modified
    lifecycle.world.things["x-9"]["v"] = 6

    lifecycle.up(reading("x-9"))

    assert not first
    assert lifecycle.entry("seen").modified


def test_a_truth_that_is_read_where_a_number_was_is_seen_otherwise(lifecycle: Lifecycle) -> None:
    lifecycle.world.things["x-9"] = {"w": 1}
    lifecycle.up(reading("x-9"))
    first = lifecycle.entry("seen").modified
    lifecycle.world.things["x-9"]["w"] = True

    lifecycle.up(reading("x-9"))

    assert not first
    assert lifecycle.entry("seen").modified
