"""As whom a command line works: the person whose account it runs under."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tomo.db.address import database_address
from tomo.frozen import frozen
from tomo.model.people import Person, Role, User
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.db.people import People


def person_here(settings: Settings) -> Person:
    """The person of this process's account. Where nobody was ever added, that one person may do everything.

    Raises DatabaseError where a shared database can't say it.
    """
    from tomo.db.peek import has_users  # noqa: PLC0415  # plans ask nobody

    account = settings.account or settings.user
    address = database_address(settings)
    if settings.database_url is None and address.file is not None and not has_users(address.file):
        return Person(account, Role.ADMIN)
    with people_of(settings) as store, store.reading() as people:
        user = people.user(account=account)
        if user is not None and not user.disabled:
            return Person(user.name, user.role, id=user.id)
        return Person(account, None if people.users() else Role.ADMIN)


@frozen
class KnownPeople:
    """The people of the database, to find those whom other files name."""

    users: tuple[User, ...] = ()

    def user(self, name: str) -> User | None:
        """Somebody by name or account; an address counts by what stands before its `@`, too."""
        exact = (each for each in self.users if name in {each.name, each.account})
        local = name.partition("@")[0]
        near = (each for each in self.users if local and local in {each.name, each.account})
        return next(exact, None) or next(near, None)

    def one_name(self, name: str) -> str:
        """One name for somebody whom the database knows under several; else the name itself."""
        user = self.user(name)
        return user.name if user is not None else name

    def are_one(self, one: str, other: str) -> bool:
        """Whether two names mean the same person, as far as can be told."""
        return bool(self._names(one) & self._names(other))

    def _names(self, name: str) -> set[str]:
        user = self.user(name)
        return _spellings(name) | ({user.name, user.account} - {""} if user is not None else set())


def _spellings(name: str) -> set[str]:
    return {name, name.partition("@")[0]} - {""}


def known_people(settings: Settings) -> KnownPeople:
    """Everybody in the database; nobody where none was ever added."""
    from tomo.db.peek import has_users  # noqa: PLC0415  # as above

    address = database_address(settings)
    if settings.database_url is None and address.file is not None and not has_users(address.file):
        return KnownPeople()
    with people_of(settings) as store, store.reading() as people:
        return KnownPeople(tuple(people.users()))


@contextmanager
def people_of(settings: Settings) -> Iterator[People]:
    """The people of the database that the settings name; closed at the end."""
    from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
    from tomo.db.people import People  # noqa: PLC0415

    database = Database(database_address(settings))
    try:
        yield People(database)
    finally:
        database.close()
