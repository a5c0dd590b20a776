"""Transforms of resources and function calls, by the SDK itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi import (
    InvokeTransformArgs,
    InvokeTransformResult,
    Output,
    ResourceOptions,
    ResourceTransformArgs,
    ResourceTransformResult,
)

from conformance.vocabulary import FakeCloud, Group, Res
from tomo.errors import ProgramFailed
from tomo.model.events import Result
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.program.runner import SdkSource
from tomo.testing.lifecycle import Lifecycle

Transform = Callable[[ResourceTransformArgs], ResourceTransformResult | None]


@pytest.fixture
def sdk(tmp_path: Path) -> Callable[[Callable[[], object]], SdkSource]:
    return lambda main: SdkSource(lambda: main() and None, tmp_path)


def adding(word: str) -> Transform:
    """Writes a word behind those that are there."""

    def add(args: ResourceTransformArgs) -> ResourceTransformResult:
        return ResourceTransformResult({**args.props, "v": f"{args.props.get('v', '')}{word}"}, args.opts)

    return add


def with_options(**options: object) -> Transform:
    def merge(args: ResourceTransformArgs) -> ResourceTransformResult:
        return ResourceTransformResult(
            args.props, ResourceOptions.merge(args.opts, ResourceOptions(**options))
        )

    return merge


def test_the_resources_own_come_first_then_its_parents_then_the_stacks(lifecycle: Lifecycle, sdk) -> None:
    def program() -> None:
        pulumi.runtime.register_resource_transform(adding(" stack"))
        outer = Group("outer", transforms=[adding(" outer")])
        inner = Group("inner", parent=outer, transforms=[adding(" inner")])
        Res("a", {"v": "a"}, parent=inner, transforms=[adding(" one"), adding(" two")])
        Res("b", {"v": "b"})

    lifecycle.up(sdk(program))

    assert lifecycle.entry("a").inputs["v"] == "a one two inner outer stack"
    assert lifecycle.entry("b").inputs["v"] == "b stack"


def test_a_transform_that_gives_nothing_leaves_all_as_it_is(lifecycle: Lifecycle, sdk) -> None:
    def program(*transforms: Transform) -> SdkSource:
        def main() -> None:
            a = Res("a", {"v": 1})
            Res("b", {"v": a.out, "w": Output.secret("s")}, transforms=list(transforms), protect=True)

        return sdk(main)

    lifecycle.up(program(lambda args: None))
    entry = lifecycle.entry("b")

    lifecycle.up(program())

    assert lifecycle.ops("b") == [Op.SAME]
    assert (entry.protect, entry.inputs["w"]) == (True, Secret("s"))
    assert [urn.name for urn in entry.property_dependencies["v"]] == ["a"]


def test_a_plan_runs_them_too_and_the_run_does_what_it_showed(lifecycle: Lifecycle, sdk) -> None:
    def program(word: str) -> SdkSource:
        return sdk(lambda: Res("a", {"v": "a"}, transforms=[adding(word)]))

    lifecycle.up(program("1"))

    planned = lifecycle.plan(program("2"))
    lifecycle.up(program("2"))

    assert lifecycle.ops("a", planned) == lifecycle.ops("a") == [Op.UPDATE]
    assert lifecycle.entry("a").inputs["v"] == "a2"


def test_options_that_a_transform_sets_count(lifecycle: Lifecycle, sdk) -> None:
    options = {
        "protect": True,
        "retain_on_delete": True,
        "ignore_changes": ["v"],
        "replace_on_changes": ["w"],
        "additional_secret_outputs": ["out"],
        "delete_before_replace": True,
        "custom_timeouts": pulumi.CustomTimeouts(create="5m"),
    }
    lifecycle.up(sdk(lambda: Res("a", {"v": 1}, transforms=[with_options(**options)])))

    entry = lifecycle.entry("a")

    assert (entry.protect, entry.retain_on_delete, entry.custom_timeouts.create) == (True, True, 300)
    assert (entry.ignore_changes, entry.replace_on_changes) == (("v",), ("w",))
    assert isinstance(entry.outputs["out"], Secret)


def test_a_stack_transform_may_say_what_everything_else_depends_on(lifecycle: Lifecycle, sdk) -> None:
    def program() -> None:
        first = Res("first", {"v": 1})

        def after_first(args: ResourceTransformArgs) -> ResourceTransformResult:
            more = ResourceOptions(depends_on=[first])
            return ResourceTransformResult(args.props, ResourceOptions.merge(args.opts, more))

        pulumi.runtime.register_resource_transform(after_first)
        Res("a", {"v": 1})

    lifecycle.up(sdk(program))

    assert [urn.name for urn in lifecycle.entry("a").dependencies] == ["first"]


def test_an_alias_that_a_transform_gives_keeps_the_resource(lifecycle: Lifecycle, sdk) -> None:
    lifecycle.up(sdk(lambda: Res("old", {"v": 1})))
    renamed = with_options(aliases=[pulumi.Alias(name="old")])

    lifecycle.up(sdk(lambda: Res("new", {"v": 1}, transforms=[renamed])))

    assert lifecycle.ops("new") == [Op.SAME]
    assert lifecycle.names() == ["new"]


def test_a_transform_sees_the_provider_that_a_component_hands_down(lifecycle: Lifecycle, sdk) -> None:
    seen: list[object] = []

    def look(args: ResourceTransformArgs) -> ResourceTransformResult:
        seen.append(args.opts.provider)
        return ResourceTransformResult(args.props, args.opts)

    def program() -> None:
        cloud = FakeCloud("cloud", {"region": "r"})
        group = Group("group", providers=[cloud])
        Res("a", {"v": 1}, parent=group, transforms=[look])

    lifecycle.up(sdk(program))

    assert lifecycle.entry("a").provider_urn.name == "cloud"
    assert seen != [None]


def test_an_unknown_stays_unknown_through_a_transform_and_a_secret_secret(lifecycle: Lifecycle, sdk) -> None:
    def program() -> None:
        a = Res("a", {"v": Output.secret("hidden")})
        Res("b", {"v": a.out}, transforms=[lambda args: ResourceTransformResult(args.props, args.opts)])

    planned = lifecycle.plan(sdk(program))
    lifecycle.up(sdk(program))

    assert planned.result is Result.SUCCEEDED
    assert lifecycle.entry("a").inputs["v"] == Secret("hidden")
    assert lifecycle.entry("b").inputs["v"] == lifecycle.entry("a").outputs["out"]


def test_an_asynchronous_transform_is_waited_for(lifecycle: Lifecycle, sdk) -> None:
    async def later(args: ResourceTransformArgs) -> ResourceTransformResult:
        value = await Output.from_input("later").future()
        return ResourceTransformResult({**args.props, "v": value}, args.opts)

    lifecycle.up(sdk(lambda: Res("a", {"v": 1}, transforms=[later])))

    assert lifecycle.entry("a").inputs["v"] == "later"


def test_a_transform_that_raises_ends_the_program_with_its_own_line(lifecycle: Lifecycle, sdk) -> None:
    def bad(args: ResourceTransformArgs) -> ResourceTransformResult:
        raise ValueError(f"no {args.name} here")

    outcome = lifecycle.up(sdk(lambda: Res("a", {"v": 1}, transforms=[bad])))

    assert isinstance(outcome.program_error, ProgramFailed)
    assert "no a here" in str(outcome.program_error)
    assert lifecycle.names() == []


def test_function_calls_have_transforms_of_their_own(lifecycle: Lifecycle, sdk) -> None:
    seen: list[object] = []

    def program() -> None:
        def more(args: InvokeTransformArgs) -> InvokeTransformResult:
            return InvokeTransformResult({**args.args, "more": args.token}, args.opts)

        pulumi.runtime.register_invoke_transform(more)
        answer = pulumi.runtime.invoke("fake:index:get", {"v": 1}).value
        seen.append({key: answer[key] for key in ("v", "more")})

    lifecycle.up(sdk(program))

    assert seen == [{"v": 1, "more": "fake:index:get"}]
