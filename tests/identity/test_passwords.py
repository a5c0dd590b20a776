"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import bcrypt
import pytest

from tomo.errors import PasswordRefused
from tomo.identity.passwords import LONGEST, ROUNDS, hashed, matches, require_good

GOOD = [
    "violet-harbour-quince-93",
    "Überraschungsei im Gewächshaus",
    "gnudl frobz wexlip",
    "用户的密码应该足够长才能保证安全性对吗",
    "x" * 3 + "9f8a7s6kd5jh4qw",
]
BAD = [
    "short",
    "fourteen chars",
    "aaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabc",
    "abcdefghijklmnop",
    "qwertyuiopasdfghjkl",
    "1qaz2wsx3edc4rfv",
    "1q2w3e4r5t6y7u8i",
    "zaq12wsxcde34rfv",
    "correct horse battery staple",
    "123456789012345678",
    "passwordpassword123",
    "P@ssw0rdP@ssw0rd2026!",
    "correcthorsebatteryx" .replace("batteryx", "summer99"),
    "iloveyouforever2024",
    "tomo-tomo-password-1",
    "letmeinletmeinletmein",
    "anna-likes-tennis-01",
    "a" * 15 + "\x00",
    "x" * (LONGEST + 1),
]  # fmt: skip


@pytest.mark.parametrize("password", GOOD)
def test_a_long_one_of_any_characters_is_taken(password: str) -> None:
    require_good(password, ("anna",))


@pytest.mark.parametrize("password", BAD)
def test_one_that_is_short_or_guessed_first_is_refused_with_a_reason(password: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        require_good(password, ("anna likes",))

    assert caught.value.hint
    assert password not in f"{caught.value}{caught.value.hint}"


def test_bcrypt_has_twelve_rounds() -> None:
    assert ROUNDS == 12
    assert hashed("violet-harbour-quince").split("$")[2] == "12"


def test_a_password_is_found_again_and_no_other() -> None:
    kept = hashed("violet-harbour", rounds=4)

    assert matches("violet-harbour", kept)
    assert not matches("violet-harbours", kept)
    assert not matches("", kept)


def test_past_72_bytes_nothing_is_cut_off() -> None:
    long = "ü" * 40
    kept = hashed(long, rounds=4)

    assert kept.startswith("bcrypt-sha256:")
    assert matches(long, kept)
    assert not matches(long + "x", kept)
    assert not matches("ü" * 36, kept)


def test_the_text_that_stands_for_a_long_one_is_no_password() -> None:
    import base64
    import hashlib

    long = "z" * 100
    stand_in = base64.b64encode(hashlib.sha256(long.encode()).digest()).decode()

    assert not matches(stand_in, hashed(long, rounds=4))


def test_an_accent_may_be_typed_in_either_way() -> None:
    assert matches("cafe\u0301 am rand", hashed("caf\u00e9 am rand", rounds=4))


def test_nobodys_password_is_compared_as_long_and_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda text, kept: asked.append(kept) or check(text, kept))

    assert not matches("whatever it is", "")
    assert asked[0].startswith(b"$2b$12$")
