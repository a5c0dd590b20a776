from __future__ import annotations

import pytest

from tomo.state.clock import age, parse_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_763_681_771_596_046_767, "2025-11-20T23:36:11.596046767Z"),
        (1_763_681_771_100_000_000, "2025-11-20T23:36:11.1Z"),
    ],
)
def test_times_are_written_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert rfc3339(nanoseconds) == text


def test_a_written_time_is_read_again() -> None:
    assert parse_rfc3339(rfc3339(1_500_000_000)) == pytest.approx(1.5)
    assert parse_rfc3339("2026-11-20T23:36:11.596046767Z") is not None
    assert parse_rfc3339("yesterday") is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "less than a second"), (1, "1 second"), (125, "2 minutes"), (7200, "2 hours"), (90_000, "1 day")],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words
