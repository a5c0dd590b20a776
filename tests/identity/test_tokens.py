"""Sessions and tokens, how long they count, and how often somebody may fail."""

from __future__ import annotations

import time
from hashlib import sha1
from http.server import HTTPServer

import jwt
import pytest

from tests.identity.conftest import LEAKED
from tomo.errors import LoginFailed, TooManyAttempts, UsageError
from tomo.identity.breach import times_leaked
from tomo.identity.limits import BY_NAME, require_not_limited
from tomo.identity.tokens import (
    code_digest,
    digest_of,
    new_code,
    new_key,
    new_session,
    new_token,
    read_session,
)
from tomo.model.people import Attempts

KEY = "0f" * 32


def test_a_session_is_read_back_under_its_key_alone() -> None:
    made = new_session(KEY, "u1", int(time.time()))

    claims = read_session(made.text, KEY)

    assert (claims.user, claims.digest) == ("u1", made.digest)
    with pytest.raises(LoginFailed):
        read_session(made.text, new_key())


def test_a_session_ends_after_a_day() -> None:
    fresh = new_session(KEY, "u1", int(time.time()) - 86_300)
    old = new_session(KEY, "u1", int(time.time()) - 86_500)

    assert read_session(fresh.text, KEY)
    with pytest.raises(LoginFailed):
        read_session(old.text, KEY)


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_a_session_of_another_algorithm_is_none(algorithm: str) -> None:
    claims = {"sub": "u1", "jti": "x", "iat": 1, "exp": 9_999_999_999, "aud": "tomo"}
    text = jwt.encode(claims, KEY if algorithm != "none" else "", algorithm=algorithm)

    with pytest.raises(LoginFailed):
        read_session(text, KEY)


@pytest.mark.parametrize("text", ["", "a.b.c", "tomo_x", "\x00"])
def test_a_text_that_is_no_session_is_refused_the_same_way(text: str) -> None:
    with pytest.raises(LoginFailed):
        read_session(text, KEY)


def test_a_token_is_kept_as_its_sha256_and_known_by_its_beginning() -> None:
    first, second = new_token(), new_token()

    assert first.text.startswith("tomo_")
    assert first.text.startswith(first.prefix)
    assert first.digest == digest_of(first.text) != second.digest
    assert first.text not in repr(first)


def test_a_code_may_be_typed_without_care() -> None:
    made = new_code()

    assert len(made.text) == 9
    assert code_digest(f" {made.text.lower().replace('-', '')} ") == made.digest


# --- limits ------------------------------------------------------------------------------------------


def test_five_failures_are_free_and_then_the_wait_doubles_up_to_an_hour() -> None:
    attempts, waits = Attempts(), []
    for _ in range(14):
        waits.append(BY_NAME.wait(attempts, 1000))
        attempts = BY_NAME.failed(attempts, 1000)

    assert waits == [0, 0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_failures_are_forgotten_after_a_day_without_one() -> None:
    attempts = Attempts(9, 1000)

    assert BY_NAME.wait(attempts, 1000 + 86_400) == 0
    assert BY_NAME.failed(attempts, 1000 + 86_400) == Attempts(1, 1000 + 86_400)


def test_who_has_to_wait_is_told_how_long() -> None:
    with pytest.raises(TooManyAttempts) as caught:
        require_not_limited(BY_NAME, Attempts(5, 1000), 1010)

    assert caught.value.seconds == 50


# --- leaks -------------------------------------------------------------------------------------------


def test_only_five_digits_of_a_digest_leave_the_machine(ranges: HTTPServer) -> None:
    url = f"http://127.0.0.1:{ranges.server_port}/range/"

    counts = [times_leaked(LEAKED, url), times_leaked("another one altogether", url)]

    assert counts == [42, 0]
    assert ranges.asked[0] == (f"/range/{sha1(LEAKED.encode()).hexdigest().upper()[:5]}", "true")  # type: ignore[attr-defined]


def test_a_service_that_does_not_answer_says_nothing(ranges: HTTPServer) -> None:
    ranges.broken = True  # type: ignore[attr-defined]

    assert times_leaked(LEAKED, f"http://127.0.0.1:{ranges.server_port}/range") is None
    assert times_leaked(LEAKED, "http://127.0.0.1:1/range") is None


def test_nothing_is_asked_without_encryption() -> None:
    with pytest.raises(UsageError):
        times_leaked(LEAKED, "http://192.0.2.1/range")
