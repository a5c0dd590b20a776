import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo.model.values import (
    UNKNOWN,
    Archive,
    Asset,
    Properties,
    ResourceRef,
    Secret,
    Unknown,
    Value,
    alike,
    has_secret,
    has_unknown,
    identical,
    leaves,
    masked,
    only_plain,
    plain_shown,
    reveal,
    same_value,
    transform,
)

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def quickly() -> settings:
    return settings(derandomize=True, deadline=None, database=None, max_examples=60)


# --- secrets -----------------------------------------------------------------------------------------


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")

    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{[secret]}",
        f"{masked({'a': secret})}",
    ]

    assert not any("hunter2" in text for text in shown)


def test_a_secret_is_neither_hashed_nor_pickled() -> None:
    with pytest.raises(TypeError):
        hash(Secret("x"))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("x"))


def test_a_sealed_secret_is_opened_once_and_only_when_asked() -> None:
    opened: list[str] = []

    def open_(ciphertext: str) -> str:
        opened.append(ciphertext)
        return "x"

    secret = Secret.sealed("v1:abc", open_)
    before = list(opened)

    assert (before, secret.reveal(), secret.reveal(), opened) == ([], "x", "x", ["v1:abc"])
    assert secret.ciphertext == "v1:abc"


def test_a_secret_of_a_secret_is_one() -> None:
    assert Secret(Secret("x")).reveal() == "x"


def test_secrets_are_equal_by_ciphertext_without_opening_or_by_what_they_hold() -> None:
    def never(_: str) -> str:
        raise AssertionError("opened")

    assert Secret.sealed("c", never) == Secret.sealed("c", never)
    assert Secret.sealed("c", lambda _: 1) == Secret(1)
    assert Secret(1) != Secret(True)
    assert Secret("x") != "x"


@quickly()
@given(plain)
def test_opening_gives_back_what_was_sealed_at_any_depth(value: object) -> None:
    assert reveal({"v": [Secret(value)]}) == {"v": [value]}
    assert reveal(Secret({"inner": Secret(value)})) == {"inner": value}


# --- comparing ---------------------------------------------------------------------------------------


@quickly()
@given(plain, plain)
def test_sameness_is_reflexive_symmetric_and_blind_to_secrecy(left: object, right: object) -> None:
    assert same_value(left, left)
    assert same_value(left, right) == same_value(right, left)
    assert same_value(Secret(left), right) == same_value(left, Secret(right)) == same_value(left, right)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ([1], (1,), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
        (UNKNOWN, UNKNOWN, False),
        (Asset(text="x"), Asset(text="x"), True),
        (Asset(text="x"), Asset(text="y"), False),
        (Asset(text="x", hash="h"), Asset(path="p", hash="h"), True),
        (Asset(text="x", hash="h"), Asset(text="x"), False),
        (Archive(path="a", hash="h"), Archive(uri="b", hash="h"), True),
        (ResourceRef("urn", "1"), ResourceRef("urn", "1"), True),
    ],
)
def test_values_are_the_same_where_they_mean_the_same(left: object, right: object, same: bool) -> None:
    assert same_value(left, right) is same


# --- walking -----------------------------------------------------------------------------------------


def test_unknowns_are_found_everywhere_but_in_what_a_file_sealed() -> None:
    def never(_: str) -> str:
        raise AssertionError("opened")

    assert has_unknown({"a": [1, {"b": UNKNOWN}]})
    assert has_unknown(Secret([UNKNOWN]))
    assert not has_unknown(Secret.sealed("c", never))
    assert not has_unknown({"a": [1, "x", None]})


def test_secrets_are_found_everywhere() -> None:
    assert has_secret({"a": [1, {"b": Secret(1)}]})
    assert not has_secret({"a": [1, "x", None]})


def test_every_leaf_is_visited_and_a_secret_is_one() -> None:
    secret, asset = Secret({"k": 1}), Asset(text="x")

    found = list(leaves({"a": [1, (2, secret)], "b": asset}))

    assert found[:2] == [1, 2]
    assert found[2] is secret
    assert found[3] is asset


def test_a_transformation_makes_tuples_lists_and_keys_texts() -> None:
    assert transform({1: (1, "a")}, lambda leaf: leaf) == {"1": [1, "a"]}


def test_what_is_shown_says_secret_and_unknown() -> None:
    assert masked({"a": Secret("x"), "b": [Unknown("urn.out"), 1]}) == {
        "a": "[secret]",
        "b": ["[unknown]", 1],
    }


@pytest.mark.parametrize("special", [Secret(1), UNKNOWN, Asset(text="x"), ResourceRef("urn:x")])
def test_what_is_not_plain_is_never_taken_for_plain(special: object) -> None:
    assert not only_plain({"a": [{"b": special}]})
    assert only_plain({"a": [{"b": "x"}], "c": None, "d": 1.5, "e": True})


@pytest.mark.parametrize(
    ("left", "right", "are"),
    [
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": UNKNOWN}, {"a": UNKNOWN}, False),
        ({"a": Secret("x")}, {"a": Secret("x")}, False),
    ],
)
def test_identical_is_only_what_surely_is(left: Properties, right: Properties, are: bool) -> None:
    assert identical(left, right) is are


@pytest.mark.parametrize(
    ("left", "right", "are"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [Secret("x")]}, {"a": [Secret("x")]}, True),
        ({"a": Secret("x")}, {"a": "x"}, False),
        ({"a": Secret(True)}, {"a": Secret(1)}, False),
        ({"a": [True, False]}, {"a": [1, 0]}, False),
    ],
)
def test_alike_is_what_is_the_same_and_as_secret(left: Properties, right: Properties, are: bool) -> None:
    assert alike(left, right) is are


@given(plain, plain)
@quickly()
def test_identical_values_are_the_same(left: object, right: object) -> None:
    assert not identical({"a": left}, {"a": right}) or same_value(left, right)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1, "1"),
        (False, "false"),
        (True, "true"),
        (None, "(none)"),
        (20.0, "20"),
        (1.5, "1.5"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_is_shown_as_one_and_never_as_a_truth(value: Value, shown: str) -> None:
    assert plain_shown(value) == shown
