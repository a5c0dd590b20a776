import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo.engine import paths
from tomo.model.values import Secret

keys = st.text(st.characters(codec="utf-8", exclude_characters="\\*"), min_size=1)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[0].b", ("a", 0, "b")),
        ('a["k.x"]', ("a", "k.x")),
        ('["say \\"hi\\""]', ('say "hi"',)),
        ("a[*].b", ("a", "*", "b")),
        ("a.*", ("a", "*")),
        ("*", ("*",)),
        ("", ()),
    ],
)
def test_a_path_is_read_as_pulumi_writes_it(text: str, parts: paths.Path) -> None:
    assert paths.parse(text) == parts


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(keys | st.integers(0, 99), max_size=4))
def test_what_is_rendered_is_read_back(parts: list[paths.Part]) -> None:
    assert paths.parse(paths.render(parts)) == tuple(parts)


@pytest.mark.parametrize(
    ("pattern", "path", "covers"),
    [
        ("a", "a", True),
        ("a", "a.b[0]", True),
        ("a.b", "a", False),
        ("a[*].c", "a[3].c", True),
        ("a[*].c", "a[3].d", False),
        ("*", "anything", True),
    ],
)
def test_a_pattern_covers_what_lies_at_or_below_it(pattern: str, path: str, covers: bool) -> None:
    assert paths.covered([paths.parse(pattern)], paths.parse(path)) is covers


@pytest.mark.parametrize(
    ("new", "old", "ignored", "kept"),
    [
        ({"a": 2}, {"a": 1}, "a", {"a": 1}),
        ({"a": 2}, {}, "a", {}),
        ({}, {"a": 1}, "a", {"a": 1}),
        ({}, {}, "a", {}),
        ({"m": {"x": 2, "y": 2}}, {"m": {"x": 1, "y": 1}}, "m.x", {"m": {"x": 1, "y": 2}}),
        ({"m": {"x": 2}}, {}, "m.x", {"m": {"x": 2}}),
        ({}, {"m": {"x": 1}}, "m.x", {}),
        ({"m": 2}, {"m": {"x": 1}}, "m.x", {"m": 2}),
        ({"m": {"x": 2}}, {"m": None}, "m.x", {"m": {}}),
        ({"l": [1, 2]}, {"l": [3, 4]}, "l[1]", {"l": [1, 4]}),
        ({"l": [1, 2]}, {"l": [3]}, "l[1]", {"l": [1, 2]}),
        ({"l": [{"x": 1, "y": 1}]}, {"l": [{"x": 2, "y": 2}]}, "l[*].x", {"l": [{"x": 2, "y": 1}]}),
        ({"a": 1, "b": 1}, {"a": 2, "c": 2}, "*", {"a": 2, "c": 2}),
        ({"a": 1}, {"a": 2}, "a.*", {"a": 1}),
    ],
)
def test_ignored_paths_keep_the_old_values_where_that_can_be(
    new: dict, old: dict, ignored: str, kept: dict
) -> None:
    assert paths.keep_old(new, old, [ignored]) == kept


def test_ignoring_everything_at_the_root_keeps_the_old_inputs() -> None:
    assert paths.keep_old({"a": 1}, {"b": 2}, [""]) == {"b": 2}


def test_ignored_paths_reach_into_secrets_and_stay_secret() -> None:
    kept = paths.keep_old({"m": Secret({"x": 2, "y": 2})}, {"m": Secret({"x": 1})}, ["m.*"])

    assert isinstance(kept["m"], Secret)
    assert kept["m"].reveal() == {"x": 1}


def test_a_secret_below_which_there_is_nothing_keeps_its_new_value() -> None:
    kept = paths.keep_old({"m": Secret("new")}, {"m": Secret("old")}, ["m.*"])

    assert kept["m"].reveal() == "new"
