"""Differences of inputs, as providers tell them."""

from __future__ import annotations

from tomo.model.diff import DiffKind
from tomo.providers.differences import differences


def test_maps_are_told_entry_by_entry_with_paths_that_pulumi_reads() -> None:
    old = {"environment": {"A": "1", "b.c": "2", "gone": "3"}, "same": [1], "__provider": "x"}
    new = {"environment": {"A": "2", "b.c": "3", "new": "4"}, "same": [1.0], "__provider": "y"}

    found = {each.path: each.kind for each in differences(old, new, ())}

    assert found == {
        "environment.A": DiffKind.UPDATE,
        'environment["b.c"]': DiffKind.UPDATE,
        "environment.gone": DiffKind.DELETE,
        "environment.new": DiffKind.ADD,
    }


def test_what_replaces_replaces_below_too() -> None:
    found = differences({"triggers": {"a": 1}}, {"triggers": {"a": 2}}, (), {"triggers"})

    assert [(each.path, each.kind) for each in found] == [("triggers.a", DiffKind.UPDATE_REPLACE)]


def test_ignored_properties_are_not_told() -> None:
    assert differences({"a": 1}, {"a": 2}, ("a",)) == ()
