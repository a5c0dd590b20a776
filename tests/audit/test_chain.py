"""What the check of a record finds, by the entry's number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.audit.events import event
from tomo.audit.chain import canonical, digest_of, sealed
from tomo.audit.check import Checked, check
from tomo.audit.retention import ACTION, Policy, removal
from tomo.model.audit import AuditEntry, AuditHead

Tamper = Callable[[list[AuditEntry]], list[AuditEntry]]


def chain(count: int) -> list[AuditEntry]:
    entries, head = [], AuditHead()
    for number in range(1, count + 1):
        entry = sealed(head, event(number))
        entries.append(entry)
        head = head_of(entry)
    return entries


def head_of(entry: AuditEntry) -> AuditHead:
    return AuditHead(entry.number, entry.digest)


def checked(
    entries: list[AuditEntry], head: AuditHead, known: Mapping[str, AuditHead] | None = None
) -> Checked:
    return check(entries, head, known or {})


def resealed(entry: AuditEntry) -> AuditEntry:
    return replace(entry, digest=digest_of(entry))


def changed(entries: list[AuditEntry]) -> list[AuditEntry]:
    entries[2] = replace(entries[2], event=replace(entries[2].event, actor="nobody"))
    return entries


def changed_and_sealed(entries: list[AuditEntry]) -> list[AuditEntry]:
    entries[2] = resealed(replace(entries[2], event=replace(entries[2].event, actor="nobody")))
    return entries


def swapped(entries: list[AuditEntry]) -> list[AuditEntry]:
    third, fourth = entries[2], entries[3]
    entries[2], entries[3] = replace(fourth, number=3), replace(third, number=4)
    return entries


def put_in(entries: list[AuditEntry]) -> list[AuditEntry]:
    new = sealed(head_of(entries[1]), event(99))
    return [*entries[:2], new, *(replace(entry, number=entry.number + 1) for entry in entries[2:])]


def cut_out(entries: list[AuditEntry]) -> list[AuditEntry]:
    return [*entries[:2], *entries[3:]]


def cut_out_and_renumbered(entries: list[AuditEntry]) -> list[AuditEntry]:
    return [*entries[:2], *(replace(entry, number=entry.number - 1) for entry in entries[3:])]


def shortened(entries: list[AuditEntry]) -> list[AuditEntry]:
    return entries[:2]


def beheaded(entries: list[AuditEntry]) -> list[AuditEntry]:
    return entries[2:]


def test_a_record_as_it_was_written_is_whole() -> None:
    entries = chain(5)

    found = checked(entries, head_of(entries[-1]), {"a note": head_of(entries[3])})

    assert (found.entries, found.findings, found.head) == (5, (), head_of(entries[-1]))


def test_an_empty_record_is_whole() -> None:
    assert checked([], AuditHead()).findings == ()


@pytest.mark.parametrize(
    ("tamper", "number", "words"),
    [
        (changed, 3, "entry 3 was changed"),
        (changed_and_sealed, 4, "entry 4 does not follow entry 3"),
        (swapped, 3, "entry 3 was changed"),
        (put_in, 4, "entry 4 was changed"),
        (cut_out, 3, "entry 3 is missing"),
        (cut_out_and_renumbered, 3, "entry 3 was changed"),
        (shortened, 3, "entries 3 to 5 are missing at the end"),
        (beheaded, 1, "entries 1 to 2 are missing, and no retention removed them"),
    ],
)
def test_what_was_done_to_a_record_is_told_with_the_entrys_number(
    tamper: Tamper, number: int, words: str
) -> None:
    entries = chain(5)
    head = head_of(entries[-1])

    found = checked(tamper(entries), head)

    assert any(each.number == number and words in each.message for each in found.findings), found.findings


def test_a_record_written_anew_from_the_beginning_is_told_by_a_head_noted_elsewhere() -> None:
    noted = head_of(chain(5)[3])
    forged: list[AuditEntry] = []
    for number in range(1, 6):
        head = head_of(forged[-1]) if forged else AuditHead()
        forged.append(sealed(head, event(number, actor="nobody")))

    alone = checked(forged, head_of(forged[-1]))
    compared = checked(forged, head_of(forged[-1]), {"the note": noted})

    assert alone.findings == ()
    assert [each.message for each in compared.findings] == ["entry 4 is not the one that the note knows"]


def test_a_record_shortened_together_with_its_head_is_told_by_a_head_noted_elsewhere() -> None:
    entries = chain(5)

    found = checked(entries[:3], head_of(entries[2]), {"the note": head_of(entries[4])})

    assert [each.message for each in found.findings] == ["entries 4 to 5 are missing: the note knows entry 5"]


def test_the_canonical_bytes_are_those_of_the_page() -> None:
    entry = sealed(AuditHead(), event(1, details={"b": "2", "a": "1"}))

    assert canonical(entry) == (
        b'{"action":"apply","actor":"anna@desk","approval":"","correlation":"c-1",'
        b'"details":{"a":"1","b":"2"},"format":"tomo.audit/v1","id":"id-1","number":1,'
        b'"object":"tomo/home","outcome":"done","plan":"","previous":"","role":"owner","run":"",'
        b'"surface":"cli","time":"2026-01-02T10:00:00Z"}'
    )


# --- retention ---------------------------------------------------------------------------------------


def retained(entries: list[AuditEntry], policy: Policy, now: datetime) -> list[AuditEntry]:
    found = removal(entries, entries[-1].number, policy, now)
    vouching = event(90, action=ACTION, details=dict(found.details(policy)))
    return [*entries[found.count :], sealed(head_of(entries[-1]), vouching)]


NOW = datetime(2026, 1, 11, 10, tzinfo=UTC)


def test_what_is_left_after_retention_is_whole_and_says_how_much_went() -> None:
    entries = chain(8)

    left = retained(entries, Policy(5), NOW)
    found = checked(left, head_of(left[-1]), {"a note": head_of(entries[-1])})

    assert [entry.number for entry in left] == [5, 6, 7, 8, 9]
    assert (found.removed, found.findings) == (4, ())


def test_retention_can_go_on_where_it_stopped() -> None:
    once = retained(chain(8), Policy(5), NOW)

    twice = retained(once, Policy(3), NOW)

    assert [entry.number for entry in twice] == [7, 8, 9, 10]
    assert checked(twice, head_of(twice[-1])).findings == ()


def test_more_gone_than_retention_vouches_for_is_told() -> None:
    left = retained(chain(8), Policy(5), NOW)

    found = checked(left[1:], head_of(left[-1]))

    assert [each.message for each in found.findings] == [
        "entries 1 to 5 are missing, and no retention removed them"
    ]


def test_a_policy_keeps_the_last_entries_whatever_their_age() -> None:
    entries = chain(8)

    assert removal(entries, 8, Policy(1, 6), NOW).last == 2
    assert removal(entries, 8, Policy(1, 9), NOW).count == 0
    assert removal(entries, 8, Policy(400), NOW).count == 0


def test_a_record_made_anew_behind_a_retention_that_never_was_is_told_by_a_head_noted_elsewhere() -> None:
    noted = head_of(chain(8)[-1])
    gone = {"removed_to": "8", "removed_digest": "0" * 64}
    forged = [sealed(AuditHead(8, "0" * 64), event(9, action=ACTION, details=gone))]

    alone = checked(forged, head_of(forged[-1]))
    compared = checked(forged, head_of(forged[-1]), {"the note": noted, "the head": head_of(chain(3)[-1])})

    assert alone.findings == ()
    assert [each.message for each in compared.findings] == [
        "entry 3 was removed, so the record can't be compared with what the head knows",
        "entry 8 was removed, so the record can't be compared with what the note knows",
    ]


def test_the_last_entry_that_retention_removed_is_still_known_by_its_digest() -> None:
    entries = chain(8)

    left = retained(entries, Policy(5), NOW)

    assert checked(left, head_of(left[-1]), {"the note": head_of(entries[3])}).findings == ()
