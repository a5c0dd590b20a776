"""The file that is written before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from tests.audit.events import event
from tomo.audit.waiting import Waiting
from tomo.errors import AuditUnwritable, DatabaseError
from tomo.model.audit import AuditEvent


def taken(waiting: Waiting) -> list[AuditEvent]:
    found: list[AuditEvent] = []
    waiting.take(found.extend)
    return found


def test_events_are_given_in_the_order_they_came_and_then_are_gone(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path / "data")
    for number in (1, 2, 3):
        waiting.add(event(number))

    assert taken(waiting) == [event(1), event(2), event(3)]
    assert waiting.is_empty()
    assert taken(waiting) == []


def test_what_could_not_be_kept_goes_on_waiting(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)
    waiting.add(event(1))

    def refuse(_events: Sequence[AuditEvent]) -> None:
        raise DatabaseError("no")

    with pytest.raises(DatabaseError):
        waiting.take(refuse)

    assert taken(waiting) == [event(1)]


def test_a_line_torn_by_a_crash_takes_no_other_with_it_and_is_told(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)
    waiting.add(event(1))
    waiting.file.write_bytes(waiting.file.read_bytes() + b'{"id": "half')
    waiting.add(event(2))

    first, torn, second = taken(waiting)

    assert (first, second) == (event(1), event(2))
    assert torn.action == "audit.unreadable"
    assert torn.details["bytes"] == "12"


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)
    threads = [Thread(target=waiting.add, args=(event(number),)) for number in range(40)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.id for each in taken(waiting)) == sorted(f"id-{number}" for number in range(40))


def test_a_file_that_can_not_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(AuditUnwritable) as caught:
        Waiting(tmp_path / "data").add(event(1))

    assert str(tmp_path) in caught.value.message


def test_the_file_is_private(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path / "data")

    waiting.add(event(1))

    assert waiting.file.stat().st_mode & 0o777 == 0o600
    assert waiting.file.parent.stat().st_mode & 0o777 == 0o700
