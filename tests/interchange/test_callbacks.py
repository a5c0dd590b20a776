"""Programs with transforms and hooks, on Tomo and on the real CLI: the same steps, calls and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import Alias, Output, ResourceOptions, ResourceTransformArgs, ResourceTransformResult

from conformance.vocabulary import FakeCloud, Group, Res
from tests.interchange.conftest import Both

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
