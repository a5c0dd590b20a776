"""People, sessions and tokens in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from tomo.db.database import Database
from tomo.db.tables import ATTEMPTS, KEYS, SESSIONS, TOKENS, USERS
from tomo.model.people import Attempts, Permission, Role, Session, Token, User

_LOCK: Final = 0x70656F70  # "peop"


class People:
    """Everything about people; one transaction at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def changing(self) -> Iterator[PeopleChange]:
        """A transaction in which people are read and changed; all of it, or none on an error."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # One after the other, as SQLite has it: counts of failures and "is it new" must hold.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield PeopleChange(connection)

    @contextmanager
    def reading(self) -> Iterator[PeopleRead]:
        """What is there at one moment."""
        with self._database.reading() as connection:
            yield PeopleRead(connection)


class PeopleRead:
    """Reads within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def users(self) -> Sequence[User]:
        """Everybody, by name."""
        return [_user(row) for row in self._connection.execute(select(USERS).order_by(USERS.c.name))]

    def user(self, *, name: str = "", account: str = "", id_: str = "") -> User | None:
        """Somebody by one of the three."""
        by = USERS.c.id == id_ if id_ else USERS.c.account == account if account else USERS.c.name == name
        row = self._connection.execute(select(USERS).where(by)).first()
        return _user(row) if row is not None else None

    def password(self, user: str) -> str:
        """The digest of somebody's password; `""` for none."""
        return self._connection.scalar(select(USERS.c.password).where(USERS.c.id == user)) or ""

    def admins_besides(self, id_: str) -> int:
        """How many others are admins who could act: let in, and with an account at a command line."""
        query = select(func.count()).select_from(USERS).where(USERS.c.id != id_, USERS.c.account.is_not(None))
        where = query.where(USERS.c.role == Role.ADMIN.value, USERS.c.disabled.is_(False))
        return self._connection.scalar(where) or 0

    def sessions(self, now: int) -> Sequence[Session]:
        """The sessions that count, oldest first, each with its person's name."""
        query = select(SESSIONS, USERS.c.name).join(USERS).where(SESSIONS.c.expires > now)
        return [_session(row) for row in self._connection.execute(query.order_by(SESSIONS.c.created))]

    def session_user(self, id_: str, now: int) -> User | None:
        """Whose session it is, if it counts."""
        query = select(USERS).join(SESSIONS).where(SESSIONS.c.id == id_, SESSIONS.c.expires > now)
        row = self._connection.execute(query).first()
        return _user(row) if row is not None else None

    def tokens(self) -> Sequence[Token]:
        """All tokens, oldest first, each with its person's name."""
        query = select(TOKENS, USERS.c.name.label("owner")).join(USERS).order_by(TOKENS.c.created)
        return [_token(row) for row in self._connection.execute(query)]

    def token(self, digest: str) -> tuple[User, Token] | None:
        """A token by its digest, with its person."""
        query = select(TOKENS, USERS.c.name.label("owner")).join(USERS).where(TOKENS.c.digest == digest)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        user = self.user(id_=row.user_id)
        return (user, _token(row)) if user is not None else None

    def attempts(self, key: str) -> Attempts:
        """The failures noted under a key."""
        row = self._connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.key == key)).first()
        return Attempts(row.failures, row.last) if row is not None else Attempts()

    def key(self, name: str) -> tuple[str, int] | None:
        """A value that is kept under a name, and when it was made."""
        row = self._connection.execute(select(KEYS).where(KEYS.c.name == name)).first()
        return (row.value, row.created) if row is not None else None


class PeopleChange(PeopleRead):
    """Changes within one transaction."""

    def add_user(self, user: User, password: str) -> None:
        """A new person; name and account must be new."""
        values = {"id": user.id, "name": user.name, "role": user.role.value, "account": user.account or None}
        kept = {"password": password, "disabled": user.disabled, "created": user.created}
        self._connection.execute(insert(USERS).values({**values, **kept}))

    def change_user(self, id_: str, **values: object) -> None:
        """Changes columns of a person."""
        self._connection.execute(update(USERS).where(USERS.c.id == id_).values(values))

    def remove_user(self, id_: str) -> None:
        """Removes somebody with all sessions and tokens."""
        self._connection.execute(delete(USERS).where(USERS.c.id == id_))

    def add_session(self, session: Session) -> None:
        """A new session; those that have expired go."""
        self._connection.execute(delete(SESSIONS).where(SESSIONS.c.expires <= session.created))
        values = {"id": session.id, "user_id": session.user, "address": session.address}
        times = {"created": session.created, "expires": session.expires}
        self._connection.execute(insert(SESSIONS).values({**values, **times}))

    def end_sessions(self, *, id_: str = "", user: str = "") -> int:
        """Ends one session, or all of a person; gives how many."""
        where = SESSIONS.c.id == id_ if id_ else SESSIONS.c.user_id == user
        return self._connection.execute(delete(SESSIONS).where(where)).rowcount

    def add_token(self, token: Token, digest: str) -> None:
        """A new token."""
        scopes = " ".join(scope.value for scope in token.scopes)
        values = {"id": token.id, "user_id": token.user, "name": token.name, "prefix": token.prefix}
        times = {"created": token.created, "expires": token.expires, "last_used": 0}
        self._connection.execute(
            insert(TOKENS).values({**values, **times, "scopes": scopes, "digest": digest})
        )

    def use_token(self, id_: str, now: int) -> None:
        """Notes that a token was used."""
        self._connection.execute(update(TOKENS).where(TOKENS.c.id == id_).values(last_used=now))

    def remove_token(self, id_: str) -> None:
        """Removes a token."""
        self._connection.execute(delete(TOKENS).where(TOKENS.c.id == id_))

    def note_attempts(self, key: str, attempts: Attempts) -> None:
        """Notes failures under a key; none removes the note."""
        self._connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.key == key))
        if attempts.failures:
            values = {"key": key, "failures": attempts.failures, "last": attempts.last}
            self._connection.execute(insert(ATTEMPTS).values(values))

    def forget_attempts(self, before: int) -> None:
        """Removes notes that no longer count."""
        self._connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.last < before))

    def ensure_key(self, name: str, make: Callable[[], str], now: int) -> str:
        """The value under a name, made where there is none."""
        found = self.key(name)
        if found is not None:
            return found[0]
        made = make()
        self._connection.execute(insert(KEYS).values(name=name, value=made, created=now))
        return made

    def put_key(self, name: str, value: str, now: int) -> None:
        """Puts a value under a name, in place of another; `""` removes it."""
        self._connection.execute(delete(KEYS).where(KEYS.c.name == name))
        if value:
            self._connection.execute(insert(KEYS).values(name=name, value=value, created=now))


def _user(row: Row[Any]) -> User:
    """A person; one whose role nobody knows has the least."""
    role = Role(row.role) if row.role in set(Role) else Role.READONLY
    return User(
        row.id, row.name, role, row.account or "", bool(row.disabled), bool(row.password), row.created
    )


def _session(row: Row[Any]) -> Session:
    return Session(row.id, row.name, row.created, row.expires, row.address)


def _token(row: Row[Any]) -> Token:
    scopes = tuple(Permission(name) for name in row.scopes.split() if name in set(Permission))
    return Token(row.id, row.owner, row.name, row.prefix, scopes, row.created, row.expires, row.last_used)
