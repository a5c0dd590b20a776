"""An unchanged entry is kept as it is only where making it anew would give the same one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tomo.engine.inherit import entry_for, stands_for
from tomo.engine.request import Request
from tomo.model.goal import Goal, Timeouts
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn

URN = Urn("urn:pulumi:s::p::test:index:Thing::it")
OTHER = Urn("urn:pulumi:s::p::test:index:Thing::other")
INPUTS = {"value": 1}
GOAL = Goal(
    type="test:index:Thing",
    name="it",
    custom=True,
    inputs=INPUTS,
    parent=OTHER,
    dependencies=(OTHER,),
    property_dependencies={"value": (OTHER,)},
    ignore_changes=("value",),
    retain_on_delete=True,
)
RECORDED = replace(
    entry_for(GOAL, URN, "ref::id", INPUTS),
    id="1",
    outputs={"value": 1, "more": 2},
    created="then",
    modified="later",
    source_position="file:///a.py#1",
    refresh_before_update=True,
    extra={"foreign": 1},
)
ONLY_KNOWN_TO_THE_ENTRY = {"id", "outputs", "created", "modified", "refresh_before_update", "extra"}
CHANGED: dict[str, Any] = {
    "urn": OTHER,
    "type": "test:index:Another",
    "custom": False,
    "inputs": {"value": 1.0},
    "parent": None,
    "provider": "ref::other",
    "dependencies": (),
    "property_dependencies": {"value": ()},
    "protect": True,
    "external": True,
    "delete": True,
    "pending_replacement": True,
    "retain_on_delete": False,
    "taint": True,
    "init_errors": ("not well",),
    "additional_secret_outputs": ("more",),
    "custom_timeouts": Timeouts(create=1),
    "import_id": "x",
    "deleted_with": OTHER,
    "replace_with": (OTHER,),
    "replacement_trigger": 1,
    "ignore_changes": (),
    "replace_on_changes": ("value",),
    "hide_diffs": ("value",),
    "aliases": (OTHER,),
    "hooks": {"after_create": ("h",)},
}


def test_an_entry_that_would_be_made_anew_alike_stands() -> None:
    request = Request(GOAL, URN, "ref::id", old=RECORDED)

    assert request.is_recorded(INPUTS)
    assert request.carried(entry_for(GOAL, URN, "ref::id", INPUTS)) == RECORDED


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_an_entry_that_differs_in_anything_does_not(name: str) -> None:
    entry = replace(RECORDED, **{name: CHANGED[name]})

    assert not stands_for(entry, GOAL, URN, "ref::id", INPUTS)


def test_another_line_of_the_program_is_recorded() -> None:
    moved = replace(GOAL, source_position="file:///a.py#2")

    assert not Request(moved, URN, "ref::id", old=RECORDED).is_recorded(INPUTS)


def test_what_was_taken_in_just_now_is_recorded() -> None:
    assert not Request(GOAL, URN, "ref::id", old=RECORDED, imported=True).is_recorded(INPUTS)


def test_every_field_of_an_entry_is_thought_of() -> None:
    names = {field.name for field in fields(ResourceState)}

    assert names == {*CHANGED, *ONLY_KNOWN_TO_THE_ENTRY, "source_position"}
