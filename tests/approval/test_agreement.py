"""An approval's file has one form, and any other is refused."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.approval.people import PLAN
from tomo.approval.agreement import FORMAT, Agreement, SignedAgreement, expiry, read_agreement
from tomo.approval.shelf import Shelf
from tomo.errors import ApprovalRefused
from tomo.testing.memory_storage import MemoryStorage

AGREED = Agreement("a-stack", PLAN, "0f" * 16, "2030-01-01T12:00:00Z")
SIGNED = SignedAgreement(AGREED, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")


def test_what_is_written_is_read_again() -> None:
    assert read_agreement(SIGNED.text, "x") == SIGNED


@given(st.integers(0, len(SIGNED.text) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_what_was_signed(place: int, by: int) -> None:
    changed = bytearray(SIGNED.text)
    changed[place] ^= by

    try:
        read = read_agreement(bytes(changed), "x")
    except ApprovalRefused:
        return

    assert (read.agreement.text, read.signature) != (AGREED.text, SIGNED.signature)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("plan", "ab" * 32),
        ("nonce", "short"),
        ("expires", "tomorrow"),
        ("expires", "2030-01-01T12:00:00"),
        ("expires", "2030-01-01T13:00:00+01:00"),
        ("stack_id", 7),
    ],
)
def test_an_envelope_of_another_form_is_refused(field: str, value: object) -> None:
    envelope = {**asdict(AGREED), field: value}
    text = orjson.dumps(
        {"envelope": envelope, "format": FORMAT, "signature": "s"}, option=orjson.OPT_SORT_KEYS
    )

    with pytest.raises(ApprovalRefused, match="changed after it was made"):
        read_agreement(text + b"\n", "x")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"\xff", SIGNED.text * 200, b'{"format":"tomo.plan/v1"}']
)
def test_what_is_no_approval_is_called_so(text: bytes) -> None:
    with pytest.raises(ApprovalRefused, match="`x` is no approval"):
        read_agreement(text, "x")


def test_a_time_is_told_in_whole_seconds_of_utc() -> None:
    moment = datetime(2030, 1, 1, 13, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))

    assert expiry(moment) == "2030-01-01T12:00:00Z"
    assert AGREED.end == datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_the_shelf_keeps_each_approval_once_and_finds_those_of_a_plan() -> None:
    shelf = Shelf(MemoryStorage(), "tomo", "home")
    second = replace(SIGNED, agreement=replace(AGREED, nonce="1f" * 16))
    other = replace(SIGNED, agreement=replace(AGREED, plan="sha256:" + "cd" * 32))

    for each in (SIGNED, SIGNED, second, other):
        shelf.put(each)

    assert [text for _, text in shelf.of(PLAN)] == [SIGNED.text, second.text]
