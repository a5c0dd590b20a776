"""The shortcuts through the SDK: a program can't tell them from the SDK's own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, partialmethod
from typing import Any

import pulumi
import pytest
from pulumi import CustomResource, Output, ResourceOptions, _types
from pulumi.runtime import resource, rpc, stack

from tomo.errors import ProviderFailed, TomoError
from tomo.program.shortcuts import KNOWN, code_file, digest, shortcuts

REPLACED: list[tuple[Any, str]] = [
    (rpc, "transfer_properties"),
    (Output, "_untrack"),
    (resource, "_get_stack_trace"),
    (_types, "unwrap_type"),
    (_types, "unwrap_optional_type"),
    (rpc, "serialize_property"),
    (rpc, "contains_unknowns"),
    (stack, "wait_for_rpcs"),
]


class Thing(CustomResource):
    value: Output[Any]
    other: Output[Any]

    def __init__(self, name: str, props: dict[str, Any] | None = None, opts: ResourceOptions | None = None):
        super().__init__("test:index:Thing", name, {"value": None, "other": None, **(props or {})}, opts)


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, opts: ResourceOptions | None = None):
        super().__init__("test:index:Group", name, {"kept": 1}, opts)
        self.inner = Thing(f"{name}-inner", {"value": "v"}, ResourceOptions(parent=self))


def everything() -> None:
    first = Thing("first", {"value": Output.secret("s3cret"), "other": [1, {"deep": True}]})
    second = Thing("second", {"value": first.value, "other": first.id}, ResourceOptions(protect=True))
    group = Group("group", ResourceOptions(depends_on=[second]))
    third = Thing("third", {"value": Output.all(group.inner.id, second.other).apply(list)})
    read = Thing("read", opts=ResourceOptions(id="x-1"))
    pulumi.export("texts", [third.value, Output.concat(read.id, "!"), first.value])


@contextmanager
def without_shortcuts() -> Iterator[None]:
    """The SDK's own functions behind others that no digest is known of."""
    with pytest.MonkeyPatch.context() as patched:
        for owner, name in REPLACED:
            own = getattr(owner, name)
            patched.setattr(owner, name, partialmethod(own) if owner is Output else partial(own))
        yield


def seen_by(run_program: Any, recorder: Any, *, dry_run: bool, **options: Any) -> list[Any]:
    recorded = run_program(everything, recorder(dry_run=dry_run, **options))
    return [recorded.goals, recorded.reads, recorded.registered_outputs, recorded.logged]


def test_the_sdk_in_use_is_one_that_the_shortcuts_were_written_for() -> None:
    files = {code_file(getattr(owner, name)) for owner, name in REPLACED}

    assert {file.name: digest(file) for file in files if file is not None} == KNOWN


def test_the_sdk_is_as_it_was_afterwards() -> None:
    own = [getattr(owner, name) for owner, name in REPLACED]

    with shortcuts():
        replaced = [getattr(owner, name) for owner, name in REPLACED]

    assert all(one is not other for one, other in zip(own, replaced, strict=True))
    assert [getattr(owner, name) for owner, name in REPLACED] == own


def test_an_sdk_that_is_not_known_keeps_its_own_code() -> None:
    with without_shortcuts():
        own = rpc.transfer_properties

        with shortcuts():
            assert rpc.transfer_properties is own


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("failing", [frozenset(), frozenset({"first"}), frozenset({"second"})])
def test_a_program_registers_the_same(
    run_program: Any, recorder: Any, dry_run: bool, failing: frozenset[str]
) -> None:
    with without_shortcuts():
        expected = seen_by(run_program, recorder, dry_run=dry_run, failing=failing)

    found = seen_by(run_program, recorder, dry_run=dry_run, failing=failing)

    assert found == expected


def test_an_error_that_nobody_handles_ends_the_program_as_it_does_without(
    run_program: Any, recorder: Any
) -> None:
    broken = {"second": ProviderFailed("it is no more")}
    with without_shortcuts(), pytest.raises(TomoError) as expected:
        seen_by(run_program, recorder, dry_run=False, broken=broken)

    with pytest.raises(TomoError) as error:
        seen_by(run_program, recorder, dry_run=False, broken=broken)

    assert str(error.value) == str(expected.value)


def test_a_state_keeps_the_line_that_made_a_resource(project: Any) -> None:
    program = """
from pulumi import CustomResource


class Thing(CustomResource):
    def __init__(self, name):
        super().__init__("test:index:Thing", name, {})


Thing("first")
"""
    with without_shortcuts():
        expected = project({"__main__.py": program}).goal("first").source_position

    found = project({"__main__.py": program}).goal("first").source_position

    assert found == expected
    assert found.endswith("__main__.py#10")
