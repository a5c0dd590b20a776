"""YAML 1.2 core: what a plain word means, what is refused, and where it stands."""

from __future__ import annotations

import gc
import time

import pytest

from tomo.errors import SpecError
from tomo.spec.base import as_text
from tomo.spec.yaml import parse


def value(text: str) -> object:
    return parse(f"x: {text}", "f").value["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"), ("on", "on"), ("off", "off"), ("n", "n"), ("true", True), ("False", False),
        ("10025:25", "10025:25"), ("2026-08-21", "2026-08-21"), ("1_000", "1_000"), ("0b11", "0b11"),
        ("0o17", 15), ("0x1f", 31), ("007", 7), ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5),
        ("~", None), ("", None), ("null", None), ("'null'", "null"), ("=", "="), ("!!str 12", "12"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(text: str, expected: object) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected) or isinstance(value(text), type(expected))


@pytest.mark.parametrize("text", ["1.10", "007", "0o17", "1e3", "0x1F", "12", "-0", "1.0"])
def test_a_number_where_text_belongs_is_the_text_that_was_written(text: str) -> None:
    assert as_text(value(text)) == text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2", 2, "stands here twice"),
        ("{a: 1, a: 2}", 1, "stands here twice"),
        ("a: 1\nb: *c", 2, "undefined alias"),
        ("a: &a [*a]", 1, "part of"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("[" * 100_000, 0, "levels deep"),
        ("- " * 5_000, 0, "levels deep"),
        ("a: !!python/object:os.system {}", 1, "is not allowed"),
        ("a: 1\nb: !!int x", 2, "does not fit"),
        ("? [a]\n: b", 1, "a key is a list"),
        ("a: \x00", 1, "control character"),
        ("a: " + "9" * 500, 1, "more than 400 digits"),
        ("<<: 3", 1, "merges mappings only"),
        ("x" * (17 << 20), 0, "larger than 16 MiB"),
        (b"a: 1\nb: \xff", 2, "not UTF-8"),
    ],
)
def test_what_two_readers_would_read_differently_is_refused(text: str | bytes, line: int, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, "f")

    (problem,) = caught.value.problems
    assert (problem.line, words in problem.message) == (line, True)
    assert problem.hint


def test_aliases_expand_within_bounds() -> None:
    doubled = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdef", "bcdefg", strict=True)
    )

    with pytest.raises(SpecError, match="1 mistake"):
        parse(doubled, "f")


def test_merges_take_what_is_missing() -> None:
    text = "base: &base {a: 1, b: 2}\nx:\n  <<: *base\n  b: 3\ny: {<<: [*base, {c: 4}]}"

    document = parse(text, "f")

    assert document.value["x"] == {"b": 3, "a": 1}
    assert document.value["y"] == {"a": 1, "b": 2, "c": 4}
    assert document.line(("x", "a")) == 1


def test_lines_are_those_of_keys_and_items() -> None:
    document = parse("# c\na:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f")

    lines = [
        document.line(path) for path in [("a",), ("a", "b"), ("a", "c", 1), ("a", "c", 1, "y"), ("a", "none")]
    ]

    assert lines == [2, 3, 6, 6, 2]


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", "f").value == {"a": 1}


def test_a_thousand_apps_are_read_well_within_half_a_second() -> None:
    app = "  app-{0}:\n    app: notes\n    server: nas\n    ports: {{web: {1}}}\n    inputs: {{A: b, C: 1}}\n"
    text = "apps:\n" + "".join(app.format(number, 8000 + number) for number in range(1000))

    start = time.process_time()
    parse(text, "f")

    assert time.process_time() - start < 0.5
    assert gc.isenabled()
