"""Proposals in the database. What changes one is a transaction of its own: of two at once, one wins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, insert, select, update

from tomo.db.database import Database
from tomo.db.proposal_rows import proposal_of, row_of
from tomo.db.tables import PROPOSAL_TEXTS, PROPOSAL_TRANSITIONS, PROPOSALS
from tomo.errors import ProposalClosed, ProposalNotFound
from tomo.model.proposal import (
    Output,
    Proposal,
    ProposalState,
    Transition,
    refused_as,
    require_next,
)

_MOST: Final = 500
_MOST_SHOWN: Final = 80


class Proposals:
    """Everything about proposals; one transaction at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, proposal: Proposal, texts: Mapping[str, bytes]) -> None:
        """Keeps a new proposal; the open one that it replaces is superseded in the same transaction."""
        first = proposal.transitions[0]
        with self._database.writing() as connection:
            if proposal.replaces:
                old = _locked(connection, proposal.replaces)
                require_next(old, ProposalState.SUPERSEDED)
                _moved(
                    connection, old, replace(first, state=ProposalState.SUPERSEDED, note=f"by {proposal.id}")
                )
            connection.execute(insert(PROPOSALS).values(row_of(proposal)))
            _note(connection, proposal.id, first)
            for name, content in texts.items():
                _put(connection, proposal.id, name, content)

    def get(self, id_: str) -> Proposal:
        """One proposal; raises ProposalNotFound."""
        with self._database.reading() as connection:
            return _one(connection, id_)

    def find(self, states: Collection[ProposalState] = (), limit: int = _MOST) -> Sequence[Proposal]:
        """The newest proposals, newest first; without states those in any."""
        query = select(PROPOSALS).order_by(PROPOSALS.c.number.desc()).limit(limit)
        if states:
            query = query.where(PROPOSALS.c.state.in_([state.value for state in states]))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            lives = _lives(connection, [row.id for row in rows])
            return [proposal_of(row, lives[row.id]) for row in rows]

    def text(self, id_: str, name: str) -> bytes:
        """One of a proposal's texts; `b""` where it has none of that name."""
        with self._database.reading() as connection:
            query = select(PROPOSAL_TEXTS.c.content).where(
                PROPOSAL_TEXTS.c.proposal_id == id_, PROPOSAL_TEXTS.c.name == name
            )
            return _bytes(connection.scalar(query))

    def texts(self, id_: str, prefix: str) -> Mapping[str, bytes]:
        """A proposal's texts whose names begin so, by name."""
        with self._database.reading() as connection:
            query = select(PROPOSAL_TEXTS.c.name, PROPOSAL_TEXTS.c.content).where(
                PROPOSAL_TEXTS.c.proposal_id == id_, PROPOSAL_TEXTS.c.name.startswith(prefix, autoescape=True)
            )
            found = connection.execute(query.order_by(PROPOSAL_TEXTS.c.name))
            return {row.name: _bytes(row.content) for row in found}

    def put_text(self, id_: str, name: str, content: bytes) -> None:
        """Adds a text to a proposal."""
        with self._database.writing() as connection:
            _locked(connection, id_)
            _put(connection, id_, name, content)

    def move(self, id_: str, step: Transition) -> Proposal:
        """Takes a proposal to another state; raises ProposalClosed where that can't follow."""
        with self._database.writing() as connection:
            found = _locked(connection, id_)
            require_next(found, step.state)
            return _moved(connection, found, step)

    def begin(self, id_: str, now: int, by: str) -> Proposal:
        """Takes an approved proposal for a process to apply; raises ProposalClosed where another has it."""
        with self._database.writing() as connection:
            found = _locked(connection, id_)
            if found.state is not ProposalState.APPROVED:
                raise refused_as(found, "it can't be applied")
            if found.begun:
                raise ProposalClosed(
                    f"the proposal `{id_}` is being applied already",
                    hint=f"see what becomes of it: `tomo proposals show {id_}`",
                )
            connection.execute(update(PROPOSALS).where(PROPOSALS.c.id == id_).values(begun=now, begun_by=by))
            return replace(found, begun=now, begun_by=by)

    def give_back(self, id_: str) -> None:
        """Undoes `begin` where nothing was done; a proposal that ended meanwhile stays as it is."""
        with self._database.writing() as connection:
            open_ = PROPOSALS.c.state == ProposalState.APPROVED.value
            query = update(PROPOSALS).where(PROPOSALS.c.id == id_, open_)
            connection.execute(query.values(begun=0, begun_by=""))

    def finish(self, id_: str, step: Transition, output: Output | None = None) -> Proposal:
        """Notes how an application ended, with what it left."""
        with self._database.writing() as connection:
            found = _locked(connection, id_)
            require_next(found, step.state)
            if output is not None:
                text = orjson.dumps(output).decode()
                connection.execute(update(PROPOSALS).where(PROPOSALS.c.id == id_).values(output=text))
            return _moved(connection, replace(found, output=output), step)


def _locked(connection: Connection, id_: str) -> Proposal:
    """The proposal, which nobody else changes until the transaction ends."""
    return _one(connection, id_, lock=True)


def _one(connection: Connection, id_: str, *, lock: bool = False) -> Proposal:
    query = select(PROPOSALS).where(PROPOSALS.c.id == id_)
    row: Row[Any] | None = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ProposalNotFound(
            f"there is no proposal `{id_[:_MOST_SHOWN]}`", hint="see `tomo proposals list`"
        )
    return proposal_of(row, _lives(connection, [id_])[id_])


def _lives(connection: Connection, ids: Sequence[str]) -> dict[str, list[Transition]]:
    lives: dict[str, list[Transition]] = {id_: [] for id_ in ids}
    column = PROPOSAL_TRANSITIONS.c
    query = select(PROPOSAL_TRANSITIONS).where(column.proposal_id.in_(ids)).order_by(column.number)
    for row in connection.execute(query):
        step = Transition(ProposalState(row.state), row.time, row.actor, row.note)
        lives[row.proposal_id].append(step)
    return lives


def _moved(connection: Connection, proposal: Proposal, step: Transition) -> Proposal:
    where = PROPOSALS.c.id == proposal.id
    connection.execute(update(PROPOSALS).where(where).values(state=step.state.value))
    _note(connection, proposal.id, step)
    return replace(proposal, transitions=(*proposal.transitions, step))


def _note(connection: Connection, id_: str, step: Transition) -> None:
    values = {"state": step.state.value, "time": step.time, "actor": step.actor, "note": step.note}
    connection.execute(insert(PROPOSAL_TRANSITIONS).values(proposal_id=id_, **values))


def _put(connection: Connection, id_: str, name: str, content: bytes) -> None:
    connection.execute(insert(PROPOSAL_TEXTS).values(proposal_id=id_, name=name, content=content))


def _bytes(value: object) -> bytes:
    """A text as it stands; SQLite also keeps what somebody wrote there as characters."""
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
