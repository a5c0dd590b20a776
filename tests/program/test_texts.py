import pytest

from tomo.errors import NotSupported, ProgramFailed
from tomo.program import durations, versions


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("0", 0),
        ("", None),
        (".5s", 0.5),
    ],
)
def test_a_duration_in_seconds(text, seconds):
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["5", "5 m", "m", "1d", "-5m", "5m3"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ProgramFailed, match="is not a duration"):
        durations.seconds(text)


@pytest.mark.parametrize(
    "wanted",
    [
        ">=3.0.0",
        ">=3.0.0 <4.0.0",
        ">= 3.100.0",
        "<3.0.0 || >3.8.0",
        "!3.1.2",
        "3.250.0",
        "3.x",
        "v3.250.x",
        "!=2.x",
    ],
)
def test_a_range_that_this_engine_is_in(wanted):
    versions.require(wanted)


@pytest.mark.parametrize("wanted", [">=4.0.0", "<3.0.0", ">3.0.0 !3.250.0", "3.249.0", "2.x"])
def test_a_range_that_this_engine_is_not_in(wanted):
    with pytest.raises(NotSupported, match=r"behaves as Pulumi 3\.250\.0"):
        versions.require(wanted)


@pytest.mark.parametrize("wanted", ["", "latest", ">=", ">=3.0.0 ||"])
def test_what_is_no_range_is_refused(wanted):
    with pytest.raises(ProgramFailed, match="is not a version range"):
        versions.require(wanted, (2, 0, 0))
