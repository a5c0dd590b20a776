"""What a benchmark says of its samples."""

from __future__ import annotations

from bench.report import Report, Row, Samples


def test_a_ratio_is_the_median_of_what_was_measured_side_by_side() -> None:
    row = Row("plan", Samples("tomo", [2.0, 9.0, 3.0]), Samples("floor", [1.0, 3.0, 1.0]))

    assert row.ratio == 3.0


def test_samples_of_different_number_are_compared_by_their_medians() -> None:
    row = Row("plan", Samples("tomo", [2.0, 4.0, 6.0]), Samples("floor", [2.0]))

    assert row.ratio == 2.0


def test_a_limit_bounds_the_ratio_or_else_the_median() -> None:
    ours, base = Samples("tomo", [2.0]), Samples("floor", [1.0])
    report = Report([Row("a", ours, base, 3.0), Row("b", ours, base, 1.5), Row("c", ours, limit=1.0)])

    assert [row.what for row in report.missed] == ["b", "c"]
    assert Row("d", ours).held is None


def test_a_table_shows_median_range_ratio_and_limit() -> None:
    row = Row("plan", Samples("tomo", [2.0, 4.0, 3.0]), Samples("floor", [1.0, 2.0, 1.0]), 3.0)

    *_, line = Report([row]).lines()

    assert line == "| plan | 3.00 s (2.00 to 4.00) | floor: 1.00 s (1.00 to 2.00) | 2.00 | 3 | kept |"


def test_a_document_holds_every_sample() -> None:
    row = Row("plan", Samples("tomo", [2.0]), Samples("floor", [1.0]), 3.0, note="as it is")

    assert row.document() == {
        "what": "plan",
        "unit": "s",
        "ours": {"name": "tomo", "values": [2.0]},
        "base": {"name": "floor", "values": [1.0]},
        "ratio": 2.0,
        "limit": 3.0,
        "held": True,
        "note": "as it is",
    }


def test_what_could_not_be_measured_is_said() -> None:
    report = Report([Row("plan", Samples("tomo", [2.0]))], ["Terraform is not installed"])

    assert list(report.lines())[-1] == "Terraform is not installed"
    assert report.document()["left_out"] == ["Terraform is not installed"]
