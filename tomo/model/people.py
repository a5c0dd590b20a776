"""People, what they may do, and how they are known again."""

from __future__ import annotations

from enum import StrEnum

from tomo.frozen import frozen


class Role(StrEnum):
    """What a person is to this installation."""

    ADMIN = "admin"
    USER = "user"
    READONLY = "readonly"


class Permission(StrEnum):
    """What a role may allow; also what a token may be limited to."""

    READ = "read"
    """Look at fleets, plans and states."""
    PROPOSE = "propose"
    """Put a change before those who approve."""
    WRITE = "write"
    """Change files of a fleet, its settings and secrets, its recorded state."""
    EXECUTE = "execute"
    """Have hosts changed."""
    AUDIT = "audit"
    """Read the audit record."""
    MANAGE = "manage"
    """Change people, their roles and tokens, the database, and what is kept of the record."""
    OWN = "own"
    """One's own password, sessions and tokens."""


@frozen
class User:
    """A person. `account` is the one under which the person works at a command line; `""` for none.

    Times are seconds since 1970.
    """

    id: str
    name: str
    role: Role
    account: str = ""
    disabled: bool = False
    has_password: bool = False
    created: int = 0


@frozen
class Session:
    """A login that counts until `expires`, or until it is ended."""

    id: str
    user: str
    created: int
    expires: int
    address: str = ""


@frozen
class Token:
    """A token of a program. `prefix` is how it begins, to know it by; `expires` 0 means never."""

    id: str
    user: str
    name: str
    prefix: str
    scopes: tuple[Permission, ...]
    created: int
    expires: int = 0
    last_used: int = 0


@frozen
class Attempts:
    """Failed attempts in a row, and when the last one was."""

    failures: int = 0
    last: int = 0


@frozen
class Person:
    """Whoever asks. `role` None is somebody unknown; `scopes` narrow a token, None is everything."""

    name: str
    role: Role | None
    scopes: tuple[Permission, ...] | None = None
    id: str = ""
