"""Programs with transforms and hooks, on Tomo and on the real CLI: the same steps, calls and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import (
    Alias,
    ErrorHook,
    ErrorHookArgs,
    Output,
    ResourceHook,
    ResourceHookArgs,
    ResourceHookBinding,
    ResourceHookOptions,
    ResourceOptions,
    ResourceTransformArgs,
    ResourceTransformResult,
)

from conformance.engines import PulumiCli, TomoEngine
from conformance.store import Store
from conformance.vocabulary import FakeCloud, Group, Res
from tests.interchange.conftest import Both
from tests.interchange.test_semantics import ops

pytestmark = pytest.mark.pulumi_cli

Program = Callable[[], None]


def adding(word: str) -> Callable[[ResourceTransformArgs], ResourceTransformResult]:
    def add(args: ResourceTransformArgs) -> ResourceTransformResult:
        if args.type_ != "fake:index:Res":
            return ResourceTransformResult(args.props, args.opts)
        return ResourceTransformResult({**args.props, "w": f"{args.props.get('w', '')}{word}"}, args.opts)

    return add


def merging(**options: Any) -> Callable[[ResourceTransformArgs], ResourceTransformResult]:
    def merge(args: ResourceTransformArgs) -> ResourceTransformResult:
        return ResourceTransformResult(
            args.props, ResourceOptions.merge(args.opts, ResourceOptions(**options))
        )

    return merge


# --- transforms ------------------------------------------------------------------------------------------


def test_transforms_of_resource_parents_and_stack_in_their_order(both: Both) -> None:
    def program(last: str) -> Program:
        def run() -> None:
            pulumi.runtime.register_resource_transform(adding(last))
            outer = Group("outer", transforms=[adding(" outer")])
            inner = Group("inner", parent=outer, transforms=[adding(" inner")])
            a = Res("a", {"w": "a"}, parent=inner, transforms=[adding(" one"), adding(" two")])
            Res("b", {"v": a.out, "w": "b"}, depends_on=[a])

        return run

    both.up(program(" stack"))
    same = both.up(program(" stack"))
    planned = both.plan(program(" other"))
    done = both.up(program(" other"))

    assert same.changes == {}
    assert planned.ops == done.ops


def test_what_depends_on_what_after_transforms(both: Both) -> None:
    def passing(args: ResourceTransformArgs) -> ResourceTransformResult:
        return ResourceTransformResult(args.props, args.opts)

    def dropping(args: ResourceTransformArgs) -> ResourceTransformResult:
        kept = {key: value for key, value in args.props.items() if key != "v"}
        return ResourceTransformResult(kept, args.opts)

    def program() -> None:
        a = Res("a", {"v": 1})
        Res("untouched", {"v": a.out}, transforms=[lambda args: None])
        Res("passed", {"v": a.out, "list": [a.rid, {"k": a.out}]}, transforms=[passing])
        Res("dropped", {"v": a.out, "w": 1}, transforms=[dropping])
        group = Group("group", transforms=[passing])
        Res("below", {"v": a.out, "rx": a.rid}, parent=group)

    both.up(program)

    assert both.up(program).changes == {}


def test_secrets_and_unknowns_go_through_transforms(both: Both) -> None:
    def program(text: str) -> Program:
        def run() -> None:
            pulumi.runtime.register_resource_transform(adding("!"))
            a = Res("a", {"v": Output.secret(text), "nested": {"s": Output.secret([1, text])}})
            Res("b", {"v": a.out, "nested": [a.rid]}, transforms=[adding("?")])

        return run

    both.plan(program("one"))
    both.up(program("one"))

    both.up(program("two"))


def test_options_set_by_transforms(both: Both) -> None:
    def program() -> None:
        a = Res("a", {"v": 1})
        Res(
            "b",
            {"v": 2, "w": 3},
            transforms=[
                merging(
                    protect=True,
                    retain_on_delete=True,
                    ignore_changes=["v"],
                    replace_on_changes=["w"],
                    additional_secret_outputs=["out"],
                    depends_on=[a],
                    deleted_with=a,
                    custom_timeouts=pulumi.CustomTimeouts(create="5m", delete="10s"),
                )
            ],
        )

    both.up(program)

    assert both.up(program).changes == {}


def test_a_transform_gives_an_alias_and_a_provider(both: Both) -> None:
    def program(name: str, **options: Any) -> Program:
        def run() -> None:
            cloud = FakeCloud("cloud", {"region": "r"})
            group = Group("group", providers=[cloud])
            Res(name, {"v": 1}, parent=group, transforms=[merging(**options)])

        return run

    both.up(program("old"))

    renamed = both.up(program("new", aliases=[Alias(name="old")]))

    assert renamed.changes == {}


def test_a_transform_that_raises_fails_the_run(both: Both) -> None:
    def bad(args: ResourceTransformArgs) -> ResourceTransformResult:
        raise ValueError("not this one")

    def program() -> None:
        Res("a", {"v": 1}, transforms=[bad])

    assert not both.up(program, steps=False).ok


# --- hooks -----------------------------------------------------------------------------------------------


class Told:
    """What hooks of a program were called with, by engine; each engine runs the program once."""

    def __init__(self) -> None:
        self.runs: list[list[Any]] = []

    def hooks(self, *kinds: str, fails: str = "", **options: bool) -> ResourceHookBinding:
        """A hook for each kind, called like it; in a program only."""
        return ResourceHookBinding(
            **{kind: [self.hook(kind, fails=kind == fails, **options)] for kind in kinds}
        )

    def hook(self, name: str, *, fails: bool = False, **options: bool) -> ResourceHook:
        heard = self.runs[-1]

        def call(args: ResourceHookArgs) -> None:
            told = {key: plain(getattr(args, key)) for key in PROPERTIES}
            heard.append((name, args.name, args.type, bool(args.id), told))
            if fails:
                raise ValueError("the hook said no")

        return ResourceHook(name, call, ResourceHookOptions(**options))

    def program(self, body: Callable[[], object]) -> Program:
        """A program whose calls are kept apart for each engine."""

        def run() -> None:
            self.runs.append([])
            body()

        return run

    def agree(self) -> list[Any]:
        """What Tomo's run heard, which is what Pulumi's did."""
        mine, theirs = self.runs[-2:]
        assert mine == theirs
        return [(name, resource) for name, resource, *_ in mine]

    def agree_in_any_order(self) -> list[Any]:
        """Pulumi's plan calls the hooks of several resources at once."""
        mine, theirs = (sorted(run, key=repr) for run in self.runs[-2:])
        assert mine == theirs
        return [(name, resource) for name, resource, *_ in mine]


PROPERTIES = ("new_inputs", "old_inputs", "new_outputs", "old_outputs")
EVERY = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")


def plain(properties: Any) -> Any:
    """Values without what providers make up."""
    made_up = ("auto", "rid", "out")
    return {
        key: "an output" if isinstance(value, Output) else value
        for key, value in (properties or {}).items()
        if key not in made_up
    }


def written(both: Both) -> tuple[Any, Any]:
    """Version and features of both files, which must be the same."""
    mine, theirs = ((each.raw()["version"], each.raw().get("features")) for each in both.stores)
    assert mine == theirs
    return mine


def test_hooks_of_create_update_and_delete(both: Both) -> None:
    told = Told()

    def program(value: int, *, there: bool = True) -> Program:
        def body() -> None:
            hooks = told.hooks(*EVERY)
            if there:
                a = Res("a", {"v": value, "s": Output.secret("x")}, hooks=hooks)
                Res("b", {"v": a.out}, hooks=hooks)

        return told.program(body)

    both.up(program(1))
    assert told.agree() == [(kind, name) for name in "ab" for kind in EVERY[:2]]
    assert written(both) == (4, ["hooks"])
    both.up(program(1))
    assert told.agree() == []
    both.up(program(2))
    assert told.agree() == [(kind, name) for name in "ab" for kind in EVERY[2:4]]
    both.up(program(2, there=False))
    assert told.agree() == [(kind, name) for name in "ba" for kind in EVERY[4:]]
    assert written(both) == (3, None)


def test_hooks_of_replacements(both: Both) -> None:
    told = Told()

    def program(value: int) -> Program:
        def body() -> None:
            hooks = told.hooks(*EVERY)
            Res("a", {"r": value}, hooks=hooks, parent=Res("b", {"d": value}, hooks=hooks))

        return told.program(body)

    both.up(program(1))

    both.up(program(2))

    first, second = (
        [name for name, who in told.agree() if who == "b"],
        [n for n, who in told.agree() if who == "a"],
    )
    assert first == ["before_delete", "after_delete", "before_create", "after_create"]
    assert second == ["before_create", "after_create", "before_delete", "after_delete"]


def test_hooks_in_plans(both: Both) -> None:
    told = Told()

    def program(value: int, *names: str) -> Program:
        def body() -> None:
            hooks = told.hooks(*EVERY, on_dry_run=True)
            for name in names:
                Res(name, {"v": value, "d": value}, hooks=hooks)

        return told.program(body)

    both.plan(program(1, "a", "b"))
    told.agree_in_any_order()
    both.up(program(1, "a", "b"))

    both.plan(program(2, "a"))

    assert told.agree_in_any_order()[:2] == [("after_create", "a"), ("after_delete", "a")]


def test_hooks_that_only_a_real_run_calls(both: Both) -> None:
    told = Told()
    both.plan(told.program(lambda: Res("a", {"v": 1}, hooks=told.hooks(*EVERY))))
    assert told.agree() == []


@pytest.mark.parametrize("kind", EVERY)
def test_a_hook_fails(both: Both, kind: str) -> None:
    told = Told()

    def program(value: int, *, there: bool = True) -> Program:
        def body() -> None:
            hooks = told.hooks(*EVERY, fails=kind)
            if there:
                a = Res("a", {"v": value}, hooks=hooks)
                Res("b", {"v": a.out})

        return told.program(body)

    ran = [both.up(program(1))]
    if "create" not in kind:
        ran.append(both.up(program(2)))
    if "delete" in kind:
        ran.append(both.up(program(2, there=False)))

    told.agree()
    assert [each.ok for each in ran] == [True] * (len(ran) - 1) + [False]
    written(both)


def test_a_hook_whose_errors_are_ignored(both: Both) -> None:
    told = Told()

    def body() -> None:
        Res(
            "a",
            {"v": 1},
            hooks=told.hooks("before_create", "after_create", fails="before_create", ignore_errors=True),
        )

    assert both.up(told.program(body)).ok
    assert told.agree() == [("before_create", "a"), ("after_create", "a")]


def test_hooks_of_components(both: Both) -> None:
    told = Told()

    def program(value: int, *, there: bool = True) -> Program:
        def body() -> None:
            hooks = told.hooks(*EVERY)
            if there:
                group = Group("group", {"v": value}, hooks=hooks)
                Res("a", {"v": value}, parent=group)
                group.register_outputs({"done": value})

        return told.program(body)

    both.up(program(1))
    assert told.agree() == [("before_create", "group"), ("after_create", "group")]
    both.up(program(2))
    assert told.agree() == [("before_update", "group"), ("after_update", "group")]
    both.up(program(2, there=False))
    assert told.agree() == [("before_delete", "group"), ("after_delete", "group")]


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_an_error_hook_tries_again(both: Both, verb: str) -> None:
    worlds = [store.world for store in both.stores]
    heard: list[list[Any]] = []

    def program(value: int, *, there: bool = True) -> Program:
        def run() -> None:
            heard.append([])
            world, mine = worlds[(len(heard) - 1) % 2], heard[-1]

            def again(args: ErrorHookArgs) -> bool:
                mine.append(
                    (args.failed_operation, args.name, bool(args.id), plain(args.old_inputs), args.errors)
                )
                if len(mine) == 2:
                    world.faults.clear()
                return True

            hook = ErrorHook("again", again)
            if there:
                Res("a", {"v": value}, hooks=ResourceHookBinding(on_error=[hook]))

        return run

    both.fail(verb, "a")
    ran = both.up(program(1))
    if verb != "create":
        ran = both.up(program(2, there=verb == "update"))

    assert ran.ok
    assert [len(each) for each in heard[-2:]] == [2, 2]
    assert [entry[:4] for entry in heard[-2]] == [entry[:4] for entry in heard[-1]]


def test_an_error_hook_gives_up(both: Both) -> None:
    both.fail("create", "a")

    def program() -> None:
        hook = ErrorHook("no", lambda args: False)
        Res("a", {"v": 1}, hooks=ResourceHookBinding(on_error=[hook]))

    assert not both.up(program).ok


def test_a_destroy_of_what_has_hooks_needs_the_program(both: Both) -> None:
    told = Told()

    def program(value: int, *more: str) -> Program:
        def body() -> None:
            hooks = told.hooks("before_delete", "after_delete")
            group = Group("group", providers=[FakeCloud("cloud", {"region": "r"})])
            a = Res("a", {"v": value}, parent=group, hooks=hooks)
            for name in more:
                Res(name, {"v": a.out}, parent=group)

        return told.program(body)

    both.up(program(1))
    refused = both.destroy()
    done = both.destroy(program(2))

    assert (refused.ok, done.ok) == (False, True)
    assert told.agree() == [("before_delete", "a"), ("after_delete", "a")]
    assert written(both) == (3, None)


def test_a_destroy_with_the_program_makes_nothing_new(both: Both) -> None:
    def program(*more: str) -> Program:
        def run() -> None:
            group = Group("group")
            a = Res("a", {"v": 1}, parent=group, protect=not more)
            for name in more:
                Res(f"{name}er", {"v": Res(name, {"v": a.out}).out}, parent=Group(f"{name}est"))

        return run

    both.up(program())

    # Pulumi tells of what it skips as of something that stays the same.
    done = both.destroy(program("new"), steps=False)

    assert done.ok
    assert ops(done, "a", "my:mod:Group$fake:index:Res") == ["same", "delete"]


def test_the_deletion_of_a_resource_whose_hook_is_gone_fails(both: Both) -> None:
    told = Told()
    both.up(told.program(lambda: Res("a", {"v": 1}, hooks=told.hooks("before_delete"))))

    # Pulumi tells of a step that failed in a run, not of one in a plan.
    assert not both.plan(lambda: None, steps=False).ok
    assert not both.up(lambda: None).ok


def test_each_engine_takes_over_what_the_other_wrote_with_hooks(
    store: Store, tomo: TomoEngine, pulumi_cli: PulumiCli
) -> None:
    told = Told()
    engines: list[TomoEngine | PulumiCli] = [tomo, pulumi_cli]

    def program(value: int) -> Program:
        return told.program(lambda: Res("a", {"v": value}, hooks=told.hooks(*EVERY)))

    for turn in range(4):
        assert engines[turn % 2].up(store, program(turn)).ok
        assert engines[(turn + 1) % 2].up(store, program(turn)).changes == {}

    assert [entry[0] for run in told.runs for entry in run][:4] == [*EVERY[:2], *EVERY[2:4]]
