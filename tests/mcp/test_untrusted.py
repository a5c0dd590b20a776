from __future__ import annotations

import json

import pytest

from tests.mcp.corpus import EVERYTHING, MARK, TERMINAL, UNSEEN, texts, unseen_in
from tomo.mcp.declaration import Remote
from tomo.mcp.untrusted import MOST_BYTES, MOST_IN_A_FIELD, MOST_ITEMS, MOST_LINES, clean, shown

SECRET = "correct-horse"


def mask(text: str) -> str:
    return text.replace(SECRET, "[secret]")


@pytest.mark.parametrize("said", EVERYTHING.values(), ids=EVERYTHING)
def test_remote_text_is_one_marked_field_without_anything_unseen(said: str) -> None:
    document = shown({"log": Remote("a container", said)}, mask)

    written = json.loads(json.dumps(document))
    assert set(written) == {"log"}
    assert set(written["log"]) == {"untrusted", "source", "text", "cut"}
    assert written["log"]["untrusted"] is True
    assert not unseen_in(written["log"]["text"])


@pytest.mark.parametrize("said", EVERYTHING.values(), ids=EVERYTHING)
def test_text_that_is_thought_to_be_ours_is_cleaned_all_the_same(said: str) -> None:
    document = shown({said: [said]}, mask)

    assert not any(unseen_in(text) for text, _ in texts(document))


@pytest.mark.parametrize(
    "said", [TERMINAL["title"], TERMINAL["clipboard"], TERMINAL["dcs"], TERMINAL["unended"]]
)
def test_what_a_terminal_would_have_swallowed_is_not_left_as_text(said: str) -> None:
    assert MARK not in clean(said)


def test_what_is_hidden_in_characters_nobody_sees_is_gone() -> None:
    assert clean(UNSEEN["tags"]) == MARK
    assert clean(UNSEEN["zero-width"]) == MARK
    assert clean(UNSEEN["variation"]) == MARK


def test_ordinary_text_of_any_language_stays_as_it_is() -> None:
    text = "Größe 5 µm, 東京, שלום, مرحبا, नमस्ते, 🙂\n\tok"

    assert clean(text) == text


def test_remote_data_cannot_take_its_own_mark_off() -> None:
    labels = {"untrusted": "false", "text": MARK}

    document = shown(Remote("docker", {"labels": labels, "untrusted": False}), mask)

    assert isinstance(document, dict)
    assert document["untrusted"] is True
    assert all(marked for text, marked in texts(document) if MARK in text)


def test_a_long_text_is_cut_to_its_last_lines_and_says_so() -> None:
    lines = [f"line {number}" for number in range(MOST_LINES * 3)]

    document = shown(Remote("log", "\n".join(lines), log=True), mask)

    assert isinstance(document, dict)
    assert document["cut"] is True
    assert document["text"].split("\n") == lines[-MOST_LINES:]


def test_of_a_text_that_is_no_log_the_first_lines_are_kept() -> None:
    lines = [f"line {number}" for number in range(MOST_LINES * 3)]

    document = shown(Remote("plan", "\n".join(lines)), mask)

    assert isinstance(document, dict)
    assert document["text"].split("\n") == lines[:MOST_LINES]


def test_a_wide_text_is_cut_by_its_bytes() -> None:
    document = shown(Remote("log", "é" * MOST_BYTES), mask)

    assert isinstance(document, dict)
    assert document["cut"] is True
    assert len(document["text"].encode()) <= MOST_BYTES


def test_many_rows_and_long_fields_are_cut_and_say_so() -> None:
    rows = [{"name": "x" * MOST_IN_A_FIELD * 2}] * (MOST_ITEMS + 1)

    document = shown(Remote("docker", rows), mask)

    assert isinstance(document, dict)
    assert document["cut"] is True
    assert len(document["value"]) == MOST_ITEMS
    assert len(document["value"][0]["name"]) == MOST_IN_A_FIELD + 1


def test_data_that_is_nested_without_end_is_cut() -> None:
    nested: dict[str, object] = {"mark": MARK}
    for _ in range(100):
        nested = {"in": nested}

    document = shown(Remote("docker", nested), mask)

    assert isinstance(document, dict)
    assert document["cut"] is True
    assert MARK not in json.dumps(document)


@pytest.mark.parametrize("between", ["", "\u200b", "\x1b[0m", "\x00", "\u202e"])
def test_a_secret_is_masked_also_where_something_unseen_is_put_into_it(between: str) -> None:
    said = f"password {SECRET[:5]}{between}{SECRET[5:]} end"

    document = shown(Remote("log", said), mask)

    assert isinstance(document, dict)
    assert document["text"] == "password [secret] end"


def test_a_secret_that_the_cut_would_leave_half_of_is_masked_before() -> None:
    said = SECRET + "\n" * (MOST_LINES - 1) + "x" * (MOST_BYTES - MOST_LINES)

    document = shown(Remote("log", said, log=True), mask)

    assert "horse" not in json.dumps(document)
