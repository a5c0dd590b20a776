"""Hooks before and after steps and when one fails; some by the SDK itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pulumi
import pytest
from pulumi import (
    ErrorHook,
    ErrorHookArgs,
    Output,
    ResourceHook,
    ResourceHookArgs,
    ResourceHookBinding,
    ResourceHookOptions,
)

from conformance.vocabulary import FakeCloud, Group, Res
from tomo.errors import NotSupported, ProgramFailed
from tomo.model.events import Diagnostic, Result, Severity
from tomo.model.hook import HookCall, HookType
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.program.runner import SdkSource
from tomo.testing.lifecycle import Lifecycle, Program

EVERY = [kind for kind in HookType if kind is not HookType.ON_ERROR]


@pytest.fixture
def sdk(tmp_path: Path) -> Callable[[Callable[[], object]], SdkSource]:
    return lambda main: SdkSource(lambda: main() and None, tmp_path)


class Heard:
    """What hooks were called with, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, HookCall]] = []

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def told(self, name: str) -> HookCall:
        return next(call for heard, call in self.calls if heard == name)

    def hook(self, p: Program, name: str, *, fails: bool = False, **options: bool) -> None:
        def call(told: HookCall) -> None:
            self.calls.append((name, told))
            if fails:
                raise ProgramFailed("the hook said no")

        p.hook(name, call, **options)

    def all_of(self, p: Program, **options: bool) -> dict[str, tuple[str, ...]]:
        """A hook for every kind, called like it."""
        for kind in EVERY:
            self.hook(p, kind, **options)
        return {kind: (kind,) for kind in EVERY}


def fails_times(lifecycle: Lifecycle, verb: str, name: str) -> Callable[[HookCall, str, Sequence[str]], bool]:
    """An error hook that mends the world and asks for another attempt."""
    lifecycle.world.faults[verb, name] = "fail"

    def mend(_told: HookCall, _operation: str, _failures: Sequence[str]) -> bool:
        lifecycle.world.faults.clear()
        return True

    return mend


def warnings(lifecycle: Lifecycle) -> list[str]:
    lines = [event for event in lifecycle.events if isinstance(event, Diagnostic)]
    return [line.message for line in lines if line.severity is Severity.WARNING]


# --- before and after ------------------------------------------------------------------------------------


def test_each_step_calls_its_own_hooks_and_tells_what_it_knows(lifecycle: Lifecycle) -> None:
    heard = Heard()

    def program(value: int) -> Callable[[Program], None]:
        return lambda p: p.res("a", {"v": value}, hooks=heard.all_of(p)) and None

    lifecycle.up(program(1))
    lifecycle.up(program(1))
    lifecycle.up(program(2))
    lifecycle.up(lambda p: heard.all_of(p) and None)

    assert heard.names == list(EVERY)
    created, updated = heard.told("AfterCreate"), heard.told("AfterUpdate")
    assert (heard.told("BeforeCreate").id, created.id, updated.id) == ("", "a-1", "a-1")
    assert (heard.told("BeforeCreate").new_outputs, created.new_outputs["out"]) == (None, "a-1/1")
    assert (updated.old_inputs["v"], updated.new_inputs["v"], updated.old_outputs["out"]) == (1, 2, "a-1/1")
    assert (heard.told("AfterDelete").old_inputs["v"], heard.told("AfterDelete").new_inputs) == (2, None)


def test_the_state_names_them(lifecycle: Lifecycle) -> None:
    heard = Heard()
    lifecycle.up(lambda p: p.res("a", {"v": 1}, hooks=heard.all_of(p)) and None)
    named = lifecycle.entry("a").hooks

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert named == {kind: (kind,) for kind in EVERY}
    assert (lifecycle.entry("a").hooks, lifecycle.ops("a")) == ({}, [Op.SAME])


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("r", ["BeforeCreate", "AfterCreate", "BeforeDelete", "AfterDelete"]),
        ("d", ["BeforeDelete", "AfterDelete", "BeforeCreate", "AfterCreate"]),
    ],
)
def test_a_replacement_calls_those_of_its_halves(lifecycle: Lifecycle, key: str, order: list[str]) -> None:
    heard = Heard()

    def program(value: int) -> Callable[[Program], None]:
        return lambda p: p.res("a", {key: value}, hooks=heard.all_of(p)) and None

    lifecycle.up(program(1))
    heard.calls.clear()

    lifecycle.up(program(2))

    assert heard.names == order


def test_a_swap_calls_those_of_both_around_it(lifecycle: Lifecycle) -> None:
    heard = Heard()
    lifecycle.world.swaps = True

    def program(value: int) -> Callable[[Program], None]:
        return lambda p: p.res("a", {"d": value}, hooks=heard.all_of(p)) and None

    lifecycle.up(program(1))
    heard.calls.clear()

    lifecycle.up(program(2))

    assert heard.names == ["BeforeDelete", "BeforeCreate", "AfterDelete", "AfterCreate"]


def test_a_plan_calls_only_those_that_ask_for_it(lifecycle: Lifecycle) -> None:
    heard = Heard()

    def program(p: Program) -> None:
        heard.hook(p, "always", on_dry_run=True)
        heard.hook(p, "real")
        p.res(
            "a",
            {"v": 1},
            hooks={HookType.BEFORE_CREATE: ("real", "always"), HookType.AFTER_CREATE: ("always",)},
        )

    planned = lifecycle.plan(program)

    assert heard.names == ["always", "always"]
    assert lifecycle.ops("a", planned) == [Op.CREATE]


def test_what_is_declared_after_a_hook_of_a_plan_stands_after_it(lifecycle: Lifecycle, sdk) -> None:
    def program() -> None:
        hook = ResourceHook("hook", lambda args: None, ResourceHookOptions(on_dry_run=True))
        for number in range(12):
            hooks = ResourceHookBinding(before_create=[hook]) if number % 3 == 0 else None
            Res(f"res{number}", {"v": 1}, hooks=hooks)

    planned = [lifecycle.plan(sdk(program)) for _ in range(3)]

    orders = [[step.urn.name for step in each.plan.steps] for each in planned]
    assert orders[0] == orders[1] == orders[2]
    assert [name for name in orders[0] if name.startswith("res")] == [f"res{n}" for n in range(12)]


# --- failing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_failing_before_hook_fails_the_step_and_nothing_is_done(lifecycle: Lifecycle, verb: str) -> None:
    heard = Heard()
    kind = HookType(f"Before{verb.title()}")

    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            heard.hook(p, "no", fails=True)
            if not (verb == "delete" and value == 2):
                p.res("a", {"v": value}, hooks={kind: ("no",)})

        return run

    lifecycle.up(program(1))
    outcome = lifecycle.up(program(2)) if verb != "create" else lifecycle.outcome

    assert outcome.result is Result.FAILED
    assert "before hook `no` failed: the hook said no" in str(outcome.failures[0].error)
    assert verb not in lifecycle.world.verbs("a")


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_failing_after_hook_keeps_what_was_done_and_fails_the_run(lifecycle: Lifecycle, verb: str) -> None:
    heard = Heard()
    kind = HookType(f"After{verb.title()}")

    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            heard.hook(p, "no", fails=True)
            if not (verb == "delete" and value == 2):
                p.res("b", {"v": p.res("a", {"v": value}, hooks={kind: ("no",)}).out("out")})

        return run

    lifecycle.up(program(1))
    outcome = lifecycle.up(program(2)) if verb != "create" else lifecycle.outcome

    assert outcome.result is Result.FAILED
    assert [str(failure.error) for failure in outcome.failures] == [
        "after hook `no` failed: the hook said no"
    ]
    assert lifecycle.names() == ([] if verb == "delete" else ["a", "b"])


def test_a_hook_whose_errors_are_ignored_warns(lifecycle: Lifecycle) -> None:
    heard = Heard()

    def program(p: Program) -> None:
        heard.hook(p, "no", fails=True, ignore_errors=True)
        p.res("a", {"v": 1}, hooks={HookType.BEFORE_CREATE: ("no",), HookType.AFTER_CREATE: ("no",)})

    outcome = lifecycle.up(program)

    assert outcome.result is Result.SUCCEEDED
    assert [line.split(" failed")[0] for line in warnings(lifecycle)] == [
        "before hook `no`",
        "after hook `no`",
    ]


def test_a_failing_hook_of_a_plan_fails_the_plan(lifecycle: Lifecycle) -> None:
    heard = Heard()

    def program(p: Program) -> None:
        heard.hook(p, "no", fails=True, on_dry_run=True)
        p.res("b", {"v": p.res("a", {"v": 1}, hooks={HookType.BEFORE_CREATE: ("no",)}).out("out")})

    outcome = lifecycle.plan(program)

    assert outcome.result is Result.FAILED
    assert lifecycle.ops("b", outcome) == []


def test_a_deletion_whose_hook_is_gone_is_refused_by_its_name_in_plan_and_run(lifecycle: Lifecycle) -> None:
    heard = Heard()
    lifecycle.up(lambda p: p.res("a", {"v": 1}, hooks=heard.all_of(p)) and None)

    planned = lifecycle.plan(lambda p: p.export())
    outcome = lifecycle.up(lambda p: p.export())

    for each in (planned, outcome):
        assert "hook `BeforeDelete` of `a` is not registered" in str(each.failures[0].error)
    assert lifecycle.names() == ["a"]


def test_two_hooks_of_one_name_end_the_program(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.hook("one", lambda told: None)
        p.error_hook("one", lambda told, operation, failures: False)

    outcome = lifecycle.up(program)

    assert str(outcome.program_error) == "two hooks are called `one`"
    assert outcome.result is Result.FAILED


# --- components ------------------------------------------------------------------------------------------


def test_a_component_has_hooks_before_itself_and_after_its_outputs(lifecycle: Lifecycle, sdk) -> None:
    heard: list[str] = []

    def program(value: int, *, there: bool = True) -> SdkSource:
        def main() -> None:
            names = ("before_create", "after_create", "before_update", "after_update", "after_delete")
            hooks = {n: ResourceHook(n, lambda args, n=n: heard.append(n)) for n in names}
            if there:
                binding = ResourceHookBinding(**{name: [hook] for name, hook in hooks.items()})
                group = Group("group", {"v": value}, hooks=binding)
                Res(
                    "a",
                    {"v": 1},
                    parent=group,
                    hooks=ResourceHookBinding(after_create=[lambda _: heard.append("a")]),
                )
                group.register_outputs({"done": True})

        return sdk(main)

    lifecycle.up(program(1))
    lifecycle.up(program(2))
    lifecycle.up(program(2, there=False))

    assert sorted(heard[:3]) == ["a", "after_create", "before_create"]
    assert heard[0] == "before_create"
    assert heard[3:] == ["before_update", "after_update", "after_delete"]


def test_a_component_that_a_hook_refused_is_not_done_by_its_outputs(lifecycle: Lifecycle, sdk) -> None:
    heard: list[str] = []

    def refuse(_: object) -> None:
        raise ValueError("not now")

    def program(value: int) -> SdkSource:
        def main() -> None:
            before = ResourceHook("before", refuse)
            after = ResourceHook("after", lambda _: heard.append("after"))
            binding = ResourceHookBinding(before_update=[before], after_update=[after])
            Group("group", {"v": value}, hooks=binding).register_outputs({"done": value})

        return sdk(main)

    lifecycle.up(program(1))
    outcome = lifecycle.up(program(2))

    assert [str(failure.error) for failure in outcome.failures] == ["before hook `before` failed: not now"]
    assert heard == []
    assert lifecycle.entry("group").outputs == {"done": 1}


# --- error hooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_an_error_hook_may_have_a_step_tried_again(lifecycle: Lifecycle, verb: str) -> None:
    heard: list[tuple[str, str, int]] = []

    def program(value: int) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            mend = fails_times(lifecycle, verb, "a")

            def call(told: HookCall, operation: str, failures: Sequence[str]) -> bool:
                heard.append((operation, told.id, len(failures)))
                return mend(told, operation, failures)

            p.error_hook("again", call)
            if not (verb == "delete" and value == 2):
                p.res("a", {"v": value}, hooks={HookType.ON_ERROR: ("again",)})

        return run

    outcome = lifecycle.up(program(1))
    outcome = lifecycle.up(program(2)) if verb != "create" else outcome

    assert outcome.result is Result.SUCCEEDED
    assert heard[-1:] == [(verb, "" if verb == "create" else "a-1", 1)]
    assert lifecycle.world.verbs("a").count(verb) == 2
    assert f"retrying {verb} due to on-error hook request (1/100)" in warnings(lifecycle)


def test_without_a_wish_to_try_again_the_error_stands(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "fail"

    def program(p: Program) -> None:
        p.error_hook("no", lambda told, operation, failures: False)
        p.res("a", {"v": 1}, hooks={HookType.ON_ERROR: ("no",)})

    outcome = lifecycle.up(program)

    assert "create of `a` fails as asked" in str(outcome.failures[0].error)
    assert lifecycle.world.verbs("a") == ["create"]


def test_after_a_hundred_failures_no_error_hook_is_asked(lifecycle: Lifecycle) -> None:
    asked: list[int] = []
    lifecycle.world.faults["create", "a"] = "fail"

    def again(_told: HookCall, _operation: str, failures: Sequence[str]) -> bool:
        asked.append(len(failures))
        return True

    def program(p: Program) -> None:
        p.error_hook("again", again)
        p.res("a", {"v": 1}, hooks={HookType.ON_ERROR: ("again",)})

    outcome = lifecycle.up(program)

    assert outcome.result is Result.FAILED
    assert asked == list(range(1, 100))
    assert "maximum number of error hook retries (100) reached" in warnings(lifecycle)


def test_what_was_made_and_is_not_well_is_not_made_a_second_time(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "init"

    def program(p: Program) -> None:
        p.error_hook("again", lambda told, operation, failures: True)
        p.res("a", {"v": 1}, hooks={HookType.ON_ERROR: ("again",)})

    lifecycle.up(program)

    assert lifecycle.world.verbs("a") == ["create"]
    assert lifecycle.entry("a").init_errors == ("not well",)


def test_an_error_hook_that_fails_is_named(lifecycle: Lifecycle) -> None:
    lifecycle.world.faults["create", "a"] = "fail"

    def bad(_told: HookCall, _operation: str, _failures: Sequence[str]) -> bool:
        raise ProgramFailed("cannot say")

    def program(p: Program) -> None:
        p.error_hook("bad", bad)
        p.res("a", {"v": 1}, hooks={HookType.ON_ERROR: ("bad",)})

    outcome = lifecycle.up(program)

    assert str(outcome.failures[0].error) == "error hook `bad` failed: cannot say"


# --- through the SDK -------------------------------------------------------------------------------------


def test_hooks_of_the_sdk_see_values_and_may_be_asynchronous(lifecycle: Lifecycle, sdk) -> None:
    seen: list[object] = []

    async def later(args: ResourceHookArgs) -> None:
        await Output.from_input(1).future()
        seen.append((args.name, args.id, args.new_outputs["out"]))

    def program() -> None:
        hooks = ResourceHookBinding(after_create=[later, lambda args: seen.append(args.new_inputs["v"])])
        Res("a", {"v": 1}, hooks=hooks)

    lifecycle.up(sdk(program))

    assert seen == [("a", "a-1", "a-1/1"), 1]
    assert len(lifecycle.entry("a").hooks[HookType.AFTER_CREATE]) == 2


def test_deletions_run_their_hooks_while_the_program_is_still_there(lifecycle: Lifecycle, sdk) -> None:
    seen: list[str] = []

    def program(*names: str) -> SdkSource:
        def main() -> None:
            hook = ResourceHook("gone", lambda args: seen.append(args.name))
            for name in names:
                Res(name, {"v": 1}, hooks=ResourceHookBinding(before_delete=[hook], after_delete=[hook]))

        return sdk(main)

    lifecycle.up(program("a", "b"))

    outcome = lifecycle.up(program("b"))

    assert outcome.result is Result.SUCCEEDED
    assert (seen, lifecycle.names()) == (["a", "a"], ["b"])


def test_the_hook_of_a_deletion_is_called_before_protection_refuses_it(lifecycle: Lifecycle, sdk) -> None:
    seen: list[str] = []

    def program(fails: bool = False) -> SdkSource:
        def early(args: ResourceHookArgs) -> None:
            seen.append(args.name)
            if fails:
                raise ValueError("not now")

        def main() -> None:
            hook = ResourceHook("early", early)
            Res("a", {"v": 1}, protect=True, hooks=ResourceHookBinding(before_delete=[hook]))

        return sdk(main)

    lifecycle.up(program())

    refused, failed = lifecycle.destroy(program()), lifecycle.destroy(program(fails=True))

    assert "is protected" in str(refused.failures[0].error)
    assert "not now" in str(failed.failures[0].error)
    assert (seen, lifecycle.names()) == (["a", "a"], ["a"])


def test_a_retry_by_the_sdk(lifecycle: Lifecycle, sdk) -> None:
    seen: list[object] = []
    lifecycle.world.faults["create", "a"] = "fail"

    def again(args: ErrorHookArgs) -> bool:
        seen.append((args.failed_operation, args.errors))
        lifecycle.world.faults.clear()
        return True

    lifecycle.up(sdk(lambda: Res("a", {"v": 1}, hooks=ResourceHookBinding(on_error=[ErrorHook("e", again)]))))

    assert seen == [("create", ["create of `a` fails as asked"])]
    assert lifecycle.names() == ["a"]


def test_a_transform_may_add_a_hook(lifecycle: Lifecycle, sdk) -> None:
    seen: list[str] = []

    def program() -> None:
        hook = ResourceHook("hook", lambda args: seen.append(args.name))

        def add(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
            more = pulumi.ResourceOptions(hooks=ResourceHookBinding(before_create=[hook]))
            return pulumi.ResourceTransformResult(args.props, pulumi.ResourceOptions.merge(args.opts, more))

        Res("a", {"v": 1}, transforms=[add])

    lifecycle.up(sdk(program))

    assert seen == ["a"]


def test_a_program_that_raises_ends_with_its_own_error_and_its_hooks_are_done(
    lifecycle: Lifecycle, sdk
) -> None:
    def program() -> None:
        Res("a", {"v": 1}, hooks=ResourceHookBinding(before_create=[lambda args: None]))
        raise ValueError("no further")

    outcome = lifecycle.up(sdk(program))

    assert "no further" in str(outcome.program_error)
    assert outcome.result is Result.FAILED


def test_secrets_reach_a_hook_as_outputs(lifecycle: Lifecycle, sdk) -> None:
    seen: list[object] = []

    def program() -> None:
        hook = ResourceHook("hook", lambda args: seen.append(args.new_inputs["v"]))
        Res("a", {"v": Output.secret("hidden")}, hooks=ResourceHookBinding(before_create=[hook]))

    lifecycle.up(sdk(program))

    assert isinstance(seen[0], Output)
    assert lifecycle.entry("a").inputs["v"] == Secret("hidden")


def test_hooks_of_a_provider_are_refused_by_name(lifecycle: Lifecycle, sdk) -> None:
    hooks = ResourceHookBinding(before_create=[lambda args: None])

    outcome = lifecycle.up(sdk(lambda: FakeCloud("cloud", {"region": "r"}, hooks=hooks)))

    assert isinstance(outcome.failures[0].error, NotSupported)
    assert "hooks of the provider `cloud`" in str(outcome.failures[0].error)


# --- destroy ---------------------------------------------------------------------------------------------


def test_without_its_program_a_destroy_refuses_what_has_hooks(lifecycle: Lifecycle) -> None:
    heard = Heard()
    lifecycle.up(lambda p: p.res("a", {"v": 1}, hooks=heard.all_of(p)) and None)

    with pytest.raises(NotSupported, match="hooks that run at their deletion") as raised:
        lifecycle.destroy()

    assert "--run-program" in raised.value.hint
    assert "`a`: BeforeDelete, AfterDelete" in raised.value.detail
    assert lifecycle.names() == ["a"]


def test_with_its_program_a_destroy_calls_them_and_makes_nothing(lifecycle: Lifecycle, sdk) -> None:
    seen: list[str] = []

    def program(value: int, *more: str) -> SdkSource:
        def main() -> None:
            hook = ResourceHook("gone", lambda args: seen.append(f"{args.name} {args.old_inputs['v']}"))
            cloud = FakeCloud("cloud", {"region": "r"})
            group = Group("group", providers=[cloud])
            a = Res("a", {"v": value}, parent=group, hooks=ResourceHookBinding(after_delete=[hook]))
            for name in more:
                Res(name, {"v": a.out}, parent=group)

        return sdk(main)

    lifecycle.up(program(1))

    outcome = lifecycle.destroy(program(2, "new", "newer"))

    assert outcome.result is Result.SUCCEEDED
    assert seen == ["a 1.0"]
    assert lifecycle.ops("a") == [Op.SAME, Op.DELETE]
    assert lifecycle.world.verbs("new") == []
    assert (lifecycle.snapshot.resources, lifecycle.world.things) == ((), {})


def test_a_destroy_with_its_program_takes_the_options_of_now(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, protect=True) and None)

    outcome = lifecycle.destroy(lambda p: p.res("a", {"v": 1}) and None)

    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.names() == []


def test_a_destroy_whose_program_raises_deletes_nothing(lifecycle: Lifecycle, sdk) -> None:
    lifecycle.up(sdk(lambda: Res("a", {"v": 1})))

    def program() -> None:
        Res("a", {"v": 1})
        raise ValueError("no further")

    outcome = lifecycle.destroy(sdk(program))

    assert outcome.result is Result.FAILED
    assert lifecycle.names() == ["a"]


def test_a_destroy_with_its_program_makes_nothing_of_what_is_not_there(lifecycle: Lifecycle) -> None:
    def grown(p: Program) -> None:
        p.res("a", {"v": 1})
        new = p.res("new", {"v": 1})
        p.component("box", needs=[new])

    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.world.calls.clear()

    outcome = lifecycle.destroy(grown)

    assert [call.verb for call in lifecycle.world.calls] == ["delete"]
    assert lifecycle.ops("box", outcome) == [Op.SAME]
    assert lifecycle.snapshot.resources == ()
