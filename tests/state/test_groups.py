"""A large checkpoint is read in groups of entries, to the same snapshot as in one piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomo.errors import StateCorrupt
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, UNKNOWN_TEXT, Archive, Value
from tomo.state.codec import SnapshotEncoder, decode_checkpoint
from tomo.state.groups import groups_of
from tomo.state.properties import SIGNATURE

NESTED: list[Value] = [{"urn": "a"}, {"urn": "b"}, {"urn": '},{"urn":"'}, "},{"]


def written(inputs: list[Value]) -> bytes:
    entries = tuple(
        ResourceState(Urn(f"urn:pulumi:s::p::test:index:Thing::{number}"), "test:index:Thing", custom=True)
        if value is None
        else ResourceState(
            Urn(f"urn:pulumi:s::p::test:index:Thing::{number}"),
            "test:index:Thing",
            custom=True,
            inputs={"value": value},
        )
        for number, value in enumerate(inputs)
    )
    return SnapshotEncoder(None).checkpoint(Snapshot(entries), stack="organization/p/s", time="")


def entries_of(raw: bytes) -> object:
    return orjson.loads(raw)["checkpoint"]["latest"]["resources"]


@given(inputs=st.lists(st.sampled_from([None, "text", '},{"urn":"', [1, {"x": {}}]]), min_size=2), size=...)
def test_the_groups_and_the_frame_are_the_whole(inputs: list[Value], size: int) -> None:
    raw = written(inputs)

    groups = groups_of(raw, least=0, size=abs(size) % 500)

    assert groups is not None
    assert [*groups.entries(), *entries_of(groups.frame)] == entries_of(raw)  # type: ignore[misc]


@pytest.mark.parametrize("size", [0, 40, 200, 1000])
def test_a_group_that_ends_within_a_value_is_no_json(size: int) -> None:
    raw = written(["first", NESTED, NESTED, "last"])
    groups = groups_of(raw, least=0, size=size)
    assert groups is not None

    try:
        found = [*groups.entries(), *entries_of(groups.frame)]  # type: ignore[misc]
    except orjson.JSONDecodeError:
        return

    assert found == entries_of(raw)


def test_a_small_or_indented_file_is_read_whole() -> None:
    raw = written(["one", "two"])

    assert groups_of(raw) is None
    assert groups_of(orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2), least=0) is None
    assert groups_of(written(["one"]), least=0) is None
    assert groups_of(written([]), least=0) is None


LARGE = 5 << 20


@pytest.mark.parametrize("value", ["text", NESTED])
def test_a_large_file_is_read_as_a_small_one_is(value: Value) -> None:
    inputs: list[Value] = [value, "x" * LARGE, value, value]

    snapshot = decode_checkpoint(written(inputs), _no_seals).snapshot

    assert [entry.inputs["value"] for entry in snapshot.resources] == inputs


def test_a_large_file_that_is_damaged_is_refused_as_a_small_one_is() -> None:
    raw = written(["text", "x" * LARGE, "text"])

    with pytest.raises(StateCorrupt, match=r"not JSON: .* at line 1"):
        decode_checkpoint(raw.replace(b'"text"', b'"text', 1), _no_seals)
    with pytest.raises(StateCorrupt, match="`custom` must be of type"):
        decode_checkpoint(raw.replace(b'"custom":true', b'"custom":1', 1), _no_seals)


@pytest.mark.parametrize("written_as", [str, lambda text: f"\\u{ord(text[0]):04x}{text[1:]}"])
@pytest.mark.parametrize("text", [UNKNOWN_TEXT, SIGNATURE])
def test_what_is_not_plain_is_found_in_a_large_file_however_it_is_written(
    written_as: Callable[[str], str], text: str
) -> None:
    value: Value = UNKNOWN if text == UNKNOWN_TEXT else Archive(path="somewhere")
    raw = written([value, "x" * LARGE, "last"]).replace(text.encode(), written_as(text).encode(), 1)

    first, *_ = decode_checkpoint(raw, _no_seals).snapshot.resources

    assert first.inputs == {"value": value}


def _no_seals(_salt: str) -> Never:
    raise AssertionError("nothing is sealed")
