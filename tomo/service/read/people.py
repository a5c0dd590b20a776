"""Who asks; and the asker's own logins and tokens, which may be looked at and ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from tomo.db.address import database_address
from tomo.errors import NotAllowed
from tomo.model.audit import AuditOutcome
from tomo.model.people import Permission, Person, Session, Token
from tomo.service.people import Identities
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.service.recording import Act
from tomo.service.who import people_of, person_here


class PeopleReads(Reader):
    """The use cases about oneself. Nobody else's sessions or tokens are seen, by admins neither."""

    def here(self) -> Person:
        """The person of this process's account."""
        return person_here(self._doors.settings)

    def by_token(self, text: str, address: str) -> Person:
        """Whose token a text is; raises LoginFailed, and TooManyAttempts for an address that guesses."""
        return Identities(self._doors, time.time).by_token(text, address)

    def has_tokens(self) -> bool:
        """Whether anybody has a token at all, and so could come in over HTTP."""
        if not self._has_people():
            return False
        with people_of(self._doors.settings) as store, store.reading() as people:
            return bool(people.tokens())

    def sessions(self, by: Asker) -> Sequence[Session]:
        """The asker's logins that count."""
        return self._own(by).sessions() if self._has_people() else ()

    def end_session(self, by: Asker, begin: str) -> Session:
        """Ends the asker's login whose id begins so."""
        return self._own(by).end_session(begin)

    def tokens(self, by: Asker) -> Sequence[Token]:
        """The asker's tokens, without their texts, which nobody can read again."""
        return self._own(by).tokens() if self._has_people() else ()

    def revoke_token(self, by: Asker, id_: str) -> Token:
        """Removes the asker's token of an id or prefix."""
        return self._own(by).revoke_token(id_)

    def note_refused(self, by: Asker, action: str, tool: str) -> None:
        """Has it stand in the audit record that somebody tried what the role does not allow."""
        trail = self._for(by).trail
        if trail is not None:
            told = {"tool": tool, "assistant": by.assistant, "error": NotAllowed.code}
            trail.end(Act(action, tool, outcome=AuditOutcome.REFUSED, details=told))
            trail.settle()

    def _own(self, by: Asker) -> Identities:
        """The use cases, narrowed to what is the asker's own whatever the role is."""
        by.require(Permission.OWN)

        def narrowed() -> Person:
            return replace(by.person, scopes=(Permission.OWN,))

        return Identities(self._for(by, narrowed), time.time, who=narrowed)

    def _has_people(self) -> bool:
        """Whether there is a database at all: a look makes none."""
        address = database_address(self._doors.settings)
        return address.file is None or address.file.exists()
