from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomo.model.values import Secret
from tomo.secrets.redaction import Redactor

HOSTILE = "p'ä\"s $(w)\\/+&=?\ttail"


def knowing(*values: object) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.learn(value)
    return redactor


def test_a_redactor_that_knows_nothing_changes_nothing() -> None:
    assert Redactor().redact("password=hunter2") == "password=hunter2"


def test_only_secrets_are_learned() -> None:
    redactor = knowing({"user": "admin", "password": Secret("hunter2")})

    assert redactor.redact("admin:hunter2") == "admin:[secret]"


@pytest.mark.parametrize(
    "shown",
    [
        HOSTILE,
        json.dumps(HOSTILE),
        json.dumps({"a": HOSTILE}, ensure_ascii=False),
        repr(HOSTILE),
        shlex.quote(HOSTILE),
        quote(HOSTILE),
        quote(HOSTILE, safe=""),
        quote_plus(HOSTILE),
        base64.b64encode(HOSTILE.encode()).decode(),
        base64.urlsafe_b64encode(HOSTILE.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_found_in_every_form_it_is_written_in(shown: str) -> None:
    redacted = knowing(Secret(HOSTILE)).redact(f"before {shown} after")

    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "[secret]" in redacted
    assert len(redacted) <= len("before {'a': \"[secret]\"} after ")


def test_each_line_of_a_long_secret_is_known() -> None:
    redactor = knowing(Secret("-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----\n"))

    assert redactor.redact("dump: ijklmnop") == "dump: [secret]"


def test_texts_inside_a_secret_object_are_known_and_so_is_its_json() -> None:
    redactor = knowing(Secret({"key": ["deep-value", Secret("deeper-value")], "n": 4711}))

    assert redactor.redact("deep-value deeper-value 4711") == "[secret] [secret] [secret]"
    assert knowing(Secret({"a": "bcd"})).redact('{"a":"bcd"}') == "[secret]"


def test_short_texts_are_left_alone() -> None:
    assert (
        knowing(Secret("ab"), Secret(True), Secret(None), Secret("")).redact("ab True None") == "ab True None"
    )


def test_the_longest_secret_wins_and_overlaps_leave_no_rest() -> None:
    redactor = knowing(Secret("secret"), Secret("secret-long"), Secret("long-tail"))

    assert redactor.redact("secret-long") == "[secret]"
    assert redactor.redact("secret-long-tail!") == "[secret]!"


def test_the_marker_itself_is_not_redacted_again() -> None:
    assert knowing(Secret("secret"), Secret("abcdef")).redact("abcdef") == "[secret]"


@given(st.text(min_size=3, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_learned_text_survives(secret: str, before: str, after: str) -> None:
    redacted = knowing(Secret(secret)).redact(before + secret + after)

    assert secret not in redacted.replace("[secret]", "\0\0")


def test_of_a_secret_connection_only_the_credentials_are_learned() -> None:
    gate = {"host": "gate", "password": "pw-of-gate"}
    redactor = knowing(Secret({"host": "192.0.2.1", "user": "root", "privateKey": "KEYTEXT", "proxy": gate}))

    told = redactor.redact("root at 192.0.2.1 with KEYTEXT through gate with pw-of-gate")

    assert told == "root at 192.0.2.1 with [secret] through gate with [secret]"
