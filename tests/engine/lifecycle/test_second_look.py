"""What happens between a look and the steps that were decided by it."""

from dataclasses import replace

from tomo.engine.look import Observation
from tomo.errors import SecretsError
from tomo.model.events import Diagnostic, Result, Severity
from tomo.model.goal import Alias, Goal
from tomo.model.snapshot import Snapshot
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.testing.fake_provider import TYPE, FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def across_hosts(p: Program) -> None:
    left, right = p.provider("left", {"host": "left"}), p.provider("right", {"host": "right"})
    a = p.res("a", {"v": 1}, provider=left)
    p.res("b", {"v": a.out("v")}, provider=right)


def answering_again(lifecycle: Lifecycle, *hosts: str):
    """The program, before which silent hosts come back."""

    def run(p: Program) -> None:
        lifecycle.world.silent.difference_update(hosts)
        across_hosts(p)

    return run


def test_what_is_found_gone_only_later_leaves_no_dangling_mention(lifecycle: Lifecycle) -> None:
    lifecycle.up(across_hosts)
    del lifecycle.world.things["a-1"]
    lifecycle.world.silent.update({"left", "right"})

    outcome = lifecycle.up(answering_again(lifecycle, "left"))

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.ops("a") == [Op.CREATE]
    assert len(lifecycle.world.things) == 2


def test_what_is_found_gone_later_and_cannot_be_made_stays_recorded(lifecycle: Lifecycle) -> None:
    lifecycle.up(across_hosts)
    del lifecycle.world.things["a-1"]
    lifecycle.world.silent.add("left")
    lifecycle.world.faults["create", "a"] = "fail"

    lifecycle.up(answering_again(lifecycle, "left"))
    lifecycle.world.faults.clear()
    lifecycle.up(across_hosts)

    assert lifecycle.outcome.result is Result.SUCCEEDED
    assert sorted(lifecycle.names()) == ["a", "b"]


def test_what_changed_while_the_host_was_silent_is_changed_back(lifecycle: Lifecycle) -> None:
    lifecycle.up(across_hosts)
    lifecycle.world.things["a-1"]["v"] = 7
    lifecycle.world.silent.add("left")

    lifecycle.up(answering_again(lifecycle, "left"))

    assert lifecycle.ops("a") == [Op.UPDATE]
    assert lifecycle.world.things["a-1"]["v"] == 1


def test_several_resources_of_one_host_share_one_second_look(lifecycle: Lifecycle) -> None:
    looked: list[int] = []

    class Counting(FakeProvider):
        def read(self, requests):
            looked.append(len(requests))
            return super().read(requests)

    def program(p: Program) -> None:
        ref = p.provider("left", {"host": "left"})
        goals = [Goal(TYPE, n, custom=True, inputs={"v": 1}, parent=p.stack.urn, provider=ref) for n in "abc"]
        for answer in [p.registrar.register(goal) for goal in goals]:
            answer.result(9)

    lifecycle.up(program)
    lifecycle.others["fake"] = Counting(lifecycle.world)
    lifecycle.world.silent.add("left")

    def again(p: Program) -> None:
        lifecycle.world.silent.clear()
        program(p)

    lifecycle.up(again)

    assert looked == [3, 3]
    assert lifecycle.ops("a") == lifecycle.ops("b") == lifecycle.ops("c") == [Op.SAME]


def test_resources_that_move_to_another_provider_are_looked_at_through_it(lifecycle: Lifecycle) -> None:
    def program(provider: str):
        def run(p: Program) -> None:
            ref = p.provider(provider, {"host": provider})
            for name in "ab":
                p.res(name, {"v": 1}, provider=ref)

        return run

    lifecycle.up(program("one"))

    planned = lifecycle.plan(program("two"))
    lifecycle.up(program("two"))

    assert planned.result is Result.SUCCEEDED
    assert lifecycle.ops("b") == lifecycle.ops("b", planned) == [Op.SAME]
    assert len(lifecycle.world.things) == 2


def test_a_renamed_resource_on_a_changed_provider_is_looked_at_and_kept(lifecycle: Lifecycle) -> None:
    def program(host: str, name: str, **options: object):
        def run(p: Program) -> None:
            ref = p.provider("web", {"host": host})
            a = p.res(name, {"v": 1}, provider=ref, **options)
            p.res("b", {"v": a.out("v")}, provider=ref)

        return run

    lifecycle.up(program("one", "old"))

    lifecycle.up(program("two", "new", aliases=(Alias(name="old"),)))

    assert lifecycle.ops("new") == [Op.SAME]
    assert lifecycle.names() == ["new", "b"]


def test_a_look_that_cannot_be_made_sense_of_is_told_of_and_the_record_stands(lifecycle: Lifecycle) -> None:
    class Short(FakeProvider):
        def read(self, requests):
            return [] if self.host == "two" else super().read(requests)

    def program(host: str):
        return lambda p: p.res("a", {"v": 1}, provider=p.provider("web", {"host": host})) and None

    lifecycle.up(program("one"))
    lifecycle.others["fake"] = Short(lifecycle.world)

    outcome = lifecycle.up(program("two"))

    assert lifecycle.ops("a", outcome) == [Op.SAME]
    assert outcome.plan.unlooked[0].problem == "the provider was asked about 1, and answered 0"


def test_a_second_look_that_cannot_be_made_is_told_of_and_the_record_stands(lifecycle: Lifecycle) -> None:
    def program(host: str):
        return lambda p: p.res("a", {"v": 1}, provider=p.provider("web", {"host": host})) and None

    lifecycle.up(program("one"))
    sealed = Secret.sealed("v1:x", _no_key)
    lifecycle.snapshot = Snapshot(
        tuple(
            replace(e, inputs={**e.inputs, "sealed": sealed}) if e.urn.name == "a" else e
            for e in lifecycle.snapshot.resources
        )
    )
    observed = Observation(lifecycle.snapshot.resources)

    lifecycle.plan(program("two"), observed=observed)

    said = [
        e.message for e in lifecycle.events if isinstance(e, Diagnostic) and e.severity is Severity.WARNING
    ]
    assert said == ["could not look once more: no key"]


def _no_key(_: str) -> str:
    raise SecretsError("no key")


def test_an_original_that_waits_for_its_deletion_forgets_what_is_gone(lifecycle: Lifecycle) -> None:
    def program(value: int, feed: bool):
        def run(p: Program) -> None:
            a = p.res("a", {"v": 1})
            p.res("b", {"r": value, "v": a.out("v") if feed else 1})

        return run

    lifecycle.up(program(1, feed=True))
    lifecycle.world.faults["delete", "b"] = "fail"
    lifecycle.up(program(2, feed=False))
    del lifecycle.world.things["a-1"]
    lifecycle.world.faults["create", "a"] = "fail"

    outcome = lifecycle.up(program(2, feed=False))

    assert [failure.urn.rsplit("::")[-1] for failure in outcome.failures] == ["a"]
    assert [e.dependencies for e in lifecycle.snapshot.resources if e.delete] == [()]


def test_a_look_of_another_state_is_not_taken_for_one_of_this(lifecycle: Lifecycle) -> None:
    lifecycle.up(across_hosts)
    observed = lifecycle.plan(across_hosts).observation
    lifecycle.snapshot = Snapshot(tuple(replace(e) for e in lifecycle.snapshot.resources))
    del lifecycle.world.things["a-1"]
    stranger = replace(observed, entries=observed.entries[:-1])

    lifecycle.up(across_hosts, observed=stranger)

    assert lifecycle.ops("a") == [Op.CREATE]


def test_a_look_made_for_the_plan_saves_the_next_one(lifecycle: Lifecycle) -> None:
    lifecycle.up(across_hosts)
    observed = lifecycle.plan(across_hosts).observation
    lifecycle.world.silent.update({"left", "right"})

    outcome = lifecycle.up(across_hosts, observed=observed)

    assert outcome.plan.unlooked == ()


def test_the_name_of_a_replacement_is_the_same_in_plan_and_up_though_a_look_found_drift(
    lifecycle: Lifecycle,
) -> None:
    lifecycle.up(lambda p: p.res("a", {"r": 1}) and None)
    lifecycle.world.things["a-1"]["v"] = 7

    planned = lifecycle.plan(lambda p: p.res("a", {"r": 2}) and None)
    lifecycle.up(lambda p: p.res("a", {"r": 2}) and None)

    [made] = [step.new for step in planned.plan.steps if step.op is Op.CREATE_REPLACEMENT]
    assert lifecycle.entry("a").inputs["auto"] == made.inputs["auto"]


def test_drift_stays_marked_and_names_stay_the_same_after_a_second_look(lifecycle: Lifecycle) -> None:
    def program(host: str):
        return lambda p: p.res("a", {"r": 1}, provider=p.provider("web", {"host": host})) and None

    lifecycle.up(program("one"))
    lifecycle.world.things["a-1"]["r"] = 7

    planned, again = lifecycle.plan(program("two")), lifecycle.plan(program("two"))

    [made], [remade] = (
        [s for s in outcome.plan.steps if s.op is Op.CREATE_REPLACEMENT] for outcome in (planned, again)
    )
    assert made.diffs[0].drift
    assert made.new.inputs["auto"] == remade.new.inputs["auto"]


def test_a_resource_that_was_renamed_and_is_found_gone_only_later_stands_in_the_state_once(
    lifecycle: Lifecycle,
) -> None:
    """`a` is found gone by the second look that `c` asks for, before it is registered by its new name."""

    def program(name: str, *silent: str):
        def run(p: Program) -> None:
            ref = p.provider("left", {"host": "left"})
            lifecycle.world.silent.difference_update(silent)
            p.res("c", {"v": 1}, provider=ref)
            aliases = (Alias(name="a"),) if name != "a" else ()
            p.res(name, {"v": 1}, provider=ref, aliases=aliases)

        return run

    lifecycle.up(program("a"))
    del lifecycle.world.things["a-2"]
    lifecycle.world.silent.add("left")

    outcome = lifecycle.up(program("z", "left"))

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.names() == ["c", "z"]
    assert lifecycle.ops("z") == [Op.CREATE]
    assert lifecycle.world.verbs("a") == ["create"]
