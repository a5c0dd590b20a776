import pytest

from tomo.engine.compare import conceal, differences, reuse, reuse_all, with_secret_outputs
from tomo.engine.hiding import hide_secrets
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Asset, Secret

URN = Urn.make("dev", "proj", None, "fake:index:Res", "a")


def shown(value: object) -> object:
    """A value with the secrets in it told apart from plain ones."""
    if isinstance(value, Secret):
        return ("secret", value.reveal())
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("a", DiffKind.UPDATE)]),
        ({"a": 1}, {}, [("a", DiffKind.DELETE)]),
        ({}, {"a": 1}, [("a", DiffKind.ADD)]),
        ({"a": None}, {}, []),
        ({}, {"a": None}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("a.b.c", DiffKind.UPDATE)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a[1]", DiffKind.UPDATE)]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", DiffKind.UPDATE)]),
        ({"__x": 1}, {"__x": 2}, []),
        ({"a": Secret(1)}, {"a": 1}, []),
        ({"a": 1}, {"a": UNKNOWN}, [("a", DiffKind.UPDATE)]),
        ({"a": Asset(text="x", hash="1")}, {"a": Asset(path="y", hash="1")}, []),
    ],
)
def test_differences_are_found_at_their_deepest_path(old: dict, new: dict, found: list) -> None:
    assert [(diff.path, diff.kind) for diff in differences(old, new)] == found


def test_an_unchanged_secret_is_the_old_object_wherever_it_stands() -> None:
    old = {"a": Secret("x"), "m": {"k": Secret("y")}, "l": [Secret("z")], "n": 1}
    new = {"a": Secret("x"), "m": {"k": Secret("Y")}, "l": [Secret("z")], "n": 2, "o": 3}

    kept = reuse_all(new, old)

    assert kept["a"] is old["a"]
    assert kept["m"]["k"] is new["m"]["k"]
    assert kept["l"][0] is old["l"][0]
    assert (kept["n"], kept["o"]) == (2, 3)


def test_a_list_that_grew_is_taken_as_it_is() -> None:
    assert reuse([1, 2], [1]) == [1, 2]


@pytest.mark.parametrize(
    ("plain", "original", "concealed"),
    [
        ("x", Secret("x"), ("secret", "x")),
        ("y", Secret("x"), ("secret", "y")),
        ("x", "x", "x"),
        ({"k": "x", "o": 1}, {"k": Secret("x"), "o": 1}, {"k": ("secret", "x"), "o": 1}),
        ({"k": "y", "o": 2}, {"k": Secret("x"), "o": 1}, {"k": ("secret", "y"), "o": 2}),
        (["x", 1], [Secret("x"), 1], [("secret", "x"), 1]),
        (["y", 1], [Secret("x"), 1], ("secret", ["y", 1])),
    ],
)
def test_a_providers_answer_is_as_secret_as_what_it_was_given(
    plain: object, original: object, concealed: object
) -> None:
    assert shown(conceal({"v": plain}, {"v": original})["v"]) == concealed


def test_secrets_of_a_provider_stay_what_they_are_and_unknowns_are_as_secret_as_was_asked() -> None:
    given = {"a": UNKNOWN, "b": Secret("mine"), "c": 1, "d": UNKNOWN}

    concealed = conceal(given, {"a": Secret("x"), "b": Secret("y"), "d": {"e": Secret("z")}})

    assert (concealed["a"].reveal(), concealed["b"].reveal()) == (UNKNOWN, "mine")
    assert (concealed["c"], concealed["d"]) == (1, UNKNOWN)


def test_named_outputs_are_sealed_but_never_the_id() -> None:
    sealed = with_secret_outputs(
        {"id": "i", "a": 1, "b": Secret(2), "c": UNKNOWN}, ["id", "a", "b", "c", "d"]
    )

    assert shown(sealed) == {"id": "i", "a": ("secret", 1), "b": ("secret", 2), "c": UNKNOWN}


# --- what people see ---------------------------------------------------------------------------------


def hidden(path: str, old: object, new: object, olds: dict, news: dict) -> tuple[object, object]:
    entry = ResourceState(URN, "fake:index:Res", custom=True, inputs=olds)
    [diff] = hide_secrets([PropertyDiff(path, DiffKind.UPDATE, old, new)], entry, news)
    return shown(diff.old), shown(diff.new)


def test_without_a_difference_there_is_nothing_to_hide() -> None:
    assert hide_secrets([], ResourceState(URN, "t", custom=True), {}) == ()


@pytest.mark.parametrize(
    ("path", "old", "new", "olds", "news", "seen"),
    [
        ("a", 1, 2, {"a": 1}, {"a": 2}, (1, 2)),
        ("a", 1, 2, {"a": Secret(1)}, {"a": Secret(2)}, (("secret", 1), ("secret", 2))),
        ("a", 1, 2, {"a": Secret(1)}, {"a": 2}, (("secret", 1), 2)),
        ("a", None, 2, {}, {"a": Secret(2)}, (None, ("secret", 2))),
        ("m.open", 1, 2, {"m": {"open": 1, "s": Secret(0)}}, {"m": {"open": 2}}, (1, 2)),
        ("m.s", 1, 2, {"m": {"s": Secret(1)}}, {"m": {"s": Secret(2)}}, (("secret", 1), ("secret", 2))),
        ("l[0]", 1, 2, {"l": [1, Secret(0)]}, {"l": [2, Secret(0)]}, (1, 2)),
        ("l[9]", 1, 2, {"l": [Secret(1)]}, {"l": [Secret(2)]}, (("secret", 1), ("secret", 2))),
        ("l.x", 1, 2, {"l": [Secret(1)]}, {"l": 2}, (("secret", 1), ("secret", 2))),
        ("", 1, 2, {"a": Secret(1)}, {}, (1, 2)),
    ],
)
def test_what_may_come_from_a_secret_is_shown_as_one(
    path: str, old: object, new: object, olds: dict, news: dict, seen: tuple
) -> None:
    assert hidden(path, old, new, olds, news) == seen


def test_an_output_that_is_secret_as_a_whole_holds_no_secret_within() -> None:
    found = with_secret_outputs({"out": {"k": [Secret(1), 2]}}, ["out"])

    assert shown(found) == {"out": ("secret", {"k": [1, 2]})}
