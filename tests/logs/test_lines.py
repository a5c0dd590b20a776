"""Lines of a log: one JSON object each, by level, with what is secret masked by its value."""

from __future__ import annotations

import errno
import json
import re

import pytest

from tests.logs.conftest import Lines
from tomo.errors import HostUnreachable
from tomo.logs.lines import json_log
from tomo.model.log import LogLevel, told
from tomo.model.values import Secret


def test_a_line_has_time_level_event_and_correlation_first(lines: Lines) -> None:
    lines.log().bind(correlation="c1").tell(LogLevel.INFO, "dial", host="nas")

    (line,) = lines.all
    assert list(line) == ["time", "level", "event", "correlation", "host"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["time"])
    assert (line["level"], line["event"], line["correlation"], line["host"]) == ("info", "dial", "c1", "nas")


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_a_level_tells_itself_and_what_is_worse(lines: Lines, level: str, count: int) -> None:
    log = lines.log(LogLevel(level))

    for each in LogLevel:
        log.tell(each, "something")

    assert len(lines.all) == count


def test_a_known_secret_is_masked_wherever_it_stands(lines: Lines) -> None:
    log = lines.log()
    log.learn({"token": Secret("s3cr3t-of-mine"), "plain": "seen"})

    log.tell(
        LogLevel.INFO,
        "command",
        argv=["echo", "s3cr3t-of-mine"],
        message="it said s3cr3t-of-mine",
        plain="seen",
    )

    (text,) = lines.texts
    assert "s3cr3t-of-mine" not in text
    assert lines.all[0]["argv"] == ["echo", "[secret]"]
    assert lines.all[0]["plain"] == "seen"


def test_a_secret_in_json_in_base64_and_in_a_bound_field_is_masked(lines: Lines) -> None:
    log = lines.log().bind(host='a"quoted"secret')
    log.learn(Secret('a"quoted"secret'))

    log.tell(LogLevel.INFO, "x", encoded="YSJxdW90ZWQic2VjcmV0")

    assert "quoted" not in lines.texts[0]
    assert "YSJxdW90ZWQic2VjcmV0" not in lines.texts[0]


def test_a_sealed_secret_is_not_opened_by_the_log_and_masked_once_it_is(lines: Lines) -> None:
    opened: list[str] = []

    def open_(ciphertext: str) -> str:
        opened.append(ciphertext)
        return "from the vault"

    secret, log = Secret.sealed("v1:abc", open_), lines.log()
    log.learn(secret)
    log.tell(LogLevel.INFO, "before")
    assert opened == []

    secret.reveal()
    log.tell(LogLevel.INFO, "after", text="from the vault")

    assert lines.of("after")[0]["text"] == "[secret]"


def test_no_text_ends_a_line_or_drives_a_terminal(lines: Lines) -> None:
    lines.log().tell(LogLevel.INFO, "x", text='a\nb\x1b[31m\u202e\x9b {"level":"error"}')

    (text,) = lines.texts
    assert "\n" not in text
    assert text.isascii()
    assert not re.search(r"[\x00-\x1f\x7f]", text)
    assert json.loads(text)["text"].startswith("a\nb\x1b")


def test_a_long_text_is_cut(lines: Lines) -> None:
    lines.log().tell(LogLevel.INFO, "x", text="y" * 10_000)

    assert len(lines.texts[0]) < 2_300


def test_what_is_done_is_told_with_its_time_when_it_has_ended(lines: Lines) -> None:
    with told(lines.log(), "dial", LogLevel.INFO, host="nas"):
        assert lines.all == []

    assert lines.all[0]["seconds"] >= 0


def test_what_fails_is_told_with_its_code_and_goes_on_failing(lines: Lines) -> None:
    log = lines.log(LogLevel.WARNING)

    with pytest.raises(HostUnreachable), told(log, "dial", host="nas"):
        raise HostUnreachable("`nas` did not answer", host="nas")
    with pytest.raises(ValueError, match="odd"), told(log, "dial"):
        raise ValueError("odd")

    assert [(line["level"], line["error"]) for line in lines.all] == [
        ("warning", "host-unreachable"),
        ("error", "ValueError"),
    ]
    assert "odd" not in lines.texts[1]


def test_a_log_that_can_not_be_written_is_told_once_and_stops_nothing() -> None:
    lost: list[str] = []

    def full(_line: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = json_log(full, LogLevel.INFO, lost.append)
    log.tell(LogLevel.INFO, "one")
    log.tell(LogLevel.INFO, "two")

    assert lost == ["warning: the log can't be written any more: No space left on device"]
