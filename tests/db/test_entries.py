"""The audit record in a database of either kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.audit.events import event
from tomo.audit.chain import sealed
from tomo.audit.check import check
from tomo.db.database import Database
from tomo.db.entries import AuditEntries
from tomo.errors import DatabaseError
from tomo.model.audit import AuditEntry, AuditHead


def whole(store: AuditEntries) -> tuple[AuditHead, list[AuditEntry]]:
    with store.whole() as (head, entries):
        return head, list(entries)


def test_events_come_back_as_they_were_and_sealed(database: Database) -> None:
    store = AuditEntries(database)

    head = store.append([event(1), event(2)], sealed)
    found, entries = whole(store)

    assert [entry.event for entry in entries] == [event(1), event(2)]
    assert found == head == AuditHead(2, entries[-1].digest)
    assert check(entries, found, {}).findings == ()


def test_an_event_that_is_there_is_not_added_again(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(1)], sealed)

    head = store.append([event(1), event(2), event(2)], sealed)

    assert head.number == 2


def test_many_who_append_at_once_make_one_chain(database: Database) -> None:
    store = AuditEntries(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.append([event(number)], sealed), range(12)))

    head, entries = whole(store)
    assert head.number == 12
    assert check(entries, head, {}).findings == ()


def test_the_newest_entries_are_given_in_their_order(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(number) for number in range(1, 8)], sealed)

    assert [entry.number for entry in store.newest(3)] == [5, 6, 7]


def test_a_long_record_is_read_page_by_page(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(number) for number in range(2500)], sealed)

    head, entries = whole(store)

    assert [entry.number for entry in entries] == list(range(1, 2501))
    assert check(entries, head, {}).findings == ()


def test_retention_removes_and_vouches_in_one_go(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(number) for number in range(1, 6)], sealed)

    store.retain(3, event(6), sealed)

    assert [entry.number for entry in whole(store)[1]] == [4, 5, 6]


def test_a_retention_whose_entry_can_not_be_written_removes_nothing(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(1), event(2)], sealed)

    with pytest.raises(DatabaseError):
        store.retain(1, event(2), sealed)

    assert [entry.number for entry in whole(store)[1]] == [1, 2]


def test_what_somebody_wrote_into_a_row_is_found(database: Database) -> None:
    store = AuditEntries(database)
    store.append([event(1), event(2)], sealed)
    with database.writing() as connection:
        connection.execute(
            text("UPDATE audit_entries SET details = 'no json', outcome = 'x' WHERE number = 1")
        )

    head, entries = whole(store)

    assert [finding.message for finding in check(entries, head, {}).findings] == ["entry 1 was changed"]
