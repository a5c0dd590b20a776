from __future__ import annotations

import base64
import re
import uuid

import pytest

from tomo.errors import NotSupported, UsageError
from tomo.secrets.generate import KINDS, generate


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("password", r"[A-Za-z0-9]{24}"),
        ("hex", r"[0-9a-f]{48}"),
        ("seed", r"[0-9a-f]{24}"),
        ("username", r"[a-z][a-z0-9]{23}"),
    ],
)
def test_a_kind_has_its_alphabet_and_length(kind: str, pattern: str) -> None:
    assert re.fullmatch(pattern, generate(kind, 24))


def test_base64_counts_the_bytes_inside() -> None:
    assert len(base64.b64decode(generate("base64", 48), validate=True)) == 48


def test_a_jwt_key_is_safe_in_urls() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", generate("jwt"))


def test_a_uuid_is_of_version_4() -> None:
    assert uuid.UUID(generate("uuid")).version == 4


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_new_each_time(kind: str) -> None:
    assert generate(kind) != generate(kind)


@pytest.mark.parametrize("kind", ["vapid", "rsa"])
def test_what_is_not_made_is_refused_by_name(kind: str) -> None:
    with pytest.raises(NotSupported, match=f"`{kind}`"):
        generate(kind)


@pytest.mark.parametrize(("kind", "length"), [("password", 3), ("hex", 0), ("jwt", -1), ("base64", 10**6)])
def test_a_length_that_is_unsafe_or_absurd_is_refused(kind: str, length: int) -> None:
    with pytest.raises(UsageError, match=f"`{length}`"):
        generate(kind, length)
