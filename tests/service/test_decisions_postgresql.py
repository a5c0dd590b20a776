"""Proposals decided and applied where they stand in a real PostgreSQL, which several machines may share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from tests.approval.people import Person, person
from tests.interchange.backends import postgresql
from tests.service.test_decisions import (
    ASSISTANT,
    apply,
    approve,
    current,
    propose,
    refused,
    sign,
    state_of,
)
from tests.worlds import World
from tomo.db.address import database_address
from tomo.db.database import Database
from tomo.db.migrate import upgrade
from tomo.errors import ApprovalMissing, ExitCode, ProposalClosed
from tomo.model.proposal import ProposalState

__all__ = ["person"]

MakePerson = Callable[..., Person]

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of this module's own."""
    with postgresql() as url:
        yield url


@pytest.fixture
def shared(world: World, server: str) -> World:
    """A fleet whose proposals and record stand in a new database of that server."""
    name = f"tomo_{os.urandom(6).hex()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    settings = replace(world.settings, database_url=server.replace("/postgres?", f"/{name}?"))
    database = Database(database_address(settings))
    upgrade(database)
    database.close()
    return replace(world, settings=settings)


def test_an_approved_proposal_is_applied_once(shared: World) -> None:
    proposal = propose(shared)
    approve(shared, proposal)

    done = apply(shared, proposal, yes=True)

    assert done.exit_code is ExitCode.OK
    states = [(each.state, each.actor) for each in current(shared, proposal).transitions]
    assert states == [
        (ProposalState.PROPOSED, f"{ASSISTANT} for tester"),
        (ProposalState.APPROVED, "tester"),
        (ProposalState.APPLIED, "tester"),
    ]
    assert "was applied by `tester`" in refused(shared, proposal, ProposalClosed, yes=True)


def test_what_nobody_approved_is_refused(shared: World) -> None:
    proposal = propose(shared)

    assert "nobody has approved it" in refused(shared, proposal, ApprovalMissing, yes=True)
    assert state_of(shared, proposal) is ProposalState.PROPOSED


def test_a_signature_lets_a_proposal_through(shared: World, person: MakePerson) -> None:
    kim = person("kim")
    file = shared.folder.parent / "approvers"
    file.write_text(kim.line)
    guarded = replace(shared, settings=replace(shared.settings, approvers=file))
    proposal = propose(guarded)

    told = refused(guarded, proposal, ApprovalMissing, yes=True)
    sign(guarded, proposal, kim)
    done = apply(guarded, proposal, yes=True)

    assert "nobody has approved" in told
    assert done.exit_code is ExitCode.OK
    assert state_of(guarded, proposal) is ProposalState.APPLIED
