"""Where the errors of SQLAlchemy and of the drivers end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tomo.db.address import DATABASE_VARIABLE, DatabaseAddress
from tomo.errors import DatabaseError

_BUSY: Final = ("database is locked", "lock timeout", "deadlock detected")
_FULL: Final = ("disk is full", "No space left", "disk I/O error")
_READ_ONLY: Final = ("readonly database", "unable to open", "permission denied", "read-only transaction")
_BROKEN: Final = ("malformed", "not a database")


@contextmanager
def translated(address: DatabaseAddress) -> Iterator[None]:
    """Turns foreign errors into DatabaseError; statements and values stay out of the message."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = _reason(error)
        raise DatabaseError(
            f"the database `{address.shown}` can't be used: {reason}", hint=_hint_for(reason, address)
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DatabaseError(
            f"the database `{address.shown}` can't be used: {reason}", hint=_hint_for(reason, address)
        ) from error


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own first line; SQLAlchemy's text would repeat the statement."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).partition("\n")[0].strip() or type(error).__name__


def _hint_for(reason: str, address: DatabaseAddress) -> str:
    def says(*words: str) -> bool:
        return any(word.lower() in reason.lower() for word in words)

    if says(*_BUSY):
        return "another process writes for a long time; run the command again once it has ended"
    if address.file is None:
        return f"check that the server answers, and what `{DATABASE_VARIABLE}` says"
    if says(*_FULL):
        return f"free some space: `df -h {address.file.parent}`"
    if says(*_BROKEN):
        return f"bring back a backup of `{address.file}`; nothing was changed"
    if says(*_READ_ONLY):
        return f"check who owns it: `ls -ld {address.file.parent}`"
    return f"check it with `tomo db status`; another one is named by `{DATABASE_VARIABLE}`"
