from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tomo.backup.keep import Keep, judged
from tomo.backup.manifest import Manifest


def made(*times: str) -> list[Manifest]:
    return [Manifest(f"a-{number}", "home", "a", "nas", time) for number, time in enumerate(times)]


def left(found: list[Manifest], keep: Keep) -> list[str]:
    return [each.manifest.time for each in judged(found, keep) if not each.goes]


def test_the_last_ones_stay_whenever_they_were_made() -> None:
    found = made("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z")

    assert left(found, Keep(last=2)) == ["2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"]


def test_the_newest_of_each_day_stays_for_as_many_days_as_have_one() -> None:
    found = made(
        "2026-01-01T08:00:00Z", "2026-01-01T20:00:00Z", "2026-01-05T08:00:00Z", "2026-01-09T08:00:00Z"
    )

    assert left(found, Keep(last=1, daily=3)) == [
        "2026-01-09T08:00:00Z", "2026-01-05T08:00:00Z", "2026-01-01T20:00:00Z",
    ]  # fmt: skip


def test_weeks_and_months_keep_what_days_no_longer_do() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    days = [(begin + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ") for day in range(120)]

    found = judged(made(*days), Keep(last=1, daily=7, weekly=4, monthly=3))

    kept = {each.manifest.time[:10]: each.kept_by for each in found if not each.goes}
    assert kept["2026-04-30"] == ("last", "daily", "weekly", "monthly")
    assert kept["2026-03-31"] == ("monthly",)
    assert kept["2026-04-19"] == ("weekly",)
    assert len(kept) == 7 + 3 + 2 - 1


def test_the_newest_stays_even_where_no_rule_says_so() -> None:
    found = made("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")

    assert left(found, Keep(last=0)) == ["2026-01-02T00:00:00Z"]
