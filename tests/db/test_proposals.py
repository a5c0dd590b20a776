"""Proposals in a database of either kind: as they were, one step at a time, and of two at once one wins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.db.conftest import Opener
from tests.proposals import NOW, proposal, step
from tomo.db.address import DatabaseAddress
from tomo.db.database import Database
from tomo.db.migrate import downgrade, upgrade
from tomo.db.proposals import Proposals
from tomo.errors import DatabaseError, ProposalClosed, ProposalNotFound, TomoError
from tomo.model.proposal import Output, ProposalState


def test_a_proposal_comes_back_as_it_was_with_its_texts(database: Database) -> None:
    store, made = Proposals(database), proposal()

    store.add(made, {"plan": b"\x00bytes", "base": b"fleet: home\n"})

    assert store.get(made.id) == made
    assert store.text(made.id, "plan") == b"\x00bytes"
    assert store.text(made.id, "nothing") == b""


def test_the_newest_are_found_first_by_their_state(database: Database) -> None:
    store = Proposals(database)
    for number in range(4):
        store.add(proposal(f"p-{number}"), {})
    store.move("p-1", step(ProposalState.REJECTED))

    assert [each.id for each in store.find()] == ["p-3", "p-2", "p-1", "p-0"]
    assert [each.id for each in store.find([ProposalState.PROPOSED], limit=2)] == ["p-3", "p-2"]
    assert [each.id for each in store.find([ProposalState.REJECTED])] == ["p-1"]


def test_every_step_is_kept_with_who_and_why(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})

    store.move(made.id, step(ProposalState.APPROVED, "in time"))
    store.begin(made.id, NOW + 2, "desk:7")
    store.finish(made.id, step(ProposalState.APPLIED), Output(0, "out", "err", cut=True))

    found = store.get(made.id)
    states = [ProposalState.PROPOSED, ProposalState.APPROVED, ProposalState.APPLIED]
    assert [each.state for each in found.transitions] == states
    assert found.transitions[1] == step(ProposalState.APPROVED, "in time")
    assert found.output == Output(0, "out", "err", cut=True)
    assert (found.begun, found.begun_by) == (NOW + 2, "desk:7")


def test_what_can_not_follow_is_refused_and_changes_nothing(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})
    store.move(made.id, step(ProposalState.REJECTED, "not now"))

    with pytest.raises(ProposalClosed, match="`p-abcd1234` was rejected by `kim` \\(not now\\)"):
        store.move(made.id, step(ProposalState.APPROVED))

    assert store.get(made.id).state is ProposalState.REJECTED


def test_what_is_being_applied_can_not_be_rejected(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})
    store.move(made.id, step(ProposalState.APPROVED))
    store.begin(made.id, NOW, "desk:7")

    with pytest.raises(ProposalClosed, match="is being applied"):
        store.move(made.id, step(ProposalState.REJECTED))

    store.give_back(made.id)
    assert store.move(made.id, step(ProposalState.REJECTED)).state is ProposalState.REJECTED


def test_a_newer_one_supersedes_the_one_it_replaces_in_one_go(database: Database) -> None:
    store, old = Proposals(database), proposal("p-old")
    store.add(old, {})

    store.add(proposal("p-new", replaces="p-old"), {})

    assert store.get("p-old").state is ProposalState.SUPERSEDED
    assert store.get("p-old").transitions[-1].note == "by p-new"
    with pytest.raises(ProposalClosed):
        store.add(proposal("p-next", replaces="p-old"), {})
    with pytest.raises(ProposalNotFound):
        store.get("p-next")


def _outcomes(calls: list[Callable[[], object]]) -> list[str]:
    def run(call: Callable[[], object]) -> str:
        try:
            call()
        except TomoError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_of_many_who_begin_at_once_one_wins(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})
    store.move(made.id, step(ProposalState.APPROVED))

    outcomes = _outcomes([lambda: store.begin(made.id, NOW, "desk:7")] * 6)

    assert outcomes == ["done", *["proposal-closed"] * 5]


def test_of_an_approval_and_a_rejection_at_once_both_stand_in_one_order_or_one_is_refused(
    database: Database,
) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})

    _outcomes(
        [
            lambda: store.move(made.id, step(ProposalState.APPROVED)),
            lambda: store.move(made.id, step(ProposalState.REJECTED)),
        ]
    )

    assert store.get(made.id).state is ProposalState.REJECTED


def test_approvals_are_found_by_the_beginning_of_their_names(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {"plan": b"p"})
    store.put_text(made.id, "approval-1", b"one")
    store.put_text(made.id, "approval-2", b"two")

    assert store.texts(made.id, "approval-") == {"approval-1": b"one", "approval-2": b"two"}
    with pytest.raises(DatabaseError):
        store.put_text(made.id, "approval-1", b"other")


def test_an_id_that_is_not_there_is_named(database: Database) -> None:
    store = Proposals(database)

    with pytest.raises(ProposalNotFound, match="`p-nothing0`"):
        store.get("p-nothing0")
    with pytest.raises(ProposalNotFound):
        store.move("p-nothing0", step(ProposalState.APPROVED))


def test_a_row_that_somebody_wrote_into_is_refused_by_name(database: Database) -> None:
    store, made = Proposals(database), proposal()
    store.add(made, {})
    with database.writing() as connection:
        connection.execute(text("UPDATE proposals SET review = '{}'"))

    with pytest.raises(DatabaseError, match="`p-abcd1234` was changed in the database"):
        store.get(made.id)


def test_people_and_the_record_outlive_the_way_back_and_forth(empty: DatabaseAddress, opened: Opener) -> None:
    database = opened(empty)
    upgrade(database)
    Proposals(database).add(proposal(), {"plan": b"p"})
    with database.writing() as connection:
        connection.execute(text("UPDATE audit_head SET number = 7"))

    downgrade(database, "0002")
    upgrade(database)

    assert Proposals(database).find() == []
    with database.reading() as connection:
        assert connection.scalar(text("SELECT number FROM audit_head")) == 7
